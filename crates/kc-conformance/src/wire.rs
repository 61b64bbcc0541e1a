//! The server's side of HTTP/1.1, as much of it as a stand-in and a proxy of one request at a time need.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// No request that a service sends to its issuer is near it.
const MOST_BYTES: usize = 128 * 1024;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// Path and query.
    pub(crate) target: String,
    /// Request line and headers, the empty line at the end included.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Incoming {
    /// Reads one; `None` when it doesn't come whole.
    pub(crate) async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read_buf(&mut bytes).await {
                Ok(1..) if bytes.len() < MOST_BYTES => {}
                _ => return None,
            }
        };
        let head = String::from_utf8_lossy(bytes.get(..head_end)?).into_owned();
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, length)| length.trim().parse::<usize>().ok())
            .unwrap_or(0);
        while bytes.len() < head_end + length {
            match stream.read_buf(&mut bytes).await {
                Ok(1..) if bytes.len() < MOST_BYTES => {}
                _ => return None,
            }
        }
        let target = head.split(' ').nth(1)?.to_owned();
        Some(Self { target, head, body: bytes.split_off(head_end) })
    }

    /// The path, without the query.
    pub(crate) fn path(&self) -> &str {
        path_of(&self.target)
    }
}

/// The path of a request target.
pub(crate) fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// An answer on a connection that is closed after it.
pub(crate) fn answer(status: u16, content_type: &str, more: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for (name, value) in more {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}
