//! From the text of an export to a [`Realm`].

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::export::{self, Settings};
use super::roles::{Groups, RoleTables, named_roles};
use super::{
    Client, ClientScope, Mapper, Organization, Realm, RealmError, Role, User, builtin, expand, placeholder,
};
use crate::keys::{Alg, KeySpec};
use crate::random::derived_uuid;

/// The most of a realm export that is read: a realm of some ten thousand users. Ten times as much memory is needed meanwhile.
pub(crate) const MOST_REALM_BYTES: usize = 32 * 1024 * 1024;

pub(super) fn realm(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Realm, RealmError> {
    let mut root: Value = parsed(text)?;
    if root.is_array() {
        return Err(RealmError::Several);
    }
    placeholder::fill(&mut root, variable);
    let builtins: Value = parsed(builtin::SCOPES)?;

    let name = match root.get("realm") {
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        _ => return Err(RealmError::Missing { place: "realm".to_owned() }),
    };
    let settings: Settings = shaped(without_lists(&root), "the realm's settings")?;
    let mut loader = Loader { name: &name, warnings: Vec::new() };

    let mut clients_export: Vec<export::Client> = list(&root, "clients", "clientId")?;
    clients_export
        .retain(|client| client.protocol.as_deref().is_none_or(|protocol| protocol == "openid-connect"));
    let roles = RoleTables::load(&root, &settings, &name, &clients_export)?;
    let scopes_from = if root.get("clientScopes").is_some() { &root } else { &builtins };
    let scopes = loader.scopes(scopes_from, &roles.composites)?;
    let default_scopes =
        scope_names(settings.default_default_client_scopes.as_ref(), &builtins, "defaultDefaultClientScopes");
    let optional_scopes = scope_names(
        settings.default_optional_client_scopes.as_ref(),
        &builtins,
        "defaultOptionalClientScopes",
    );
    let scope_roles = scope_mappings(&root, |mapping| mapping.client.as_deref())?;

    let mut clients = BTreeMap::new();
    for (index, client) in clients_export.into_iter().enumerate() {
        if client.client_id.is_empty() {
            return Err(RealmError::Missing { place: format!("clients[{index}].clientId") });
        }
        let client = loader.client(client, &scopes, &default_scopes, &optional_scopes, &scope_roles)?;
        clients.insert(client.id.clone(), client);
    }
    for builtin in &builtin::CLIENTS {
        clients.entry(builtin.id.to_owned()).or_insert_with(|| builtin_client(builtin, &name));
    }

    let groups = Groups::load(&root)?;
    let mut users = BTreeMap::new();
    for (index, user) in list::<export::User>(&root, "users", "username")?.into_iter().enumerate() {
        if user.username.is_empty() {
            return Err(RealmError::Missing { place: format!("users[{index}].username") });
        }
        let user = loader.user(user, index, &groups, &roles.composites)?;
        users.insert(user.username.clone(), user);
    }
    for client in clients.values().filter(|client| client.service_account) {
        if !users.values().any(|user| user.service_account_of.as_deref() == Some(&client.id)) {
            let user = loader.service_account(&client.id, &roles);
            users.insert(user.username.clone(), user);
        }
    }

    Ok(Realm {
        display_name: settings.display_name.clone().filter(|name| !name.is_empty()),
        access_lifespan_secs: signed(settings.access_token_lifespan),
        code_lifespan_secs: signed(settings.access_code_lifespan),
        login_lifespan_secs: signed(settings.access_code_lifespan_login),
        session_idle_secs: signed(settings.sso_session_idle_timeout),
        session_max_secs: signed(settings.sso_session_max_lifespan),
        offline_idle_secs: signed(settings.offline_session_idle_timeout),
        revoke_refresh: settings.revoke_refresh_token,
        refresh_max_reuse: settings.refresh_token_max_reuse,
        login_with_email: settings.login_with_email_allowed,
        not_before: settings.not_before,
        default_alg: Alg::from_name(&settings.default_signature_algorithm).unwrap_or(Alg::Rs256),
        acr_levels: acr_levels(&settings)?,
        login_levels: login_levels(&root)?,
        clients,
        client_roles: roles.of_clients,
        composites: roles.composites,
        scopes,
        users,
        organizations: loader.organizations(&root)?,
        keys: loader.keys(&root)?,
        warnings: loader.warnings,
        name,
    })
}

fn parsed(text: &str) -> Result<Value, RealmError> {
    if text.len() > MOST_REALM_BYTES {
        return Err(RealmError::TooLarge { most_bytes: MOST_REALM_BYTES });
    }
    // Some editors put this mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.to_string().starts_with("recursion limit") {
            RealmError::TooDeep { line, column }
        } else {
            RealmError::Json { line, column }
        }
    })
}

