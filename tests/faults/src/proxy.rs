//! What stands between the service and its Keycloak, and spoils what it is told to.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use test_servers::relayed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What a service asks for, by itself, without a browser.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Endpoint {
    /// The keys.
    Certs,
    /// What the server says of itself.
    Discovery,
    /// Whether a token is active.
    Introspect,
    /// The realm's page, with its not-before.
    Realm,
    /// The service's own token.
    Token,
}

impl Endpoint {
    fn of(path: &str) -> Option<Self> {
        Some(match path.rsplit('/').next()? {
            "certs" => Self::Certs,
            "openid-configuration" => Self::Discovery,
            "introspect" => Self::Introspect,
            "token" => Self::Token,
            "kc-demo" => Self::Realm,
            _ => return None,
        })
    }
}

/// What an endpoint does instead of its work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The right answer, after this time.
    Delay(Duration),
    /// Takes the request, and says nothing more.
    Hang,
    /// Closes the connection without a word.
    Cut,
    /// The first half of the right answer, then the end of the connection.
    Truncate,
    /// The right answer, one byte a second.
    Trickle,
    /// 302 to where the right answer is.
    Redirect,
    /// 200 with the page of a proxy in between.
    Html,
    /// The right answer and 256 MiB of blanks, packed by gzip in less than 300 KiB.
    GzipBomb,
    /// 200 and 1 GiB of blanks, as it announces.
    Gigabyte,
    /// 200 and blanks for ever, in chunks.
    Endless,
    /// The right answer, as `text/html`.
    WrongType,
    /// 503 with an error page.
    Unavailable,
    /// Bytes that are no HTTP.
    Noise,
}

impl Fault {
    /// Every fault; those that take time are over before one second is, or never.
    pub const ALL: [Self; 13] = [
        Self::Delay(Duration::from_millis(300)),
        Self::Hang,
        Self::Cut,
        Self::Truncate,
        Self::Trickle,
        Self::Redirect,
        Self::Html,
        Self::GzipBomb,
        Self::Gigabyte,
        Self::Endless,
        Self::WrongType,
        Self::Unavailable,
        Self::Noise,
    ];

    /// Whether the right answer comes all the same.
    #[must_use]
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::Delay(_) | Self::WrongType)
    }
}

/// Between the service and its Keycloak. Gone, with its connections, when dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    to: SocketAddr,
    faults: watch::Sender<BTreeMap<Endpoint, Fault>>,
    seen: Mutex<BTreeMap<Endpoint, u64>>,
    most_taken: Mutex<u64>,
}

