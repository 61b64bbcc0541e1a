//! Rules of a service that has Keycloak decide.

use std::net::IpAddr;

use kc_core::policy::AuthorizationFile;
use kc_core::rules::{Rule, not, permission, scope_permission};
use kc_core::settings::{AuthorizationMode, Settings};
use kc_core::uma::{HybridPermissions, OnlinePermissions, PermissionDecider, PermissionRequest};
use kc_core::wire::{Headers, Refusal, RequestView};
use kc_core::{Access, Guard, Keycloak, KeycloakBuilder};

use super::*;

/// A request's `Authorization`, and nothing else.
pub(crate) struct Bearer(String);

impl Bearer {
    pub(crate) fn of(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }
}

impl Headers for Bearer {
    fn value(&self, name: &str, nth: usize) -> Option<&[u8]> {
        (name.eq_ignore_ascii_case("authorization") && nth == 0).then_some(self.0.as_bytes())
    }
}

pub(crate) fn keycloak(server: &Server, builder: KeycloakBuilder) -> Keycloak {
    let name = server.client.name();
    let settings = Settings::builder(server.realm.base(), "kc-demo", name)
        .client_secret(Secret::new(format!("{name}-secret")))
        .audiences(["api", name])
        .authorization(AuthorizationMode::Online)
        .audit_log("off")
        .build()
        .unwrap();
    builder.build(&settings).unwrap()
}

pub(crate) async fn admit(guard: &Guard, token: &str, rule: &Rule) -> Result<(), Refusal> {
    let headers = Bearer::of(token);
    let peer = Some(IpAddr::from([127, 0, 0, 1]));
    let request =
        RequestView { method: "GET", path: "/", query: None, route: Some("/"), headers: &headers, peer };
    guard.admit(&request, &Access::from(rule.clone())).await.outcome.map(|_| ())
}

async fn code(guard: &Guard, token: &str, rule: &Rule) -> &'static str {
    admit(guard, token, rule).await.map_or_else(|refusal| refusal.code(), |()| "allowed")
}

const DENIED: &str = "insufficient_permissions";

#[tokio::test]
async fn rules_are_decided_by_keycloak() {
    let server = Server::start().await;
    server.give("bob", "store").await;
    let keycloak = keycloak(&server, Keycloak::builder());
    let (alice, bob) = (server.token("alice").await, server.token("bob").await);
    let (view, add) = (permission("store", "view"), permission("store", "add"));
    for (rule, for_alice, for_bob) in [
        (view.clone(), "allowed", DENIED),
        (add.clone(), DENIED, DENIED),
        (view.clone().and(add.clone()), DENIED, DENIED),
        (view.clone().or(add.clone()), "allowed", DENIED),
        (not(view), DENIED, "allowed"),
        // Of whatever resource: bob has one of his own.
        (scope_permission("view"), "allowed", "allowed"),
        (scope_permission("look"), DENIED, DENIED),
        (permission("nope", "view"), DENIED, DENIED),
        (not(permission("nope", "view")), DENIED, DENIED),
        (not(permission("store", "nope")), DENIED, DENIED),
    ] {
        assert_eq!(code(keycloak.guard(), &alice, &rule).await, for_alice, "alice: {rule}");
        assert_eq!(code(keycloak.guard(), &bob, &rule).await, for_bob, "bob: {rule}");
    }
}

#[tokio::test]
async fn claims_about_the_request_reach_policies() {
    let server = Server::start().await;
    let claims = Arc::new(|asked: &PermissionRequest<'_>| {
        let room = if asked.request.peer.is_some_and(|peer| peer.is_loopback()) { "lab" } else { "hall" };
        PushedClaims::new().with("room", [room])
    });
    let keycloak = keycloak(&server, Keycloak::builder().push_claims(claims));
    let bob = server.token("bob").await;
    assert_eq!(code(keycloak.guard(), &bob, &permission("bin", "look")).await, "allowed");
}

#[tokio::test]
async fn a_hybrid_asks_keycloak_about_what_the_export_leaves_open() {
    let server = Server::start().await;
    let exported = server.realm.exported(&server.client).await;
    let config = AuthorizationConfig::builder().client_id(server.client.name());
    let file = AuthorizationFile::from(config.build(exported.to_string().as_bytes()).unwrap());
    let claims = Arc::new(|_: &PermissionRequest<'_>| PushedClaims::new().with("room", ["lab"]));
    // To be seen to ask nobody about the store, it cannot.
    let online = |uma| {
        OnlinePermissions::new(uma, server.protection(), server.realm.issuer()).push_claims(claims.clone())
    };
    let hybrid =
        |uma| Arc::new(HybridPermissions::new(file.clone(), online(uma))) as Arc<dyn PermissionDecider>;
    let nowhere = UmaClient::new(transport(), "http://127.0.0.1:1/".parse().unwrap(), server.client.name());
    let keycloak = keycloak(&server, Keycloak::builder());
    let with = |decider| keycloak.guard().to_builder().permissions(decider).build();
    let (works, fails) = (with(hybrid(server.uma())), with(hybrid(nowhere)));
    let (alice, bob) = (server.token("alice").await, server.token("bob").await);
    let (view, look) = (permission("store", "view"), permission("bin", "look"));
    for guard in [&works, &fails] {
        assert_eq!(code(guard, &alice, &view).await, "allowed");
        assert_eq!(code(guard, &bob, &view).await, DENIED);
    }
    assert_eq!(code(&works, &bob, &look).await, "allowed");
    assert_eq!(code(&fails, &bob, &look).await, "authorization_unavailable");
}

#[tokio::test]
async fn an_outage_is_503_and_never_a_grant_or_a_denial() {
    let server = Server::start().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = TransportOptions { timeout: Duration::from_millis(200), ..TransportOptions::default() };
    let slow = Arc::new(ReqwestTransport::new(options).unwrap());
    let endpoint = format!("http://{}/token", silent.local_addr().unwrap()).parse().unwrap();
    let uma = UmaClient::new(slow, endpoint, server.client.name());
    let online = OnlinePermissions::new(uma, server.protection(), server.realm.issuer());
    let keycloak = keycloak(&server, Keycloak::builder());
    let guard = keycloak.guard().to_builder().permissions(Arc::new(online)).build();
    let alice = server.token("alice").await;
    let view = permission("store", "view");
    for rule in [view.clone(), not(view)] {
        let refusal = admit(&guard, &alice, &rule).await.unwrap_err();
        assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "authorization_unavailable"));
    }
}

#[tokio::test]
async fn a_token_that_is_good_here_and_over_there_is_inactive() {
    let server = Server::start().await;
    let keycloak = keycloak(&server, Keycloak::builder());
    let tokens = server.realm.log_in("api", "alice").await;
    server.realm.log_out("api", &tokens.refresh).await;
    assert_eq!(code(keycloak.guard(), &tokens.access, &permission("store", "view")).await, "token_inactive");
}