struct Loader<'a> {
    name: &'a str,
    warnings: Vec<String>,
}

impl Loader<'_> {
    fn mappers(&mut self, mappers: &[export::Mapper], owner: &str) -> Vec<Mapper> {
        let mut known = Vec::new();
        for mapper in
            mappers.iter().filter(|mapper| mapper.protocol.as_deref().is_none_or(|p| p == "openid-connect"))
        {
            match Mapper::from_export(mapper) {
                Some(mapper) => known.push(mapper),
                None => self.warnings.push(format!(
                    "{owner}: mapper {:?} has the type {:?}, which is not supported; its claims are left out",
                    mapper.name, mapper.protocol_mapper
                )),
            }
        }
        known
    }

    fn scopes(
        &mut self,
        root: &Value,
        composites: &BTreeMap<Role, BTreeSet<Role>>,
    ) -> Result<BTreeMap<String, ClientScope>, RealmError> {
        let roles = scope_mappings(root, |mapping| mapping.client_scope.as_deref())?;
        let mut scopes = BTreeMap::new();
        for scope in list::<export::ClientScope>(root, "clientScopes", "name")? {
            if scope.protocol.as_deref().is_some_and(|protocol| protocol != "openid-connect") {
                continue;
            }
            let owner = format!("client scope {:?}", scope.name);
            let shown =
                scope.attributes.get("include.in.token.scope").is_none_or(|v| v.as_str() != Some("false"));
            scopes.insert(
                scope.name.clone(),
                ClientScope {
                    in_token_scope: shown,
                    mappers: self.mappers(&scope.protocol_mappers, &owner),
                    roles: expand(composites, roles.get(&scope.name).into_iter().flatten().cloned()),
                },
            );
        }
        Ok(scopes)
    }

    fn client(
        &mut self,
        client: export::Client,
        scopes: &BTreeMap<String, ClientScope>,
        default_scopes: &[String],
        optional_scopes: &[String],
        scope_roles: &BTreeMap<String, BTreeSet<Role>>,
    ) -> Result<Client, RealmError> {
        let owner = format!("client {:?}", client.client_id);
        let named = |names: Option<Vec<String>>, fallback: &[String], member: &str| match names {
            None => Ok(fallback.to_vec()),
            Some(names) => match names.iter().find(|name| !scopes.contains_key(*name)) {
                Some(unknown) => Err(RealmError::Unknown {
                    place: format!("{owner}, {member}"),
                    what: "client scope",
                    name: unknown.clone(),
                }),
                None => Ok(names),
            },
        };
        Ok(Client {
            default_scopes: named(client.default_client_scopes, default_scopes, "defaultClientScopes")?,
            optional_scopes: named(client.optional_client_scopes, optional_scopes, "optionalClientScopes")?,
            mappers: self.mappers(&client.protocol_mappers, &owner),
            allowed_origins: allowed_origins(
                &client.web_origins,
                &client.redirect_uris,
                client.root_url.as_deref(),
            ),
            scope_roles: scope_roles.get(&client.client_id).cloned().unwrap_or_default(),
            enabled: client.enabled,
            public: client.public_client,
            bearer_only: client.bearer_only,
            standard_flow: client.standard_flow_enabled,
            implicit_flow: client.implicit_flow_enabled,
            root_url: client.root_url.filter(|root| !root.is_empty()),
            redirect_uris: client.redirect_uris,
            direct_access: client.direct_access_grants_enabled,
            service_account: client.service_accounts_enabled,
            full_scope: client.full_scope_allowed,
            secret: client.secret,
            authenticator: client.client_authenticator_type.unwrap_or_else(|| "client-secret".to_owned()),
            attributes: client
                .attributes
                .into_iter()
                .filter_map(|(name, value)| Some((name, text(value)?)))
                .collect(),
            id: client.client_id,
        })
    }

    fn user(
        &self,
        user: export::User,
        index: usize,
        groups: &Groups,
        composites: &BTreeMap<Role, BTreeSet<Role>>,
    ) -> Result<User, RealmError> {
        let mut roles = named_roles(&user.realm_roles, &user.client_roles);
        for path in &user.groups {
            let Some(of_group) = groups.0.get(path) else {
                return Err(RealmError::Unknown {
                    place: format!("users[{index}] ({:?}), groups", user.username),
                    what: "group",
                    name: path.clone(),
                });
            };
            roles.extend(of_group.iter().cloned());
        }
        let username = user.username.to_lowercase();
        Ok(User {
            id: user.id.unwrap_or_else(|| derived_uuid(&["user", self.name, &username])),
            enabled: user.enabled,
            email: user.email,
            email_verified: user.email_verified,
            first_name: user.first_name,
            last_name: user.last_name,
            password: user.credentials.into_iter().find(|c| c.kind == "password").and_then(|c| c.value),
            roles: expand(composites, roles),
            groups: user.groups,
            attributes: user.attributes,
            service_account_of: user.service_account_client_id,
            username,
        })
    }

    /// The user that Keycloak makes for a service account which the export doesn't list: with the default role.
    fn service_account(&self, client: &str, roles: &RoleTables) -> User {
        let username = format!("service-account-{}", client.to_lowercase());
        User {
            id: derived_uuid(&["user", self.name, &username]),
            enabled: true,
            email: None,
            email_verified: false,
            first_name: None,
            last_name: None,
            password: None,
            roles: expand(&roles.composites, [roles.default_role.clone()]),
            groups: Vec::new(),
            attributes: BTreeMap::new(),
            service_account_of: Some(client.to_owned()),
            username,
        }
    }

    fn organizations(&self, root: &Value) -> Result<Vec<Organization>, RealmError> {
        let organizations: Vec<export::Organization> = list(root, "organizations", "name")?;
        Ok(organizations
            .into_iter()
            .map(|organization| Organization {
                id: organization.id.unwrap_or_else(|| derived_uuid(&["org", self.name, &organization.name])),
                alias: organization.alias.unwrap_or(organization.name),
                attributes: organization.attributes,
                members: organization
                    .members
                    .into_iter()
                    .map(|member| member.username.to_lowercase())
                    .collect(),
            })
            .collect())
    }

    fn keys(&mut self, root: &Value) -> Result<Vec<KeySpec>, RealmError> {
        const PROVIDERS: &str = "org.keycloak.keys.KeyProvider";
        let components: Vec<export::Component> = match root.get("components") {
            Some(components) if components.get(PROVIDERS).is_some() => list(components, PROVIDERS, "name")?,
            _ => return Ok(KeySpec::keycloak_defaults()),
        };
        let mut keys = Vec::new();
        for component in &components {
            match KeySpec::from_component(&component.provider_id, &component.config) {
                Ok(Some(spec)) => keys.push(spec),
                Ok(None) => {}
                Err(reason) => {
                    self.warnings.push(format!("key provider {:?}: {reason}; it is left out", component.name))
                }
            }
        }
        Ok(keys)
    }
}

