//! What a realm issues and a service must not take for an access token of its own.

mod dpop;
mod logout;

use keycloak_tests::{Realm, Service, token};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_for_others_is_refused() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let alice = realm.log_in("no-aud", "alice").await.access;
    assert_eq!(token::claims(&alice)["aud"], "account");
    let reply = service.get("/me", &alice).await;
    reply.is_refused(401, "invalid_audience");
    assert_eq!(reply.json()["detail"], "Invalid token audience");
    // Introspection is not reached.
    service.delete("/items/1", &alice).await.is_refused(401, "invalid_audience");

    let frank = realm.log_in("no-aud", "frank").await.access;
    assert_eq!(token::claims(&frank)["aud"], Value::Null);
    service.get("/me", &frank).await.is_refused(401, "missing_claim");
}

#[tokio::test]
async fn an_id_token_is_refused_though_its_audience_is_right() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let id = realm.log_in("api", "alice").await.id;
    assert_eq!((&token::claims(&id)["aud"], &token::header(&id)["typ"]), (&json!("api"), &json!("JWT")));
    service.get("/me", &id).await.is_refused(401, "wrong_token_type");
    // Keycloak calls it active: it must not get that far.
    service.delete("/items/1", &id).await.is_refused(401, "wrong_token_type");
}

#[tokio::test]
async fn refresh_and_offline_tokens_are_refused_by_their_algorithm() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let refresh = realm.log_in("api", "alice").await.refresh;
    let offline = realm.log_in_for("api", "alice", "openid offline_access").await;
    for (token, kind) in [(&refresh, "Refresh"), (&offline.refresh, "Offline")] {
        assert_eq!(
            (&token::header(token)["alg"], &token::claims(token)["typ"]),
            (&json!("HS512"), &json!(kind))
        );
        service.get("/me", token).await.is_refused(401, "unsupported_algorithm");
    }
    // What came with the offline token is an access token like any other.
    service.get("/me", &offline.access).await.is(200);
}

#[tokio::test]
async fn an_access_token_that_only_keycloak_can_check_is_refused() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let client =
        realm.temporary_client("symmetric", json!({ "access.token.signed.response.alg": "HS512" })).await;
    let alice = realm.log_in(client.name(), "alice").await.access;
    assert_eq!(token::header(&alice)["alg"], "HS512");
    service.get("/me", &alice).await.is_refused(401, "unsupported_algorithm");
}

#[tokio::test]
async fn a_lightweight_token_is_refused_for_what_it_lacks() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let alice = realm.log_in("lightweight", "alice").await.access;
    let reply = service.get("/me", &alice).await;
    reply.is_refused(401, "missing_claim");
    assert!(reply.json()["detail"].as_str().unwrap().contains("aud"), "{reply:?}");
}

#[tokio::test]
async fn signed_userinfo_is_refused_though_the_realm_signed_it() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).set("KEYCLOAK_AUDIENCE", "api,signed-userinfo").start().await;
    let alice = realm.log_in("signed-userinfo", "alice").await.access;
    service.get("/me", &alice).await.is(200);
    let userinfo = realm.userinfo(&alice).await;
    assert_eq!(token::claims(&userinfo)["aud"], "signed-userinfo");
    service.get("/me", &userinfo).await.is_refused(401, "wrong_token_type");
}

#[tokio::test]
async fn a_bound_token_is_refused_as_a_bearer_token() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    // `api` does not demand a proof; whoever sends one gets a bound token there too.
    for client in ["dpop", "api"] {
        let proof = dpop::proof(&realm.endpoint("token"));
        let alice = realm.log_in_with(client, "alice", "openid", &[("dpop", &proof)]).await.access;
        assert!(token::claims(&alice)["cnf"]["jkt"].is_string());
        service.get("/me", &alice).await.is_refused(401, "bound_token");
        service.delete("/items/1", &alice).await.is_refused(401, "bound_token");
        // Not the bearer authenticator's business, and nobody else's yet.
        let reply = service.send(Method::GET, "/me", Some(&format!("DPoP {alice}"))).await;
        reply.is_refused(401, "not_authenticated");
    }
}

#[tokio::test]
async fn a_logout_token_is_refused() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let receiver = logout::Receiver::new().await;
    let client = realm
        .temporary_client(
            "logout",
            json!({ "backchannel.logout.url": receiver.url(), "backchannel.logout.session.required": "true" }),
        )
        .await;
    let alice = realm.log_in(client.name(), "alice").await;
    service.get("/me", &alice.access).await.is(200);
    let (logout, ()) = tokio::join!(receiver.token(), realm.log_out(client.name(), &alice.refresh));
    assert_eq!(token::claims(&logout)["typ"], "Logout");
    service.get("/me", &logout).await.is_refused(401, "wrong_token_type");
}

#[tokio::test]
async fn a_token_issued_under_another_host_name_is_refused() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let alice = realm.under("localhost").log_in("api", "alice").await.access;
    assert_eq!(token::claims(&alice)["iss"], realm.under("localhost").issuer());
    service.get("/me", &alice).await.is_refused(401, "invalid_issuer");
}

/// The service is stopped at the end of every test, and then its whole output is looked through.
#[tokio::test]
async fn no_token_is_logged_at_the_finest_level_either() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).set("RUST_LOG", "trace").start().await;
    let alice = realm.log_in("api", "alice").await;
    service.get("/me", &alice.access).await.is(200);
    service.delete("/items/1", &alice.access).await.is(204);
    service.get("/service-token", &alice.access).await.is(200);
    service.get("/me", &alice.id).await.is_refused(401, "wrong_token_type");
    service.get("/me", &alice.refresh).await.is_refused(401, "unsupported_algorithm");
    realm.log_out("api", &alice.refresh).await;
    service.delete("/items/1", &alice.access).await.is_refused(401, "token_inactive");
    service.logs("DEBUG kc: refused, wrong_token_type").await;
}
