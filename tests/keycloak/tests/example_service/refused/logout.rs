//! Where Keycloak delivers a back-channel logout token.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Takes one token.
pub(crate) struct Receiver {
    listener: TcpListener,
}

impl Receiver {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.listener.local_addr().unwrap())
    }

    /// Waits for the token: the form's one field.
    pub(crate) async fn token(&self) -> String {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut request = String::new();
        let length = |head: &str| {
            let line = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned)
            });
            line.unwrap().trim().parse::<usize>().unwrap()
        };
        loop {
            if let Some((head, body)) = request.split_once("\r\n\r\n")
                && body.len() >= length(head)
            {
                let token = body.strip_prefix("logout_token=").unwrap().to_owned();
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                return token;
            }
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.unwrap();
            assert!(read > 0, "Keycloak broke off");
            request.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
    }
}
