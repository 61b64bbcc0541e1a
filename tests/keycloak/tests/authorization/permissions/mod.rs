//! Permissions that Keycloak itself decides about, permission tickets, and the Protection API.

mod protection;
mod rules;
mod tickets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kc_core::client::ClientAuthentication;
use kc_core::clock::SystemClock;
use kc_core::policy::{AuthorizationConfig, IdentityClaims, Verdict};
use kc_core::secret::Secret;
use kc_core::service_token::{ServiceTokenOptions, ServiceTokens};
use kc_core::transport::{ReqwestTransport, Transport, TransportOptions};
use kc_core::uma::{ProtectionClient, PushedClaims, UmaClient, UmaError, Wanted};
use keycloak_tests::{Realm, Temporary, token};
use reqwest::Method;
use serde_json::{Value, json};

/// A resource server of one test: its client, and the id of its resource `store`.
struct Server {
    realm: Realm,
    client: Temporary,
    store: String,
    /// A login takes longer than all else.
    known: tokio::sync::Mutex<BTreeMap<String, String>>,
}

fn policy(name: &str, kind: &str, config: &Value) -> Value {
    json!({ "name": name, "type": kind, "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "config": config })
}

/// Who may what: admins view the store; whoever is in the lab may see what is in the bin; users may do everything with
/// albums, which are theirs.
fn settings() -> Value {
    let role = |role: &str| json!({ "roles": json!([{ "id": role, "required": true }]).to_string() });
    let room = json!({ "targetClaim": "room", "targetContextAttributes": "true", "pattern": "^lab$" });
    json!({
        "allowRemoteResourceManagement": true,
        "policyEnforcementMode": "ENFORCING",
        "decisionStrategy": "UNANIMOUS",
        "scopes": [{ "name": "view" }, { "name": "add" }, { "name": "look" }],
        "resources": [
            { "name": "store", "scopes": [{ "name": "view" }, { "name": "add" }] },
            { "name": "bin", "scopes": [{ "name": "look" }] },
        ],
        "policies": [
            policy("admins", "role", &role("admin")),
            policy("users", "role", &role("user")),
            policy("in the lab", "regex", &room),
            policy("view the store", "scope", &json!({
                "resources": "[\"store\"]", "scopes": "[\"view\"]", "applyPolicies": "[\"admins\"]",
            })),
            policy("look into the bin", "scope", &json!({
                "resources": "[\"bin\"]", "scopes": "[\"look\"]", "applyPolicies": "[\"in the lab\"]",
            })),
            policy("albums", "resource", &json!({
                "defaultResourceType": "album", "applyPolicies": "[\"users\"]",
            })),
        ],
    })
}

fn transport() -> Arc<dyn Transport> {
    Arc::new(ReqwestTransport::new(TransportOptions::default()).unwrap())
}

impl Server {
    async fn start() -> Self {
        let realm = Realm::reached().await;
        let client = realm.temporary_resource_server(&settings()).await;
        let store = realm.resource_ids(&client).await["store"].clone();
        Self { realm, client, store, known: tokio::sync::Mutex::default() }
    }

    fn uma(&self) -> UmaClient {
        UmaClient::new(transport(), self.realm.endpoint("token").parse().unwrap(), self.client.name())
    }

    fn protection(&self) -> ProtectionClient {
        let name = self.client.name();
        let tokens = ServiceTokens::new(
            transport(),
            self.realm.endpoint("token").parse().unwrap(),
            ClientAuthentication::client_secret_post(name, Secret::new(format!("{name}-secret"))),
            Arc::new(SystemClock),
            ServiceTokenOptions::default(),
        );
        let base = format!("{}/authz/protection", self.realm.issuer());
        ProtectionClient::new(transport(), base.parse().unwrap(), tokens)
    }

    async fn token(&self, user: &str) -> String {
        let mut known = self.known.lock().await;
        if let Some(token) = known.get(user) {
            return token.clone();
        }
        let token = self.realm.log_in("api", user).await.access;
        known.insert(user.to_owned(), token.clone());
        token
    }

    async fn allows(&self, user: &str, wanted: &[Wanted]) -> Result<bool, UmaError> {
        self.uma().allows(&self.token(user).await, wanted, &PushedClaims::new()).await
    }

    /// Gives a user a resource, called as the service's own are.
    async fn give(&self, user: &str, name: &str) {
        let owner = token::claims(&self.token(user).await)["sub"].clone();
        let path = format!("clients/{}/authz/resource-server/resource", self.client.id());
        let resource = json!({
            "name": name,
            "type": "album",
            "owner": { "id": owner },
            "ownerManagedAccess": true,
            "scopes": [{ "name": "view" }, { "name": "add" }],
        });
        self.realm.administer(Method::POST, &path, Some(&resource)).await;
    }
}

#[tokio::test]
async fn keycloak_decides_about_each_permission_and_a_denial_is_no_error() {
    let server = Server::start().await;
    let view = [Wanted::of(&server.store, ["view"])];
    assert_eq!(server.allows("alice", &view).await, Ok(true));
    assert_eq!(server.allows("bob", &view).await, Ok(false));
    assert_eq!(server.allows("alice", &[Wanted::of_scope("view")]).await, Ok(true));
    assert_eq!(server.allows("bob", &[Wanted::of_scope("view")]).await, Ok(false));
    assert_eq!(server.allows("alice", &[Wanted::of(&server.store, [""; 0])]).await, Ok(true));
    let alice = server.token("alice").await;
    let granted = server.uma().granted(&alice, &[], &PushedClaims::new()).await.unwrap();
    assert_eq!(granted.len(), 1);
    assert_eq!(granted[0].resource_id.as_ref(), Some(&server.store));
    assert_eq!(
        (granted[0].resource_name.as_deref(), granted[0].scopes.as_slice()),
        (Some("store"), &["view".to_owned()][..])
    );
}

/// Keycloak's own yes is one to anything of what was asked for.
#[tokio::test]
async fn of_several_scopes_all_have_to_be_granted() {
    let server = Server::start().await;
    let both = [Wanted::of(&server.store, ["view", "add"])];
    let alice = server.token("alice").await;
    assert_eq!(server.uma().any(&alice, &both, &PushedClaims::new()).await, Ok(true));
    assert_eq!(server.allows("alice", &both).await, Ok(false));
    // A scope that the resource lacks is left out of the answer without a word.
    assert_eq!(server.allows("alice", &[Wanted::of(&server.store, ["view", "look"])]).await, Ok(false));
    let two = [Wanted::of(&server.store, ["view"]), Wanted::of_scope("look")];
    assert_eq!(server.allows("alice", &two).await, Ok(false));
}

#[tokio::test]
async fn what_there_is_not_is_said_and_a_token_that_is_over_too() {
    let server = Server::start().await;
    for (wanted, code) in [
        (Wanted::of("nope", ["view"]), "invalid_resource"),
        (Wanted::of(&server.store, ["nope"]), "invalid_scope"),
        (Wanted::of_scope("nope"), "invalid_scope"),
    ] {
        let outcome = server.allows("alice", std::slice::from_ref(&wanted)).await;
        assert!(
            matches!(&outcome, Err(UmaError::Unknown { code: said }) if said.as_str() == code),
            "{wanted:?}: {outcome:?}"
        );
    }
    // Of a resource by its id, a scope that there is and that it lacks is denied.
    assert_eq!(server.allows("alice", &[Wanted::of(&server.store, ["look"])]).await, Ok(false));
    let view = [Wanted::of(&server.store, ["view"])];
    let none = PushedClaims::new();
    let tokens = server.realm.log_in("api", "alice").await;
    server.realm.log_out("api", &tokens.refresh).await;
    assert_eq!(server.uma().allows(&tokens.access, &view, &none).await, Err(UmaError::TokenRefused));
    assert_eq!(server.uma().allows("x", &view, &none).await, Err(UmaError::TokenRefused));
    let endpoint = server.realm.endpoint("token").parse().unwrap();
    let nowhere = UmaClient::new(transport(), endpoint, "api");
    let outcome = nowhere.allows(&server.token("alice").await, &view, &none).await;
    assert!(matches!(outcome, Err(UmaError::Status { .. })), "no resource server: {outcome:?}");
}

#[tokio::test]
async fn policies_see_the_claims_that_are_pushed() {
    let server = Server::start().await;
    let (uma, bob) = (server.uma(), server.token("bob").await);
    let look = [Wanted::of_scope("look")];
    let in_room = |room: &str| PushedClaims::new().with("room", [room]);
    assert_eq!(uma.allows(&bob, &look, &PushedClaims::new()).await, Ok(false));
    assert_eq!(uma.allows(&bob, &look, &in_room("lab")).await, Ok(true));
    assert_eq!(uma.allows(&bob, &look, &in_room("hall")).await, Ok(false));
}

/// Why permissions go by ids: a user may call theirs as they like.
#[tokio::test]
async fn a_users_resource_of_the_same_name_grants_them_nothing_of_the_services_own() {
    let server = Server::start().await;
    server.give("bob", "store").await;
    let bob = server.token("bob").await;
    let none = PushedClaims::new();
    let by_name = [Wanted::of("store", ["view"])];
    assert_eq!(server.uma().any(&bob, &by_name, &none).await, Ok(true), "by the name, Keycloak says yes");
    assert_eq!(server.uma().allows(&bob, &by_name, &none).await, Ok(false));
    assert_eq!(server.uma().allows(&bob, &[Wanted::of(&server.store, ["view"])], &none).await, Ok(false));
    assert_eq!(server.protection().own("store").await.unwrap().as_ref(), Some(&server.store));
}

/// What both can decide, both decide alike.
#[tokio::test]
async fn keycloak_and_its_export_decide_the_same() {
    let server = Server::start().await;
    let exported = server.realm.exported(&server.client).await;
    let config = AuthorizationConfig::builder().client_id(server.client.name());
    let config = config.build(exported.to_string().as_bytes()).unwrap();
    let now = kc_core::clock::Clock::now(&SystemClock);
    for user in ["alice", "bob", "carol", "frank"] {
        let token = server.token(user).await;
        let claims = IdentityClaims::from_json(token::claims(&token).to_string().as_bytes()).unwrap();
        for scopes in [&["view"][..], &["add"], &["view", "add"]] {
            let wanted = [Wanted::of(&server.store, scopes.iter().copied())];
            let online = server.uma().allows(&token, &wanted, &PushedClaims::new()).await.unwrap();
            let offline = config.decide(&claims.identity(), Some("store"), scopes, now).verdict();
            assert_eq!(online, offline == Verdict::Grant, "{user} {scopes:?}");
        }
    }
}

#[tokio::test]
async fn a_keycloak_that_does_not_answer_decides_nothing() {
    let server = Server::start().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = TransportOptions { timeout: Duration::from_millis(200), ..TransportOptions::default() };
    let transport = Arc::new(ReqwestTransport::new(options).unwrap());
    let endpoint = format!("http://{}/token", silent.local_addr().unwrap()).parse().unwrap();
    let uma = UmaClient::new(transport, endpoint, server.client.name());
    let view = [Wanted::of(&server.store, ["view"])];
    let outcome = uma.allows(&server.token("alice").await, &view, &PushedClaims::new()).await;
    assert!(matches!(outcome, Err(UmaError::Unreachable(_))), "{outcome:?}");
}
