//! The audit: one line for each decision, and nothing in it that does not belong there.

use kc_dev::{DevIssuer, Endpoint, Fault};
use serde_json::{Value, json};

use crate::harness::{Service, Setup, eventually, issuer};

/// Waits for the nth event. Lines are written after the answer has gone out.
async fn nth_event(service: &Service, n: usize) -> Value {
    eventually("the event is written", async || service.audit().len() > n).await;
    service.audit().swap_remove(n)
}

#[tokio::test]
async fn an_event_has_its_members_in_order() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.mint().user("alice").claim("sid", "SID").sign().await.unwrap();
    let answer = service
        .request("GET", "/items?secret=query-text")
        .bearer(&token)
        .header("X-Request-Id", "r-1")
        .send();
    assert_eq!(answer.await.status, 200);
    let event = nth_event(&service, 0).await;
    let time = event["time"].as_str().unwrap();
    assert!(time.contains('T') && time.ends_with('Z'), "{time}");
    let expected = format!(
        r#"{{"time":"{time}","event":"access","decision":"allow","code":null,"status":200,"method":"GET","route":"/items","path":"/items","realm":"kc-demo","sub":"{}","username":"alice","client":"api","sid":"SID","ip":"127.0.0.1","request_id":"r-1"}}"#,
        issuer.user_id("alice").unwrap()
    );
    assert_eq!(service.stdout().trim_end(), expected);
    assert!(!service.stderr().contains("query-text"));
}

#[tokio::test]
async fn every_decision_leaves_one_line_with_its_status_and_code() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let alice = issuer.token("alice", "api").await.unwrap();
    let carol = issuer.token("carol", "api").await.unwrap();
    let expired = issuer.mint().user("alice").expires_in(-60).sign().await.unwrap();
    issuer.fault(Endpoint::Introspect, Fault::Status(500));
    let rows = [
        ("GET", "/me", &*alice, "allow", Value::Null, 200, json!("alice")),
        ("POST", "/items?item_name=x", &alice, "allow", Value::Null, 201, json!("alice")),
        ("HEAD", "/me", &alice, "allow", Value::Null, 200, json!("alice")),
        // The caller may; the parameter is wrong.
        ("POST", "/items", &alice, "allow", Value::Null, 400, json!("alice")),
        ("GET", "/me", "", "deny", json!("not_authenticated"), 401, Value::Null),
        ("GET", "/me", "a b", "deny", json!("invalid_request"), 400, Value::Null),
        ("GET", "/me", "a.b.c", "deny", json!("malformed_token"), 401, Value::Null),
        ("GET", "/me", &expired, "deny", json!("token_expired"), 401, Value::Null),
        ("GET", "/reports", &carol, "deny", json!("missing_roles"), 403, json!("carol")),
        ("DELETE", "/items/7", &alice, "deny", json!("introspection_unavailable"), 502, json!("alice")),
    ];
    for (n, (method, target, token, decision, code, status, username)) in rows.into_iter().enumerate() {
        let request = service.request(method, target);
        let request = if token.is_empty() { request } else { request.bearer(token) };
        assert_eq!(request.send().await.status, status);
        let event = nth_event(&service, n).await;
        assert_eq!((&event["decision"], &event["code"]), (&json!(decision), &code), "{method} {target}");
        assert_eq!((&event["status"], &event["username"]), (&json!(status), &username));
        let path = target.split('?').next().unwrap();
        assert_eq!((&event["method"], &event["path"]), (&json!(method), &json!(path)));
    }
    let routes: Vec<_> = service.audit().iter().map(|event| event["route"].clone()).collect();
    assert_eq!(routes.last().unwrap(), "/items/{id}");
}

#[tokio::test]
async fn health_and_what_is_no_decision_leave_no_line() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for (method, target) in [
        ("GET", "/health"),
        ("HEAD", "/health"),
        ("GET", "/.well-known/oauth-protected-resource"),
        ("GET", "/nothing"),
        ("PUT", "/me"),
    ] {
        service.request(method, target).send().await;
    }
    service.request("GET", "/me").send().await;
    let event = nth_event(&service, 0).await;
    assert_eq!((&event["path"], service.audit().len()), (&json!("/me"), 1));
}

