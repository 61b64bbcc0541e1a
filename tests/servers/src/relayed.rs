//! HTTP/1.1 as bytes, for what stands between a service and its issuer: one request on each connection.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A whole request, with the body that its `Content-Length` announces.
///
/// # Errors
/// The connection broke, or ended too early.
pub async fn request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let body = body(&request);
        let head = String::from_utf8_lossy(&request[..request.len() - body.len()]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        if head.ends_with("\r\n\r\n")
            && body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
        {
            return Ok(request);
        }
    }
}

/// The whole answer of whoever listens there, who closes the connection after it.
///
/// # Errors
/// The connection cannot be made, or broke.
pub async fn answer(to: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let line = line(request).len();
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(&request[..line]).await?;
    stream.write_all(b"Connection: close\r\n").await?;
    stream.write_all(&request[line..]).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// A request's first line, with its end.
#[must_use]
pub fn line(request: &[u8]) -> &[u8] {
    &request[..request.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1)]
}

/// What comes after the head; nothing while that has no end.
#[must_use]
pub fn body(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    &message[end..]
}
