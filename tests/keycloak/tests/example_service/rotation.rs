//! The realm's keys change while the service runs.

use std::time::{Duration, Instant};

use keycloak_tests::{Realm, Service, Temporary, token};
use serde_json::{Value, json};

/// A new RS256 key that takes precedence over all before it. The realm's own key is left alone.
async fn rotate(realm: &Realm, priority: u32) -> Temporary {
    realm.temporary_key("rsa-generated", priority, json!({ "algorithm": "RS256", "keySize": "2048" })).await
}

async fn alice(realm: &Realm) -> (String, Value) {
    let access = realm.log_in("api", "alice").await.access;
    let kid = token::header(&access)["kid"].clone();
    (access, kid)
}

/// Asks until the answer is as wanted: a key list is renewed in the background, or when a cool-down is over.
async fn becomes(service: &Service, token: &str, refused: Option<&str>) {
    let start = Instant::now();
    loop {
        let reply = service.get("/me", token).await;
        match refused {
            None if reply.status() == 200 => return,
            Some(code) if reply.has_code(code) => return reply.is_refused(401, code),
            _ => assert!(start.elapsed() < Duration::from_secs(20), "{reply:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_first_token_of_a_new_key_gets_in_at_once_and_the_old_ones_stay() {
    let realm = Realm::alone().await;
    let service = Service::of(&realm).start().await;
    service.has_keys().await;
    let (old, old_kid) = alice(&realm).await;
    service.get("/me", &old).await.is(200);

    let _key = rotate(&realm, 200).await;
    let (new, new_kid) = alice(&realm).await;
    assert_ne!(new_kid, old_kid);
    service.get("/me", &new).await.is(200);
    service.get("/me", &old).await.is(200);
    service.delete("/items/1", &new).await.is(204);
    assert_eq!(service.logged("INFO kc::keys: keys of"), 2, "fetched once more, for the new key");
}

#[tokio::test]
async fn a_second_rotation_within_the_cool_down_is_refused_until_it_is_over() {
    let realm = Realm::alone().await;
    let service = Service::of(&realm).set("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "6").start().await;
    service.has_keys().await;
    let _first = rotate(&realm, 200).await;
    service.get("/me", &alice(&realm).await.0).await.is(200);
    let _second = rotate(&realm, 300).await;
    let (new, _) = alice(&realm).await;
    service.get("/me", &new).await.is_refused(401, "unknown_key");
    becomes(&service, &new, None).await;
}

#[tokio::test]
async fn a_passive_keys_tokens_stay_good_and_a_disabled_keys_tokens_die() {
    let realm = Realm::alone().await;
    // Before the service starts: what it fetches for an unknown key here would begin the cool-down of the next.
    let old_key = rotate(&realm, 200).await;
    let service = Service::of(&realm)
        .set("KEYCLOAK_JWKS_TTL_SECONDS", "1")
        .set("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "1")
        .start()
        .await;
    let (old, old_kid) = alice(&realm).await;
    service.get("/me", &old).await.is(200);

    let _new_key = rotate(&realm, 300).await;
    realm.set_key(&old_key, &[("active", false)]).await;
    let (new, new_kid) = alice(&realm).await;
    assert_ne!(new_kid, old_kid);
    service.get("/me", &new).await.is(200);
    // For longer than keys are fresh.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        service.get("/me", &old).await.is(200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    service.delete("/items/1", &old).await.is(204);

    realm.set_key(&old_key, &[("enabled", false)]).await;
    becomes(&service, &old, Some("unknown_key")).await;
    service.get("/me", &new).await.is(200);

    realm.set_key(&old_key, &[("enabled", true)]).await;
    becomes(&service, &old, None).await;
}
