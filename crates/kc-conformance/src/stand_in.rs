//! A server in the issuer's place whose answers a case writes itself.
//!
//! The embedded issuer only makes the mistakes that it was built for; a key list with a private key in it, or an
//! introspection that speaks of another user, is none of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::case::Failure;
use crate::kit::Kit;
use crate::wire::{self, Incoming, path_of};

/// Runs until it is dropped. What has no answer is 404.
#[derive(Debug)]
pub(crate) struct StandIn {
    address: SocketAddr,
    shared: Rc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: RefCell<BTreeMap<String, Answer>>,
    seen: RefCell<Vec<Seen>>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) target: String,
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl StandIn {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Rc::<Shared>::default();
        let serving = Rc::clone(&shared);
        let task = tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Rc::clone(&serving);
                tokio::task::spawn_local(async move { serve(stream, &shared).await });
            }
        });
        Ok(Self { address, shared, task })
    }

    /// One that serves the kit's own keys, for a service that is told to ask here.
    pub(crate) async fn with_keys_of(kit: &Kit) -> Result<Self, Failure> {
        let stand_in = Self::start().await?;
        stand_in.answer("/certs", 200, "application/json", kit.issuer.jwks().await?.to_string());
        Ok(stand_in)
    }

    /// `http://ADDRESS`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers requests whose path ends so.
    pub(crate) fn answer(
        &self,
        path_end: &str,
        status: u16,
        content_type: &'static str,
        body: impl Into<Vec<u8>>,
    ) {
        let answer = Answer { status, content_type, body: body.into() };
        self.shared.answers.borrow_mut().insert(path_end.to_owned(), answer);
    }

    /// Answers with JSON.
    pub(crate) fn answer_json(&self, path_end: &str, body: &Value) {
        self.answer(path_end, 200, "application/json", body.to_string());
    }

    /// Requests whose path ends so.
    pub(crate) fn seen(&self, path_end: &str) -> Vec<Seen> {
        let seen = self.shared.seen.borrow();
        seen.iter().filter(|seen| path_of(&seen.target).ends_with(path_end)).cloned().collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) {
    let Some(request) = Incoming::read(&mut stream).await else { return };
    let answer = {
        let answers = shared.answers.borrow();
        let found = answers.iter().find(|(end, _)| request.path().ends_with(end.as_str()));
        found.map(|(_, answer)| answer.clone())
    };
    let body = String::from_utf8_lossy(&request.body).into_owned();
    shared.seen.borrow_mut().push(Seen { target: request.target, head: request.head, body });
    let answer =
        answer.unwrap_or_else(|| Answer { status: 404, content_type: "text/plain", body: Vec::new() });
    let bytes = wire::answer(answer.status, answer.content_type, &[], &answer.body);
    // Who doesn't listen to the answer has hung up.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}
