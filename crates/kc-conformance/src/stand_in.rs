//! A server in the issuer's place whose answers a case writes itself.
//!
//! The embedded issuer only makes the mistakes that it was built for; a key list with a private key in it, or an
//! introspection that speaks of another user, is none of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::case::Failure;
use crate::kit::Kit;

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
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read_buf(&mut bytes).await {
            Ok(1..) if bytes.len() < 128 * 1024 => {}
            _ => return,
        }
    };
    let head = String::from_utf8_lossy(bytes.get(..head_end).unwrap_or_default()).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse::<usize>().ok())
        .unwrap_or(0);
    while bytes.len() < head_end + length {
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => {}
            _ => return,
        }
    }
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = String::from_utf8_lossy(bytes.get(head_end..).unwrap_or_default()).into_owned();
    let answer = {
        let answers = shared.answers.borrow();
        let found = answers.iter().find(|(end, _)| path_of(&target).ends_with(end.as_str()));
        found.map(|(_, answer)| answer.clone())
    };
    shared.seen.borrow_mut().push(Seen { target, head, body });
    let answer =
        answer.unwrap_or_else(|| Answer { status: 404, content_type: "text/plain", body: Vec::new() });
    let head = format!(
        "HTTP/1.1 {} Answer\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.status,
        answer.content_type,
        answer.body.len()
    );
    // Who doesn't listen to the answer has hung up.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&answer.body).await;
    let _ = stream.shutdown().await;
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}