fn builtin_client(builtin: &builtin::BuiltinClient, realm: &str) -> Client {
    let mut attributes = BTreeMap::new();
    if builtin.lightweight {
        attributes.insert("client.use.lightweight.access.token.enabled".to_owned(), "true".to_owned());
    }
    Client {
        id: builtin.id.to_owned(),
        enabled: true,
        public: builtin.public,
        bearer_only: !builtin.public,
        standard_flow: builtin.public && !builtin.direct_access,
        implicit_flow: false,
        root_url: None,
        redirect_uris: builtin.redirect_uri.map(|uri| uri.replace("REALM", realm)).into_iter().collect(),
        direct_access: builtin.direct_access,
        service_account: false,
        full_scope: builtin.full_scope,
        secret: None,
        authenticator: "client-secret".to_owned(),
        allowed_origins: BTreeSet::new(),
        attributes,
        default_scopes: Vec::new(),
        optional_scopes: Vec::new(),
        mappers: Vec::new(),
        scope_roles: BTreeSet::new(),
    }
}

/// `scopeMappings` (roles of the realm) and `clientScopeMappings` (roles of clients), by whoever `owner` picks.
fn scope_mappings(
    root: &Value,
    owner: impl Fn(&export::ScopeMapping) -> Option<&str>,
) -> Result<BTreeMap<String, BTreeSet<Role>>, RealmError> {
    let mut roles: BTreeMap<String, BTreeSet<Role>> = BTreeMap::new();
    for mapping in list::<export::ScopeMapping>(root, "scopeMappings", "clientScope")? {
        if let Some(owner) = owner(&mapping) {
            roles
                .entry(owner.to_owned())
                .or_default()
                .extend(mapping.roles.iter().map(|name| Role::realm(name)));
        }
    }
    let of_clients = root.get("clientScopeMappings").unwrap_or(&Value::Null);
    for client in of_clients.as_object().into_iter().flat_map(serde_json::Map::keys) {
        for mapping in list::<export::ScopeMapping>(of_clients, client, "client")? {
            if let Some(owner) = owner(&mapping) {
                let of_client = mapping.roles.iter().map(|name| Role::of(client, name));
                roles.entry(owner.to_owned()).or_default().extend(of_client);
            }
        }
    }
    Ok(roles)
}

