//! `DELETE /items/{id}`: only while Keycloak says that the token is active.

use std::time::Duration;

use kc_dev::{DevIssuer, Endpoint, Fault};
use serde_json::{Value, json};

use crate::harness::{Answer, CLIENT_SECRET, FakeKeycloak, Reply, Service, Setup, issuer};

async fn delete(service: &Service, token: &str) -> Answer {
    service.request("DELETE", "/items/1").bearer(token).send().await
}

async fn alice(issuer: &DevIssuer) -> String {
    issuer.token("alice", "api").await.unwrap()
}

#[tokio::test]
async fn a_token_dies_with_its_session_where_introspection_is_asked_and_only_there() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = alice(&issuer).await;
    assert_eq!(delete(&service, &token).await.status, 204);
    assert!(issuer.logout_user("alice"));
    delete(&service, &token).await.assert_refused(401, "token_inactive");
    assert_eq!(service.get("/me", &token).await.status, 200);
}

#[tokio::test]
async fn every_request_is_asked_about_anew() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = alice(&issuer).await;
    for asked in 1..=3 {
        assert_eq!(delete(&service, &token).await.status, 204);
        assert_eq!(issuer.requests(Endpoint::Introspect), asked);
    }
}

#[tokio::test]
async fn a_user_who_was_disabled_is_refused() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = alice(&issuer).await;
    assert!(issuer.set_user_enabled("alice", false));
    delete(&service, &token).await.assert_refused(401, "token_inactive");
}

#[tokio::test]
async fn an_endpoint_that_fails_is_a_bad_gateway_and_lets_nobody_in() {
    let issuer = issuer().await;
    let setup = Setup::of(&issuer).set("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1");
    let service = setup.start().await;
    let token = alice(&issuer).await;
    let right_answer = format!("{}/protocol/openid-connect/token/introspect", issuer.issuer());
    for fault in [
        Fault::Html,
        Fault::Empty,
        Fault::Garbage,
        Fault::Cut,
        Fault::Huge(1024 * 1024),
        Fault::Slow(Duration::from_secs(3600)),
        Fault::Status(500),
        Fault::Status(404),
        Fault::Status(401),
        Fault::Status(204),
        Fault::Redirect(right_answer),
    ] {
        issuer.clear_fault(Endpoint::Introspect);
        issuer.reset_requests();
        issuer.fault(Endpoint::Introspect, fault.clone());
        let answer = delete(&service, &token).await;
        answer.assert_refused(502, "introspection_unavailable");
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(issuer.requests(Endpoint::Introspect), 1, "asked once: {fault:?}");
    }
}

