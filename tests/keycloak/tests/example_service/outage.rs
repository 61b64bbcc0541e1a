//! Keycloak hangs, dies and comes back while the service runs.

use std::time::{Duration, Instant};

use keycloak_tests::{Realm, SecondKeycloak, Service, ServiceBuilder};

/// More than one failure in the background must not be needed to learn that the server is back.
fn impatient(realm: &Realm) -> ServiceBuilder {
    Service::of(realm).set("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1")
}

#[tokio::test]
async fn a_service_starts_while_keycloak_is_down_and_serves_once_it_is_up() {
    let keycloak = SecondKeycloak::down().await;
    let realm = keycloak.realm();
    let service = impatient(&realm).start().await;
    service.logs("The service runs; it will ask again when a token comes").await;
    // Of another issuer: with no key at hand that cannot be found out.
    let stranger = Realm::reached().await.log_in("api", "alice").await.access;
    service.get("/me", &stranger).await.is_refused(503, "keys_unavailable");

    keycloak.start().await;
    let alice = realm.log_in("api", "alice").await.access;
    service.get("/me", &alice).await.is(200);
    service.delete("/items/1", &alice).await.is(204);
    service.get("/me", &stranger).await.is_refused(401, "invalid_issuer");
}

#[tokio::test]
async fn a_keycloak_that_hangs_stops_only_what_needs_its_word() {
    let keycloak = SecondKeycloak::up().await;
    let realm = keycloak.realm();
    let alice = realm.log_in("api", "alice").await.access;
    let service = impatient(&realm).set("KEYCLOAK_JWKS_TTL_SECONDS", "1").start().await;
    service.get("/me", &alice).await.is(200);

    keycloak.pause();
    let cold = impatient(&realm).start().await;
    // Until well after the keys have become stale.
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        service.get("/me", &alice).await.is(200);
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(slowest < Duration::from_millis(900), "a request waited {slowest:?} for a server that hangs");
    let asked = Instant::now();
    service.delete("/items/1", &alice).await.is_refused(502, "introspection_unavailable");
    cold.get("/me", &alice).await.is_refused(503, "keys_unavailable");
    assert!(asked.elapsed() < Duration::from_secs(5), "the timeout is one second: {:?}", asked.elapsed());
    service.get("/service-token", &alice).await.is_refused(502, "service_token_unavailable");

    keycloak.resume();
    service.delete("/items/1", &alice).await.is(204);
    becomes_200(&service, "/service-token", &alice).await;
    becomes_200(&cold, "/me", &alice).await;
}

#[tokio::test]
async fn a_keycloak_that_dies_and_comes_back_is_missed_only_where_its_word_is_needed() {
    let keycloak = SecondKeycloak::up().await;
    let realm = keycloak.realm();
    let alice = realm.log_in("api", "alice").await.access;
    let service = impatient(&realm).set("KEYCLOAK_JWKS_TTL_SECONDS", "1").start().await;
    service.delete("/items/1", &alice).await.is(204);

    keycloak.kill();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        service.get("/me", &alice).await.is(200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    service.delete("/items/1", &alice).await.is_refused(502, "introspection_unavailable");
    service.logs("is Keycloak running, and can this machine reach it?").await;
    service.get("/service-token", &alice).await.is_refused(502, "service_token_unavailable");
    service.get("/me", &alice).await.is(200);

    keycloak.start().await;
    // The same data base, and so the same keys, without the sessions since.
    service.get("/me", &alice).await.is(200);
    service.delete("/items/1", &alice).await.is_refused(401, "token_inactive");
    let again = realm.log_in("api", "alice").await.access;
    service.get("/me", &again).await.is(200);
    service.delete("/items/1", &again).await.is(204);
    service.get("/service-token", &again).await.is(200);
}

/// What has failed is not tried again for a second.
async fn becomes_200(service: &Service, path: &str, token: &str) {
    let start = Instant::now();
    while service.get(path, token).await.status() != 200 {
        assert!(start.elapsed() < Duration::from_secs(5), "Keycloak answers, and {path} does not see it");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
