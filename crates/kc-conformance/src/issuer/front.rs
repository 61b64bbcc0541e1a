//! What stands in front of a real Keycloak: counts what the service asks, and makes it suffer what a case wants.
//!
//! Keycloak names its issuer after the name that it is asked under. The front hands that name on, so that to the service
//! the front is the server, and whatever it doesn't spoil is a real answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use kc_dev::{Endpoint, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::case::Failure;
use crate::wire::{self, Incoming};

/// How long the real server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs until it is dropped.
#[derive(Debug)]
pub(super) struct Front {
    address: SocketAddr,
    shared: Rc<Shared>,
    task: RefCell<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    faults: RefCell<BTreeMap<Endpoint, Vec<Set>>>,
    requests: RefCell<BTreeMap<Endpoint, u64>>,
}

#[derive(Debug)]
struct Set {
    fault: Fault,
    /// How many requests it still hits; `None` is all.
    left: Option<u64>,
}

impl Front {
    pub(super) async fn start(server: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Rc::new(Shared { server, faults: RefCell::default(), requests: RefCell::default() });
        let task = tokio::task::spawn_local(accept(listener, Rc::clone(&shared)));
        Ok(Self { address, shared, task: RefCell::new(Some(task)) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and every connection, for good.
    pub(super) async fn close(&self) {
        let task = self.task.take();
        if let Some(task) = task {
            task.abort();
            // Ended by us: the error says just that.
            drop(task.await);
        }
    }

    /// Makes the next `times` requests suffer that, or all.
    pub(super) fn fault(&self, endpoint: Endpoint, fault: Fault, times: Option<u64>) {
        self.shared.faults.borrow_mut().entry(endpoint).or_default().push(Set { fault, left: times });
    }

    pub(super) fn clear_fault(&self, endpoint: Endpoint) {
        self.shared.faults.borrow_mut().remove(&endpoint);
    }

    pub(super) fn requests(&self, endpoint: Endpoint) -> u64 {
        self.shared.requests.borrow().get(&endpoint).copied().unwrap_or(0)
    }

    pub(super) fn reset_requests(&self) {
        self.shared.requests.borrow_mut().clear();
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, shared: Rc<Shared>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Rc::clone(&shared);
        connections.spawn_local(async move { serve(stream, &shared).await });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) {
    let Some(request) = Incoming::read(&mut stream).await else { return };
    let (delay, instead) = shared.hit(endpoint_of(request.path()));
    tokio::time::sleep(delay).await;
    let bytes = match instead {
        Some((_, Fault::Cut)) => return,
        Some((endpoint, fault)) => spoiled(endpoint, &fault),
        None => match timeout(PATIENCE, forwarded(shared.server, &request)).await {
            Ok(Ok(bytes)) => bytes,
            _ => return,
        },
    };
    // Who doesn't listen to the answer has hung up.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}

impl Shared {
    /// Counts a request and tells what it must suffer: how long to wait, and what to answer instead.
    fn hit(&self, endpoint: Option<Endpoint>) -> (Duration, Option<(Endpoint, Fault)>) {
        let (mut delay, mut instead) = (Duration::ZERO, None);
        let Some(endpoint) = endpoint else { return (delay, instead) };
        *self.requests.borrow_mut().entry(endpoint).or_default() += 1;
        if let Some(set) = self.faults.borrow_mut().get_mut(&endpoint) {
            for fault in set.iter_mut() {
                if let Some(left) = &mut fault.left {
                    *left = left.saturating_sub(1);
                }
                match &fault.fault {
                    Fault::Slow(by) => delay += *by,
                    other if instead.is_none() => instead = Some((endpoint, other.clone())),
                    _ => {}
                }
            }
            set.retain(|fault| fault.left != Some(0));
        }
        (delay, instead)
    }
}

/// Sends the request on as it is, and brings the answer back as it is, but for the connection's end.
pub(super) async fn forwarded(server: SocketAddr, request: &Incoming) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let head = closing(&request.head);
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&request.body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let body = answer.split_off(end + 4);
    let head = closing(&String::from_utf8_lossy(&answer));
    Ok([head.as_bytes(), &body].concat())
}

/// A head that says that the connection ends here.
fn closing(head: &str) -> String {
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    lines.retain(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("connection") && !name.eq_ignore_ascii_case("keep-alive")
    });
    format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"))
}

fn endpoint_of(path: &str) -> Option<Endpoint> {
    const ENDS: [(&str, Endpoint); 6] = [
        ("/certs", Endpoint::Certs),
        ("/token/introspect", Endpoint::Introspect),
        ("/logout", Endpoint::Logout),
        ("/revoke", Endpoint::Revoke),
        ("/token", Endpoint::Token),
        ("/userinfo", Endpoint::Userinfo),
    ];
    if path.contains("/.well-known/") {
        return Some(Endpoint::Discovery);
    }
    let (_, below) = path.split_once("/realms/")?;
    match below.split_once("/protocol/openid-connect") {
        Some((_, end)) => ENDS.into_iter().find(|(known, _)| *known == end).map(|(_, endpoint)| endpoint),
        None => (!below.contains('/')).then_some(Endpoint::Realm),
    }
}

fn spoiled(endpoint: Endpoint, fault: &Fault) -> Vec<u8> {
    const JSON: &str = "application/json";
    match fault {
        Fault::Empty if endpoint == Endpoint::Certs => wire::answer(200, JSON, &[], b"{\"keys\":[]}"),
        Fault::Empty => wire::answer(200, JSON, &[], b"{}"),
        Fault::Garbage => wire::answer(200, JSON, &[], b"\x00{]\xff not json"),
        Fault::Html => {
            wire::answer(200, "text/html", &[], b"<!doctype html><title>Sign in</title><p>Please sign in.")
        }
        Fault::Huge(bytes) => {
            wire::answer(200, JSON, &[], format!("{{\"x\":\"{}\"}}", "x".repeat(*bytes)).as_bytes())
        }
        Fault::Redirect(to) => wire::answer(302, "text/plain", &[("Location", to)], b""),
        Fault::Status(status) => wire::answer(*status, "text/plain", &[], b""),
        // A fault that is new to the front is an outage.
        _ => wire::answer(500, "text/plain", &[], b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_told_by_their_paths_wherever_the_server_is_mounted() {
        for (path, expected) in [
            ("/realms/a/protocol/openid-connect/certs", Some(Endpoint::Certs)),
            ("/auth/realms/a/protocol/openid-connect/token", Some(Endpoint::Token)),
            ("/realms/a/protocol/openid-connect/token/introspect", Some(Endpoint::Introspect)),
            ("/realms/a/.well-known/openid-configuration", Some(Endpoint::Discovery)),
            ("/realms/a", Some(Endpoint::Realm)),
            ("/realms/a/protocol/openid-connect/auth", None),
            ("/resources/x", None),
        ] {
            assert_eq!(endpoint_of(path), expected, "{path}");
        }
    }

    #[test]
    fn a_head_keeps_everything_but_the_life_of_its_connection() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nconnection: keep-alive\r\nKeep-Alive: 5\r\nX: y\r\n\r\n";
        assert_eq!(closing(head), "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nConnection: close\r\n\r\n");
    }
}