#[tokio::test]
async fn a_redirect_to_an_endpoint_that_says_yes_is_not_followed() {
    let issuer = issuer().await;
    let elsewhere = FakeKeycloak::answering(Reply::json(r#"{"active":true}"#)).await;
    issuer.fault(Endpoint::Introspect, Fault::Redirect(elsewhere.url().to_owned()));
    let service = Service::of(&issuer).await;
    delete(&service, &alice(&issuer).await).await.assert_refused(502, "introspection_unavailable");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn while_keycloak_is_gone_only_what_needs_it_fails() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = alice(&issuer).await;
    assert_eq!(service.get("/me", &token).await.status, 200);
    issuer.pause().await;
    delete(&service, &token).await.assert_refused(502, "introspection_unavailable");
    assert_eq!(service.get("/me", &token).await.status, 200);
    issuer.resume().await.unwrap();
    assert_eq!(delete(&service, &token).await.status, 204);
}

#[tokio::test]
async fn a_wrong_client_secret_is_a_bad_gateway() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_CLIENT_SECRET", "wrong-secret").start().await;
    delete(&service, &alice(&issuer).await).await.assert_refused(502, "introspection_unavailable");
}

#[tokio::test]
async fn only_an_object_whose_active_is_a_boolean_is_an_answer() {
    let issuer = issuer().await;
    let keycloak = FakeKeycloak::answering(Reply::json("")).await;
    let service = keycloak.behind(&issuer).await.start().await;
    let token = alice(&issuer).await;
    for body in [
        "",
        "null",
        "true",
        "[]",
        r#"[{"active":true}]"#,
        "{}",
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        r#"{"active":[true]}"#,
        r#"{"Active":true}"#,
        r#"{"active":true"#,
        r#"{"active":true}{"#,
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"sub":1}"#,
    ] {
        keycloak.answer(Reply::json(body));
        delete(&service, &token).await.assert_refused(502, "introspection_unavailable");
    }
    for status in [201, 202, 203, 206, 301, 307, 400, 403, 503] {
        keycloak.answer(Reply { status, ..Reply::json(r#"{"active":true}"#) });
        delete(&service, &token).await.assert_refused(502, "introspection_unavailable");
    }
    keycloak.answer(Reply::json(r#"{"active":false}"#));
    delete(&service, &token).await.assert_refused(401, "token_inactive");
    keycloak.answer(Reply::json(r#"{"active":true}"#));
    assert_eq!(delete(&service, &token).await.status, 204);
}

#[tokio::test]
async fn an_answer_about_another_token_is_refused() {
    let issuer = issuer().await;
    let keycloak = FakeKeycloak::answering(Reply::json("")).await;
    let service = keycloak.behind(&issuer).await.start().await;
    let token = alice(&issuer).await;
    let (alice, bob) = (issuer.user_id("alice").unwrap(), issuer.user_id("bob").unwrap());
    let right = json!({"active": true, "sub": alice, "iss": issuer.issuer(), "typ": "Bearer", "token_type": "Bearer"});
    for (member, value, code) in [
        ("active", json!(true), ""),
        ("token_type", json!("bearer"), ""),
        ("typ", json!("ID"), "wrong_token_type"),
        ("typ", json!("Refresh"), "wrong_token_type"),
        ("typ", json!("Offline"), "wrong_token_type"),
        ("typ", json!("DPoP"), "wrong_token_type"),
        ("typ", json!("Logout"), "wrong_token_type"),
        ("typ", json!("Something"), "wrong_token_type"),
        ("token_type", json!("DPoP"), "wrong_token_type"),
        ("token_type", json!("ID"), "wrong_token_type"),
        ("token_type", json!("Refresh"), "wrong_token_type"),
        ("sub", json!(bob), "token_inactive"),
        ("sub", json!(""), "token_inactive"),
        ("iss", json!("http://other.example/realms/kc-demo"), "token_inactive"),
    ] {
        let mut answer = right.clone();
        answer[member] = value.clone();
        keycloak.answer(Reply::json(answer.to_string()));
        let answer = delete(&service, &token).await;
        match code {
            "" => assert_eq!(answer.status, 204, "{member}: {value}"),
            code => answer.assert_refused(401, code),
        }
    }
}

#[tokio::test]
async fn the_endpoint_is_asked_at_the_internal_url_with_the_clients_credentials_in_the_form() {
    let issuer = issuer().await;
    let keycloak = FakeKeycloak::answering(Reply::json(r#"{"active":true}"#)).await;
    let service = keycloak.behind(&issuer).await.start().await;
    let token = alice(&issuer).await;
    assert_eq!(delete(&service, &token).await.status, 204);
    let requests = keycloak.requests();
    let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    let (head, form) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /realms/kc-demo/protocol/openid-connect/token/introspect HTTP/1.1\r\n"));
    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    assert!(!head.to_ascii_lowercase().contains("authorization:"), "{head}");
    let form: Value = url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect::<Vec<_>>()
        .into_iter()
        .fold(json!({}), |mut form, (name, value)| {
            form[name] = json!(value);
            form
        });
    assert_eq!(form, json!({"token": token, "client_id": "api", "client_secret": CLIENT_SECRET}));
}
