//! HTTP/1.1 over one connection that is kept open: little enough to send fifty thousand requests in a debug build.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::PATIENCE;

/// A connection, made when it is needed.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    read: Vec<u8>,
}

/// What an answer says that is checked.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The member `code` of a problem; empty for others.
    pub code: String,
    /// The body.
    pub body: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.code)
    }
}

impl Client {
    /// To that address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, read: Vec::new() }
    }

    /// Sends one request, with a bearer token if there is one, and waits for the answer.
    pub async fn ask(&mut self, method: &str, path: &str, token: Option<&str>) -> Answer {
        let bearer = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: service\r\n{bearer}\r\n"), 1).await.remove(0)
    }

    /// Sends a request with a JSON body.
    pub async fn post(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}");
        self.send(&format!("{head}\r\nContent-Type: application/json\r\n\r\n{body}"), 1).await.remove(0)
    }

    /// Sends `GET path` with each of these tokens, all at once, and waits for the answers, which come in order.
    pub async fn pipeline(&mut self, path: &str, tokens: &[String]) -> Vec<Answer> {
        let one = |token: &String| {
            format!("GET {path} HTTP/1.1\r\nHost: service\r\nAuthorization: Bearer {token}\r\n\r\n")
        };
        self.send(&tokens.iter().map(one).collect::<String>(), tokens.len()).await
    }

    async fn send(&mut self, requests: &str, answers: usize) -> Vec<Answer> {
        let kept = self.stream.is_some();
        match self.try_send(requests, answers).await {
            Ok(answers) => answers,
            // A connection that was idle may have been closed meanwhile.
            Err(_) if kept => {
                self.stream = None;
                self.try_send(requests, answers).await.unwrap()
            }
            Err(error) => panic!("{}: {error}", self.address),
        }
    }

    async fn try_send(&mut self, requests: &str, answers: usize) -> io::Result<Vec<Answer>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.read.clear();
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        let (mut receive, mut send) = stream.split();
        let sending = async { send.write_all(requests.as_bytes()).await };
        let receiving = async {
            let mut all = Vec::with_capacity(answers);
            while all.len() < answers {
                match take(&mut self.read) {
                    Some(answer) => all.push(answer),
                    None => {
                        let more = timeout(PATIENCE, receive.read_buf(&mut self.read));
                        if more.await.map_err(|_| io::Error::other("no answer"))?? == 0 {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                    }
                }
            }
            Ok(all)
        };
        let ((), all) = tokio::try_join!(sending, receiving)?;
        self.stream = Some(stream);
        Ok(all)
    }
}

/// The first whole answer of what was read.
fn take(read: &mut Vec<u8>) -> Option<Answer> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = str::from_utf8(&read[..end]).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    };
    let whole = end + head.lines().find_map(header).unwrap_or(0);
    if read.len() < whole {
        return None;
    }
    let body = String::from_utf8_lossy(&read[end..whole]).into_owned();
    let code = body.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let code = code.unwrap_or_default().to_owned();
    read.drain(..whole);
    Some(Answer { status, code, body })
}
