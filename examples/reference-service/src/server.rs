//! Connections, for frameworks that leave them to the service.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::Semaphore;

use crate::start::Stop;

/// The head of a request has this long to arrive, from the end of the one before it: whoever holds connections open
/// without asking anything is cut.
const HEAD: Duration = Duration::from_secs(30);

/// Connections at a time. More wait in the operating system's queue rather than use up the file descriptors that
/// requests to Keycloak need, too.
const CONNECTIONS: usize = 512;

/// Serves HTTP/1.1 until it is told to stop, then finishes the requests in flight. `service` makes the service of a
/// connection, from the peer's address.
///
/// # Errors
/// The listener cannot be used by the runtime.
pub async fn serve<S, B>(
    listener: TcpListener,
    stop: Stop,
    service: impl Fn(SocketAddr) -> S,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stopped = std::pin::pin!(stop.wait());
    loop {
        let accept = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accept => accepted,
            () = &mut stopped => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most often: others will be closed.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let connection = connections.watch(server.serve_connection(TokioIo::new(stream), service(peer)));
        tokio::spawn(async move {
            // A connection that breaks is its client's business.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    connections.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::service::service_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// A server that says hello, its address, and what stops it.
    fn hello() -> (SocketAddr, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, stop) = Stop::for_tests();
        let serving = serve(listener, stop, |_| {
            service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello")))))
        });
        (address, tell, tokio::spawn(serving))
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_head_does_not_come_to_an_end_is_cut_and_others_go_on() {
        let (address, _tell, _serving) = hello();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
        let mut quick = TcpStream::connect(address).await.unwrap();
        quick.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        quick.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("hello"), "{answer}");
        // The clock moves by itself when everybody waits.
        let mut rest = Vec::new();
        slow.read_to_end(&mut rest).await.unwrap();
    }

    #[tokio::test]
    async fn it_ends_when_it_is_told_although_a_connection_is_kept_open() {
        let (address, tell, serving) = hello();
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        idle.read_exact(&mut answer).await.unwrap();
        tell.send(()).unwrap();
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
