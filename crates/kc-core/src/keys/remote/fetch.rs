//! One request to the JWKS endpoint.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Method, Request, StatusCode, Uri};

use crate::transport::Transport;

/// What is asked, and how long it may take.
pub(super) struct Fetch {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) uri: Uri,
    pub(super) timeout: Duration,
}

/// Why a fetch failed.
#[derive(Clone)]
pub(super) struct Failure {
    /// A word for it, which is told to others.
    pub(super) code: &'static str,
    /// For the log.
    pub(super) reason: String,
}

impl Failure {
    pub(super) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub(super) fn given_up() -> Self {
        Self::new("given_up", "the fetch was given up")
    }
}

impl Fetch {
    /// The document, whatever it holds.
    pub(super) async fn run(&self) -> Result<Bytes, Failure> {
        tokio::time::timeout(self.timeout, self.ask()).await.unwrap_or_else(|_| {
            let reason = format!("no whole answer within {} ms", self.timeout.as_millis());
            Err(Failure::new("timeout", reason))
        })
    }

    async fn ask(&self) -> Result<Bytes, Failure> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(&self.uri)
            .header(ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| Failure::new("unsendable", error.to_string()))?;
        let answer = self.transport.send(request).await;
        let answer = answer.map_err(|error| Failure::new(error.code(), error.to_string()))?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status if status.is_redirection() => {
                Err(Failure::new("redirect", format!("it answers {status}, and no redirect is followed")))
            }
            status => Err(Failure::new("status", format!("it answers {status}"))),
        }
    }
}
