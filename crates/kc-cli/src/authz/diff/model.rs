//! What a configuration says, without how it is written: no ids, no order of lists, no defaults, no JSON within strings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// A configuration, by what is in it.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) settings: Item,
    pub(super) scopes: Named,
    pub(super) resources: Named,
    pub(super) policies: Named,
    pub(super) permissions: Named,
}

/// Those of one kind by their names. Usually one has a name; nothing keeps a file from giving it to two.
pub(super) type Named = BTreeMap<Key, Vec<Item>>;

/// A name; of a resource, also the user that owns it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) owner: Option<String>,
}

impl Key {
    pub(super) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), owner: None }
    }
}

/// A resource, scope, policy or permission: what is said of it, by the name of what says so.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Item {
    pub(super) facts: BTreeMap<String, Fact>,
}

/// What a member says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fact {
    /// Its order does not count, and each counts once.
    List(BTreeSet<String>),
    Text(String),
}

impl Item {
    /// The items of a list; none for anything else.
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let items = match self.facts.get(name) {
            Some(Fact::List(items)) => Some(items),
            Some(Fact::Text(_)) | None => None,
        };
        items.into_iter().flatten().map(String::as_str)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.facts.get(name)? {
            Fact::Text(text) => Some(text),
            Fact::List(_) => None,
        }
    }

    fn say(&mut self, name: &str, text: impl Into<String>) {
        self.facts.insert(name.to_owned(), Fact::Text(text.into()));
    }

    /// An empty list says what no list says.
    fn say_all(&mut self, name: &str, items: impl IntoIterator<Item = String>) {
        let items: BTreeSet<String> = items.into_iter().collect();
        if !items.is_empty() {
            self.facts.insert(name.to_owned(), Fact::List(items));
        }
    }

    /// Members that are not known here, as JSON whose members are sorted.
    fn say_further(&mut self, object: &Map<String, Value>, known: &[&str]) {
        for (name, value) in object.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            match value {
                Value::String(text) if !text.is_empty() => self.say(name, text),
                value if is_nothing(value) => {}
                value => self.say(name, value.to_string()),
            }
        }
    }
}

/// What an absent member says too.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

impl Model {
    /// Reads a file that the policy engine has taken; what is not as that takes it is left out. `client_id` is the client
    /// that the file is of: some answers of Keycloak's name it as the owner of the server's resources.
    pub(super) fn read(file: &Value, client_id: Option<&str>) -> Self {
        let mut model = Self { settings: settings(file), ..Self::default() };
        for scope in items(file, "scopes") {
            let Some(name) = scope.as_str().or_else(|| scope["name"].as_str()) else { continue };
            let mut item = Item::default();
            if let Value::Object(members) = scope {
                item.say_further(members, &["id", "name", "policies", "resources"]);
            }
            model.scopes.entry(Key::of(name)).or_default().push(item);
        }
        let mut names = BTreeMap::new();
        for resource in items(file, "resources") {
            let Value::Object(members) = resource else { continue };
            let Some(name) = resource["name"].as_str() else { continue };
            for id in ["_id", "id"].into_iter().filter_map(|member| resource[member].as_str()) {
                names.insert(id, name);
            }
            let owner = owner(resource).filter(|owner| Some(owner.as_str()) != client_id);
            let key = Key { name: name.to_owned(), owner };
            model.resources.entry(key).or_default().push(self::resource(members));
        }
        for policy in items(file, "policies") {
            let Value::Object(members) = policy else { continue };
            let (Some(name), Some(kind)) = (policy["name"].as_str(), policy["type"].as_str()) else {
                continue;
            };
            let list = match kind {
                "resource" | "scope" | "uma" => &mut model.permissions,
                _ => &mut model.policies,
            };
            list.entry(Key::of(name)).or_default().push(self::policy(members, kind, &names));
        }
        model
    }
}

fn items<'f>(file: &'f Value, member: &str) -> impl Iterator<Item = &'f Value> {
    file[member].as_array().into_iter().flatten()
}

fn settings(file: &Value) -> Item {
    let mut item = Item::default();
    for (member, default) in [("policyEnforcementMode", "ENFORCING"), ("decisionStrategy", "UNANIMOUS")] {
        item.say(member, file[member].as_str().unwrap_or(default));
    }
    let remote = file["allowRemoteResourceManagement"].as_bool().unwrap_or(true);
    item.say("allowRemoteResourceManagement", remote.to_string());
    item
}

