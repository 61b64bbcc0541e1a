//! The realm's keys: when they are fetched, and what happens when they cannot be.

use std::time::Duration;

use kc_dev::{Alg, DevIssuer, Endpoint, Fault};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::harness::{FakeKeycloak, Reply, Service, Setup, eventually, issuer, with_header};

/// A service that has fetched the keys once.
async fn with_keys(setup: Setup, issuer: &DevIssuer) -> Service {
    let service = setup.start().await;
    let token = issuer.token("alice", "api").await.unwrap();
    assert_eq!(service.get("/me", &token).await.status, 200);
    assert_eq!(issuer.requests(Endpoint::Certs), 1);
    service
}

/// A token that names a key which nobody has.
fn of_unknown_key(token: &str, n: usize) -> String {
    with_header(token, &format!(r#"{{"alg":"RS256","kid":"nobody-{n}"}}"#))
}

#[tokio::test]
async fn the_keys_are_fetched_once_before_the_first_request_and_then_kept() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    eventually("the keys are fetched", async || issuer.requests(Endpoint::Certs) == 1).await;
    for user in ["alice", "bob", "alice"] {
        let token = issuer.token(user, "api").await.unwrap();
        assert_eq!(service.get("/me", &token).await.status, 200);
    }
    assert_eq!(issuer.requests(Endpoint::Certs), 1);
}

#[tokio::test]
async fn a_rotated_key_is_picked_up_by_the_first_token_that_names_it() {
    let issuer = issuer().await;
    let service = with_keys(Setup::of(&issuer), &issuer).await;
    let old = issuer.token("alice", "api").await.unwrap();
    issuer.rotate(Alg::Rs256).await.unwrap();
    let new = issuer.token("alice", "api").await.unwrap();
    assert_eq!(service.get("/me", &new).await.status, 200);
    assert_eq!(service.get("/me", &old).await.status, 200);
    assert_eq!(issuer.requests(Endpoint::Certs), 2);
}

#[tokio::test]
async fn two_hundred_requests_at_once_with_a_new_key_cause_one_fetch() {
    let issuer = issuer().await;
    let service = std::sync::Arc::new(with_keys(Setup::of(&issuer), &issuer).await);
    issuer.rotate(Alg::Rs256).await.unwrap();
    let token = issuer.token("alice", "api").await.unwrap();
    // The fetch takes its time, so that all of them meet it.
    issuer.fault(Endpoint::Certs, Fault::Slow(Duration::from_millis(300)));
    let mut burst = JoinSet::new();
    for _ in 0..200 {
        let (service, token) = (std::sync::Arc::clone(&service), token.clone());
        burst.spawn(async move { service.get("/me", &token).await.status });
    }
    assert!(burst.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(issuer.requests(Endpoint::Certs), 2);
}

#[tokio::test]
async fn two_thousand_unknown_key_ids_cause_one_fetch_and_good_requests_go_on() {
    let issuer = issuer().await;
    let setup = Setup::of(&issuer).set("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "3600");
    let service = with_keys(setup.set("RUST_LOG", "info"), &issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    for n in 0..2000 {
        service.get("/me", &of_unknown_key(&token, n)).await.assert_refused(401, "unknown_key");
        if n % 100 == 0 {
            assert_eq!(service.get("/me", &token).await.status, 200);
        }
    }
    assert_eq!(issuer.requests(Endpoint::Certs), 2);
}

#[tokio::test]
async fn after_the_cool_down_an_unknown_key_id_is_worth_another_fetch() {
    let issuer = issuer().await;
    let service = with_keys(Setup::of(&issuer).set("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "1"), &issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    for fetches in [2, 3] {
        service.get("/me", &of_unknown_key(&token, 0)).await.assert_refused(401, "unknown_key");
        assert_eq!(issuer.requests(Endpoint::Certs), fetches);
        sleep(Duration::from_millis(1100)).await;
    }
}

#[tokio::test]
async fn failed_fetches_keep_the_cool_down_too() {
    let issuer = issuer().await;
    let service = with_keys(Setup::of(&issuer), &issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    issuer.fault(Endpoint::Certs, Fault::Status(500));
    for n in 0..50 {
        let answer = service.get("/me", &of_unknown_key(&token, n)).await;
        answer.assert_refused(503, "keys_unavailable");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=10).contains(&seconds), "{seconds}");
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(issuer.requests(Endpoint::Certs), 2);
    assert_eq!(service.get("/me", &token).await.status, 200);
}

#[tokio::test]
async fn no_request_with_a_known_key_waits_for_a_key_endpoint_that_hangs() {
    let issuer = issuer().await;
    let setup = Setup::of(&issuer).set("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "20");
    let service = std::sync::Arc::new(with_keys(setup, &issuer).await);
    let token = issuer.token("alice", "api").await.unwrap();
    issuer.fault(Endpoint::Certs, Fault::Slow(Duration::from_secs(30)));
    let (waiting, unknown) = (std::sync::Arc::clone(&service), of_unknown_key(&token, 0));
    let waiting = tokio::spawn(async move { waiting.get("/me", &unknown).await });
    eventually("the keys are asked for", async || issuer.requests(Endpoint::Certs) == 2).await;
    for _ in 0..20 {
        assert_eq!(service.get("/me", &token).await.status, 200);
    }
    assert!(!waiting.is_finished(), "it waits for the endpoint");
    // Ends the wait: the connection is gone.
    issuer.pause().await;
    waiting.await.unwrap().assert_refused(503, "keys_unavailable");
}

#[tokio::test]
async fn a_key_endpoint_that_hangs_is_given_up_after_the_timeout() {
    let issuer = issuer().await;
    let setup = Setup::of(&issuer).set("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1");
    let service = with_keys(setup, &issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    issuer.fault(Endpoint::Certs, Fault::Slow(Duration::from_secs(3600)));
    service.get("/me", &of_unknown_key(&token, 0)).await.assert_refused(503, "keys_unavailable");
}

#[tokio::test]
async fn a_service_that_starts_before_keycloak_recovers_by_itself() {
    let issuer = issuer().await;
    issuer.pause().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    let answer = service.get("/me", &token).await;
    answer.assert_refused(503, "keys_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(service.request("GET", "/health").send().await.status, 200);
    issuer.resume().await.unwrap();
    eventually("the keys are there", async || service.get("/me", &token).await.status == 200).await;
}

#[tokio::test]
async fn without_any_key_there_is_at_most_one_fetch_a_second() {
    let issuer = issuer().await;
    issuer.fault(Endpoint::Certs, Fault::Status(500));
    let start = Instant::now();
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    for _ in 0..300 {
        service.get("/me", &token).await.assert_refused(503, "keys_unavailable");
    }
    let fetches = issuer.requests(Endpoint::Certs);
    assert!(fetches <= start.elapsed().as_secs() + 1, "{fetches} in {:?}", start.elapsed());
}

#[tokio::test]
async fn a_failed_prefetch_does_not_start_the_cool_down() {
    let issuer = issuer().await;
    issuer.fault_times(Endpoint::Certs, Fault::Status(500), 1);
    let service = Setup::of(&issuer).set("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "3600").start().await;
    eventually("the prefetch is over", async || issuer.requests(Endpoint::Certs) == 1).await;
    let token = issuer.token("alice", "api").await.unwrap();
    eventually("the keys are there", async || service.get("/me", &token).await.status == 200).await;
    let fetches = issuer.requests(Endpoint::Certs);
    issuer.rotate(Alg::Rs256).await.unwrap();
    let token = issuer.token("alice", "api").await.unwrap();
    assert_eq!(service.get("/me", &token).await.status, 200);
    assert_eq!(issuer.requests(Endpoint::Certs), fetches + 1);
}

#[tokio::test]
async fn a_key_that_a_good_list_lacks_is_dead_at_once() {
    let issuer = issuer().await;
    let service = with_keys(Setup::of(&issuer), &issuer).await;
    let old = issuer.token("alice", "api").await.unwrap();
    let old_kid = issuer.kid(Alg::Rs256).await.unwrap();
    issuer.rotate(Alg::Rs256).await.unwrap();
    issuer.disable_key(&old_kid).unwrap();
    assert_eq!(service.get("/me", &old).await.status, 200, "the service has not heard of it yet");
    let new = issuer.token("alice", "api").await.unwrap();
    assert_eq!(service.get("/me", &new).await.status, 200);
    service.get("/me", &old).await.assert_refused(401, "unknown_key");
}

#[tokio::test]
async fn a_passive_key_still_verifies() {
    let issuer = issuer().await;
    let token = issuer.token("alice", "api").await.unwrap();
    let old_kid = issuer.kid(Alg::Rs256).await.unwrap();
    issuer.rotate(Alg::Rs256).await.unwrap();
    issuer.retire_key(&old_kid).unwrap();
    let service = Service::of(&issuer).await;
    assert_eq!(service.get("/me", &token).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_is_no_key_list_changes_nothing() {
    let issuer = issuer().await;
    for fault in [
        Fault::Html,
        Fault::Empty,
        Fault::Garbage,
        Fault::Cut,
        Fault::Status(500),
        Fault::Status(404),
        Fault::Status(204),
        Fault::Huge(1024),
        Fault::Huge(1024 * 1024),
    ] {
        issuer.clear_fault(Endpoint::Certs);
        issuer.reset_requests();
        let service = with_keys(Setup::of(&issuer), &issuer).await;
        let token = issuer.token("alice", "api").await.unwrap();
        issuer.fault(Endpoint::Certs, fault.clone());
        service.get("/me", &of_unknown_key(&token, 0)).await.assert_refused(503, "keys_unavailable");
        assert_eq!(issuer.requests(Endpoint::Certs), 2, "{fault:?}");
        assert_eq!(service.get("/me", &token).await.status, 200, "{fault:?}");

        let service = Service::of(&issuer).await;
        service.get("/me", &token).await.assert_refused(503, "keys_unavailable");
    }
}

#[tokio::test]
async fn a_redirect_to_good_keys_is_not_followed() {
    let issuer = issuer().await;
    let elsewhere = FakeKeycloak::answering(Reply::json(issuer.jwks().await.unwrap().to_string())).await;
    issuer.fault(Endpoint::Certs, Fault::Redirect(format!("{}/certs", elsewhere.url())));
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    service.get("/me", &token).await.assert_refused(503, "keys_unavailable");
    assert!(elsewhere.requests().is_empty());
}

/// What a service makes of `issuer`'s tokens whose key list is `jwks`.
async fn status_with(issuer: &DevIssuer, jwks: String, alg: Alg) -> u16 {
    let keys = FakeKeycloak::answering(Reply::json(jwks)).await;
    let service = Setup::of(issuer).set("KEYCLOAK_INTERNAL_URL", keys.url()).start().await;
    let token = issuer.mint().user("alice").alg(alg).sign().await.unwrap();
    service.get("/me", &token).await.status
}

#[tokio::test]
async fn a_key_list_is_read_up_to_512_kib() {
    let issuer = issuer().await;
    let mut jwks = issuer.jwks().await.unwrap();
    jwks["padding"] = json!("");
    let room = 512 * 1024 - jwks.to_string().len();
    for (padding, status) in [(room, 200), (room + 1, 503)] {
        jwks["padding"] = json!("x".repeat(padding));
        assert_eq!(status_with(&issuer, jwks.to_string(), Alg::Rs256).await, status);
    }
}

#[tokio::test]
async fn what_a_key_says_of_its_use_binds() {
    let issuer = issuer().await;
    let kid = issuer.kid(Alg::Rs256).await.unwrap();
    let jwks = issuer.jwks().await.unwrap();
    let rsa = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap();
    for (member, value, alg, status) in [
        ("x", json!(1), Alg::Rs256, 200),
        ("alg", Value::Null, Alg::Rs256, 200),
        ("alg", json!("RS256"), Alg::Rs256, 200),
        ("alg", json!("RS512"), Alg::Rs256, 401),
        ("alg", json!("PS256"), Alg::Rs256, 401),
        ("alg", json!("RSA-OAEP"), Alg::Rs256, 503),
        ("use", Value::Null, Alg::Rs256, 200),
        ("use", json!("sig"), Alg::Rs256, 200),
        ("use", json!("enc"), Alg::Rs256, 503),
        ("key_ops", json!(["verify"]), Alg::Rs256, 200),
        ("key_ops", json!(["encrypt"]), Alg::Rs256, 503),
        ("key_ops", json!([]), Alg::Rs256, 503),
        ("e", json!("Ag"), Alg::Rs256, 503),
        ("e", json!("AQ"), Alg::Rs256, 503),
        ("n", json!("AQAB"), Alg::Rs256, 503),
        ("kty", json!("EC"), Alg::Rs256, 503),
        ("kty", json!("oct"), Alg::Rs256, 503),
    ] {
        let mut key = rsa.clone();
        key[member] = value.clone();
        if value.is_null() {
            key.as_object_mut().unwrap().remove(member);
        }
        let got = status_with(&issuer, json!({ "keys": [key] }).to_string(), alg).await;
        assert_eq!(got, status, "{member}: {value}");
    }
}

#[tokio::test]
async fn two_keys_of_one_id_and_algorithm_verify_nothing() {
    let issuer = issuer().await;
    let old = issuer.kid(Alg::Rs256).await.unwrap();
    let new = issuer.rotate(Alg::Rs256).await.unwrap();
    let jwks = issuer.jwks().await.unwrap().to_string().replace(&old, &new);
    assert_eq!(status_with(&issuer, jwks.clone(), Alg::Rs256).await, 401);
    assert_eq!(status_with(&issuer, jwks, Alg::Es256).await, 200);
}

#[tokio::test]
async fn stale_keys_serve_while_the_server_cannot_be_asked() {
    let issuer = issuer().await;
    let setup = Setup::of(&issuer).set("KEYCLOAK_JWKS_TTL_SECONDS", "1");
    let service = with_keys(setup, &issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    issuer.pause().await;
    sleep(Duration::from_millis(1500)).await;
    for _ in 0..5 {
        assert_eq!(service.get("/me", &token).await.status, 200);
    }
}

#[tokio::test]
async fn keys_that_are_too_old_do_not_serve() {
    let issuer = issuer().await;
    let setup = Setup::of(&issuer).set("KEYCLOAK_JWKS_TTL_SECONDS", "1");
    let service = with_keys(setup.set("KEYCLOAK_JWKS_MAX_STALE_SECONDS", "0"), &issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    issuer.pause().await;
    sleep(Duration::from_millis(1500)).await;
    service.get("/me", &token).await.assert_refused(503, "keys_unavailable");
    issuer.resume().await.unwrap();
    eventually("the keys are there", async || service.get("/me", &token).await.status == 200).await;
}

#[tokio::test]
async fn stale_keys_are_refreshed_in_the_background() {
    let issuer = issuer().await;
    let service = with_keys(Setup::of(&issuer).set("KEYCLOAK_JWKS_TTL_SECONDS", "1"), &issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    let kid = issuer.kid(Alg::Rs256).await.unwrap();
    issuer.rotate(Alg::Rs256).await.unwrap();
    issuer.disable_key(&kid).unwrap();
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(service.get("/me", &token).await.status, 200, "nobody waits for the refresh");
    eventually("the old key is gone", async || service.get("/me", &token).await.status == 401).await;
}

#[tokio::test]
async fn a_pinned_key_serves_any_kid_and_nothing_is_fetched() {
    let issuer = issuer().await;
    let pem = issuer.public_key_pem(Alg::Rs256).await.unwrap();
    let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for pinned in [pem.clone(), pem.replace('\n', "\\n"), bare] {
        let service = Setup::of(&issuer).set("KEYCLOAK_PUBLIC_KEY", &pinned).start().await;
        for (token, status) in [
            (issuer.mint().user("alice"), 200),
            (issuer.mint().user("alice").header("kid", "anything"), 200),
            (issuer.mint().user("alice").without_header("kid"), 200),
            (issuer.mint().user("alice").unknown_key(Alg::Rs256), 401),
            (issuer.mint().user("alice").alg(Alg::Es256), 401),
        ] {
            assert_eq!(service.get("/me", &token.sign().await.unwrap()).await.status, status);
        }
    }
    assert_eq!(issuer.requests(Endpoint::Certs), 0);
}