impl Proxy {
    /// In front of a Keycloak at this address.
    pub async fn to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, most_taken) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { to, faults: watch::Sender::new(BTreeMap::new()), seen, most_taken });
        let serving = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                // Whoever asks may give up, and Keycloak may be gone: then the connection just ends.
                tokio::spawn(async move { drop(shared.serve(stream).await) });
            }
        });
        Self { url, shared, server }
    }

    /// `http://ADDRESS`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Spoils the answers of an endpoint from now on.
    pub fn spoil(&self, endpoint: Endpoint, fault: Fault) {
        self.shared.faults.send_modify(|faults| {
            faults.insert(endpoint, fault);
        });
    }

    /// Spoils nothing any more. What hangs or trickles ends here.
    pub fn mend(&self) {
        self.shared.faults.send_modify(BTreeMap::clear);
    }

    /// How many requests an endpoint has had.
    #[must_use]
    pub fn seen(&self, endpoint: Endpoint) -> u64 {
        self.shared.seen.lock().unwrap().get(&endpoint).copied().unwrap_or(0)
    }

    /// The most bytes of one oversized answer that went out before the service closed the connection.
    #[must_use]
    pub fn most_taken(&self) -> u64 {
        *self.shared.most_taken.lock().unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
        self.mend();
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = relayed::request(&mut stream).await?;
        let path = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let path = String::from_utf8_lossy(path).into_owned();
        let endpoint = Endpoint::of(&path);
        let fault = endpoint.and_then(|endpoint| self.faults.borrow().get(&endpoint).copied());
        if let Some(endpoint) = endpoint {
            *self.seen.lock().unwrap().entry(endpoint).or_default() += 1;
        }
        let mut faults = self.faults.subscribe();
        let mended = faults.wait_for(|now| endpoint.is_none_or(|one| now.get(&one).copied() != fault));
        match fault {
            None => {
                let answer = self.ask(&request).await?;
                stream.write_all(&answer).await
            }
            Some(fault) => {
                let mut gone = [0; 1];
                let (mut read, mut write) = stream.split();
                tokio::select! {
                    done = self.spoiled(fault, &request, &path, &mut write) => done,
                    _ = mended => Ok(()),
                    // The request is read: what comes now is the end of the connection.
                    _ = read.read(&mut gone) => Ok(()),
                }
            }
        }
    }

    async fn spoiled(
        &self,
        fault: Fault,
        request: &[u8],
        path: &str,
        to: &mut tokio::net::tcp::WriteHalf<'_>,
    ) -> io::Result<()> {
        match fault {
            Fault::Delay(time) => {
                sleep(time).await;
                to.write_all(&self.ask(request).await?).await
            }
            Fault::Hang => std::future::pending().await,
            Fault::Cut => Ok(()),
            Fault::Truncate => {
                let answer = self.ask(request).await?;
                to.write_all(&answer[..answer.len() - relayed::body(&answer).len() / 2]).await
            }
            Fault::Trickle => {
                for byte in self.ask(request).await? {
                    to.write_all(&[byte]).await?;
                    sleep(Duration::from_secs(1)).await;
                }
                Ok(())
            }
            Fault::Redirect => {
                let location = format!("http://{}{path}", self.to);
                to.write_all(&answer("307 Elsewhere", &format!("Location: {location}\r\n"), b"")).await
            }
            Fault::Html => {
                let page = b"<!doctype html><title>Welcome</title><p>active: true, keys: all of them";
                to.write_all(&answer("200 OK", "Content-Type: text/html\r\n", page)).await
            }
            Fault::GzipBomb => {
                let mut packed = gzip(relayed::body(&self.ask(request).await?));
                packed.extend_from_slice(&BLANKS);
                let head = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
                to.write_all(&answer("200 OK", head, &packed)).await
            }
            Fault::Gigabyte => {
                const SIZE: u64 = 1 << 30;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
                to.write_all(format!("{head}{SIZE}\r\n\r\n").as_bytes()).await?;
                self.blanks(SIZE, "", to).await
            }
            Fault::Endless => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked";
                to.write_all(format!("{head}\r\n\r\n").as_bytes()).await?;
                self.blanks(u64::MAX, "4000\r\n", to).await
            }
            Fault::WrongType => {
                let body = self.ask(request).await?;
                to.write_all(&answer("200 OK", "Content-Type: text/html\r\n", relayed::body(&body))).await
            }
            Fault::Unavailable => {
                to.write_all(&answer("503 Busy", "Content-Type: text/html\r\n", b"<p>come back")).await
            }
            Fault::Noise => to.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await,
        }
    }

    /// The whole right answer, after which the connection to Keycloak is closed.
    async fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        relayed::answer(self.to, request).await
    }

    async fn blanks(&self, size: u64, head: &str, to: &mut tokio::net::tcp::WriteHalf<'_>) -> io::Result<()> {
        let end = if head.is_empty() { "" } else { "\r\n" };
        let chunk = format!("{head}{}{end}", " ".repeat(0x4000));
        let mut sent = 0;
        while sent < size {
            to.write_all(chunk.as_bytes()).await?;
            sent += 0x4000;
            let mut most = self.most_taken.lock().unwrap();
            *most = sent.max(*most);
        }
        Ok(())
    }
}

/// 256 MiB of blanks, packed.
static BLANKS: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&vec![b' '; 1 << 20]).repeat(256));

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}
