//! Between a service and its issuer: what the token endpoint answers can be held back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use test_servers::{PATIENCE, relayed};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Gone, with its connections, when dropped.
#[derive(Debug)]
pub struct Relay {
    url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    to: SocketAddr,
    holding: watch::Sender<bool>,
    held: watch::Sender<u64>,
}

impl Relay {
    /// In front of an issuer at this address.
    pub async fn to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { to, holding: watch::Sender::new(false), held: watch::Sender::new(0) });
        let serving = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                // Whoever asks may be killed: then the connection just ends.
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

    /// From now on the issuer does what it is asked, and nobody hears of the tokens.
    pub fn hold_tokens(&self) {
        self.shared.holding.send_replace(true);
    }

    /// Waits until an answer is held back.
    pub async fn holds_one(&self) {
        let mut held = self.shared.held.subscribe();
        let waiting = tokio::time::timeout(PATIENCE, held.wait_for(|held| *held > 0));
        waiting.await.unwrap_or_else(|_| panic!("nobody has asked for tokens")).unwrap();
    }

    /// Answers that come from now on are passed on. What was held back is lost.
    pub fn pass_tokens(&self) {
        self.shared.holding.send_replace(false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = relayed::request(&mut stream).await?;
        let answer = relayed::answer(self.to, &request).await?;
        let is_for_tokens = String::from_utf8_lossy(relayed::line(&request)).contains("/token ");
        if is_for_tokens && *self.holding.borrow() {
            self.held.send_modify(|held| *held += 1);
            tokio::time::sleep(PATIENCE + Duration::from_secs(60)).await;
            return Ok(());
        }
        stream.write_all(&answer).await
    }
}
