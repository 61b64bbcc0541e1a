//! A JWKS endpoint in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use kc_core::keys::{RemoteKeys, RemoteKeysOptions};
use kc_core::transport::{Transport, TransportError};
use serde_json::Value;

pub(crate) const CERTS: &str = "https://kc.test/realms/a/protocol/openid-connect/certs";

type Answer = Result<(u16, String), TransportError>;

/// Answers as it is told, and remembers what it was asked for.
#[derive(Debug)]
pub(crate) struct Endpoint {
    answer: Mutex<(Duration, Answer)>,
    asked: Mutex<Vec<Uri>>,
}

impl Endpoint {
    /// One that publishes `jwks`, and keys that are fetched from it.
    pub(crate) fn publishing(jwks: &Value) -> (Arc<Self>, Arc<RemoteKeys>) {
        let answer = Mutex::new((Duration::ZERO, Ok((200, jwks.to_string()))));
        let endpoint = Arc::new(Self { answer, asked: Mutex::default() });
        let transport = Arc::clone(&endpoint) as Arc<dyn Transport>;
        let keys = RemoteKeys::new(transport, CERTS.parse().unwrap(), RemoteKeysOptions::default());
        (endpoint, Arc::new(keys))
    }

    pub(crate) fn publishes(&self, jwks: &Value) {
        self.answers(Ok((200, jwks.to_string())));
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = (Duration::ZERO, answer);
    }

    /// No answer for so long.
    pub(crate) fn hangs(&self, time: Duration) {
        self.answer.lock().unwrap().0 = time;
    }

    /// How many requests came; all of them have to be for the keys.
    pub(crate) fn requests(&self) -> usize {
        let asked = self.asked.lock().unwrap();
        assert!(asked.iter().all(|uri| *uri == CERTS), "{asked:?}");
        asked.len()
    }
}

#[async_trait]
impl Transport for Endpoint {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let (time, answer) = self.answer.lock().unwrap().clone();
        self.asked.lock().unwrap().push(request.uri().clone());
        tokio::time::sleep(time).await;
        let (status, body) = answer?;
        let answer = Response::builder().status(status).header("location", "https://elsewhere.test/certs");
        Ok(answer.body(Bytes::from(body)).unwrap())
    }
}
