//! HTTP/1.1 by hand: a client library would tidy what these tests are about.

use std::io::ErrorKind;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;
use super::service::Service;

/// A request that is being put together, to the byte.
#[must_use = "nothing is sent before `send`"]
pub(crate) struct Request<'s> {
    service: &'s Service,
    head: Vec<u8>,
}

impl<'s> Request<'s> {
    pub(super) fn new(service: &'s Service, method: &str, target: &[u8]) -> Self {
        let mut head = format!("{method} ").into_bytes();
        head.extend_from_slice(target);
        head.extend_from_slice(format!(" HTTP/1.1\r\nHost: {}\r\n", service.address()).as_bytes());
        Self { service, head }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if name.eq_ignore_ascii_case("authorization") {
            self.service.keep_secret(&String::from_utf8_lossy(value.as_ref()));
        }
        self.head.extend_from_slice(format!("{name}: ").as_bytes());
        self.head.extend_from_slice(value.as_ref());
        self.head.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    /// As [`send`](Self::send), for a service that may not be there.
    pub(crate) async fn try_send(mut self) -> std::io::Result<Answer> {
        self.head.extend_from_slice(b"Connection: close\r\n\r\n");
        let mut stream = TcpStream::connect(self.service.address()).await?;
        stream.write_all(&self.head).await?;
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the service answers")?;
        if bytes.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let answer = Answer::parse(&bytes);
        self.service.assert_keeps_secrets("an answer", &String::from_utf8_lossy(&bytes));
        Ok(answer)
    }
}

/// A connection that is kept open.
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
}

impl Connection {
    pub(crate) async fn open(service: &Service) -> Self {
        let address = service.address();
        Self { stream: TcpStream::connect(address).await.unwrap(), address }
    }

    /// Sends a request without a body for `target`; when the server closes the connection, it is opened anew.
    pub(crate) async fn exchange(&mut self, method: &str, target: &[u8]) -> Answer {
        let mut head = format!("{method} ").into_bytes();
        head.extend_from_slice(target);
        head.extend_from_slice(format!(" HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes());
        self.stream.write_all(&head).await.unwrap();
        let mut bytes = Vec::new();
        let whole = |bytes: &[u8]| {
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
            let length =
                Answer::parse(&bytes[..end]).header("content-length").map_or(0, |n| n.parse().unwrap());
            (method == "HEAD" || bytes.len() >= end + length).then_some(())
        };
        while whole(&bytes).is_none() {
            let read =
                timeout(PATIENCE, self.stream.read_buf(&mut bytes)).await.expect("the service answers");
            assert_ne!(read.unwrap(), 0, "the connection broke off");
        }
        let answer = Answer::parse(&bytes);
        if answer.header("connection") == Some("close") {
            self.stream = TcpStream::connect(self.address).await.unwrap();
        }
        answer
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let (status, lines) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Self { status, headers: lines.lines().map(header).collect(), body: body.to_owned() }
    }

    /// The only header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value);
        let value = values.next();
        assert!(values.next().is_none(), "{name} stands more than once in {self:?}");
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// 200 or the like, with this body to the byte.
    #[track_caller]
    pub(crate) fn assert_json(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }

    /// A refusal: a problem of this status and code, with a challenge exactly where HTTP wants one.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.json()["status"], status);
        if matches!(status, 401 | 403) {
            assert!(self.header("www-authenticate").is_some(), "{self:?}");
        }
    }

    /// The member `code` of a problem.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no problem: {self:?}")).to_owned()
    }
}
