//! `DELETE /items/{id}`: Keycloak is asked whether the token is still good. All else goes on without asking.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keycloak_tests::{Realm, Service, Temporary, Tokens, token};
use reqwest::Method;

/// A user for one test, who may delete items, logged in.
async fn editor(realm: &Realm, service: &Service) -> (Temporary, Tokens) {
    let user = realm.temporary_user("editor", &["api-admin"]).await;
    let tokens = realm.log_in("api", user.name()).await;
    service.delete("/items/1", &tokens.access).await.is(204);
    (user, tokens)
}

async fn is_dead(service: &Service, tokens: &Tokens) {
    let reply = service.delete("/items/1", &tokens.access).await;
    reply.is_refused(401, "token_inactive");
    assert_eq!(reply.json()["detail"], "Token is no longer active");
    // Nothing in the token shows it.
    service.get("/me", &tokens.access).await.is(200);
}

#[tokio::test]
async fn an_active_token_may_delete_and_a_role_is_still_needed() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let alice = realm.log_in("api", "alice").await.access;
    for _ in 0..2 {
        service.delete("/items/1", &alice).await.is(204);
    }
    let bob = realm.log_in("api", "bob").await.access;
    service.delete("/items/1", &bob).await.is_refused(403, "missing_roles");
}

#[tokio::test]
async fn a_token_is_dead_after_logout() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let (_user, tokens) = editor(&realm, &service).await;
    realm.log_out("api", &tokens.refresh).await;
    is_dead(&service, &tokens).await;
}

#[tokio::test]
async fn a_token_is_dead_after_its_revocation() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let (user, tokens) = editor(&realm, &service).await;
    realm.revoke("api", &tokens.access).await;
    is_dead(&service, &tokens).await;
    // Another one of the same user is not.
    let again = realm.log_in("api", user.name()).await;
    service.delete("/items/1", &again.access).await.is(204);
}

#[tokio::test]
async fn a_token_is_dead_when_the_administrator_ends_its_session() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let (user, first) = editor(&realm, &service).await;
    let second = realm.log_in("api", user.name()).await;
    let sid = token::claims(&first.access)["sid"].as_str().unwrap().to_owned();
    realm.administer(Method::DELETE, &format!("sessions/{sid}"), None).await;
    is_dead(&service, &first).await;
    service.delete("/items/1", &second.access).await.is(204);
    realm.administer(Method::POST, &format!("users/{}/logout", user.id()), None).await;
    is_dead(&service, &second).await;
}

#[tokio::test]
async fn a_disabled_users_token_is_dead_and_lives_again_when_the_user_is_enabled() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let (user, tokens) = editor(&realm, &service).await;
    realm.set_enabled(&user, false).await;
    is_dead(&service, &tokens).await;
    realm.set_enabled(&user, true).await;
    service.delete("/items/1", &tokens.access).await.is(204);
}

#[tokio::test]
async fn a_deleted_users_token_is_dead() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let (user, tokens) = editor(&realm, &service).await;
    drop(user);
    is_dead(&service, &tokens).await;
}

#[tokio::test]
async fn a_token_from_before_the_realms_not_before_is_dead() {
    let realm = Realm::alone().await;
    let service = Service::of(&realm).start().await;
    let (_user, tokens) = editor(&realm, &service).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let stale = realm.not_before(i64::try_from(now).unwrap() + 60).await;
    is_dead(&service, &tokens).await;
    drop(stale);
    service.delete("/items/1", &tokens.access).await.is(204);
}

#[tokio::test]
async fn a_token_from_before_the_realms_not_before_is_refused_everywhere_by_a_service_that_knows_it() {
    let realm = Realm::alone().await;
    let before = realm.log_in("api", "alice").await.access;
    let issued_at = token::claims(&before)["iat"].as_i64().unwrap();
    let stale = realm.not_before(issued_at + 1).await;
    let service = Service::of(&realm).start().await;
    // It asks at the start, and does not wait for the answer.
    let mut reply = service.get("/me", &before).await;
    for _ in 0..100 {
        if reply.status() == 401 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        reply = service.get("/me", &before).await;
    }
    reply.is_refused(401, "token_revoked");
    service.get("/items", &before).await.is_refused(401, "token_revoked");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = realm.log_in("api", "alice").await.access;
    service.get("/me", &after).await.is(200);
    drop(stale);
}

#[tokio::test]
async fn a_wrong_secret_is_our_fault_and_the_log_says_so() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).set("KEYCLOAK_CLIENT_SECRET", "not-the-secret").start().await;
    let alice = realm.log_in("api", "alice").await.access;
    service.get("/me", &alice).await.is(200);
    service.delete("/items/1", &alice).await.is_refused(502, "introspection_unavailable");
    service.logs("introspection endpoint refuses this client's credentials (401 invalid_client)").await;
    service
        .logs("check that client `api` exists in this realm and is enabled, that the secret is that of")
        .await;
    service.get("/service-token", &alice).await.is_refused(502, "service_token_unavailable");
    service.logs("unauthorized_client").await;
}
