//! A service on axum whose traces go on into Keycloak, by OpenTelemetry.
//!
//! | step | where |
//! | --- | --- |
//! | spans of `tracing` become those of OpenTelemetry | [`subscriber`] |
//! | a request's span continues the trace that it came with | [`traced`] |
//! | what is asked of Keycloak carries that trace on | [`OpenTelemetry`] |

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::{Json, Router, routing::get};
use http::{HeaderMap, HeaderName, HeaderValue};
use kc_axum::{Principal, Routes};
use kc_core::rules::{Rule, active};
use kc_core::settings::{Settings, SettingsError};
use kc_core::trace_context::TraceContext;
use kc_core::{Keycloak, RouteError};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Instrument as _, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

/// Writes the context of the current span into the headers of what is sent. `TraceContextPropagator` knows `traceparent` and
/// `tracestate`; `baggage` is not among them.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenTelemetry;

impl TraceContext for OpenTelemetry {
    fn inject(&self, headers: &mut HeaderMap) {
        let context = tracing::Span::current().context();
        TraceContextPropagator::new().inject_context(&context, &mut Outgoing(headers));
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, name: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// What sends spans to `provider`. Those of `kc` are DEBUG: without them a trace ends at this service's own span.
pub fn subscriber(provider: &SdkTracerProvider) -> impl Subscriber + Send + Sync {
    let ours = Targets::new()
        .with_target("kc", LevelFilter::DEBUG)
        .with_target("opentelemetry_service", LevelFilter::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("opentelemetry-service"));
    tracing_subscriber::registry().with(layer.with_filter(ours))
}

/// A span for each request, in the trace that the request came with. Around everything, the guard too.
pub async fn traced(request: Request, next: Next) -> Response {
    let span = tracing::info_span!("request", otel.kind = "server");
    let parent = TraceContextPropagator::new().extract(&Incoming(request.headers()));
    // An error means that no layer of OpenTelemetry is there.
    let _ = span.set_parent(parent);
    next.run(request).instrument(span).await
}

/// Who is asked about at Keycloak: the rule needs introspection, so that there is something to see.
const STILL_ACTIVE: Rule = active();

/// The realm, whose requests to Keycloak carry the trace on.
///
/// # Errors
/// The setting that cannot be used.
pub fn keycloak(settings: &Settings) -> Result<Keycloak, SettingsError> {
    Keycloak::builder().trace_context(Arc::new(OpenTelemetry)).build(settings)
}

/// The service.
///
/// # Errors
/// Two routes of one pattern.
pub fn app(keycloak: &Keycloak) -> Result<Router, RouteError> {
    let routes = Routes::new(keycloak.guard()).route("/me", STILL_ACTIVE, get(me));
    Ok(routes.into_router()?.layer(from_fn(traced)))
}

async fn me(caller: Principal) -> Json<Option<String>> {
    Json(caller.subject().map(str::to_owned))
}
