//! The issuer as a process that is killed and stopped while requests come.

use std::time::Duration;

use fault_tests::{Case, IssuerProcess, Load, Service};
use serde_json::json;
use tokio::time::sleep;

use crate::stack::{COOLDOWN, COOLDOWN_SECONDS};

async fn service(issuer: &IssuerProcess) -> Service {
    let settings = [("KEYCLOAK_JWKS_COOLDOWN_SECONDS", COOLDOWN_SECONDS)];
    let service = Service::start(&issuer.url(), &issuer.url(), &settings).await;
    service.has_keys().await;
    service
}

/// Of tokens that the service can judge by itself, and of one of an unknown key.
async fn bad(issuer: &IssuerProcess) -> Vec<Case> {
    let expired = issuer.token(&json!({ "user": "alice", "expires_in": -60 })).await;
    let unknown = issuer.token(&json!({ "user": "alice", "unknown_key": "RS256" })).await;
    vec![
        Case::new("an expired token", "GET /me", Some(&expired), (401, "token_expired")),
        Case::new("a token of an unknown key", "GET /me", Some(&unknown), (401, "unknown_key"))
            .or(503, "keys_unavailable"),
        Case::new(
            "an expired token to be introspected",
            "DELETE /items/1",
            Some(&expired),
            (401, "token_expired"),
        ),
        Case::new("anybody", "GET /health", None, (200, "")),
    ]
}

fn load(service: &Service, cases: Vec<Case>) -> Load {
    Load::of(cases, service.address(), 4, Duration::from_millis(20))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_killed_and_comes_back_with_other_keys_is_followed_within_a_cool_down() {
    let mut issuer = IssuerProcess::start().await;
    let service = service(&issuer).await;
    let (old, bad) = (issuer.alice().await, bad(&issuer).await);
    let known = Case::new("a token of a known key", "GET /me", Some(&old), (200, ""));
    let asked = Case::new("a good token to be introspected", "DELETE /items/1", Some(&old), (204, ""));
    asked.check(&mut service.client()).await;

    issuer.kill();
    let unheard = asked.clone().or(502, "introspection_unavailable");
    let gone = [vec![known.clone(), unheard], bad.clone()].concat();
    let under_load = load(&service, gone);
    sleep(Duration::from_millis(1500)).await;
    let tally = under_load.stop().await;
    assert!(tally.contains_key(&("a good token to be introspected", 502)), "{tally:?}");

    // While it starts, and until the service has seen the other keys, a token of the old ones may still be good. To be
    // introspected it never is: the issuer has forgotten its session.
    let forgotten = Case::new("a forgotten token", "DELETE /items/1", Some(&old), (401, "token_inactive"))
        .or(502, "introspection_unavailable");
    let dying = [known, forgotten, bad[0].clone()];
    let dying = dying.map(|case| case.or(401, "unknown_key").or(503, "keys_unavailable")).to_vec();
    let under_load = load(&service, dying);
    issuer.start_again().await;
    let new = issuer.alice().await;
    let new = [
        Case::new("a token of the new key", "GET /me", Some(&new), (200, "")),
        Case::new("the new token to be introspected", "DELETE /items/1", Some(&new), (204, "")),
    ];
    for case in &new {
        case.becomes_right(&mut service.client(), COOLDOWN).await;
    }
    under_load.stop().await;
    let dead = Case::new("a token of a key that is gone", "GET /me", Some(&old), (401, "unknown_key"));
    for case in new.iter().chain([&dead]) {
        case.check(&mut service.client()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_stopped_holds_up_only_those_who_need_its_word_and_is_found_again() {
    let issuer = IssuerProcess::start().await;
    let service = service(&issuer).await;
    let (alice, bad) = (issuer.alice().await, bad(&issuer).await);
    let known = Case::new("a token of a known key", "GET /me", Some(&alice), (200, ""));
    let asked = Case::new("a good token to be introspected", "DELETE /items/1", Some(&alice), (204, ""));
    asked.check(&mut service.client()).await;

    issuer.stop();
    let held_up = asked.clone().or(502, "introspection_unavailable");
    let under_load = load(&service, [vec![known.clone(), held_up], bad].concat());
    let mut client = service.client();
    for _ in 0..100 {
        known.check(&mut client).await;
    }
    sleep(Duration::from_millis(2500)).await;
    let tally = under_load.stop().await;
    assert!(tally.contains_key(&("a good token to be introspected", 502)), "{tally:?}");
    assert!(!tally.contains_key(&("a good token to be introspected", 204)), "{tally:?}");

    issuer.go_on();
    asked.becomes_right(&mut service.client(), COOLDOWN).await;
    let unknown = issuer.token(&json!({ "user": "alice", "unknown_key": "ES256" })).await;
    let unknown = Case::new("a token of an unknown key", "GET /me", Some(&unknown), (401, "unknown_key"));
    unknown.becomes_right(&mut service.client(), COOLDOWN).await;
    known.check(&mut service.client()).await;
}
