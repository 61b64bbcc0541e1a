//! A transport that leaves an endpoint alone for a moment when it gives no answer.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use tokio::time::Instant;

use super::{Transport, TransportError};
use crate::telemetry;

/// A circuit breaker around another [`Transport`]: callers do not queue up behind a server that hangs.
///
/// Each endpoint has its own, so that one that hangs does not take the others down. When an endpoint has given no answer
/// five times in a row (no connection, or not within the time allowed) it is left alone for two seconds: requests fail at
/// once with [`TransportError::CircuitOpen`]. Then one request tries; its answer, whatever the status, lets all through
/// again, and if there is none it is two seconds more. A server that answers, with 500 too, is not left alone: asking it
/// costs nobody anything but time.
///
/// # Example
/// ```
/// # #[cfg(feature = "reqwest")]
/// # fn main() -> Result<(), kc_core::transport::TransportError> {
/// use std::sync::Arc;
/// use kc_core::transport::{CircuitBreaker, ReqwestTransport, TransportOptions};
///
/// // `Keycloak` puts one around its transport by itself.
/// let transport = CircuitBreaker::new(Arc::new(ReqwestTransport::new(TransportOptions::default())?));
/// # let _ = transport;
/// # Ok(()) }
/// # #[cfg(not(feature = "reqwest"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    inner: Arc<dyn Transport>,
    endpoints: Arc<Mutex<HashMap<String, Endpoint>>>,
}

/// So many requests without an answer, one after the other, open the circuit.
const FAILURES: u32 = 5;

/// For so long.
const OPEN: Duration = Duration::from_secs(2);

/// Endpoints beyond these are always asked: a service has a handful of them for each realm.
const ENDPOINTS: usize = 1024;

#[derive(Debug, Default)]
struct Endpoint {
    /// The word for it.
    label: &'static str,
    failures: u32,
    open_until: Option<Instant>,
}

