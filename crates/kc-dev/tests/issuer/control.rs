//! The control paths: the same levers by HTTP.

use kc_dev::{DevIssuer, Endpoint};
use reqwest::Method;
use serde_json::{Value, json};

use crate::asking::{self, Answer, http, is_active, issuer, part, send, text, url};

async fn control(issuer: &DevIssuer, method: Method, path: &str, body: Value) -> Answer {
    send(http().request(method, format!("{}/_kc-dev/{path}", issuer.base_url())).json(&body)).await
}

#[tokio::test]
async fn faults_and_counters() {
    let issuer = issuer().await;
    let put = async |body: Value| control(&issuer, Method::PUT, "faults/certs", body).await.0;
    for (body, status) in [
        (json!({ "kind": "status", "status": 503 }), 503),
        (json!({ "kind": "html" }), 200),
        (json!({ "kind": "slow", "delay_ms": 1 }), 200),
        (json!({ "kind": "redirect", "to": "/x" }), 302),
        (json!({ "kind": "huge", "bytes": 100 }), 200),
        (json!({ "kind": "garbage" }), 200),
        (json!({ "kind": "empty", "times": 1 }), 200),
    ] {
        assert_eq!(put(body.clone()).await, 204, "{body}");
        assert_eq!(send(http().get(url(&issuer, "certs"))).await.0, status, "{body}");
    }
    assert_eq!(put(json!({ "kind": "cut" })).await, 204);
    assert!(http().get(url(&issuer, "certs")).send().await.is_err());
    assert_eq!(control(&issuer, Method::DELETE, "faults", json!({})).await.0, 204);
    assert_eq!(asking::keys(&issuer).await.len(), 5);
    assert_eq!(control(&issuer, Method::GET, "requests", json!({})).await.1["certs"], json!(9));
    assert_eq!(control(&issuer, Method::DELETE, "requests", json!({})).await.0, 204);
    assert_eq!(issuer.requests(Endpoint::Certs), 0);
}

#[tokio::test]
async fn keys_users_sessions_and_time() {
    let issuer = issuer().await;
    let session = asking::login(&issuer).await;
    let token = text(&session, "access_token");
    let old = part(token, 0)["kid"].as_str().expect("a kid").to_owned();

    let (status, answer) = control(&issuer, Method::POST, "keys/rotate", json!({ "alg": "RS256" })).await;
    assert_eq!(status, 200);
    assert_eq!(part(&issuer.token("bob", "api").await.expect("minted"), 0)["kid"], answer["kid"]);
    let path = format!("keys/{old}");
    assert_eq!(control(&issuer, Method::PUT, &path, json!({ "state": "disabled" })).await.0, 204);
    assert!(!is_active(&issuer, token).await);
    assert_eq!(control(&issuer, Method::PUT, &path, json!({ "state": "active" })).await.0, 204);
    assert!(is_active(&issuer, token).await);

    for (method, path, on, off) in [
        (Method::PUT, "users/alice", json!({ "enabled": false }), json!({ "enabled": true })),
        (Method::PUT, "not-before", json!({ "not_before": issuer.now() + 5 }), json!({ "not_before": 0 })),
        (Method::PUT, "clock", json!({ "skew_seconds": 400 }), json!({ "skew_seconds": 0 })),
    ] {
        assert_eq!(control(&issuer, method.clone(), path, on).await.0, 204, "{path}");
        assert!(!is_active(&issuer, token).await, "{path}");
        assert_eq!(control(&issuer, method, path, off).await.0, 204, "{path}");
        assert!(is_active(&issuer, token).await, "{path}");
    }

    for (method, path) in [
        (Method::POST, "users/alice/logout".to_owned()),
        (Method::DELETE, "sessions".to_owned()),
        (Method::POST, "restart".to_owned()),
    ] {
        let session = asking::login(&issuer).await;
        assert_eq!(control(&issuer, method, &path, json!({})).await.0, 204, "{path}");
        assert!(!is_active(&issuer, text(&session, "access_token")).await, "{path}");
    }
    let session = asking::login(&issuer).await;
    let path = format!("sessions/{}", text(&session, "session_state"));
    assert_eq!(control(&issuer, Method::DELETE, &path, json!({})).await.0, 204);
    assert_eq!(control(&issuer, Method::DELETE, &path, json!({})).await.0, 404);

    assert_eq!(control(&issuer, Method::PUT, "refresh-rotation", json!({ "revoke": true })).await.0, 204);
    let session = asking::login(&issuer).await;
    assert_eq!(asking::refresh(&issuer, &session).await.0, 200);
    assert_eq!(asking::refresh(&issuer, &session).await.0, 400);
}

#[tokio::test]
async fn tokens_are_minted_for_other_processes() {
    let issuer = issuer().await;
    let mint = async |body: Value| control(&issuer, Method::POST, "tokens", body).await;
    let body = json!({
        "user": "alice", "client": "api", "alg": "ES256", "expires_in": 60, "scope": "openid email",
        "claims": { "aud": ["a", "b"] }, "without": ["sub"], "header": { "typ": "at+jwt" }, "kind": "access",
    });
    let (status, answer) = mint(body).await;
    assert_eq!(status, 200, "{answer}");
    let token = text(&answer, "access_token");
    let claims = part(token, 1);
    assert_eq!((&part(token, 0)["alg"], &part(token, 0)["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert_eq!(claims["aud"], json!(["a", "b"]));
    assert!(claims.get("sub").is_none());
    for (body, named) in [
        (json!({ "user": "nobody" }), "nobody"),
        (json!({ "alg": "XS1" }), "alg"),
        (json!({ "usr": "alice" }), "usr"),
        (json!({ "expires_in": "soon" }), "expires_in"),
    ] {
        let (status, answer) = mint(body).await;
        assert_eq!(status, 400);
        assert!(text(&answer, "error").contains(named), "{answer}");
    }
}

#[tokio::test]
async fn bad_requests_say_what_is_wrong() {
    let issuer = issuer().await;
    for (method, path, body, status) in [
        (Method::PUT, "faults/nope", json!({ "kind": "cut" }), 404),
        (Method::PUT, "faults/certs", json!({ "kind": "nope" }), 400),
        (Method::PUT, "faults/certs", json!({ "kind": "status", "status": 99 }), 400),
        (Method::PUT, "faults/certs", json!([]), 400),
        (Method::POST, "keys/rotate", json!({ "alg": "nope" }), 400),
        (Method::PUT, "keys/nope", json!({ "state": "disabled" }), 404),
        (Method::PUT, "users/nobody", json!({ "enabled": true }), 404),
        (Method::POST, "users/nobody/logout", json!({}), 404),
        (Method::PUT, "clock", json!({}), 400),
        (Method::POST, "clock", json!({}), 405),
        (Method::GET, "nope", json!({}), 404),
    ] {
        let (got, answer) = control(&issuer, method, path, body).await;
        assert_eq!(got, status, "{path}: {answer}");
        assert!(answer["error"].is_string(), "{path}");
    }
    let overview = control(&issuer, Method::GET, "", json!({})).await.1;
    assert_eq!(overview["issuer"], json!(issuer.issuer()));
}

#[tokio::test]
async fn a_page_in_a_browser_may_not_pull_the_levers() {
    let issuer = issuer().await;
    let url = format!("{}/_kc-dev/tokens", issuer.base_url());
    for (name, value) in [("origin", "http://evil.test"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(
            send(http().post(&url).header(name, value).json(&json!({ "user": "alice" }))).await.0,
            403
        );
    }
}
