//! Metrics and health, for those who run the service: on an address of their own, never where callers come in.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use kc_core::telemetry::{METRICS, MetricKind};
use kc_core::{HealthReport, Keycloak};
use kc_login::Login;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::server;
use crate::start::Stop;

/// Where it is served, and who keeps the numbers.
#[derive(Debug)]
pub(crate) struct Metrics {
    listener: TcpListener,
    address: SocketAddr,
    recorder: Recorder,
}

struct Recorder(PrometheusHandle);

/// Seconds: from an answer of the same machine to a timeout.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// How often what was measured is put into its buckets, should nobody ask.
const UPKEEP: Duration = Duration::from_secs(5);

/// A store that takes longer is not there.
const PROBE: Duration = Duration::from_secs(2);

impl Metrics {
    /// Listens where `METRICS_LISTEN` says, and counts from now on: before anything is put together that counts. `None` when it
    /// is not set.
    ///
    /// # Errors
    /// One line that names the setting, its defect and the remedy.
    pub(crate) fn from_env() -> Result<Option<Self>, String> {
        match std::env::var("METRICS_LISTEN") {
            Ok(text) if !text.trim().is_empty() => Self::listen(text.trim()).map(Some),
            Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err("METRICS_LISTEN is not text: give an address and a port, such as 127.0.0.1:9464"
                    .to_owned())
            }
        }
    }

    fn listen(text: &str) -> Result<Self, String> {
        let address: SocketAddr = text.parse().map_err(|_| {
            format!(
                "METRICS_LISTEN is no address with a port ({:?}): give one such as 127.0.0.1:9464, or leave it unset",
                text.chars().take(40).collect::<String>()
            )
        })?;
        let listener = TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| {
                format!(
                    "METRICS_LISTEN cannot be used ({address}: {error}): choose a free port, or stop what listens there"
                )
            })?;
        let address = listener.local_addr().unwrap_or(address);
        Ok(Self { listener, address, recorder: Recorder::install()? })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is told to stop.
    pub(crate) async fn serve(self, stop: Stop, keycloak: Keycloak, login: Login) -> std::io::Result<()> {
        let handle = self.recorder.0.clone();
        let upkeep = tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        });
        let served = server::serve(self.listener, stop, |_| {
            let (recorder, keycloak, login) = (self.recorder.0.clone(), keycloak.clone(), login.clone());
            service_fn(move |request: Request<Incoming>| {
                let (recorder, keycloak, login) = (recorder.clone(), keycloak.clone(), login.clone());
                async move { Ok::<_, Infallible>(answer(&request, &recorder, &keycloak, &login).await) }
            })
        })
        .await;
        upkeep.abort();
        served
    }
}

impl Recorder {
    fn install() -> Result<Self, String> {
        let unusable = |error| format!("METRICS_LISTEN cannot be used ({error}): leave it unset");
        let mut builder = PrometheusBuilder::new();
        for metric in METRICS.iter().filter(|metric| metric.kind == MetricKind::Histogram) {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder
                .set_buckets_for_metric(name, &BUCKETS)
                .map_err(|error| unusable(error.to_string()))?;
        }
        builder.install_recorder().map(Self).map_err(|error| unusable(error.to_string()))
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

async fn answer(
    request: &Request<Incoming>,
    recorder: &PrometheusHandle,
    keycloak: &Keycloak,
    login: &Login,
) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", recorder.render()),
        // Whoever answers is alive.
        "/livez" => response(StatusCode::OK, "application/json", r#"{"alive":true}"#.to_owned()),
        "/readyz" => {
            let report = health(keycloak, login).await;
            let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            response(status, "application/json", report.to_json())
        }
        _ => response(StatusCode::NOT_FOUND, "text/plain", String::new()),
    }
}

async fn health(keycloak: &Keycloak, login: &Login) -> HealthReport {
    let sessions = tokio::time::timeout(PROBE, login.reaches_sessions()).await;
    keycloak.health().with("sessions", sessions.unwrap_or(false))
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