impl CircuitBreaker {
    /// Around `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner, endpoints: Arc::default() }
    }

    /// Which endpoints are left alone: a word for each, as in metrics, in order.
    #[must_use]
    pub fn open(&self) -> Vec<&'static str> {
        let endpoints = self.lock();
        let open = endpoints.values().filter(|endpoint| endpoint.open_until.is_some());
        let mut open: Vec<_> = open.map(|endpoint| endpoint.label).collect();
        open.sort_unstable();
        open.dedup();
        open
    }

    /// Held for a few assignments; a panic in between leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Endpoint>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the endpoint may be asked now. Whoever may when the time is up is the one who tries.
    fn enter(&self, name: &str) -> Result<(), TransportError> {
        let now = Instant::now();
        let mut endpoints = self.lock();
        let Some(endpoint) = endpoints.get_mut(name) else { return Ok(()) };
        match endpoint.open_until {
            Some(until) if now < until => Err(TransportError::CircuitOpen { retry_in: until - now }),
            Some(_) => {
                endpoint.open_until = Some(now + OPEN);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn answered(&self, name: &str) {
        let before = self.lock().remove(name);
        if let Some(Endpoint { label, open_until: Some(_), .. }) = before {
            telemetry::circuit(label, false);
            tracing::info!(
                name: "kc.circuit.closed",
                target: "kc::circuit",
                endpoint = label,
                "an endpoint of Keycloak answers again"
            );
        }
    }

    fn failed(&self, uri: &Uri, name: String) {
        let mut endpoints = self.lock();
        if endpoints.len() >= ENDPOINTS && !endpoints.contains_key(&name) {
            return;
        }
        let label = telemetry::endpoint(uri);
        let endpoint = endpoints.entry(name).or_insert(Endpoint { label, ..Endpoint::default() });
        endpoint.failures = endpoint.failures.saturating_add(1);
        if endpoint.failures >= FAILURES {
            let was_open = endpoint.open_until.replace(Instant::now() + OPEN).is_some();
            drop(endpoints);
            if !was_open {
                telemetry::circuit(label, true);
                tracing::warn!(
                    name: "kc.circuit.opened",
                    target: "kc::circuit",
                    endpoint = label,
                    "an endpoint of Keycloak does not answer and is left alone, to be tried every {} s",
                    OPEN.as_secs()
                );
            }
        }
    }
}

/// Scheme, host and path; a query does not make another endpoint.
fn name(uri: &Uri) -> String {
    format!(
        "{}://{}{}",
        uri.scheme_str().unwrap_or_default(),
        uri.authority().map_or("", |at| at.as_str()),
        uri.path()
    )
}

#[async_trait]
impl Transport for CircuitBreaker {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let uri = request.uri().clone();
        let name = name(&uri);
        self.enter(&name)?;
        let answer = self.inner.send(request).await;
        match &answer {
            Err(TransportError::Connect { .. } | TransportError::Timeout { .. }) => self.failed(&uri, name),
            _ => self.answered(&name),
        }
        answer
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CircuitBreaker").field(&self.inner).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake_transport::{Answer, FakeTransport};

    const SLOW: Duration = Duration::from_secs(5);

    fn hangs() -> Answer {
        Answer::Fail(TransportError::Timeout { after: SLOW }).after(SLOW)
    }

    fn breaker(answer: Answer) -> (CircuitBreaker, Arc<FakeTransport>) {
        let transport = Arc::new(FakeTransport::new([answer]));
        (CircuitBreaker::new(Arc::clone(&transport) as Arc<dyn Transport>), transport)
    }

    async fn ask(breaker: &CircuitBreaker, uri: &'static str) -> Result<u16, TransportError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = Uri::from_static(uri);
        breaker.send(request).await.map(|answer| answer.status().as_u16())
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_hangs_is_left_alone_and_tried_again_by_one() {
        let (breaker, transport) = breaker(hangs());
        for _ in 0..FAILURES {
            assert_eq!(ask(&breaker, "http://kc/a").await, Err(TransportError::Timeout { after: SLOW }));
        }
        let since = Instant::now();
        for _ in 0..100 {
            assert!(matches!(ask(&breaker, "http://kc/a?x").await, Err(TransportError::CircuitOpen { .. })));
        }
        assert_eq!((since.elapsed(), transport.requests()), (Duration::ZERO, 5));
        tokio::time::advance(OPEN).await;
        let tries = (0..50).map(|_| {
            let breaker = breaker.clone();
            tokio::spawn(async move { ask(&breaker, "http://kc/a").await })
        });
        let tries: Vec<_> = tries.collect();
        for one in tries {
            assert!(one.await.unwrap().is_err());
        }
        assert_eq!(transport.requests(), 6, "one has tried");
        transport.answer_from_now(Answer::reply(500, ""));
        tokio::time::advance(OPEN).await;
        for _ in 0..10 {
            assert_eq!(ask(&breaker, "http://kc/a").await, Ok(500));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_endpoint_does_not_take_the_others_down() {
        let (breaker, transport) = breaker(hangs());
        for _ in 0..FAILURES {
            let _ = ask(&breaker, "http://kc/a").await;
        }
        transport.answer_from_now(Answer::reply(200, ""));
        assert!(ask(&breaker, "http://kc/a").await.is_err());
        assert_eq!(ask(&breaker, "http://kc/b").await, Ok(200));
        assert_eq!(ask(&breaker, "http://other/a").await, Ok(200));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_between_failures_starts_the_count_anew() {
        let (breaker, transport) = breaker(hangs());
        for _ in 0..3 {
            transport.answer_from_now(hangs());
            for _ in 0..FAILURES - 1 {
                let _ = ask(&breaker, "http://kc/a").await;
            }
            transport.answer_from_now(Answer::reply(503, ""));
            assert_eq!(ask(&breaker, "http://kc/a").await, Ok(503));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_tries_and_goes_away_leaves_it_to_the_next() {
        let (breaker, transport) = breaker(hangs());
        for _ in 0..FAILURES {
            let _ = ask(&breaker, "http://kc/a").await;
        }
        tokio::time::advance(OPEN).await;
        let gone = tokio::time::timeout(Duration::from_millis(1), ask(&breaker, "http://kc/a")).await;
        assert!(gone.is_err());
        transport.answer_from_now(Answer::reply(200, ""));
        tokio::time::advance(OPEN).await;
        assert_eq!(ask(&breaker, "http://kc/a").await, Ok(200));
    }
}
