//! A Keycloak that says what it is told to, for the answers that no honest issuer gives.

use std::sync::{Arc, Mutex};

use kc_dev::{Alg, DevIssuer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::service::Setup;

/// What every request is answered.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self { status: 200, content_type: "application/json", body: body.into() }
    }
}

/// Answers every request alike; whole requests are kept. Gone when dropped.
pub(crate) struct FakeKeycloak {
    url: String,
    shared: Arc<Shared>,
    gate: watch::Sender<bool>,
    server: JoinHandle<()>,
}

struct Shared {
    reply: Mutex<Reply>,
    requests: Mutex<Vec<String>>,
}

impl FakeKeycloak {
    pub(crate) async fn answering(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { reply: Mutex::new(reply), requests: Mutex::default() });
        let (gate, open) = watch::channel(true);
        let serving = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving), open.clone()));
            }
        });
        Self { url, shared, gate, server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Answers otherwise from now on.
    pub(crate) fn answer(&self, reply: Reply) {
        *self.shared.reply.lock().unwrap() = reply;
    }

    /// Takes requests from now on, but answers none before [`let_go`](Self::let_go).
    pub(crate) fn hold(&self) {
        self.gate.send_replace(false);
    }

    pub(crate) fn let_go(&self) {
        self.gate.send_replace(true);
    }

    /// The requests that came, as they came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// A service that has `issuer`'s RSA key pinned and takes everything else from here.
    pub(crate) async fn behind(&self, issuer: &DevIssuer) -> Setup {
        Setup::of(issuer)
            .set("KEYCLOAK_PUBLIC_KEY", &issuer.public_key_pem(Alg::Rs256).await.unwrap())
            .set("KEYCLOAK_INTERNAL_URL", &self.url)
    }
}

impl Drop for FakeKeycloak {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>, mut open: watch::Receiver<bool>) {
    let mut bytes = Vec::new();
    let request = loop {
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => {}
            _ => return,
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            break text.into_owned();
        }
    };
    shared.requests.lock().unwrap().push(request);
    // An error means that the fake is gone, and the connection with it.
    if open.wait_for(|open| *open).await.is_err() {
        return;
    }
    let Reply { status, content_type, body } = shared.reply.lock().unwrap().clone();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Fake\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    // Whoever asked may have given up.
    let _ = stream.write_all(answer.as_bytes()).await;
}
