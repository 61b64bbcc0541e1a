use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kc_conformance::contract::{self, Bounds};
use kc_core::transport::{CircuitBreaker, ReqwestTransport, Transport, TransportError, TransportOptions};

use crate::caught::Clauses;

const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(1), max_body: 1000 };

fn reqwest(timeout: Duration, max_body: usize) -> ReqwestTransport {
    ReqwestTransport::new(TransportOptions { timeout, max_body, ..TransportOptions::default() }).unwrap()
}

#[tokio::test]
async fn the_default_transport_keeps_the_contract() {
    contract::transport(|| reqwest(BOUNDS.timeout, BOUNDS.max_body), BOUNDS).await.unwrap();
}

#[tokio::test]
async fn a_circuit_breaker_around_it_keeps_the_contract() {
    let make = || CircuitBreaker::new(Arc::new(reqwest(BOUNDS.timeout, BOUNDS.max_body)));
    contract::transport(make, BOUNDS).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    DropsTheQuery,
    ServerErrorsAreErrors,
    FollowsRedirects,
    LimitsTooEarly,
    CutsWhatIsTooLarge,
    WaitsForEver,
    HalfIsEnough,
    NobodyIsAnAnswer,
    TellsTheRequest,
    OneAnswerForAll,
    DroppedRequestBlocks,
}

#[derive(Debug)]
struct Broken {
    inner: ReqwestTransport,
    defect: Defect,
    first: Mutex<Option<Bytes>>,
    busy: AtomicBool,
}

impl Broken {
    fn with(inner: ReqwestTransport, defect: Defect) -> Self {
        Self { inner, defect, first: Mutex::default(), busy: AtomicBool::default() }
    }

    async fn go(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let text = format!("{:?} {:?}", request.headers(), request.body());
        if self.defect == Defect::DropsTheQuery {
            *request.uri_mut() =
                request.uri().to_string().split('?').next().unwrap_or_default().parse().unwrap();
        }
        let answer = self.inner.send(request.clone()).await;
        match (self.defect, answer) {
            (Defect::ServerErrorsAreErrors, Ok(answer)) if answer.status().is_server_error() => {
                Err(TransportError::Broken)
            }
            (Defect::FollowsRedirects, Ok(answer)) if answer.status().is_redirection() => {
                *request.uri_mut() = answer.headers()["location"].to_str().unwrap().parse().unwrap();
                self.inner.send(request).await
            }
            (Defect::CutsWhatIsTooLarge, Err(TransportError::TooLarge { .. }))
            | (Defect::HalfIsEnough, Err(TransportError::Broken))
            | (Defect::NobodyIsAnAnswer, Err(TransportError::Connect { .. })) => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                Ok(response)
            }
            (Defect::TellsTheRequest, Err(_)) => Err(TransportError::Connect { reason: text }),
            (Defect::OneAnswerForAll, Ok(answer)) => {
                let body = self.first.lock().unwrap().get_or_insert(answer.body().clone()).clone();
                Ok(answer.map(|_| body))
            }
            (_, answer) => answer,
        }
    }
}

#[async_trait]
impl Transport for Broken {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if self.defect == Defect::DroppedRequestBlocks && self.busy.swap(true, Ordering::Relaxed) {
            return Err(TransportError::Broken);
        }
        let answer = self.go(request).await;
        self.busy.store(false, Ordering::Relaxed);
        answer
    }
}

#[test]
fn each_clause_about_transports_catches_what_it_is_for() {
    let defects = [
        (Defect::DropsTheQuery, "a request arrives as it was given"),
        (Defect::ServerErrorsAreErrors, "any status is an answer, with its headers and its body"),
        (Defect::FollowsRedirects, "no redirect is followed"),
        (Defect::LimitsTooEarly, "an answer of the size allowed is whole"),
        (Defect::CutsWhatIsTooLarge, "an answer that is too large is an error"),
        (Defect::WaitsForEver, "a server that hangs or trickles ends in an error, in time"),
        (Defect::HalfIsEnough, "an answer that is not whole, or not HTTP, is an error"),
        (Defect::NobodyIsAnAnswer, "nobody there is an error"),
        (Defect::TellsTheRequest, "an error holds nothing of the request"),
        (Defect::OneAnswerForAll, "simultaneous requests get their own answers"),
        (Defect::DroppedRequestBlocks, "dropping a request does no harm to others"),
    ];
    let suite = async |defect| {
        let timeout = if defect == Defect::WaitsForEver { Duration::from_secs(4) } else { BOUNDS.timeout };
        let max_body = if defect == Defect::LimitsTooEarly { 999 } else { BOUNDS.max_body };
        // Made once: reading the system's certificates takes long.
        let inner = reqwest(timeout, max_body);
        contract::transport(|| Broken::with(inner.clone(), defect), BOUNDS).await
    };
    Clauses::default().all_caught(&defects, suite);
}
