use http::Uri;

use super::{EVENTS, METRICS, SPANS, endpoint, realm};
#[cfg(feature = "metrics")]
use super::{Held, RouteCounters};
use crate::settings::Settings;

#[test]
fn every_endpoint_of_the_settings_has_a_word_of_its_own() {
    let settings = Settings::builder("https://kc.example.com/auth", "shop", "orders").build().unwrap();
    let endpoints = settings.keycloak().unwrap().endpoints().clone();
    let word = |text: &str| endpoint(&text.parse::<Uri>().unwrap());
    for (uri, expected) in [
        (endpoints.certs(), "certs"),
        (endpoints.discovery(), "discovery"),
        (endpoints.introspection(), "introspect"),
        (endpoints.realm_info().to_owned(), "realm"),
        (endpoints.token(), "token"),
        (endpoints.userinfo(), "userinfo"),
        (endpoints.revocation(), "revoke"),
        (endpoints.pushed_authorization_request(), "par"),
        (endpoints.protection(), "protection"),
        (format!("{}/resource_set/1b2f", endpoints.protection()), "protection"),
        (format!("{}?x=/realms/a", endpoints.token()), "token"),
        ("https://kc.example.com/".to_owned(), "other"),
        ("https://kc.example.com/realms/a/some/where".to_owned(), "other"),
    ] {
        assert_eq!(word(&uri), expected, "{uri}");
    }
    assert_eq!(realm(&endpoints.certs().parse().unwrap()), "shop");
    assert_eq!(realm(&"https://kc.example.com/keys".parse().unwrap()), "none");
}

#[test]
fn names_and_labels_are_those_of_prometheus_and_stand_once() {
    let plain = |name: &str| name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
    for (n, metric) in METRICS.iter().enumerate() {
        assert!(plain(metric.name) && metric.labels.iter().all(|label| plain(label)), "{}", metric.name);
        assert!(METRICS[..n].iter().all(|other| other.name != metric.name), "{}", metric.name);
        assert!(!metric.help.is_empty());
    }
    let names: Vec<_> = SPANS.iter().chain(EVENTS).map(|event| event.name).collect();
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
}

/// How many there can be is ours to say, not of whoever makes patterns up.
#[cfg(feature = "metrics")]
#[test]
fn a_route_has_one_set_of_counters_and_those_beyond_the_limit_share_one() {
    let name = |counters: RouteCounters| format!("{counters:?}");
    let held = Held::default();
    assert_eq!(name(held.at(Some("/a/{id}"))), r#"RouteCounters("/a/{id}")"#);
    assert_eq!(name(held.at(Some("/b"))), r#"RouteCounters("/b")"#, "a gate around several routes");
    assert_eq!(name(held.at(None)), r#"RouteCounters("none")"#);
    for n in 0..2000 {
        let _ = RouteCounters::of(Some(&format!("/made-up/{n}")));
    }
    assert_eq!(name(RouteCounters::of(Some("/made-up/1999"))), r#"RouteCounters("other")"#);
    assert_eq!(name(RouteCounters::of(Some("/made-up/0"))), r#"RouteCounters("/made-up/0")"#);
    assert_eq!(name(held.at(Some("/a/{id}"))), r#"RouteCounters("/a/{id}")"#);
}
