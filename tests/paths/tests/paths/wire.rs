//! One request as it stands, and its status.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request for this target, byte by byte, and gives the status; `None` when the server hung up on it.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    token: Option<&str>,
) -> Option<u16> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n{authorization}\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The head is enough: whatever was decided was decided before. Some servers leave a connection open for a while after
    // a request that they refuse, or close it before they have read all of it.
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {}
            _ => break,
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    answer.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}