#[tokio::test]
async fn an_exempt_path_leaves_a_line_without_a_caller() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_EXEMPT_PATHS", "/cases,/me").start().await;
    let alice = issuer.token("alice", "api").await.unwrap();
    for (n, (target, status, decision, code)) in
        [("/cases", 200, "allow", Value::Null), ("/me", 401, "deny", json!("not_authenticated"))]
            .into_iter()
            .enumerate()
    {
        assert_eq!(service.get(target, &alice).await.status, status);
        let event = nth_event(&service, n).await;
        assert_eq!((&event["decision"], &event["code"]), (&json!(decision), &code));
        assert_eq!((&event["sub"], &event["username"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn nothing_that_a_stranger_sends_makes_a_second_line_or_hides_the_first() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let nasty = "a\r\n{\"decision\":\"allow\"}\u{1b}[2J\u{85}\u{2028}\u{202e}\u{0}";
    let token = issuer.mint().user("carol").claim("preferred_username", nasty).claim("sid", nasty);
    let token = token.claim("azp", nasty).sign().await.unwrap();
    for (n, target) in
        [&b"/items/a%0d%0ab\xc2\x85\xe2\x80\xae\xe2\x80\xa8c"[..], b"/items/%1b[2J"].into_iter().enumerate()
    {
        let request = service.request("DELETE", target).header("X-Request-Id", "x y\u{85}\u{202e}");
        request.bearer(&token).send().await.assert_refused(403, "missing_roles");
        let event = nth_event(&service, n).await;
        assert_eq!(event["username"], nasty);
        assert_eq!(event["path"].as_str().unwrap().as_bytes(), target);
        assert_eq!(event["request_id"].as_str().unwrap().len(), 32, "a new one");
    }
    let lines = service.stdout();
    assert_eq!(lines.lines().count(), 2);
    let treacherous = |letter: char| {
        (letter.is_control() && letter != '\n') || matches!(letter, '\u{2028}' | '\u{202e}' | '\u{85}')
    };
    assert!(!lines.contains(treacherous), "{lines:?}");
    assert!(!service.stderr().contains(treacherous), "{:?}", service.stderr());
}

#[tokio::test]
async fn a_long_path_is_cut_in_the_audit() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    service.request("DELETE", format!("/items/{}", "9".repeat(5000))).send().await;
    let path = nth_event(&service, 0).await["path"].as_str().unwrap().to_owned();
    assert!(path.starts_with("/items/999") && path.chars().count() < 1100, "{}", path.len());
}

#[tokio::test]
async fn the_callers_address_is_the_connections_unless_a_trusted_proxy_says_otherwise() {
    let issuer = issuer().await;
    for (trusted, ip) in
        [(None, "127.0.0.1"), (Some("10.0.0.0/8"), "127.0.0.1"), (Some("127.0.0.1"), "203.0.113.9")]
    {
        let setup = Setup::of(&issuer);
        let setup = match trusted {
            Some(proxies) => setup.set("TRUSTED_PROXIES", proxies),
            None => setup,
        };
        let service = setup.start().await;
        let request = service.request("GET", "/me").header("X-Forwarded-For", "198.51.100.1, 203.0.113.9");
        request.send().await;
        assert_eq!(nth_event(&service, 0).await["ip"], ip, "{trusted:?}");
    }
}

async fn one_request(issuer: &DevIssuer, setup: Setup) -> Service {
    let service = setup.start().await;
    let token = issuer.token("alice", "api").await.unwrap();
    assert_eq!(service.get("/me", &token).await.status, 200);
    service
}

#[tokio::test]
async fn the_audit_goes_to_a_file_that_only_its_owner_reads_and_is_added_to() {
    let issuer = issuer().await;
    let setup = Setup::of(&issuer).file("old.jsonl", "{\"old\":true}\n");
    let service = one_request(&issuer, setup.set("AUDIT_LOG", "old.jsonl")).await;
    let path = service.folder().join("old.jsonl");
    let lines = || std::fs::read_to_string(&path).unwrap();
    eventually("the event is written", async || lines().lines().count() == 2).await;
    assert!(lines().starts_with("{\"old\":true}\n{\"time\":\""));
    assert_eq!(service.stdout(), "");

    let service = one_request(&issuer, Setup::of(&issuer).set("AUDIT_LOG", "new.jsonl")).await;
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(service.folder().join("new.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_audit_can_be_turned_off() {
    let issuer = issuer().await;
    let mut service = one_request(&issuer, Setup::of(&issuer).set("AUDIT_LOG", "off")).await;
    service.signal("TERM");
    service.wait();
    assert_eq!(service.stdout(), "");
    assert!(!service.stderr().contains("\"decision\""));
}

#[tokio::test]
async fn every_event_is_written_before_the_service_ends() {
    let issuer = issuer().await;
    let mut service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    for _ in 0..50 {
        assert_eq!(service.get("/me", &token).await.status, 200);
    }
    service.signal("TERM");
    assert!(service.wait().success());
    eventually("the pipe is read", async || service.audit().len() == 50).await;
}
