//! A service whose browsers come by https, behind a proxy.

use std::time::Duration;

use http::HeaderMap;
use kc_core::wire::RequestView;
use kc_login::LoginOptions;

use crate::harness::{Made, Service};

async fn service(public_url: &'static str) -> Service {
    let mut options = LoginOptions::default();
    options.require_https = true;
    options.hsts = Some(Duration::from_secs(300));
    Made { public_url, options, trusted_proxies: vec!["10.0.0.0/8"], ..Made::default() }.service().await
}

fn sent_to(service: &Service, peer: &str, headers: &[(&'static str, &str)]) -> Option<String> {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let peer = peer.parse().ok();
    let query = Some("a=b");
    let view = RequestView { method: "POST", path: "/x", query, route: None, headers: &headers, peer };
    let response = service.login.to_https(&view)?;
    assert_eq!(response.status(), 308, "the method stays");
    Some(response.headers()["location"].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_comes_unencrypted_is_sent_to_https() {
    let service = service("https://shop.example.com").await;
    let there = Some("https://shop.example.com/x?a=b");
    assert_eq!(sent_to(&service, "10.0.0.1", &[("x-forwarded-proto", "http")]).as_deref(), there);
    assert_eq!(sent_to(&service, "10.0.0.1", &[]).as_deref(), there);
    assert_eq!(sent_to(&service, "10.0.0.1", &[("x-forwarded-proto", "https")]), None);
    assert_eq!(
        sent_to(&service, "6.6.6.6", &[("x-forwarded-proto", "https")]).as_deref(),
        there,
        "not trusted"
    );
    // Where it leads is not what the request says.
    let host = [("host", "evil.test"), ("x-forwarded-host", "evil.test")];
    assert_eq!(sent_to(&service, "10.0.0.1", &host).as_deref(), there);
    let mut headers = HeaderMap::new();
    service.login.strict(&mut headers);
    assert_eq!(headers["strict-transport-security"], "max-age=300");
}

#[tokio::test]
async fn where_browsers_come_by_plain_http_nothing_of_it_happens() {
    let service = service("http://127.0.0.1:8000").await;
    assert_eq!(sent_to(&service, "10.0.0.1", &[("x-forwarded-proto", "http")]), None);
    let mut headers = HeaderMap::new();
    service.login.strict(&mut headers);
    assert!(headers.is_empty());
}
