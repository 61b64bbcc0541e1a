//! The realm that the services log people in at: the demo realm, with a client for each service and people in plenty.

use std::collections::HashMap;
use std::sync::Mutex;

use kc_dev::DEMO_REALM;
use serde_json::{Value, json};

/// What the demo realm is called.
const DEMO: &str = "kc-demo";
/// The demo realm's client that ours are like.
const LIKE: &str = "api";
/// Cheap on purpose: everybody knows these passwords.
const PASSWORD_POLICY: &str = "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)";

/// A client of the realm.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    /// How browsers reach its service.
    pub(crate) url: String,
    /// Where it is told about logouts, if it wants to be.
    pub(crate) back_channel: Option<String>,
    /// How long its access tokens live, if not as the realm's.
    pub(crate) access_seconds: Option<u32>,
}

impl Client {
    pub(crate) fn secret(&self) -> String {
        format!("{}-secret", self.id)
    }
}

/// The demo realm under that name, as Keycloak imports it.
pub(crate) fn export(name: &str, clients: &[Client]) -> Value {
    let text = DEMO_REALM
        .replace(&format!("\"{DEMO}\""), &format!("\"{name}\""))
        .replace(&format!("\"default-roles-{DEMO}\""), &format!("\"default-roles-{name}\""));
    let mut realm: Value = serde_json::from_str(&text).unwrap();
    realm["passwordPolicy"] = json!(PASSWORD_POLICY);
    let known = realm["clients"].as_array_mut().unwrap();
    let like = known.iter().find(|client| client["clientId"] == LIKE).unwrap().clone();
    // It is not needed here, and takes an importing server long.
    for client in known.iter_mut() {
        let settings = client.as_object_mut().unwrap();
        settings.remove("authorizationSettings");
        settings.remove("authorizationServicesEnabled");
    }
    known.extend(clients.iter().map(|client| registered(&like, client)));
    let users = realm["users"].as_array_mut().unwrap();
    for (like, count) in PEOPLE {
        let template = users.iter().find(|user| user["username"] == like).unwrap().clone();
        users.extend((0..count).map(|number| alike(&template, &format!("{like}-{number}"))));
    }
    realm
}

fn registered(like: &Value, client: &Client) -> Value {
    let mut settings = like.clone();
    settings["clientId"] = json!(client.id);
    settings["name"] = json!(client.id);
    settings["secret"] = json!(client.secret());
    settings["serviceAccountsEnabled"] = json!(false);
    settings["directAccessGrantsEnabled"] = json!(false);
    settings["redirectUris"] = json!([format!("{}/oidc/callback", client.url)]);
    let attributes = settings["attributes"].as_object_mut().unwrap();
    attributes.insert("post.logout.redirect.uris".to_owned(), json!(format!("{}/", client.url)));
    attributes.insert(
        "backchannel.logout.url".to_owned(),
        json!(client.back_channel.as_deref().unwrap_or_default()),
    );
    if client.back_channel.is_none() {
        attributes.remove("backchannel.logout.url");
    }
    if let Some(seconds) = client.access_seconds {
        attributes.insert("access.token.lifespan".to_owned(), json!(seconds.to_string()));
    }
    for mapper in settings["protocolMappers"].as_array_mut().unwrap() {
        if mapper["config"]["included.client.audience"] == LIKE {
            mapper["config"]["included.client.audience"] = json!(client.id);
        }
    }
    settings
}

fn alike(template: &Value, name: &str) -> Value {
    let mut user = template.clone();
    user["username"] = json!(name);
    user["email"] = json!(format!("{name}@example.test"));
    user["credentials"][0]["value"] = json!(name);
    user
}

/// How many there are of each. Alice is an administrator, bob is staff, carol is neither, and dave is disabled.
const PEOPLE: [(&str, usize); 4] = [("alice", 54), ("bob", 9), ("carol", 9), ("dave", 3)];

/// Hands out people: whoever is logged out everywhere is to be nobody else's.
#[derive(Debug, Default)]
pub(crate) struct People {
    taken: Mutex<HashMap<&'static str, usize>>,
}

impl People {
    /// The name of somebody like that whom nobody else has; it is the password, too.
    pub(crate) fn like(&self, like: &'static str) -> String {
        let mut taken = self.taken.lock().unwrap();
        let number = taken.entry(like).or_default();
        let (_, most) = PEOPLE.iter().find(|(name, _)| *name == like).unwrap();
        assert!(*number < *most, "there are only {most} like {like}: make more");
        *number += 1;
        format!("{like}-{}", *number - 1)
    }
}
