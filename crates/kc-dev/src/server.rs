//! The HTTP side: listening, reading whole requests, cutting connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::endpoints::reply::Reply;
use crate::endpoints::request::Request;
use crate::endpoints::{Cut, serve};
use crate::state::State;

/// The largest request body that is read. Keycloak's own limit is lower only for single fields.
const MOST_BODY_BYTES: usize = 1024 * 1024;

/// How long a client may take to send its header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until the task is aborted, which closes the listener and every connection.
pub(crate) fn spawn(listener: TcpListener, state: Arc<State>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(connection(stream, peer, Arc::clone(&state)));
                    }
                    // Out of file descriptors, mostly: let some connections end first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    })
}

async fn connection(stream: TcpStream, peer: SocketAddr, state: Arc<State>) {
    // Small answers at once, instead of waiting for more to send.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| answer(request, peer, Arc::clone(&state)));
    let mut server = http1::Builder::new();
    // Keycloak sends no `Date`.
    server.auto_date_header(false).timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    // An error is a client that went away, or a cut asked for.
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(request: http::Request<Incoming>, peer: SocketAddr, state: Arc<State>) -> Result<Reply, Cut> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MOST_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) if error.is::<LengthLimitError>() => {
            let mut reply = Response::new(Full::default());
            *reply.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return Ok(reply);
        }
        Err(_) => return Err(Cut),
    };
    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        peer: peer.ip(),
    };
    serve(&state, &request).await
}
