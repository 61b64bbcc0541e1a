//! What bends a token that the realm would issue.

use serde_json::{Map, Value, json};

/// One change of a payload or a header.
#[derive(Clone)]
pub(super) enum Change {
    Set(String, Value),
    Remove(String),
    AddGroup(String),
    /// Of the realm, or of a client.
    AddRole {
        client: Option<String>,
        name: String,
    },
    AddScope(String),
}

impl Change {
    /// A member that has another form than Keycloak's is replaced by one that has it.
    pub(super) fn apply(&self, members: &mut Map<String, Value>) {
        match self {
            Self::Set(name, value) => {
                members.insert(name.clone(), value.clone());
            }
            Self::Remove(name) => {
                members.remove(name);
            }
            Self::AddGroup(path) => add(members, "groups", path),
            Self::AddRole { client: None, name } => {
                let mut realm = taken(members, "realm_access");
                add(&mut realm, "roles", name);
                members.insert("realm_access".to_owned(), Value::Object(realm));
            }
            Self::AddRole { client: Some(client), name } => {
                let mut clients = taken(members, "resource_access");
                let mut access = taken(&mut clients, client);
                add(&mut access, "roles", name);
                clients.insert(client.clone(), Value::Object(access));
                members.insert("resource_access".to_owned(), Value::Object(clients));
            }
            Self::AddScope(word) => {
                let scope = members.get("scope").and_then(Value::as_str).unwrap_or_default();
                if !scope.split(' ').any(|known| known == word) {
                    let scope = format!("{scope} {word}");
                    members.insert("scope".to_owned(), json!(scope.trim_start()));
                }
            }
        }
    }

    /// All changes, in their order; the bytes that are signed.
    pub(super) fn all(changes: &[Self], mut members: Map<String, Value>) -> Vec<u8> {
        changes.iter().for_each(|change| change.apply(&mut members));
        Value::Object(members).to_string().into_bytes()
    }
}

/// Adds to the list of that name, once.
fn add(members: &mut Map<String, Value>, name: &str, text: &str) {
    let mut list = match members.remove(name) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    if !list.iter().any(|known| known == text) {
        list.push(json!(text));
    }
    members.insert(name.to_owned(), Value::Array(list));
}

/// The object of that name, to be put back.
fn taken(members: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match members.remove(name) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
