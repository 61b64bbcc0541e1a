//! A gRPC service behind the layer that guards HTTP services, over TCP, with tonic's own client.
//!
//! Refusals are gRPC's: a status that every client knows, the code and the challenge in its metadata.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod service;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::routing::post_service;
use kc_axum::{Routes, require};
use kc_core::audit::{AuditEvent, AuditSink, Decision};
use kc_core::rules::{all_roles, any_role, authenticated};
use kc_core::secret::Secret;
use kc_core::settings::Settings;
use kc_core::{Access, Guard, Keycloak};
use kc_dev::DevIssuer;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::LayerExt;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use crate::service::{Empty, Item, Items, LIST, ME};

/// Keeps the events.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<AuditEvent<'static>>>);

impl AuditSink for Kept {
    fn record(&self, event: AuditEvent<'_>) {
        self.0.lock().unwrap().push(event.into_owned());
    }
}

struct Realm {
    issuer: DevIssuer,
    kc: Keycloak,
}

async fn realm() -> Realm {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let settings = Settings::builder(issuer.base_url(), issuer.realm(), "api")
        .client_secret(Secret::new("api-secret"))
        .audit_log("off")
        .build()
        .unwrap();
    Realm { kc: Keycloak::new(&settings).unwrap(), issuer }
}

impl Realm {
    async fn token(&self, user: &str) -> String {
        self.issuer.token(user, "api").await.unwrap()
    }
}

/// The service with one rule around all of it.
async fn serve(guard: &Guard, access: impl Into<Access>) -> SocketAddr {
    start(tonic::service::Routes::new(require(guard, access).named_layer(Items))).await
}

/// The service with a rule for each method.
async fn serve_by_method(guard: &Guard) -> SocketAddr {
    let router = Routes::new(guard)
        .route(ME, authenticated(), post_service(Items))
        .route(LIST, any_role(&["admin"]), post_service(Items))
        .into_router()
        .unwrap();
    start(tonic::service::Routes::from(router)).await
}

async fn start(routes: tonic::service::Routes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

/// A call, with this after `authorization:`.
fn request(authorization: Option<&str>) -> tonic::Request<Empty> {
    let mut request = tonic::Request::new(Empty {});
    if let Some(authorization) = authorization {
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    }
    request
}

async fn client(address: SocketAddr) -> tonic::client::Grpc<Channel> {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    client
}

async fn me(address: SocketAddr, authorization: Option<&str>) -> Result<String, Status> {
    let path = ME.parse().unwrap();
    let codec = ProstCodec::<Empty, Item>::default();
    Ok(client(address).await.unary(request(authorization), path, codec).await?.into_inner().name)
}

async fn list(address: SocketAddr, authorization: Option<&str>) -> Result<Vec<String>, Status> {
    let path = LIST.parse().unwrap();
    let codec = ProstCodec::<Empty, Item>::default();
    let answer = client(address).await.server_streaming(request(authorization), path, codec).await?;
    answer.into_inner().map(|item| item.map(|item| item.name)).collect().await
}

fn metadata<'s>(status: &'s Status, name: &str) -> &'s str {
    status.metadata().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn a_good_token_comes_in_and_the_service_knows_whose_it_is() {
    let realm = realm().await;
    let address = serve(realm.kc.guard(), authenticated()).await;
    let alice = format!("Bearer {}", realm.token("alice").await);
    assert_eq!(me(address, Some(&alice)).await.unwrap(), "alice");
    assert_eq!(list(address, Some(&alice)).await.unwrap(), ["alice's 1", "alice's 2", "alice's 3"]);
}

