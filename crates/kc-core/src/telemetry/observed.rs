//! A transport whose requests are counted, traced, and carry a trace's context.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::endpoint;
use crate::trace_context::TraceContext;
use crate::transport::{Transport, TransportError};

/// A [`Transport`] around another one, which counts its requests and makes a span of each. [`Keycloak`](crate::Keycloak) puts one
/// around whatever it sends by; it is for those who put the parts together by hand.
///
/// No URL, header or body is told: an endpoint is named by one of ten words.
#[derive(Clone)]
pub struct ObservedTransport {
    inner: Arc<dyn Transport>,
    context: Option<Arc<dyn TraceContext>>,
}

impl ObservedTransport {
    /// Around `inner`. No trace context is sent along.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner, context: None }
    }

    /// Sets by what a trace's context comes into the headers. Default: none does.
    #[must_use]
    pub fn trace_context(mut self, context: Arc<dyn TraceContext>) -> Self {
        self.context = Some(context);
        self
    }
}

#[async_trait]
impl Transport for ObservedTransport {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let call = Call::begin(endpoint::endpoint(request.uri()));
        if let Some(context) = &self.context {
            call.span.in_scope(|| context.inject(request.headers_mut()));
        }
        let answer = self.inner.send(request).instrument(call.span.clone()).await;
        match &answer {
            Ok(response) => call.end(class(response), Some(response.status().as_u16())),
            Err(error) => call.end(error.code(), None),
        }
        answer
    }
}

fn class(response: &Response<Bytes>) -> &'static str {
    match response.status().as_u16() {
        200..=299 => "ok",
        300..=399 => "redirect",
        400..=499 => "client_error",
        _ => "server_error",
    }
}

/// A request on its way. Whoever sent it may leave; it is told all the same, once.
struct Call {
    endpoint: &'static str,
    began: Instant,
    span: Span,
    told: bool,
}

impl Call {
    fn begin(endpoint: &'static str) -> Self {
        let span = tracing::debug_span!(
            target: "kc::keycloak",
            "kc.keycloak.request",
            endpoint,
            result = Empty,
            status = Empty,
            otel.kind = "client"
        );
        Self { endpoint, began: Instant::now(), span, told: false }
    }

    fn end(mut self, result: &'static str, status: Option<u16>) {
        self.tell(result, status);
    }

    fn tell(&mut self, result: &'static str, status: Option<u16>) {
        self.told = true;
        let (endpoint, took) = (self.endpoint, self.began.elapsed());
        super::outbound(endpoint, result, took);
        self.span.record("result", result);
        if let Some(status) = status {
            self.span.record("status", status);
        }
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(
            name: "kc.keycloak.answer",
            target: "kc::keycloak",
            parent: &self.span,
            endpoint,
            result,
            status,
            duration_ms
        );
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.told {
            self.tell("given_up", None);
        }
    }
}

impl fmt::Debug for ObservedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