/// By name, or by id where the file has no name.
fn owner(resource: &Value) -> Option<String> {
    let owner = &resource["owner"];
    let name = owner.as_str().or_else(|| owner["name"].as_str()).or_else(|| owner["id"].as_str());
    name.map(str::to_owned)
}

fn resource(members: &Map<String, Value>) -> Item {
    const READ: [&str; 12] = [
        "_id",
        "id",
        "name",
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
    let get = |member: &str| members.get(member).unwrap_or(&Value::Null);
    let mut item = Item::default();
    if get("ownerManagedAccess") == &Value::Bool(true) {
        item.say("ownerManagedAccess", "true");
    }
    let scopes =
        ["scopes", "resource_scopes"].into_iter().filter_map(|member| get(member).as_array()).flatten();
    let name = |scope: &Value| scope.as_str().or_else(|| scope["name"].as_str()).map(str::to_owned);
    item.say_all("scopes", scopes.filter_map(name));
    let uris = get("uris").as_array().into_iter().flatten().chain([get("uri")]);
    item.say_all("uris", uris.filter_map(Value::as_str).map(str::to_owned));
    if let Some(icon) = ["icon_uri", "iconUri"].into_iter().find_map(|member| get(member).as_str()) {
        item.say("icon_uri", icon);
    }
    for (name, values) in get("attributes").as_object().into_iter().flatten() {
        let values =
            values.as_array().map_or_else(|| vec![plain(values)], |all| all.iter().map(plain).collect());
        item.say_all(&format!("attributes.{name}"), values);
    }
    item.say_further(members, &READ);
    item
}

/// `names` are those of resources by their ids.
fn policy(members: &Map<String, Value>, kind: &str, names: &BTreeMap<&str, &str>) -> Item {
    const READ: [&str; 13] = [
        "id",
        "name",
        "type",
        "logic",
        "decisionStrategy",
        "config",
        "policies",
        "resources",
        "scopes",
        "resourceType",
        "resourcesData",
        "scopesData",
        "description",
    ];
    let get = |member: &str| members.get(member).unwrap_or(&Value::Null);
    let mut item = Item::default();
    item.say("type", kind);
    item.say("logic", get("logic").as_str().unwrap_or("POSITIVE"));
    item.say("decisionStrategy", get("decisionStrategy").as_str().unwrap_or("UNANIMOUS"));
    if let Some(text) = get("description").as_str().filter(|text| !text.is_empty()) {
        item.say("description", text);
    }
    // Beside `config`, as other answers of Keycloak's have it; `config` comes first.
    for (member, key) in [("resources", "resources"), ("scopes", "scopes"), ("policies", "applyPolicies")] {
        configure(&mut item, key, get(member), names);
    }
    if let Some(kind) = get("resourceType").as_str() {
        item.say("defaultResourceType", kind);
    }
    for (key, value) in get("config").as_object().into_iter().flatten().filter(|(_, value)| !value.is_null())
    {
        item.facts.remove(key);
        let text = plain(value);
        match serde_json::from_str(&text) {
            Ok(parsed @ Value::Array(_)) if LISTS.contains(&key.as_str()) => {
                configure(&mut item, key, &parsed, names);
            }
            _ if text.is_empty() && key != "defaultResourceType" => {}
            _ if SWITCHES.contains(&key.as_str()) => {
                if text.eq_ignore_ascii_case("true") {
                    item.say(key, "true");
                }
            }
            _ => item.say(key, text),
        }
    }
    item.say_further(members, &READ);
    item
}

/// Members of `config` that hold JSON.
const LISTS: [&str; 8] =
    ["applyPolicies", "clientScopes", "clients", "groups", "resources", "roles", "scopes", "users"];
/// Members of `config` that are off unless they are `true`.
const SWITCHES: [&str; 2] = ["fetchRoles", "targetContextAttributes"];

fn configure(item: &mut Item, key: &str, list: &Value, names: &BTreeMap<&str, &str>) {
    let all = list.as_array().into_iter().flatten();
    match key {
        "roles" | "clientScopes" => {
            item.say_all(key, all.map(|one| marked(one, "id", "required", " (required)")));
        }
        "groups" => item.say_all(key, all.map(|one| marked(one, "path", "extendChildren", " and below"))),
        "resources" => {
            let named =
                all.map(plain).map(|one| names.get(one.as_str()).map_or(one, |name| (*name).to_owned()));
            item.say_all(key, named.filter(|name| !name.is_empty()));
        }
        _ => item.say_all(key, all.map(plain)),
    }
}

/// `{"id":"admin","required":true}` as `admin (required)`.
fn marked(item: &Value, name: &str, flag: &str, mark: &str) -> String {
    let Some(text) = item[name].as_str() else { return plain(item) };
    format!("{text}{}", if item[flag] == Value::Bool(true) { mark } else { "" })
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(policy: Value) -> Item {
        let model = Model::read(&json!({ "policies": [policy] }), None);
        let mut all = model.policies.into_values().chain(model.permissions.into_values());
        all.next().unwrap().remove(0)
    }

    #[test]
    fn what_is_written_otherwise_is_the_same() {
        for (one, other) in [
            (
                json!({}),
                json!({ "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "config": {}, "description": "" }),
            ),
            (
                json!({ "config": { "roles": r#"[{"id":"a"},{"id":"b","required":true}]"# } }),
                json!({ "id": "1", "config": { "roles": r#"[ {"required":true,"id":"b"}, {"id":"a","required":false} ]"# } }),
            ),
            (
                json!({ "config": { "groups": r#"[{"path":"/a","extendChildren":false}]"#, "groupsClaim": "" } }),
                json!({ "config": { "groups": r#"[{"path":"/a"}]"# } }),
            ),
            (
                json!({ "config": { "users": "[]", "fetchRoles": "false" } }),
                json!({ "config": { "users": null } }),
            ),
            (
                json!({ "config": { "users": r#"["b","a","b"]"# } }),
                json!({ "config": { "users": r#"["a","b"]"# } }),
            ),
            (json!({ "config": { "hour": 9 } }), json!({ "config": { "hour": "9" } })),
            (
                json!({ "resources": ["r"], "scopes": ["s"], "policies": ["p"], "resourceType": "t" }),
                json!({ "config": { "resources": r#"["r"]"#, "scopes": r#"["s"]"#, "applyPolicies": r#"["p"]"#,
                "defaultResourceType": "t" } }),
            ),
        ] {
            let named = |mut policy: Value| {
                policy["name"] = json!("p");
                policy["type"] = json!("role");
                self::policy(policy)
            };
            assert_eq!(named(one), named(other));
        }
    }

    #[test]
    fn what_decides_otherwise_is_not_the_same() {
        for (one, other) in [
            (json!({ "logic": "NEGATIVE" }), json!({})),
            (json!({ "config": { "pattern": "[1,2]" } }), json!({ "config": { "pattern": "[2,1]" } })),
            (
                json!({ "config": { "roles": r#"[{"id":"a","required":true}]"# } }),
                json!({ "config": { "roles": r#"[{"id":"a"}]"# } }),
            ),
            (json!({ "config": { "defaultResourceType": "" } }), json!({})),
            (json!({ "config": { "fetchRoles": "TRUE" } }), json!({})),
        ] {
            let named = |mut policy: Value| {
                policy["name"] = json!("p");
                policy["type"] = json!("regex");
                self::policy(policy)
            };
            assert_ne!(named(one.clone()), named(other), "{one}");
        }
    }

    #[test]
    fn resources_are_themselves_whatever_their_id_and_order() {
        let one = json!({ "resources": [{ "_id": "1", "name": "r", "scopes": [{ "name": "a" }, { "name": "b", "id": "2" }],
            "uris": ["/r"], "attributes": {}, "ownerManagedAccess": false, "owner": { "id": "9", "name": "inventory" } }],
            "policies": [{ "name": "p", "type": "resource", "config": { "resources": "[\"1\"]" } }] });
        let other = json!({ "resources": [{ "name": "r", "resource_scopes": ["b", "a"], "uri": "/r" }],
            "policies": [{ "name": "p", "type": "resource", "config": { "resources": "[\"r\"]" } }] });
        let (one, other) = (Model::read(&one, Some("inventory")), Model::read(&other, None));
        assert_eq!(one.resources, other.resources);
        assert_eq!(one.permissions, other.permissions);
        let owned = json!({ "resources": [{ "name": "r", "owner": { "name": "alice" } }] });
        assert_eq!(
            Model::read(&owned, None).resources.keys().next().unwrap().owner.as_deref(),
            Some("alice")
        );
    }
}
