//! A key endpoint that does as it is told.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::transport::{Transport, TransportError};

/// What a request gets; decided when it comes in, delivered `after` a while.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    after: Duration,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Http(StatusCode, String),
    Broken,
    Panic,
}

impl Answer {
    /// A good key set with one key for each of these ids.
    pub(super) fn keys(kids: &[&str]) -> Self {
        let keys: Vec<Value> = kids.iter().map(|kid| jwk(kid)).collect();
        Self::status(200, &json!({ "keys": keys }).to_string())
    }

    pub(super) fn status(status: u16, body: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self { after: Duration::ZERO, what: What::Http(status, body.to_owned()) }
    }

    pub(super) fn broken() -> Self {
        Self { after: Duration::ZERO, what: What::Broken }
    }

    pub(super) fn panic() -> Self {
        Self { after: Duration::ZERO, what: What::Panic }
    }

    pub(super) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// An Ed25519 key made from its id: the same id is always the same key.
pub(super) fn jwk(kid: &str) -> Value {
    let mut seed = [0; 32];
    for (byte, letter) in seed.iter_mut().zip(kid.bytes()) {
        *byte = letter;
    }
    let key = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let x = base64_simd::URL_SAFE_NO_PAD.encode_to_string(key.public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x })
}

#[derive(Debug)]
pub(super) struct Server {
    answer: Mutex<Answer>,
    asked: Mutex<Vec<Instant>>,
}

impl Server {
    pub(super) fn with(answer: Answer) -> Self {
        Self { answer: Mutex::new(answer), asked: Mutex::default() }
    }

    /// From the next request on.
    pub(super) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How many requests came.
    pub(super) fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// How long it was from each request to the next.
    pub(super) fn gaps(&self) -> Vec<Duration> {
        self.asked.lock().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::GET, super::URI));
        assert!(request.body().is_empty());
        let Answer { after, what } = self.answer.lock().unwrap().clone();
        self.asked.lock().unwrap().push(Instant::now());
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        match what {
            What::Http(status, body) => {
                let answer = Response::builder().status(status).header("location", "http://elsewhere.test/");
                Ok(answer.body(Bytes::from(body)).unwrap())
            }
            What::Broken => Err(TransportError::Broken),
            What::Panic => panic!("a transport that panics"),
        }
    }
}