fn scope_names(own: Option<&Vec<String>>, builtins: &Value, member: &str) -> Vec<String> {
    match own {
        Some(names) => names.clone(),
        None => builtins
            .get(member)
            .and_then(|names| serde_json::from_value(names.clone()).ok())
            .unwrap_or_default(),
    }
}

fn acr_levels(settings: &Settings) -> Result<Vec<(String, i64)>, RealmError> {
    let Some(map) = settings.attributes.get("acr.loa.map").filter(|map| !map.is_empty()) else {
        return Ok(Vec::new());
    };
    let shape = || RealmError::Shape {
        place: "attributes.\"acr.loa.map\"".to_owned(),
        expected: "a JSON object of names and levels, as text".to_owned(),
    };
    let map: BTreeMap<String, Value> = serde_json::from_str(map).map_err(|_| shape())?;
    let mut levels = Vec::new();
    for (name, level) in map {
        let level = level.as_i64().or_else(|| level.as_str()?.parse().ok()).ok_or_else(shape)?;
        levels.push((name, level));
    }
    levels.sort_by_key(|(_, level)| *level);
    Ok(levels)
}

/// What the conditions on levels of authentication are set to; every one counts, whatever flow it is in.
fn login_levels(root: &Value) -> Result<Vec<(i64, i64)>, RealmError> {
    let mut levels = Vec::new();
    for authenticator in list::<export::AuthenticatorConfig>(root, "authenticatorConfig", "alias")? {
        let number = |name: &str| authenticator.config.get(name)?.as_str()?.parse::<i64>().ok();
        if let Some(level) = number("loa-condition-level") {
            levels.push((level, number("loa-max-age").unwrap_or(0)));
        }
    }
    levels.sort_unstable();
    Ok(levels)
}

/// `+` stands for the origins of the redirect URIs.
fn allowed_origins(web_origins: &[String], redirect_uris: &[String], root: Option<&str>) -> BTreeSet<String> {
    let mut origins = BTreeSet::new();
    for origin in web_origins.iter().filter(|origin| !origin.is_empty()) {
        if origin == "+" {
            let absolute = redirect_uris.iter().map(String::as_str).filter(|uri| !uri.starts_with('/'));
            let relative = redirect_uris.iter().any(|uri| uri.starts_with('/')).then_some(root).flatten();
            origins.extend(absolute.chain(relative).filter_map(origin_of));
        } else {
            origins.insert(origin.clone());
        }
    }
    origins
}

fn origin_of(uri: &str) -> Option<String> {
    let origin = url::Url::parse(uri.trim_end_matches('*')).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// The realm's members without its long lists, so that a fault in one of those is reported at its own place.
fn without_lists(root: &Value) -> Value {
    let Some(members) = root.as_object() else { return root.clone() };
    let scalar = |name: &str| name == "defaultDefaultClientScopes" || name == "defaultOptionalClientScopes";
    members
        .iter()
        .filter(|(name, value)| !value.is_array() || scalar(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The list `root[member]`; empty when absent. A fault names the element by index and by its own name.
pub(super) fn list<T: DeserializeOwned>(
    root: &Value,
    member: &str,
    name: &str,
) -> Result<Vec<T>, RealmError> {
    let items = match root.get(member) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => {
            return Err(RealmError::Shape { place: member.to_owned(), expected: "an array".to_owned() });
        }
    };
    let place = |index: usize, item: &Value| match item.get(name).and_then(Value::as_str) {
        Some(name) => format!("{member}[{index}] ({name:?})"),
        None => format!("{member}[{index}]"),
    };
    items.iter().enumerate().map(|(index, item)| shaped(item.clone(), &place(index, item))).collect()
}

fn shaped<T: DeserializeOwned>(value: Value, place: &str) -> Result<T, RealmError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let member = error.path().to_string();
        let place = if member == "." { place.to_owned() } else { format!("{place}, {member}") };
        // serde's message starts with the value it found, which may be a secret: keep what it wanted instead.
        let message = error.into_inner().to_string();
        let expected = message.split_once("expected ").map_or("another shape", |(_, expected)| expected);
        RealmError::Shape { place, expected: expected.to_owned() }
    })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(on) => Some(on.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn signed(secs: u64) -> i64 {
    i64::try_from(secs).unwrap_or(i64::MAX)
}