#[tokio::test]
async fn without_a_good_token_the_status_is_unauthenticated_and_the_challenge_is_in_the_metadata() {
    let realm = realm().await;
    let address = serve(realm.kc.guard(), authenticated()).await;
    let mint = || realm.issuer.mint().user("alice");
    let expired = format!("Bearer {}", mint().expires_in(-60).sign().await.unwrap());
    let for_another = format!("Bearer {}", mint().claim("aud", "another").sign().await.unwrap());
    for (authorization, code, message, challenge) in [
        (None, "not_authenticated", "Not authenticated", r#"Bearer realm="kc-demo""#),
        (
            Some("Bearer"),
            "invalid_request",
            "The Authorization header has no token after Bearer",
            r#"error="invalid_request""#,
        ),
        (Some("Bearer a.b.c"), "malformed_token", "segment is not canonical", r#"error="invalid_token""#),
        (Some(&*expired), "token_expired", "expired", r#"error="invalid_token""#),
        (Some(&*for_another), "invalid_audience", "audience", r#"error="invalid_token""#),
    ] {
        // A stream is refused before it begins, as a single answer is.
        for status in
            [me(address, authorization).await.unwrap_err(), list(address, authorization).await.unwrap_err()]
        {
            assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
            assert_eq!(metadata(&status, "problem-code"), code, "{status:?}");
            assert!(status.message().contains(message), "{status:?}");
            assert!(metadata(&status, "www-authenticate").contains(challenge), "{status:?}");
        }
    }
}

#[tokio::test]
async fn a_missing_role_is_permission_denied_and_the_message_names_it() {
    let realm = realm().await;
    let address = serve(realm.kc.guard(), all_roles(&["r\u{f6}le 100%"])).await;
    let alice = format!("Bearer {}", realm.token("alice").await);
    for status in
        [me(address, Some(&alice)).await.unwrap_err(), list(address, Some(&alice)).await.unwrap_err()]
    {
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
        assert_eq!(status.message(), "Missing required roles: r\u{f6}le 100%");
        assert!(metadata(&status, "www-authenticate").contains("insufficient_scope"), "{status:?}");
    }
}

#[tokio::test]
async fn without_keys_the_status_is_unavailable_and_says_when_to_come_back() {
    let realm = realm().await;
    let address = serve(realm.kc.guard(), authenticated()).await;
    let alice = format!("Bearer {}", realm.token("alice").await);
    realm.issuer.pause().await;
    let status = me(address, Some(&alice)).await.unwrap_err();
    assert_eq!((status.code(), metadata(&status, "problem-code")), (Code::Unavailable, "keys_unavailable"));
    assert!(metadata(&status, "retry-after").parse::<u32>().is_ok(), "{status:?}");
}

#[tokio::test]
async fn each_method_of_a_service_may_have_its_own_rule() {
    let realm = realm().await;
    let address = serve_by_method(realm.kc.guard()).await;
    let (alice, carol) = (realm.token("alice").await, realm.token("carol").await);
    let (alice, carol) = (format!("Bearer {alice}"), format!("Bearer {carol}"));
    assert_eq!(me(address, Some(&alice)).await.unwrap(), "alice");
    assert_eq!(me(address, Some(&carol)).await.unwrap(), "carol");
    assert_eq!(me(address, None).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(list(address, Some(&alice)).await.unwrap().len(), 3);
    assert_eq!(list(address, Some(&carol)).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_method_that_is_not_there_is_unimplemented_for_everybody() {
    let realm = realm().await;
    let address = serve_by_method(realm.kc.guard()).await;
    let codec = ProstCodec::<Empty, Item>::default();
    let path = "/items.v1.Items/Delete".parse().unwrap();
    let status = client(address).await.unary(request(None), path, codec).await.unwrap_err();
    assert_eq!((status.code(), metadata(&status, "problem-code")), (Code::Unimplemented, "not_found"));
}

#[tokio::test]
async fn the_audit_names_the_method_and_the_decision() {
    let realm = realm().await;
    let kept = Arc::new(Kept::default());
    let guard = Guard::builder("kc-demo").audit(Arc::clone(&kept) as Arc<dyn AuditSink>).build();
    let address = serve_by_method(&guard).await;
    let alice = format!("Bearer {}", realm.token("alice").await);
    list(address, Some(&alice)).await.unwrap_err();
    let events = kept.0.lock().unwrap();
    let seen: Vec<_> =
        events.iter().map(|event| (event.route.as_deref(), event.decision, event.code)).collect();
    assert_eq!(seen, [(Some(LIST), Decision::Deny, Some("not_authenticated"))]);
}

#[tokio::test]
async fn what_is_no_grpc_call_is_refused_as_everywhere() {
    let realm = realm().await;
    let app =
        Routes::new(realm.kc.guard()).route(ME, authenticated(), post_service(Items)).into_router().unwrap();
    for (content_type, status) in
        [("application/json", 401), ("application/grpc-web", 401), ("application/grpc", 200)]
    {
        let request = http::Request::post(ME).header("content-type", content_type);
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(app.clone(), request).await.unwrap();
        assert_eq!(response.status(), status, "{content_type}");
        assert_eq!(response.headers().contains_key("grpc-status"), status == 200, "{content_type}");
        assert!(response.headers().contains_key("www-authenticate"), "{content_type}");
    }
}
