//! `docs/observability.md` says what the code does; and what is emitted, is what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use kc_core::audit::Party;
use kc_core::rules::authenticated;
use kc_core::secret::Secret;
use kc_core::settings::{OpaqueTokens, Settings};
use kc_core::telemetry::{EVENTS, Event, METRICS, MetricKind, SPANS};
use kc_core::transport::{CircuitBreaker, Transport, TransportError};
use kc_core::wire::RequestView;
use kc_core::{Access, Keycloak};
use kc_dev::{Alg, DevIssuer, Endpoint, Fault};
use observability_tests::doc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// The cells of the table rows that begin with a name of ours.
fn rows() -> Vec<Vec<String>> {
    let text = doc("observability.md");
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    text.lines().filter(|line| line.starts_with("| `kc_") || line.starts_with("| `kc.")).map(cells).collect()
}

/// The words in backticks.
fn words(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_documentation_has_each_metric_span_and_event_as_the_code_has_it() {
    let mut expected: BTreeSet<Vec<String>> = BTreeSet::new();
    for metric in METRICS {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            _ => "unknown",
        };
        expected.insert(vec![metric.name.to_owned(), kind.to_owned(), metric.labels.join(" ")]);
    }
    for (kind, all) in [("span", SPANS), ("event", EVENTS)] {
        for Event { name, target, level, fields, .. } in all {
            let what = format!("{kind} {target} {level}");
            expected.insert(vec![(*name).to_owned(), what, fields.join(" ")]);
        }
    }
    let documented: BTreeSet<Vec<String>> = rows()
        .iter()
        .map(|cells| match cells.as_slice() {
            [name, kind, labels, _] => vec![words(name).join(" "), kind.clone(), words(labels).join(" ")],
            [name, kind, target, level, fields, _] => {
                let what = format!("{kind} {} {level}", words(target).join(" "));
                vec![words(name).join(" "), what, words(fields).join(" ")]
            }
            _ => panic!("{cells:?}"),
        })
        .collect();
    assert_eq!(documented, expected);
}

/// What was emitted under a target of ours.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<All>>);

#[derive(Default)]
struct All {
    /// Name, target, level; fields.
    kinds: BTreeMap<(bool, String, String, String), BTreeSet<String>>,
    values: Vec<String>,
}

impl Seen {
    fn note(&self, metadata: &Metadata<'_>, values: impl FnOnce(&mut Values)) {
        if !metadata.target().starts_with("kc") {
            return;
        }
        let mut found = Values::default();
        values(&mut found);
        let mut all = self.0.lock().unwrap();
        let level = metadata.level().to_string();
        // Those without a name of their own are named by where they stand.
        let fields = metadata.fields().iter().map(|field| field.name().to_owned()).collect();
        let key = (metadata.is_span(), metadata.name().to_owned(), metadata.target().to_owned(), level);
        all.kinds.insert(key, fields);
        all.values.extend(found.0);
    }
}

#[derive(Default)]
struct Values(Vec<String>);

impl Visit for Values {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0.push(format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.note(attributes.metadata(), |values| attributes.record(values));
    }

    fn on_record(&self, _: &Id, record: &Record<'_>, _: Context<'_, S>) {
        let mut values = Values::default();
        record.record(&mut values);
        self.0.lock().unwrap().values.extend(values.0);
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        self.note(event.metadata(), |values| event.record(values));
    }
}

/// Gives no answer, until it is told to.
#[derive(Debug, Default)]
struct Silent(Mutex<bool>);

#[async_trait]
impl Transport for Silent {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        match *self.0.lock().unwrap() {
            true => Ok(Response::new(Bytes::new())),
            false => Err(TransportError::Timeout { after: Duration::from_secs(1) }),
        }
    }
}

async fn ask(keycloak: &Keycloak, token: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("cookie", "session=hidden-in-a-cookie".parse().unwrap());
    let request = RequestView {
        method: "GET",
        path: "/items/1",
        query: Some("q=hidden-in-the-query"),
        route: Some("/items/{id}"),
        headers: &headers,
        peer: None,
    };
    let admitted = keycloak.guard().admit(&request, &Access::from(authenticated())).await;
    let event = keycloak.guard().event("login", &request, Party::default(), None);
    event.finish(200, None);
    let known = admitted.outcome.is_ok();
    admitted.audit.finish(200, None);
    known
}

#[tokio::test]
async fn what_is_emitted_has_the_documented_fields_and_no_secret() {
    let seen = Seen::default();
    let _here = tracing::subscriber::set_default(tracing_subscriber::registry().with(seen.clone()));
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let settings = Settings::builder(issuer.base_url(), issuer.realm(), "api")
        .client_secret(Secret::new("api-secret"))
        .audit_log("off")
        .opaque_tokens(OpaqueTokens::Introspect)
        .build()
        .unwrap();
    let keycloak = Keycloak::new(&settings).unwrap();
    keycloak.prefetch().await;
    let alice = issuer.token("alice", "api").await.unwrap();
    assert!(ask(&keycloak, &alice).await);
    let expired = issuer.mint().user("alice").client("api").expires_in(-60).sign().await.unwrap();
    let opaque = "an-opaque-token-that-nobody-knows";
    assert!(!ask(&keycloak, &expired).await && !ask(&keycloak, opaque).await);
    keycloak.service_token().await.unwrap();
    issuer.fault(Endpoint::Certs, Fault::Status(500));
    issuer.rotate(Alg::Rs256).await.unwrap();
    let again = issuer.token("alice", "api").await.unwrap();
    assert!(!ask(&keycloak, &again).await);
    let silent = Arc::new(Silent::default());
    let breaker = CircuitBreaker::new(Arc::clone(&silent) as Arc<dyn Transport>);
    let request = || {
        let uri = "https://kc.test/realms/r/protocol/openid-connect/token?code=hidden-in-the-query";
        Request::get(uri).body(Bytes::new()).unwrap()
    };
    tokio::time::pause();
    for _ in 0..6 {
        assert!(breaker.send(request()).await.is_err());
    }
    assert_eq!(breaker.open(), ["token"]);
    *silent.0.lock().unwrap() = true;
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(breaker.send(request()).await.is_ok() && breaker.open().is_empty());

    let all = seen.0.lock().unwrap();
    for (is_span, documented) in [(true, SPANS), (false, EVENTS)] {
        for Event { name, target, level, fields, .. } in documented {
            let key = (is_span, (*name).to_owned(), (*target).to_owned(), (*level).to_owned());
            let emitted = all.kinds.get(&key).unwrap_or_else(|| panic!("{name} was not emitted"));
            let expected: BTreeSet<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            assert_eq!(*emitted, expected, "{name}");
        }
    }
    for ((is_span, name, target, _), fields) in &all.kinds {
        let documented = if *is_span { SPANS } else { EVENTS };
        let known = documented.iter().any(|event| event.name == name && event.target == target);
        let for_people = !is_span && fields.iter().eq(["message"]);
        assert!(known || for_people, "{target} {name}: {fields:?}");
    }
    for secret in [&*alice, &expired, opaque, &again, "api-secret", "hidden-in", "eyJ"] {
        let told = all.values.iter().find(|value| value.contains(secret));
        assert_eq!(told, None, "{secret}");
    }
    assert!(all.values.len() > 20);
}
