//! The demo realm, as a run wants it.

use kc_dev::DEMO_REALM;
use serde_json::{Map, Value, json};

use super::CLIENT_SECRET;
use crate::case::Failure;

/// What the demo realm is called.
const DEMO: &str = "kc-demo";
/// Cheap on purpose: a run logs in hundreds of times, with passwords that everybody knows.
const PASSWORD_POLICY: &str = "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)";

/// A service that browsers reach by https: none listens there, and nobody asks for the name.
pub(crate) const HTTPS_SERVICE: &str = "https://service.conformance.test";

/// The demo realm under that name, the secret of the client `api` replaced; a service may also be at [`HTTPS_SERVICE`].
pub(super) fn named(realm: &str) -> String {
    let redirects = "\"redirectUris\": [\n";
    DEMO_REALM
        .replace(redirects, &format!("{redirects}\"{HTTPS_SERVICE}/*\",\n"))
        .replace("\"api-secret\"", &format!("\"{CLIENT_SECRET}\""))
        .replace(&format!("\"{DEMO}\""), &format!("\"{realm}\""))
        .replace(&format!("\"default-roles-{DEMO}\""), &format!("\"default-roles-{realm}\""))
}

/// The same for a real server: with these keys, users of these ids, and passwords that are fast to check.
pub(super) fn importable<'a>(
    export: &str,
    keys: Value,
    user_id: impl Fn(&str) -> Option<&'a str>,
) -> Result<Value, Failure> {
    let unreadable = || Failure::new("the suite's own realm export can't be read");
    let mut realm: Value = serde_json::from_str(export).map_err(|_| unreadable())?;
    let Value::Array(mut keys) = keys else { return Err(unreadable()) };
    // What the server keeps to itself: the keys of refresh tokens and cookies.
    keys.push(provider("hmac-generated", &[("algorithm", "HS512")]));
    keys.push(provider("aes-generated", &[]));
    let members = realm.as_object_mut().ok_or_else(unreadable)?;
    let name = members.get("realm").cloned().unwrap_or_default();
    members.insert("id".to_owned(), name);
    members.insert("passwordPolicy".to_owned(), json!(PASSWORD_POLICY));
    let components = members.get_mut("components").and_then(Value::as_object_mut).ok_or_else(unreadable)?;
    components.insert("org.keycloak.keys.KeyProvider".to_owned(), Value::Array(keys));
    for user in members.get_mut("users").and_then(Value::as_array_mut).into_iter().flatten() {
        let id = user.get("username").and_then(Value::as_str).and_then(&user_id).map(|id| json!(id));
        if let (Some(id), Some(user)) = (id, user.as_object_mut()) {
            user.insert("id".to_owned(), id);
        }
    }
    Ok(realm)
}

fn provider(id: &str, config: &[(&str, &str)]) -> Value {
    let config: Map<String, Value> = [("priority", "100")]
        .iter()
        .chain(config)
        .map(|(name, value)| ((*name).to_owned(), json!([value])))
        .collect();
    json!({ "name": id, "providerId": id, "subComponents": {}, "config": config })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_demos_name_is_left_in_a_realm_of_another() {
        let text = named("other");
        let left: Vec<&str> = text.lines().filter(|line| line.contains(DEMO)).collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!text.contains("\"api-secret\""));
    }

    #[test]
    fn a_realm_for_a_real_server_has_our_keys_and_our_ids() {
        let realm =
            importable(&named("other"), json!([{"name": "k"}]), |name| (name == "alice").then_some("7"));
        let realm = realm.unwrap();
        let keys = realm["components"]["org.keycloak.keys.KeyProvider"].as_array().unwrap();
        assert_eq!(
            keys.iter().map(|key| key["name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["k", "hmac-generated", "aes-generated"]
        );
        let users = realm["users"].as_array().unwrap();
        let alice = users.iter().find(|user| user["username"] == "alice").unwrap();
        assert_eq!(alice["id"], "7");
        assert!(users.iter().filter(|user| user.get("id").is_some()).count() == 1);
    }
}
