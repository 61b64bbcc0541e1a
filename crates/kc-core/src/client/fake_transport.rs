//! A Keycloak that answers as a test says.

use std::collections::VecDeque;
use std::future;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::transport::{Transport, TransportError};

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    After(Duration, Box<Self>),
    Fail(TransportError),
    Hang,
    Panic,
    Reply(u16, Bytes),
}

impl Answer {
    pub(crate) fn reply(status: u16, body: impl Into<Bytes>) -> Self {
        Self::Reply(status, body.into())
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self::After(delay, Box::new(self))
    }
}

/// Gives the answers of its script one after the other, the last one again and again, and keeps the requests.
#[derive(Debug)]
pub(crate) struct FakeTransport {
    script: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl FakeTransport {
    pub(crate) fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        Self { script: Mutex::new(script.into_iter().collect()), requests: Mutex::default() }
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Request<Bytes> {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    /// What happens from here on.
    pub(crate) fn answer_from_now(&self, answer: Answer) {
        *self.script.lock().unwrap() = VecDeque::from([answer]);
    }

    /// The same with a script.
    pub(crate) fn answers_from_now(&self, script: impl IntoIterator<Item = Answer>) {
        *self.script.lock().unwrap() = script.into_iter().collect();
    }

    fn next(&self, request: Request<Bytes>) -> Answer {
        self.requests.lock().unwrap().push(request);
        let mut script = self.script.lock().unwrap();
        if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() }
    }
}

#[async_trait]
impl Transport for FakeTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut answer = self.next(request);
        loop {
            match answer {
                Answer::After(delay, then) => {
                    tokio::time::sleep(delay).await;
                    answer = *then;
                }
                Answer::Fail(error) => return Err(error),
                Answer::Hang => future::pending().await,
                Answer::Panic => panic!("a transport with a defect"),
                Answer::Reply(status, body) => {
                    return Ok(Response::builder().status(status).body(body).unwrap());
                }
            }
        }
    }
}
