//! The reference service without a web framework: plain hyper, and the four things that an adapter does.
//!
//! | module | what |
//! | --- | --- |
//! | [`router`] | which route a path is, and what each route asks for |
//! | [`adapter`] | a request of hyper's as kc sees it, and kc's answers as hyper's |
//! | [`handlers`] | what the routes do |
//!
//! `docs/custom-framework.md` explains it step by step.

mod adapter;
mod handlers;
mod router;

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use reference_service::start::{self, Started};

use crate::adapter::App;

#[tokio::main]
async fn main() -> ExitCode {
    let Started { keycloak, listener, embedded: _embedded } = match start::start().await {
        Ok(started) => started,
        Err(code) => return code,
    };
    let app = Arc::new(App { keycloak });
    start::run(async |stop| serve(tokio::net::TcpListener::from_std(listener)?, app, stop).await).await
}

/// Takes connections until it is told to stop, and then waits for the requests in flight.
async fn serve(listener: tokio::net::TcpListener, app: Arc<App>, stop: start::Stop) -> std::io::Result<()> {
    let server = auto::Builder::new(TokioExecutor::new());
    let connections = GracefulShutdown::new();
    let mut stopped = std::pin::pin!(stop.wait());
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Out of file descriptors, most often: others will be closed.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut stopped => break,
        };
        let app = Arc::clone(&app);
        let service = service_fn(move |request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(app.answer(request, peer.ip()).await) }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A connection that breaks is its client's business.
            let _ = connection.await;
        });
    }
    drop(listener);
    connections.shutdown().await;
    Ok(())
}
