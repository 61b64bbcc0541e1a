//! Faults on purpose.

use std::time::{Duration, Instant};

use kc_dev::{Endpoint, Fault};
use serde_json::json;

use crate::asking::{self, http, issuer, send, url};

#[tokio::test]
async fn each_fault_is_what_it_says() {
    let issuer = issuer().await;
    let certs = url(&issuer, "certs");
    let get = async |fault: Fault| {
        issuer.clear_fault(Endpoint::Certs);
        issuer.fault(Endpoint::Certs, fault);
        http().get(&certs).send().await
    };
    let status = get(Fault::Status(500)).await.expect("an answer");
    assert_eq!(status.status(), 500);

    let garbage = get(Fault::Garbage).await.expect("an answer");
    assert_eq!(
        (garbage.status().as_u16(), garbage.headers()["content-type"].to_str().ok()),
        (200, Some("application/json"))
    );
    assert!(garbage.json::<serde_json::Value>().await.is_err());

    let html = get(Fault::Html).await.expect("an answer");
    assert_eq!(html.status(), 200);
    assert!(html.text().await.expect("a body").contains("<h1>"));

    let redirect = get(Fault::Redirect("http://127.0.0.1:1/evil".to_owned())).await.expect("an answer");
    assert_eq!(
        (redirect.status().as_u16(), redirect.headers()["location"].to_str().ok()),
        (302, Some("http://127.0.0.1:1/evil"))
    );

    let empty = get(Fault::Empty).await.expect("an answer");
    assert_eq!(empty.json::<serde_json::Value>().await.expect("JSON"), json!({ "keys": [] }));

    let huge = get(Fault::Huge(1_000_000)).await.expect("an answer").bytes().await.expect("a body");
    assert_eq!(huge.len(), 1_000_000);
    assert!(serde_json::from_slice::<serde_json::Value>(&huge).is_ok());

    assert!(get(Fault::Cut).await.is_err());

    let start = Instant::now();
    let slow = get(Fault::Slow(Duration::from_millis(150))).await.expect("an answer");
    assert!(start.elapsed() >= Duration::from_millis(150));
    assert_eq!(
        slow.json::<serde_json::Value>().await.expect("JSON")["keys"].as_array().map(Vec::len),
        Some(5)
    );
}

#[tokio::test]
async fn faults_add_up_and_run_out() {
    let issuer = issuer().await;
    issuer.fault_times(Endpoint::Token, Fault::Status(503), 2);
    issuer.fault_times(Endpoint::Token, Fault::Slow(Duration::from_millis(50)), 1);
    issuer.fault_times(Endpoint::Token, Fault::Cut, 0);
    let start = Instant::now();
    assert_eq!(asking::post(&issuer, "token", &[]).await.0, 503);
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(asking::post(&issuer, "token", &[]).await.0, 503);
    assert_eq!(asking::post(&issuer, "token", &[]).await.0, 400);
}

#[tokio::test]
async fn a_fault_hits_its_endpoint_only() {
    let issuer = issuer().await;
    for endpoint in Endpoint::ALL {
        issuer.fault(endpoint, Fault::Status(500));
    }
    issuer.clear_fault(Endpoint::Discovery);
    let discovery = format!("{}/.well-known/openid-configuration", issuer.issuer());
    assert_eq!(send(http().get(discovery)).await.0, 200);
    for path in ["certs", "userinfo"] {
        assert_eq!(send(http().get(url(&issuer, path))).await.0, 500);
    }
    for path in ["token", "token/introspect", "logout", "revoke", "userinfo"] {
        assert_eq!(send(http().post(url(&issuer, path))).await.0, 500);
    }
    assert_eq!(send(http().get(issuer.issuer())).await.0, 500);
}

#[tokio::test]
async fn requests_are_counted_by_endpoint() {
    let issuer = issuer().await;
    for _ in 0..3 {
        asking::keys(&issuer).await;
    }
    issuer.fault(Endpoint::Certs, Fault::Status(500));
    send(http().get(url(&issuer, "certs"))).await;
    asking::login(&issuer).await;
    assert_eq!((issuer.requests(Endpoint::Certs), issuer.requests(Endpoint::Token)), (4, 1));
    assert_eq!(issuer.requests(Endpoint::Userinfo), 0);
    issuer.reset_requests();
    assert_eq!(issuer.requests(Endpoint::Certs), 0);
}

#[tokio::test]
async fn a_paused_issuer_refuses_connections_and_comes_back_on_its_port() {
    let issuer = issuer().await;
    let session = asking::login(&issuer).await;
    issuer.pause().await;
    issuer.pause().await;
    let refused = http().get(url(&issuer, "certs")).send().await.expect_err("nobody listens");
    assert!(refused.is_connect());
    issuer.resume().await.expect("the port is free");
    assert_eq!(asking::refresh(&issuer, &session).await.0, 200, "sessions are kept");
}

#[tokio::test]
async fn dropping_an_issuer_frees_its_port() {
    let issuer = issuer().await;
    let address = issuer.address();
    drop(issuer);
    let again =
        kc_dev::DevIssuer::builder().shared_keys().listen(address).start().await.expect("the port is free");
    assert_eq!(again.address(), address);
}

#[tokio::test]
async fn a_request_body_has_a_limit() {
    let issuer = issuer().await;
    let request = http().post(url(&issuer, "token")).body(vec![b'x'; 2 * 1024 * 1024]).send().await;
    // The answer may come before the body is sent, in which case the client may see the connection end.
    assert!(request.is_err() || request.is_ok_and(|answer| answer.status() == 413));
    assert_eq!(send(http().get(issuer.issuer())).await.0, 200);
}

#[tokio::test]
async fn it_listens_within_50_milliseconds() {
    // The best of some: this is about the work to do, not about what else the machine does meanwhile.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let issuer = issuer().await;
        tokio::net::TcpStream::connect(issuer.address()).await.expect("it listens");
        best = best.min(start.elapsed());
    }
    assert!(best < Duration::from_millis(50), "{best:?}");
}

#[tokio::test]
async fn many_issuers_run_side_by_side() {
    let issuers = [issuer().await, issuer().await, issuer().await];
    for one in &issuers {
        let token = one.token("alice", "api").await.expect("minted");
        for other in &issuers {
            assert_eq!(asking::is_active(other, &token).await, std::ptr::eq(one, other));
        }
    }
}
