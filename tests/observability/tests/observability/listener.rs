//! `METRICS_LISTEN`.

use kc_dev::{DevIssuer, Endpoint, Fault};
use observability_tests::{Answer, Service, promtool};

const METRICS: (&str, &str) = ("METRICS_LISTEN", "127.0.0.1:0");

#[tokio::test]
async fn a_bad_address_ends_the_start_with_one_line() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    for bad in ["9464", "localhost", "127.0.0.1:99999", "http://127.0.0.1:9464", "\u{7}\n", &taken] {
        let ended = Service::start(&[("METRICS_LISTEN", bad)]).await.map(|_| bad).unwrap_err();
        assert_eq!(ended.code, Some(2), "{bad:?}: {ended:?}");
        let lines: Vec<_> = ended.stderr.lines().collect();
        assert!(lines.len() == 1 && lines[0].starts_with("METRICS_LISTEN "), "{bad:?}: {ended:?}");
    }
}

#[tokio::test]
async fn metrics_and_health_are_at_their_own_address_and_never_where_callers_come_in() {
    let service = Service::start(&[METRICS]).await.unwrap();
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(Answer::of(service.request("GET", path)).await.status, 404, "{path}");
        assert_eq!(service.operator(path).await.status, 200, "{path}");
    }
    for path in ["/", "/me", "/health", "/metrics/", "/oidc/authenticate"] {
        assert_eq!(service.operator(path).await.status, 404, "{path}");
    }
    let (fine, said) = promtool(&["check", "metrics"], &service.operator("/metrics").await.body);
    assert!(fine, "{said}");
    let without = Service::start(&[("METRICS_LISTEN", "")]).await.unwrap();
    assert_eq!(without.metrics_address(), "");
}

#[tokio::test]
async fn what_is_odd_about_the_settings_is_in_the_log_once() {
    let service = Service::start(&[("KEYCLOAK_AUDIENSE", "hidden")]).await.unwrap();
    let said = service.stderr();
    let lines: Vec<_> = said.lines().filter(|line| line.contains("KEYCLOAK_AUDIENSE")).collect();
    assert!(matches!(&lines[..], [line] if line.contains("WARN") && !line.contains("hidden")), "{said}");
}

#[tokio::test]
async fn a_service_without_keys_is_alive_and_not_ready() {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    issuer.fault(Endpoint::Certs, Fault::Status(500));
    // It says that its keys are not there, which is what `start` waits for here.
    let settings = [
        METRICS,
        ("KEYCLOAK_URL", issuer.base_url()),
        ("KEYCLOAK_REALM", issuer.realm()),
        ("KEYCLOAK_CLIENT_ID", "api"),
        ("KEYCLOAK_CLIENT_SECRET", "api-secret"),
    ];
    let service = Service::start(&settings).await.unwrap();
    assert_eq!(service.operator("/livez").await.status, 200);
    let report = service.operator("/readyz").await;
    assert_eq!(report.status, 503);
    let report: serde_json::Value = serde_json::from_str(&report.body).unwrap();
    let keys = &report["realms"][0]["keys"];
    assert_eq!(
        (&report["ready"], &keys["state"], &keys["last_error"]),
        (&false.into(), &"missing".into(), &"status".into())
    );
    assert!(!report.to_string().contains("127.0.0.1"), "no address: {report}");
    issuer.clear_fault(Endpoint::Certs);
    // The first request asks again, one second after the last try.
    let patience = std::time::Instant::now() + observability_tests::PATIENCE;
    while service.operator("/readyz").await.status != 200 {
        assert!(std::time::Instant::now() < patience);
        let token = issuer.token("alice", "api").await.unwrap();
        Answer::of(service.request("GET", "/me").bearer_auth(token)).await;
    }
}
