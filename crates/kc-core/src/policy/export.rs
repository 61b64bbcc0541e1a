//! The file as it is written: names, and JSON within strings, with nothing resolved yet.

use std::collections::BTreeMap;

use super::effect::Strategy;
use super::error::ConfigError;
use super::finding::{Finding, Severity};
use crate::json::{self, JsonError, Object, Value};

/// Levels of JSON that a file may nest. Keycloak writes five.
const MAX_DEPTH: usize = 16;

/// What becomes of a request that no policy is about, or of every one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Mode {
    Disabled,
    #[default]
    Enforcing,
    Permissive,
}

#[derive(Debug, Default)]
pub(super) struct Export {
    pub(super) mode: Mode,
    /// [`Strategy::Consensus`] is none that a server has.
    pub(super) strategy: Strategy,
    pub(super) client_id: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<RawResource>,
    pub(super) policies: Vec<RawPolicy>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug)]
pub(super) struct RawResource {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) kind: Option<String>,
    /// The user that owns it; `None` for the server itself.
    pub(super) owner: Option<String>,
    /// Its owner may grant access to it.
    pub(super) managed: bool,
    pub(super) uris: Vec<String>,
    pub(super) scopes: Vec<String>,
}

/// A policy or a permission: Keycloak keeps both in one list.
#[derive(Debug)]
pub(super) struct RawPolicy {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) negative: bool,
    pub(super) strategy: Strategy,
    pub(super) config: BTreeMap<String, String>,
    pub(super) at: usize,
}

impl RawPolicy {
    /// `policies[3]`.
    pub(super) fn place(&self) -> String {
        format!("policies[{}]", self.at)
    }

    /// `policies[3].config.roles`.
    pub(super) fn place_of(&self, key: &str) -> String {
        format!("policies[{}].config.{key}", self.at)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(String::as_str)
    }

    /// The JSON array of strings in a member of `config`; `None` when there is no such member, empty for an empty text.
    pub(super) fn names(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        self.items(key, |item, place| match item {
            Value::String(name) => Ok(name.as_ref().to_owned()),
            _ => Err(wrong(place, "is not a string")),
        })
    }

    /// The JSON array in a member of `config`, each item read by `read`.
    pub(super) fn items<T>(
        &self,
        key: &str,
        mut read: impl FnMut(&Value<'_>, &str) -> Result<T, ConfigError>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let place = self.place_of(key);
        if text.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let Value::Array(items) = json::parse(text.as_bytes(), 4).map_err(|error| not_json(&place, error))?
        else {
            return Err(wrong(&place, "is no JSON array"));
        };
        let read = items
            .iter()
            .enumerate()
            .map(|(n, item)| read(item, &format!("{place}[{n}]")))
            .collect::<Result<Vec<T>, _>>()?;
        Ok(Some(read))
    }
}

impl Export {
    pub(super) fn read(text: &[u8]) -> Result<Self, ConfigError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let Value::Object(file) = json::parse(text, MAX_DEPTH).map_err(|error| not_json("", error))? else {
            return Err(wrong("", "is no JSON object: export it by the admin console"));
        };
        if !["policies", "resources", "scopes", "policyEnforcementMode"].iter().any(|name| file.has(name)) {
            let what = "has nothing of an authorization configuration: export it by the admin console, \
                        under Authorization of the client, not its adapter configuration";
            return Err(wrong("", what));
        }
        let mut findings = Vec::new();
        known(&file, "", FILE, &mut findings);
        let scopes = each(&file, "", "scopes", |value, place| match value {
            Value::String(name) => Ok(name.as_ref().to_owned()),
            _ => {
                let scope = object(value, place)?;
                known(scope, place, SCOPE, &mut findings);
                needed(scope, place, "name")
            }
        })?;
        let resources = each(&file, "", "resources", |value, place| {
            resource(object(value, place)?, place, &mut findings)
        })?;
        let mut at = 0;
        let policies = each(&file, "", "policies", |value, place| {
            let policy = policy(object(value, place)?, place, at, &mut findings);
            at += 1;
            policy
        })?;
        let mode = one_of(&file, "", "policyEnforcementMode", MODES)?.unwrap_or_default();
        let strategy = one_of(&file, "", "decisionStrategy", SERVER_STRATEGIES)?.unwrap_or_default();
        let client_id = text_of(&file, "", "clientId")?;
        Ok(Self { mode, strategy, client_id, scopes, resources, policies, findings })
    }
}

