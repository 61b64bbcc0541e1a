//! `GET /service-token`: the service's own token, fetched and kept.

use std::time::Duration;

use kc_dev::{Endpoint, Fault};

use crate::harness::{FakeKeycloak, Reply, Service, Setup, issuer};

#[tokio::test]
async fn the_token_is_fetched_once_and_what_remains_of_it_is_told() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let alice = issuer.token("alice", "api").await.unwrap();
    let mut before = 300;
    for _ in 0..3 {
        let answer = service.get("/service-token", &alice).await;
        let left = answer.json()["expires_in"].as_u64().unwrap();
        answer.assert_json(200, &format!(r#"{{"expires_in":{left}}}"#));
        assert!((1..=before).contains(&left), "{left} after {before}");
        before = left;
    }
    assert_eq!(issuer.requests(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_token_that_keycloak_refuses_or_does_not_give_is_a_bad_gateway() {
    let issuer = issuer().await;
    let alice = issuer.token("alice", "api").await.unwrap();
    let right_answer = format!("{}/protocol/openid-connect/token", issuer.issuer());
    for fault in [
        Fault::Html,
        Fault::Empty,
        Fault::Garbage,
        Fault::Cut,
        Fault::Slow(Duration::from_secs(3600)),
        Fault::Status(500),
        Fault::Status(400),
        Fault::Status(401),
        Fault::Redirect(right_answer),
    ] {
        let service = Setup::of(&issuer).set("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1").start().await;
        issuer.clear_fault(Endpoint::Token);
        issuer.fault(Endpoint::Token, fault);
        let answer = service.get("/service-token", &alice).await;
        answer.assert_refused(502, "service_token_unavailable");
        assert_eq!(answer.header("www-authenticate"), None);
    }
    issuer.clear_fault(Endpoint::Token);
    let service = Setup::of(&issuer).set("KEYCLOAK_CLIENT_SECRET", "wrong-secret").start().await;
    service.get("/service-token", &alice).await.assert_refused(502, "service_token_unavailable");
}

#[tokio::test]
async fn the_token_that_is_fetched_is_nowhere_to_be_seen() {
    let issuer = issuer().await;
    let token = issuer.mint().sign().await.unwrap();
    let answer = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":60}}"#);
    let keycloak = FakeKeycloak::answering(Reply::json(answer)).await;
    let service = keycloak.behind(&issuer).await.start().await;
    service.keep_secret(&token);
    let alice = issuer.token("alice", "api").await.unwrap();
    assert_eq!(service.get("/service-token", &alice).await.status, 200);
}
