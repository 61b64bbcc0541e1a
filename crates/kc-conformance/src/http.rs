//! An HTTP/1.1 client that sends exactly the bytes it is told.
//!
//! Client libraries tidy requests up: they merge headers, normalise paths, refuse bad bytes. What a stranger sends is
//! not tidy.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::case::Failure;
use crate::reply::Reply;

/// A service has this long to answer one request.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most bytes of an answer; no answer of the contract is near it.
const MOST_BYTES: usize = 1024 * 1024;

/// A request, byte by byte.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    host: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// The tokens in it: no answer may repeat them, no log may hold them.
    pub(crate) tokens: Vec<String>,
}

impl Request {
    /// Any method and any target; neither is looked at.
    pub(crate) fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            host: None,
            headers: Vec::new(),
            body: Vec::new(),
            tokens: Vec::new(),
        }
    }

    pub(crate) fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    /// Asks under this name. Default: the address that the connection goes to.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// `Authorization: Bearer TOKEN`.
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.tokens.push(token.to_owned());
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// One `Authorization` line with that value; a second call adds a second line.
    pub(crate) fn authorization(self, value: impl AsRef<[u8]>) -> Self {
        self.header("Authorization", value)
    }

    /// Says that a token is in this request, in a place where nobody looks for it.
    pub(crate) fn holding(mut self, token: &str) -> Self {
        self.tokens.push(token.to_owned());
        self
    }

    /// One header line; repeated names stay repeated.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.header("Content-Type", content_type)
    }

    /// Method and target, for messages.
    pub(crate) fn label(&self) -> String {
        let target = String::from_utf8_lossy(&self.target);
        // A code and a login's state stand in the callback's query; they are nobody's business either.
        let callback = target.split('?').next().filter(|path| *path == "/oidc/callback");
        let target = callback.unwrap_or(&target);
        let short: String = target.chars().take(80).flat_map(char::escape_debug).collect();
        let more = if target.chars().nth(80).is_some() { "…" } else { "" };
        // A token in a query stands there for a reason, but not in a report.
        let short = short.split("access_token=").next().unwrap_or_default();
        format!("{} {short}{more}", self.method)
    }

    fn bytes(&self, host: SocketAddr) -> Vec<u8> {
        let mut bytes = self.method.as_bytes().to_vec();
        bytes.push(b' ');
        bytes.extend_from_slice(&self.target);
        let host = self.host.clone().unwrap_or_else(|| host.to_string());
        bytes.extend_from_slice(format!(" HTTP/1.1\r\nHost: {host}\r\n").as_bytes());
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// One connection, kept until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    patience: Duration,
    /// Read, and not used yet.
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let connecting = timeout(PATIENCE, TcpStream::connect(address)).await;
        let stream = connecting
            .map_err(|_| Failure::new(format!("{address} takes no connection within {PATIENCE:?}")))?
            .map_err(|error| Failure::new(format!("{address} takes no connection: {error}")))?;
        // Without it a small request may wait for an acknowledgement; failing that, it is only slower.
        let _ = stream.set_nodelay(true);
        Ok(Self { stream, address, patience: PATIENCE, buffer: Vec::new() })
    }

    /// Waits so long for an answer. Default 15 s.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn send(&mut self, request: &Request) -> Result<Reply, Failure> {
        self.write(request).await?;
        self.read(request).await
    }

    /// Sends a request without waiting.
    pub(crate) async fn write(&mut self, request: &Request) -> Result<(), Failure> {
        let label = request.label();
        let bytes = request.bytes(self.address);
        // A server may answer and close before it has read all: then the answer counts, not the broken pipe.
        match timeout(self.patience, self.stream.write_all(&bytes)).await {
            Err(_) => Err(Failure::new(format!("{label}: nobody reads the request"))),
            Ok(_) => Ok(()),
        }
    }

    /// Waits for the answer to a request that was sent.
    pub(crate) async fn read(&mut self, request: &Request) -> Result<Reply, Failure> {
        let label = request.label();
        let patience = self.patience;
        timeout(patience, self.read_reply(request))
            .await
            .map_err(|_| Failure::new(format!("{label}: no answer within {patience:?}")))?
            .map_err(|why| Failure::new(format!("{label}: {why}")))
    }

    /// Whether anything more arrives within a moment: after the answer to `HEAD` nothing may.
    pub(crate) async fn sends_more(&mut self) -> bool {
        !self.buffer.is_empty() || timeout(Duration::from_millis(150), self.more()).await == Ok(Ok(true))
    }

    async fn read_reply(&mut self, request: &Request) -> Result<Reply, String> {
        let head_end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if !self.more().await? {
                return Err("the connection is closed without a whole answer".to_owned());
            }
        };
        let head: Vec<u8> = self.buffer.drain(..head_end + 4).collect();
        let mut reply = Reply::of_head(request.label(), &head)?;
        if request.method == "HEAD" || reply.status == 204 || reply.status == 304 {
            return Ok(reply);
        }
        if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            reply.body = self.chunks().await?;
            return Ok(reply);
        }
        let length = reply.header("content-length").map(str::to_owned);
        match length {
            Some(length) => {
                let length: usize = length.parse().map_err(|_| format!("Content-Length is {length:?}"))?;
                reply.body = self.exactly(length).await?;
            }
            None => {
                while self.more().await? {}
                reply.body = std::mem::take(&mut self.buffer);
            }
        }
        Ok(reply)
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(end) = find(&self.buffer, b"\r\n") {
                    break end;
                }
                if !self.more().await? {
                    return Err("a chunk is cut".to_owned());
                }
            };
            let line: Vec<u8> = self.buffer.drain(..line_end + 2).collect();
            let text = String::from_utf8_lossy(&line);
            let size = text.trim().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(|_| format!("a chunk of size {size:?}"))?;
            let chunk = self.exactly(size).await?;
            // The line end after a chunk; after the last one the trailers end there.
            self.exactly(2).await?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk);
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, String> {
        while self.buffer.len() < length {
            if !self.more().await? {
                let got = self.buffer.len();
                return Err(format!("the body is cut: {got} bytes, announced {length}"));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Reads on; `false` at the end.
    async fn more(&mut self) -> Result<bool, String> {
        if self.buffer.len() > MOST_BYTES {
            return Err(format!("the answer is larger than {MOST_BYTES} bytes"));
        }
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(read) => Ok(read > 0),
            // A reset after the answer is how some servers close.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
