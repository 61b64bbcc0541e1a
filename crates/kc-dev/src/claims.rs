//! What protocol mappers write into a token or an answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::realm::{Client, JsonType, Mapper, MapperKind, Organization, Realm, Role, User};
use crate::scope::{GrantedScope, Organizations};

/// What the claims are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    Access,
    Id,
    Introspection,
    Lightweight,
    Userinfo,
}

/// Whom the claims are about, for whom, and how far.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) realm: &'a Realm,
    pub(crate) client: &'a Client,
    pub(crate) user: &'a User,
    pub(crate) scope: &'a GrantedScope<'a>,
    pub(crate) acr: String,
    /// Notes of the session, such as `clientHost`.
    pub(crate) notes: BTreeMap<&'static str, Value>,
}

impl Subject<'_> {
    /// Lets every mapper of the client and of the granted scopes write into `claims`.
    pub(crate) fn map_into(&self, claims: &mut Map<String, Value>, target: Target) {
        let of_scopes = self.scope.scopes.iter().flat_map(|scope| &scope.mappers);
        let mut mappers: Vec<&Mapper> =
            self.client.mappers.iter().chain(of_scopes).filter(|mapper| applies(mapper, target)).collect();
        // Roles are merged into a claim that groups were written to before, so groups come first.
        mappers.sort_by_key(|mapper| !matches!(mapper.kind, MapperKind::Groups { .. }));
        let roles = self.roles();
        for mapper in mappers {
            self.map_one(claims, mapper, &roles);
        }
    }

    /// The user's roles as far as this client may pass them on.
    fn roles(&self) -> BTreeSet<Role> {
        let mut roles = self.user.roles.clone();
        if !self.client.full_scope {
            let own = self.realm.client_roles.get(&self.client.id).into_iter().flatten();
            let own = own.map(|name| Role::of(&self.client.id, name));
            let of_scopes = self.scope.scopes.iter().flat_map(|scope| scope.roles.iter().cloned());
            let passed =
                self.realm.expanded(own.chain(self.client.scope_roles.iter().cloned()).chain(of_scopes));
            roles.retain(|role| passed.contains(role));
        }
        let of_scopes = self.scope.scopes.iter().flat_map(|scope| &scope.mappers);
        for mapper in self.client.mappers.iter().chain(of_scopes) {
            if let MapperKind::HardcodedRole { role } = &mapper.kind {
                let role = role
                    .split_once('.')
                    .map_or_else(|| Role::realm(role), |(client, name)| Role::of(client, name));
                roles.insert(role);
            }
        }
        roles
    }

    fn map_one(&self, claims: &mut Map<String, Value>, mapper: &Mapper, roles: &BTreeSet<Role>) {
        let path = path(&mapper.claim);
        match &mapper.kind {
            MapperKind::Acr => set(claims, &["acr".to_owned()], json!(self.acr)),
            MapperKind::Address => {
                let parts = ["formatted", "street", "locality", "region", "postal_code", "country"];
                let address: Map<String, Value> = parts
                    .into_iter()
                    .filter_map(|part| Some((part.to_owned(), json!(self.user.attribute(part).first()?))))
                    .map(|(part, value)| {
                        (if part == "street" { "street_address".to_owned() } else { part }, value)
                    })
                    .collect();
                if !address.is_empty() {
                    set(claims, &["address".to_owned()], Value::Object(address));
                }
            }
            MapperKind::AllowedOrigins => {
                if !self.client.allowed_origins.is_empty() {
                    set(claims, &["allowed-origins".to_owned()], json!(self.client.allowed_origins));
                }
            }
            MapperKind::Audience { audience } => add_audience(claims, audience),
            MapperKind::AudienceResolve => {
                for client in roles.iter().filter_map(|role| role.client.as_deref()) {
                    if client != self.client.id {
                        add_audience(claims, client);
                    }
                }
            }
            MapperKind::ClientRoles { client, prefix } => {
                let mut by_client: BTreeMap<&str, Vec<String>> = BTreeMap::new();
                for role in roles {
                    if let Some(owner) =
                        role.client.as_deref().filter(|owner| client.as_deref().is_none_or(|c| c == *owner))
                    {
                        by_client.entry(owner).or_default().push(format!("{prefix}{}", role.name));
                    }
                }
                for (owner, names) in by_client {
                    let path: Vec<String> =
                        path.iter().map(|part| part.replace("${client_id}", owner)).collect();
                    merge(claims, &path, names);
                }
            }
            MapperKind::FullName => {
                let names = [self.user.first_name.as_deref(), self.user.last_name.as_deref()];
                let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
                if !name.is_empty() {
                    set(claims, &["name".to_owned()], json!(name));
                }
            }
            MapperKind::Groups { full_path } => {
                let name = |path: &String| match full_path {
                    true => path.clone(),
                    false => path.rsplit('/').next().unwrap_or_default().to_owned(),
                };
                let groups: Vec<String> = self.user.groups.iter().map(name).collect();
                if !groups.is_empty() {
                    merge(claims, &path, groups);
                }
            }
            MapperKind::HardcodedClaim { value } => set(claims, &path, typed(mapper.json_type, value)),
            MapperKind::HardcodedRole { .. } => {}
            MapperKind::Organization { with_id, with_attributes } => {
                if let Some(value) = self.organizations(mapper.multivalued, *with_id, *with_attributes) {
                    set(claims, &path, value);
                }
            }
            MapperKind::RealmRoles { prefix } => {
                let names = roles.iter().filter(|role| role.client.is_none());
                let names: Vec<String> = names.map(|role| format!("{prefix}{}", role.name)).collect();
                if !names.is_empty() {
                    merge(claims, &path, names);
                }
            }
            MapperKind::SessionNote { note } => {
                if let Some(value) = self.notes.get(note.as_str()) {
                    set(claims, &path, value.clone());
                }
            }
            MapperKind::Subject => set(claims, &["sub".to_owned()], json!(self.user.id)),
            MapperKind::UserAttribute { attribute } => {
                let values = self.user.attribute(attribute);
                if let Some(first) = values.first() {
                    let value = match mapper.multivalued {
                        true => values.iter().map(|value| typed(mapper.json_type, value)).collect(),
                        false => typed(mapper.json_type, first),
                    };
                    set(claims, &path, value);
                }
            }
            MapperKind::UserProperty { property } => {
                let value = match property.as_str() {
                    "emailVerified" => Some(self.user.email_verified.to_string()),
                    "enabled" => Some(self.user.enabled.to_string()),
                    "id" => Some(self.user.id.clone()),
                    other => self.user.attribute(other).into_iter().next(),
                };
                if let Some(value) = value {
                    set(claims, &path, typed(mapper.json_type, &value));
                }
            }
        }
    }

    /// The organizations asked for of which the user is a member.
    pub(crate) fn memberships(&self) -> Vec<&Organization> {
        let Some(asked) = &self.scope.organizations else { return Vec::new() };
        let wanted = |organization: &&Organization| match asked {
            Organizations::All => true,
            Organizations::Named(aliases) => aliases.contains(&organization.alias),
        };
        let of_user = self.realm.organizations.iter().filter(|o| o.members.contains(&self.user.username));
        of_user.filter(wanted).collect()
    }

    fn organizations(&self, multivalued: bool, with_id: bool, with_attributes: bool) -> Option<Value> {
        let memberships = self.memberships();
        let first = memberships.first()?;
        if with_id || with_attributes {
            let details = |organization: &&Organization| {
                let mut details = Map::new();
                if with_id {
                    details.insert("id".to_owned(), json!(organization.id));
                }
                if with_attributes {
                    details.extend(
                        organization.attributes.iter().map(|(name, values)| (name.clone(), json!(values))),
                    );
                }
                (organization.alias.clone(), Value::Object(details))
            };
            return Some(Value::Object(memberships.iter().map(details).collect()));
        }
        let aliases: Vec<&str> = memberships.iter().map(|organization| organization.alias.as_str()).collect();
        Some(if multivalued { json!(aliases) } else { json!(first.alias) })
    }
}

