//! Requests of every kind to the service; what a real Prometheus counted, what the audit recorded, and that no secret is in any of
//! it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kc_dev::{Alg, DevIssuer, Endpoint, Fault};
use observability_tests::{Answer, Browser, PATIENCE, Prometheus, Service, doc, promtool};
use serde_json::Value;

/// Route, decision, code.
type Decision = (String, String, String);

/// What was sent, by what came back.
#[derive(Default)]
struct Sent {
    decisions: BTreeMap<Decision, u64>,
    secrets: Vec<String>,
}

impl Sent {
    /// Asks `times` times, and expects this code each time; `none` for none.
    async fn ask(&mut self, service: &Service, case: &Case<'_>, times: u64) {
        let Case { method, path, route, token, code } = *case;
        for _ in 0..times {
            // What comes by the query is nobody's business either.
            let mut request = service.request(method, &format!("{path}?q=hidden-in-the-query"));
            request = request.header("cookie", "other=hidden-in-a-cookie");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let answer = Answer::of(request).await;
            let got = if answer.code.is_empty() { "none" } else { &answer.code };
            assert_eq!(got, code, "{method} {path}: {answer:?}");
            self.count(route, code);
        }
        self.secrets.extend(token.filter(|token| token.len() > 15).map(str::to_owned));
    }

    fn count(&mut self, route: &str, code: &str) {
        let decision = if code == "none" { "allow" } else { "deny" };
        *self.decisions.entry((route.to_owned(), decision.to_owned(), code.to_owned())).or_default() += 1;
    }
}

#[derive(Clone, Copy)]
struct Case<'a> {
    method: &'a str,
    path: &'a str,
    route: &'a str,
    token: Option<&'a str>,
    code: &'a str,
}

const ME: Case<'_> = Case { method: "GET", path: "/me", route: "/me", token: None, code: "none" };
const ITEM: Case<'_> = Case { method: "DELETE", path: "/items/1", route: "/items/{id}", ..ME };

/// The labels of each sample, with its value.
fn tallied(samples: Vec<(Value, f64)>, labels: &[&str]) -> BTreeMap<Vec<String>, f64> {
    let text = |metric: &Value, label: &&str| metric[*label].as_str().unwrap_or_default().to_owned();
    let key = |metric: &Value| labels.iter().map(|label| text(metric, label)).collect();
    samples.into_iter().map(|(metric, value)| (key(&metric), value)).collect()
}

fn of(pairs: &[(&[&str], f64)]) -> BTreeMap<Vec<String>, f64> {
    pairs.iter().map(|(key, value)| (key.iter().map(|word| (*word).to_owned()).collect(), *value)).collect()
}

