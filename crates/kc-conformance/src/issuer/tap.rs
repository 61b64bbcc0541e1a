//! What stands between the service and its issuer in cases about logins: it sees what comes from the token endpoint, which no
//! log may hold, and can put another ID token in its place.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::front::forwarded;
use crate::case::Failure;
use crate::wire::{self, Incoming};

/// How long the issuer may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs until it is dropped. A service reaches it as `KEYCLOAK_INTERNAL_URL`.
#[derive(Debug)]
pub(crate) struct Tap {
    address: SocketAddr,
    shared: Rc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    tokens: RefCell<Vec<Value>>,
    pushed: RefCell<Option<String>>,
    id_token: RefCell<Option<String>>,
}

impl Tap {
    pub(crate) async fn start(server: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Shared {
            server,
            tokens: RefCell::default(),
            pushed: RefCell::default(),
            id_token: RefCell::default(),
        };
        let shared = Rc::new(shared);
        let serving = Rc::clone(&shared);
        let task = tokio::task::spawn_local(async move {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Rc::clone(&serving);
                connections.spawn_local(async move { serve(stream, &shared).await });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, shared, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A member of the token endpoint's last good answer.
    pub(crate) fn last(&self, member: &str) -> Result<String, Failure> {
        let tokens = self.shared.tokens.borrow();
        let found = tokens.last().and_then(|answer| answer.get(member)).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| {
            Failure::new(format!("the service has got no {member} by way of KEYCLOAK_INTERNAL_URL"))
        })
    }

    /// Every token that the service has got.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let tokens = self.shared.tokens.borrow();
        let members = ["access_token", "id_token", "refresh_token"];
        let all = tokens.iter().flat_map(|answer| members.map(|member| answer.get(member)));
        all.flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The form of the last pushed authorization request.
    pub(crate) fn pushed(&self) -> Option<String> {
        self.shared.pushed.borrow().clone()
    }

    /// Puts this in the place of the ID token from now on.
    pub(crate) fn forge_id_token(&self, token: String) {
        self.shared.id_token.replace(Some(token));
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) {
    let Some(mut request) = Incoming::read(&mut stream).await else { return };
    request.head = under_name_of(shared.server, &request.head);
    if request.path().ends_with("/ext/par/request") {
        shared.pushed.replace(Some(String::from_utf8_lossy(&request.body).into_owned()));
    }
    let Ok(Ok(mut bytes)) = timeout(PATIENCE, forwarded(shared.server, &request)).await else { return };
    if request.path().ends_with("/token")
        && let Some(mut answer) = tokens_in(&bytes)
    {
        if let (Some(forged), Some(members)) = (&*shared.id_token.borrow(), answer.as_object_mut()) {
            members.insert("id_token".to_owned(), json!(forged));
            bytes = wire::answer(
                200,
                "application/json",
                &[],
                Value::Object(members.clone()).to_string().as_bytes(),
            );
        }
        shared.tokens.borrow_mut().push(answer);
    }
    // Who doesn't listen to the answer has hung up.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}

/// What was granted, if something was.
fn tokens_in(answer: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(answer);
    let object = text.get(text.find('{')?..=text.rfind('}')?)?;
    let answer: Value = serde_json::from_str(object).ok()?;
    answer.get("access_token").is_some().then_some(answer)
}

/// The issuer names itself after the host that it is asked under: its own.
fn under_name_of(server: SocketAddr, head: &str) -> String {
    let lines = head.trim_end().split("\r\n").map(|line| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("host") => format!("Host: {server}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n") + "\r\n\r\n"
}