fn applies(mapper: &Mapper, target: Target) -> bool {
    match target {
        Target::Access => mapper.in_access,
        Target::Id => mapper.in_id,
        Target::Introspection => mapper.in_introspection,
        Target::Lightweight => mapper.in_lightweight,
        Target::Userinfo => mapper.in_userinfo,
    }
}

/// Adds to `aud`: absent for none, a string for one, an array for more (RFC 7519, section 4.1.3).
pub(crate) fn add_audience(claims: &mut Map<String, Value>, audience: &str) {
    let mut all = audiences(claims);
    if !all.iter().any(|known| known == audience) {
        all.push(audience.to_owned());
    }
    let value = match all.as_slice() {
        [one] => json!(one),
        many => json!(many),
    };
    claims.insert("aud".to_owned(), value);
}

/// The values of `aud`.
pub(crate) fn audiences(claims: &Map<String, Value>) -> Vec<String> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The parts of a claim's path; a dot that belongs to a name is written `\.`.
fn path(claim: &str) -> Vec<String> {
    claim.replace("\\.", "\u{0}").split('.').map(|part| part.replace('\u{0}', ".")).collect()
}

fn set(claims: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((last, above)) = path.split_last() else { return };
    let mut place = claims;
    for part in above {
        let next = place.entry(part.clone()).or_insert_with(|| json!({}));
        let Some(next) = next.as_object_mut() else { return };
        place = next;
    }
    place.insert(last.clone(), value);
}

/// Sets an array, or adds to the one that is there already.
fn merge(claims: &mut Map<String, Value>, path: &[String], values: Vec<String>) {
    let mut there = path.iter().try_fold(None, |place: Option<&Value>, part| match place {
        None => claims.get(part).map(Some),
        Some(place) => place.get(part).map(Some),
    });
    let mut all: Vec<Value> = there.take().flatten().and_then(Value::as_array).cloned().unwrap_or_default();
    for value in values {
        let value = json!(value);
        if !all.contains(&value) {
            all.push(value);
        }
    }
    set(claims, path, Value::Array(all));
}

fn typed(json_type: JsonType, text: &str) -> Value {
    let parsed = match json_type {
        JsonType::Text => None,
        JsonType::Boolean => text.parse::<bool>().ok().map(Value::from),
        JsonType::Integer => text.parse::<i64>().ok().map(Value::from),
        JsonType::Json => serde_json::from_str(text).ok(),
    };
    parsed.unwrap_or_else(|| json!(text))
}
