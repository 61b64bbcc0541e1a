//! The end of a token's life.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keycloak_tests::{Realm, Service, token};
use serde_json::json;

#[tokio::test]
async fn a_token_ends_when_it_says_and_the_leeway_prolongs_it() {
    let realm = Realm::reached().await;
    let exact = Service::of(&realm).set("KEYCLOAK_LEEWAY_SECONDS", "0").start().await;
    let lenient = Service::of(&realm).set("KEYCLOAK_LEEWAY_SECONDS", "60").start().await;
    exact.has_keys().await;
    lenient.has_keys().await;
    let client = realm.temporary_client("short", json!({ "access.token.lifespan": "2" })).await;
    let alice = realm.log_in(client.name(), "alice").await.access;
    let exp = token::claims(&alice)["exp"].as_f64().unwrap();

    exact.get("/me", &alice).await.is(200);
    let ended = loop {
        let reply = exact.get("/me", &alice).await;
        if reply.status() != 200 {
            reply.is_refused(401, "token_expired");
            assert_eq!(reply.json()["detail"], "Token has expired");
            break now();
        }
        assert!(now() < exp + 5.0, "still good 5 s after its end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // Upper bound: a machine under load.
    assert!(ended >= exp && ended < exp + 2.0, "ended at {ended}, said {exp}");
    lenient.get("/me", &alice).await.is(200);
    // Keycloak knows no leeway (but takes the last second for a whole one): where it is asked, its word counts.
    while lenient.delete("/items/1", &alice).await.status() == 204 {
        assert!(now() < exp + 3.0, "Keycloak still calls it active");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lenient.delete("/items/1", &alice).await.is_refused(401, "token_inactive");
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