const MODES: &[(&str, Mode)] =
    &[("ENFORCING", Mode::Enforcing), ("PERMISSIVE", Mode::Permissive), ("DISABLED", Mode::Disabled)];
const STRATEGIES: &[(&str, Strategy)] = &[
    ("UNANIMOUS", Strategy::Unanimous),
    ("AFFIRMATIVE", Strategy::Affirmative),
    ("CONSENSUS", Strategy::Consensus),
];
/// A server has no CONSENSUS: Keycloak refuses it.
const SERVER_STRATEGIES: &[(&str, Strategy)] =
    &[("UNANIMOUS", Strategy::Unanimous), ("AFFIRMATIVE", Strategy::Affirmative)];
const LOGIC: &[(&str, bool)] = &[("POSITIVE", false), ("NEGATIVE", true)];

/// Members that Keycloak writes; a further one is worth a note.
const FILE: &[&str] = &[
    "id",
    "clientId",
    "name",
    "allowRemoteResourceManagement",
    "policyEnforcementMode",
    "resources",
    "policies",
    "scopes",
    "decisionStrategy",
    "authorizationSchema",
];
const SCOPE: &[&str] = &["id", "name", "displayName", "iconUri", "policies", "resources"];
const RESOURCE: &[&str] = &[
    "_id",
    "id",
    "name",
    "displayName",
    "type",
    "owner",
    "ownerManagedAccess",
    "attributes",
    "uris",
    "uri",
    "scopes",
    "resource_scopes",
    "icon_uri",
    "iconUri",
];
const POLICY: &[&str] = &[
    "id",
    "name",
    "description",
    "type",
    "logic",
    "decisionStrategy",
    "config",
    "owner",
    "policies",
    "resources",
    "scopes",
    "resourceType",
    "resourcesData",
    "scopesData",
];

fn resource(
    resource: &Object<'_>,
    place: &str,
    findings: &mut Vec<Finding>,
) -> Result<RawResource, ConfigError> {
    known(resource, place, RESOURCE, findings);
    let scopes = ["scopes", "resource_scopes"].map(|member| {
        each(resource, place, member, |value, place| match value {
            Value::String(name) => Ok(name.as_ref().to_owned()),
            _ => needed(object(value, place)?, place, "name"),
        })
    });
    let [mut scopes, more] = scopes;
    scopes.as_mut().map_err(|error| error.clone())?.extend(more?);
    let owner = match resource.get("owner") {
        None => None,
        Some(Value::String(name)) => Some(name.as_ref().to_owned()),
        Some(owner) => {
            let place = format!("{place}.owner");
            let owner = object(owner, &place)?;
            match text_of(owner, &place, "name")? {
                Some(name) => Some(name),
                None => text_of(owner, &place, "id")?,
            }
        }
    };
    let mut uris = each(resource, place, "uris", string)?;
    uris.extend(text_of(resource, place, "uri")?);
    let id = text_of(resource, place, "_id")?;
    Ok(RawResource {
        id: if id.is_some() { id } else { text_of(resource, place, "id")? },
        name: needed(resource, place, "name")?,
        kind: text_of(resource, place, "type")?,
        owner,
        managed: match resource.get("ownerManagedAccess") {
            None => false,
            Some(Value::Bool(managed)) => *managed,
            Some(_) => {
                return Err(wrong(&format!("{place}.ownerManagedAccess"), "is neither true nor false"));
            }
        },
        uris,
        scopes: scopes?,
    })
}

