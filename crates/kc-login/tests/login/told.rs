//! Keycloak tells that a session is over.

use kc_dev::{Alg, Mint, TokenKind};
use serde_json::json;

use crate::harness::{Service, service};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn logout(service: &Service) -> Mint {
    service.issuer.mint().kind(TokenKind::Logout).user("alice").claim("sid", "unknown-session")
}

/// The `sid` of the browser's session, by its access token.
async fn session_of(service: &Service, browser: &mut crate::harness::Browser<'_>) -> String {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let sees = std::sync::Arc::clone(&seen);
    service.meddler.with_tokens(move |answer| {
        *sees.lock().unwrap() = answer["session_state"].as_str().unwrap().to_owned();
    });
    browser.log_in("alice").await;
    service.meddler.stop();
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn a_session_that_keycloak_ends_is_over_here_and_no_other_is() {
    let service = service().await;
    let (mut one, mut other) = (service.browser(), service.browser());
    let sid = session_of(&service, &mut one).await;
    other.log_in("alice").await;
    let token = logout(&service).claim("sid", sid).sign().await.unwrap();
    let told = service.tell(&token).await;
    assert_eq!((told.status, &*told.body), (200, ""));
    assert_eq!(told.headers["cache-control"], "no-store");
    assert_eq!(one.get("/me", &[]).await.code(), "session_expired");
    assert_eq!(other.get("/me", &[]).await.status, 200);
    assert_eq!(service.tell(&token).await.status, 400, "the same token again");
}

#[tokio::test]
async fn without_a_session_all_of_the_user_are_over() {
    let service = service().await;
    let (mut one, mut other, mut bob) = (service.browser(), service.browser(), service.browser());
    one.log_in("alice").await;
    other.log_in("alice").await;
    bob.log_in("bob").await;
    let bearer = service.issuer.token("alice", "api").await.unwrap();
    let token = logout(&service).without("sid").sign().await.unwrap();
    assert_eq!(service.tell(&token).await.status, 200);
    assert_eq!(one.get("/me", &[]).await.code(), "session_expired");
    assert_eq!(other.get("/me", &[]).await.code(), "session_expired");
    assert_eq!(bob.get("/me", &[]).await.status, 200);
    assert_eq!(service.bearer(&bearer).await.code(), "token_revoked");
}

#[tokio::test]
async fn a_session_that_is_not_known_is_over_as_it_is() {
    let service = service().await;
    assert_eq!(service.tell(&logout(&service).sign().await.unwrap()).await.status, 200);
}

#[tokio::test]
async fn logout_tokens_that_are_forged_expired_or_none() {
    let service = service().await;
    let mut browser = service.browser();
    let sid = session_of(&service, &mut browser).await;
    type Bend = fn(Mint) -> Mint;
    let bends: [(&str, Bend); 17] = [
        ("alg none", Mint::unsigned),
        ("a key that is nobody's", |mint| mint.unknown_key(Alg::Rs256)),
        ("HS256 with the client's secret", |mint| mint.secret(Alg::Hs256, "api-secret")),
        ("of another issuer", |mint| mint.claim("iss", "https://evil.test/realms/kc-demo")),
        ("for another client", |mint| mint.claim("aud", "spa")),
        ("expired", |mint| mint.expires_in(-60)),
        ("without exp", |mint| mint.without("exp")),
        ("without iat", |mint| mint.without("iat")),
        ("of the future", |mint| mint.claim("iat", 4_000_000_000_i64)),
        ("without jti", |mint| mint.without("jti")),
        ("without events", |mint| mint.without("events")),
        ("with another event", |mint| mint.claim("events", json!({"http://evil.test/event": {}}))),
        ("with an event that is no object", |mint| mint.claim("events", json!({ EVENT: true }))),
        ("with a nonce", |mint| mint.claim("nonce", "n")),
        ("without sub and sid", |mint| mint.without("sub").without("sid")),
        ("an ID token", |mint| mint.kind(TokenKind::Id)),
        ("an access token", |mint| mint.kind(TokenKind::Access)),
    ];
    for (why, bend) in bends {
        let forged = bend(logout(&service).claim("sid", sid.clone())).sign().await.unwrap();
        let told = service.tell(&forged).await;
        assert_eq!(told.status, 400, "{why}: {}", told.body);
        assert!(!told.body.contains(forged.split_at(20).0), "{why}");
        assert_eq!(browser.get("/me", &[]).await.status, 200, "{why}");
    }
    for token in ["", "x", "a.b.c", &"A".repeat(60_000)] {
        assert_eq!(service.tell(token).await.status, 400);
    }
    let typ = logout(&service).claim("sid", sid.clone()).header("typ", "JWT").sign().await.unwrap();
    assert_eq!(service.tell(&typ).await.status, 200, "the header that other servers write");
    assert_eq!(browser.get("/me", &[]).await.code(), "session_expired");
}

#[tokio::test]
async fn a_logout_token_is_no_bearer_token() {
    let service = service().await;
    let token = logout(&service).sign().await.unwrap();
    assert_eq!(service.bearer(&token).await.code(), "wrong_token_type");
}

#[tokio::test]
async fn what_could_not_be_done_can_be_told_again() {
    let service = service().await;
    let mut browser = service.browser();
    let sid = session_of(&service, &mut browser).await;
    let token = logout(&service).claim("sid", sid).sign().await.unwrap();
    service.store.off.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(service.tell(&token).await.status, 503);
    service.store.off.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(service.tell(&token).await.status, 200);
    assert_eq!(browser.get("/me", &[]).await.code(), "session_expired");
}

#[tokio::test]
async fn a_frame_ends_a_session_only_where_that_is_switched_on() {
    let service = service().await;
    let mut browser = service.browser();
    let sid = session_of(&service, &mut browser).await;
    let issuer: String = url::form_urlencoded::byte_serialize(service.issuer.issuer().as_bytes()).collect();
    let link = format!("/oidc/frontchannel-logout?iss={issuer}&sid={sid}");
    assert_eq!(browser.get(&link, &[]).await.status, 404);
    assert_eq!(browser.get("/me", &[]).await.status, 200);
    let mut options = kc_login::LoginOptions::default();
    options.front_channel_logout = true;
    let service = crate::harness::Made { options, ..Default::default() }.service().await;
    let mut browser = service.browser();
    let sid = session_of(&service, &mut browser).await;
    let issuer: String = url::form_urlencoded::byte_serialize(service.issuer.issuer().as_bytes()).collect();
    let link = |sid: &str| format!("/oidc/frontchannel-logout?iss={issuer}&sid={sid}");
    let foreign = format!("/oidc/frontchannel-logout?iss=https%3A%2F%2Fevil.test&sid={sid}");
    assert_eq!(service.browser().get(&foreign, &[]).await.status, 400);
    assert_eq!(service.browser().get(&link("another"), &[]).await.status, 200);
    assert_eq!(browser.get("/me", &[]).await.status, 200);
    assert_eq!(service.browser().get(&link(&sid), &[]).await.status, 200);
    assert_eq!(browser.get("/me", &[]).await.code(), "session_expired");
}
