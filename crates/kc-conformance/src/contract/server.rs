//! A server on loopback that answers, or does not, as a clause says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens once a request was read.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// This is sent, and the connection closed.
    Answer(Vec<u8>),
    /// This is sent, then nothing more; the connection stays open.
    Hang(Vec<u8>),
    /// This is sent, then one byte after the other, without an end.
    Trickle(Vec<u8>),
    /// This is sent, then chunks as fast as they are taken, without an end.
    Endless(Vec<u8>),
    /// What follows `/echo/` in the path is the body.
    Echo,
}

/// Runs until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(then: Then) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            // With the server go the connections: nobody is left to wait for what hangs.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, then.clone(), Arc::clone(&shared)));
            }
        });
        Ok(Self { address, seen, task })
    }

    /// `http://ADDRESS`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that came, as they came.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a body and its length.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

async fn serve(mut stream: TcpStream, then: Then, seen: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let Some(request) = read(&mut stream).await? else { return Ok(()) };
    let echoed = request.split(' ').nth(1).and_then(|path| path.strip_prefix("/echo/")).unwrap_or_default();
    let echo = answer("200 OK", "", echoed);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    match then {
        Then::Answer(bytes) => stream.write_all(&bytes).await?,
        Then::Echo => stream.write_all(&echo).await?,
        Then::Hang(bytes) => {
            stream.write_all(&bytes).await?;
            std::future::pending::<()>().await;
        }
        Then::Trickle(bytes) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Then::Endless(bytes) => {
            stream.write_all(&bytes).await?;
            let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
            loop {
                stream.write_all(chunk.as_bytes()).await?;
            }
        }
    }
    stream.shutdown().await
}

/// A request with its body; `None` when the connection was closed before it was whole.
async fn read(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, length)| length.trim().parse::<usize>().ok());
            if bytes.len() >= end + 4 + length.unwrap_or_default() {
                return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > 1 << 20 {
            return Ok(None);
        }
    }
}