fn policy(
    policy: &Object<'_>,
    place: &str,
    at: usize,
    findings: &mut Vec<Finding>,
) -> Result<RawPolicy, ConfigError> {
    known(policy, place, POLICY, findings);
    let mut config = BTreeMap::new();
    if let Some(members) = policy.get("config") {
        let place = format!("{place}.config");
        for (name, value) in object(members, &place)?.iter() {
            if *value != Value::Null {
                config.insert(name.to_owned(), string(value, &format!("{place}.{name}"))?);
            }
        }
    }
    // Beside `config`, as other answers of Keycloak's have it.
    for (member, key) in [("resources", "resources"), ("scopes", "scopes"), ("policies", "applyPolicies")] {
        if policy.get(member).is_some() && !config.contains_key(key) {
            let names = each(policy, place, member, string)?;
            config.insert(key.to_owned(), serde_json::Value::from(names).to_string());
        }
    }
    if let Some(kind) = text_of(policy, place, "resourceType")? {
        config.entry("defaultResourceType".to_owned()).or_insert(kind);
    }
    Ok(RawPolicy {
        name: needed(policy, place, "name")?,
        kind: needed(policy, place, "type")?,
        negative: one_of(policy, place, "logic", LOGIC)?.unwrap_or_default(),
        strategy: one_of(policy, place, "decisionStrategy", STRATEGIES)?.unwrap_or_default(),
        config,
        at,
    })
}

fn known(object: &Object<'_>, place: &str, names: &[&str], findings: &mut Vec<Finding>) {
    for (name, _) in object.iter().filter(|(name, _)| !names.contains(name)) {
        let what = "is not a member that Keycloak 26.7 writes; it is ignored";
        findings.push(Finding::new(Severity::Note, under(place, &shown(name)), what));
    }
}

fn each<T>(
    object: &Object<'_>,
    place: &str,
    member: &str,
    mut read: impl FnMut(&Value<'_>, &str) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let place = under(place, member);
    match object.get(member) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            items.iter().enumerate().map(|(n, item)| read(item, &format!("{place}[{n}]"))).collect()
        }
        Some(_) => Err(wrong(&place, "is no array")),
    }
}

pub(super) fn object<'v, 'a>(value: &'v Value<'a>, place: &str) -> Result<&'v Object<'a>, ConfigError> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(wrong(place, "is no object")),
    }
}

/// A string; a number or a boolean as its text, as Keycloak takes them too.
fn string(value: &Value<'_>, place: &str) -> Result<String, ConfigError> {
    match value {
        Value::String(text) => Ok(text.as_ref().to_owned()),
        Value::Bool(yes) => Ok(yes.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(wrong(place, "is not a string")),
    }
}

pub(super) fn text_of(object: &Object<'_>, place: &str, member: &str) -> Result<Option<String>, ConfigError> {
    match object.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_ref().to_owned())),
        Some(_) => Err(wrong(&under(place, member), "is not a string")),
    }
}

pub(super) fn flag_of(object: &Object<'_>, place: &str, member: &str) -> Result<bool, ConfigError> {
    match object.get(member) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(wrong(&under(place, member), "is neither true nor false")),
    }
}

pub(super) fn needed(object: &Object<'_>, place: &str, member: &str) -> Result<String, ConfigError> {
    match text_of(object, place, member)? {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(wrong(&under(place, member), "is missing")),
    }
}

fn one_of<T: Copy>(
    object: &Object<'_>,
    place: &str,
    member: &str,
    values: &[(&str, T)],
) -> Result<Option<T>, ConfigError> {
    let Some(text) = text_of(object, place, member)? else { return Ok(None) };
    match values.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            Err(wrong(
                &under(place, member),
                format!("is {:?}, not one of {}", shown(&text), names.join(", ")),
            ))
        }
    }
}

fn under(place: &str, member: &str) -> String {
    if place.is_empty() { member.to_owned() } else { format!("{place}.{member}") }
}

/// As it may stand in a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

pub(super) fn wrong(place: &str, what: impl Into<String>) -> ConfigError {
    ConfigError::new(place, what)
}

fn not_json(place: &str, error: JsonError) -> ConfigError {
    let what = match error {
        JsonError::Duplicate => "has a member twice",
        JsonError::Syntax => "is no JSON",
        JsonError::TooDeep => "is nested too deep",
    };
    wrong(place, what)
}