#[tokio::test]
async fn a_real_prometheus_and_the_audit_have_what_was_sent_and_no_secret() {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let settings = [
        ("METRICS_LISTEN", "127.0.0.1:0"),
        ("KEYCLOAK_URL", issuer.base_url()),
        ("KEYCLOAK_REALM", issuer.realm()),
        ("KEYCLOAK_CLIENT_ID", "api"),
        ("KEYCLOAK_CLIENT_SECRET", "api-secret"),
        ("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "1"),
    ];
    let service = Service::start(&settings).await.unwrap();
    let prometheus = Prometheus::start(&scrape_config(), service.metrics_address()).await;
    let mut sent = Sent::default();
    sent.secrets.extend(["api-secret", "hidden-in-the-query", "hidden-in-a-cookie"].map(str::to_owned));

    // Callers who may.
    let (alice, bob) =
        (issuer.token("alice", "api").await.unwrap(), issuer.token("bob", "api").await.unwrap());
    sent.ask(&service, &Case { token: Some(&alice), ..ME }, 5).await;
    sent.ask(&service, &Case { path: "/items", route: "/items", token: Some(&bob), ..ME }, 2).await;
    // Those who may not, each for another reason.
    let mint = || issuer.mint().user("alice").client("api");
    sent.ask(&service, &Case { code: "not_authenticated", ..ME }, 3).await;
    sent.ask(&service, &Case { token: Some("not a token"), code: "invalid_request", ..ME }, 1).await;
    sent.ask(&service, &Case { token: Some("eyJhbGciOiJSUzI1NiJ9.e30"), code: "malformed_token", ..ME }, 2)
        .await;
    for (token, code) in [
        (mint().expires_in(-60), "token_expired"),
        (mint().claim("aud", "somebody-else"), "invalid_audience"),
        (mint().claim("iss", "https://elsewhere.example"), "invalid_issuer"),
        (mint().claim("typ", "Refresh"), "wrong_token_type"),
        (mint().unknown_key(Alg::Rs256), "unknown_key"),
    ] {
        let token = token.sign().await.unwrap();
        sent.ask(&service, &Case { token: Some(&token), code, ..ME }, 1).await;
    }
    sent.ask(&service, &Case { token: Some(&bob), code: "missing_roles", ..ITEM }, 2).await;
    sent.ask(
        &service,
        &Case { path: "/transfer", route: "/transfer", token: Some(&alice), code: "step_up_required", ..ME },
        1,
    )
    .await;
    // Introspection: active, without an answer, no longer active.
    sent.ask(&service, &Case { token: Some(&alice), ..ITEM }, 2).await;
    issuer.fault(Endpoint::Introspect, Fault::Status(500));
    sent.ask(&service, &Case { token: Some(&alice), code: "introspection_unavailable", ..ITEM }, 1).await;
    issuer.clear_fault(Endpoint::Introspect);
    assert!(issuer.logout_user("alice"));
    sent.ask(&service, &Case { token: Some(&alice), code: "token_inactive", ..ITEM }, 1).await;
    // Other keys, and the token of this service.
    issuer.rotate(Alg::Rs256).await.unwrap();
    let again = issuer.token("alice", "api").await.unwrap();
    // The key that nobody has was asked for a moment ago: this one is asked for when the cool-down is over.
    let patience = Instant::now() + PATIENCE;
    loop {
        let answer = Answer::of(service.request("GET", "/me").bearer_auth(&again)).await;
        if answer.status == 200 {
            sent.count("/me", "none");
            break;
        }
        assert!(answer.code == "unknown_key" && Instant::now() < patience, "{answer:?}");
        sent.count("/me", "unknown_key");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    sent.ask(&service, &Case { token: Some(&again), ..ME }, 3).await;
    sent.ask(
        &service,
        &Case { path: "/service-token", route: "/service-token", token: Some(&again), ..ME },
        2,
    )
    .await;
    // What is not decided about.
    for path in ["/health", "/nothing-here", "/openapi.json"] {
        Answer::of(service.request("GET", path)).await;
    }
    // A browser.
    let mut browser = Browser::default();
    browser.log_in("carol", &service).await;
    assert_eq!(browser.visit(&service, "/account").await.status, 200);
    sent.count("/account", "none");
    assert_eq!(service.operator("/readyz").await.status, 200);
    assert_eq!(tallied_text(&service.operator("/metrics").await.body, "kc_sessions"), Some(1.0));
    assert_eq!(browser.log_out(&service).await.status, 302);
    sent.count("/", "none");
    sent.secrets.extend(browser.secrets().map(str::to_owned));
    assert!(browser.secrets().count() > 3);
    let failed =
        browser.visit(&service, "/oidc/callback?code=stolen-code-of-somebody&state=made-up-state").await;
    assert_eq!(failed.status, 400);
    sent.secrets.extend(["stolen-code-of-somebody", "made-up-state"].map(str::to_owned));

    prometheus.has_scraped().await;
    let decisions = prometheus.query("kc_decisions_total").await;
    let decisions = tallied(decisions, &["route", "decision", "code"]);
    let expected: BTreeMap<_, _> = sent
        .decisions
        .iter()
        .map(|((route, decision, code), times)| {
            (vec![route.clone(), decision.clone(), code.clone()], u32::try_from(*times).unwrap().into())
        })
        .collect();
    assert_eq!(decisions, expected);
    let total: f64 = expected.values().sum();
    assert_eq!(prometheus.query("sum(kc_decisions_total)").await[0].1, total);
    let query = async |name: &str, labels: &[&str]| tallied(prometheus.query(name).await, labels);
    assert_eq!(
        query("kc_introspections_total", &["result"]).await,
        of(&[(&["active"], 2.0), (&["inactive"], 1.0), (&["unavailable"], 1.0)])
    );
    assert_eq!(query("kc_introspection_duration_seconds_count", &[]).await, of(&[(&[], 4.0)]));
    // At the start, for the key that nobody has, and for the one that was new.
    assert_eq!(
        query("kc_key_fetches_total", &["realm", "result"]).await,
        of(&[(&["kc-demo", "changed"], 2.0), (&["kc-demo", "unchanged"], 1.0)])
    );
    assert_eq!(query("kc_service_token_fetches_total", &["result"]).await, of(&[(&["ok"], 1.0)]));
    assert_eq!(
        query("kc_session_events_total", &["event", "decision", "code"]).await,
        of(&[
            (&["login", "allow", "none"], 1.0),
            (&["login", "deny", "invalid_request"], 1.0),
            (&["logout", "allow", "none"], 1.0)
        ])
    );
    assert_eq!(query("kc_sessions", &[]).await, of(&[(&[], 0.0)]));
    let asked = query("kc_keycloak_requests_total", &["endpoint", "result"]).await;
    let to = |endpoint: &str, result: &str| asked.get(&vec![endpoint.to_owned(), result.to_owned()]).copied();
    assert_eq!(
        (to("introspect", "ok"), to("introspect", "server_error")),
        (Some(3.0), Some(1.0)),
        "{asked:?}"
    );
    assert_eq!(to("certs", "ok"), Some(3.0), "{asked:?}");
    // Its own token, and the browser's.
    assert_eq!(to("token", "ok"), Some(2.0), "{asked:?}");
    assert!(asked.keys().all(|key| key[0] != "other"), "{asked:?}");
    let timed = prometheus.query("sum(kc_keycloak_request_duration_seconds_count)").await[0].1;
    assert_eq!(timed, asked.values().sum::<f64>());
    // All but the four without a token that could be looked for; and a login looks at the token that it got.
    let lookups = query("kc_token_cache_lookups_total", &["result"]).await;
    assert_eq!(lookups.values().sum::<f64>(), total - 4.0 + 1.0, "{lookups:?}");
    assert!(prometheus.query("time() - kc_keys_fetched_timestamp_seconds").await[0].1 < 600.0);

    every_expression_of_the_dashboard_and_the_alerts_is_good(&prometheus).await;

    let told = [service.operator("/metrics").await.body, service.operator("/readyz").await.body].concat();
    let (fine, said) = promtool(&["check", "metrics"], &service.operator("/metrics").await.body);
    assert!(fine, "{said}");
    let (events, said) = service.stop();
    let page = doc("observability.md");
    let mut recorded: BTreeMap<Decision, u64> = BTreeMap::new();
    for event in &events {
        assert_eq!(event.as_object().unwrap().keys().count(), 15, "{event}");
        for member in event.as_object().unwrap().keys() {
            assert!(
                page.contains(&format!("| `{member}` |")),
                "docs/observability.md does not name {member}"
            );
        }
        let text = |name: &str| event[name].as_str().unwrap_or("none").to_owned();
        if event["event"] == "access" {
            *recorded.entry((text("route"), text("decision"), text("code"))).or_default() += 1;
        }
    }
    assert_eq!(recorded, sent.decisions, "the audit has the same");
    let of_sessions: Vec<_> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(
        of_sessions.iter().filter(|event| **event != "access").collect::<Vec<_>>(),
        [&"login", &"logout", &"login"]
    );
    for secret in &sent.secrets {
        for (what, text) in [("metrics or health", &told), ("audit or log", &said)] {
            assert!(!text.contains(&**secret), "{what}: {secret} is in it");
        }
        // A token's payload and its signature by themselves, too.
        for part in secret.split('.').filter(|part| part.len() > 40) {
            assert!(!said.contains(part) && !told.contains(part), "a part of {secret}");
        }
    }
    assert!(!said.contains("eyJ") && !told.contains("eyJ"), "the beginning of a token");
}

/// The value of a metric without labels.
fn tallied_text(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// The scrape configuration that the documentation gives.
fn scrape_config() -> String {
    let text = doc("observability.md");
    let block = text.split("```yaml\n").find(|block| block.starts_with("scrape_configs:"));
    let block = block.unwrap().split("```").next().unwrap();
    format!("global:\n  evaluation_interval: 15s\n{block}")
}

async fn every_expression_of_the_dashboard_and_the_alerts_is_good(prometheus: &Prometheus) {
    let dashboard: Value = serde_json::from_str(&doc("grafana/kc.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut expressions: Vec<String> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
        .map(|target| target["expr"].as_str().unwrap().replace("$__rate_interval", "1m"))
        .collect();
    assert!(expressions.len() > 10);
    let alerts = doc("prometheus/kc-alerts.yml");
    let (fine, said) = promtool(&["check", "rules"], &alerts);
    assert!(fine, "{said}");
    let rules = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let before = expressions.len();
    expressions.extend(rules.map(str::to_owned));
    assert!(expressions.len() > before + 5);
    for expression in expressions {
        let answer = prometheus.try_query(&expression).await;
        assert!(answer.is_ok(), "{expression}: {answer:?}");
        let mut named = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let known = |name: &str| {
            kc_core::telemetry::METRICS.iter().any(|metric| {
                name.strip_prefix(metric.name)
                    .is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
            })
        };
        assert!(named.clone().any(|word| word.starts_with("kc_") || word == "up"), "{expression}");
        let unknown = named.find(|word| word.starts_with("kc_") && !known(word));
        assert_eq!(unknown, None, "{expression}");
    }
}
