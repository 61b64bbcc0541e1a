//! Tokens that only Keycloak can read, in a service that may ask it.

use keycloak_tests::{Realm, Service};

async fn asking(realm: &Realm) -> Service {
    Service::of(realm).set("KEYCLOAK_OPAQUE_TOKENS", "introspect").start().await
}

#[tokio::test]
async fn a_lightweight_token_opens_what_its_user_may() {
    let realm = Realm::reached().await;
    let service = asking(&realm).await;
    let alice = realm.log_in("lightweight", "alice").await.access;
    let me = service.get("/me", &alice).await.is(200).json();
    assert_eq!((&me["username"], &me["is_superuser"]), (&"alice".into(), &true.into()), "{me}");
    service.get("/items", &alice).await.is(200);
    service.delete("/items/1", &alice).await.is(204);
    let bob = realm.log_in("lightweight", "bob").await.access;
    service.get("/admin/users", &bob).await.is_refused(403, "missing_roles");
}

#[tokio::test]
async fn a_lightweight_token_is_dead_after_logout_once_what_is_remembered_is_old() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm)
        .set("KEYCLOAK_OPAQUE_TOKENS", "introspect")
        .set("KEYCLOAK_INTROSPECTION_TTL_SECONDS", "0")
        .start()
        .await;
    let tokens = realm.log_in("lightweight", "alice").await;
    service.get("/me", &tokens.access).await.is(200);
    realm.log_out("lightweight", &tokens.refresh).await;
    service.get("/me", &tokens.access).await.is_refused(401, "token_inactive");
}

#[tokio::test]
async fn an_opaque_text_that_keycloak_does_not_know_is_no_token() {
    let realm = Realm::reached().await;
    let service = asking(&realm).await;
    service.get("/me", "made-up").await.is_refused(401, "token_inactive");
    let alice = realm.log_in("api", "alice").await.access;
    service.get("/me", &alice).await.is(200);
    // A signed token is judged by its signature, and Keycloak is not asked.
    let other = realm.log_in("no-aud", "alice").await.access;
    service.get("/me", &other).await.is_refused(401, "invalid_audience");
}
