//! The reference service on axum. Run it, and it tells you how to call it:
//!
//! ```console
//! cargo run -p axum-service
//! ```

mod routes;

use std::net::SocketAddr;
use std::process::ExitCode;

use reference_service::start::{self, Started};

#[tokio::main]
async fn main() -> ExitCode {
    let Started { keycloak, listener, embedded: _embedded } = match start::start().await {
        Ok(started) => started,
        Err(code) => return code,
    };
    let (app, listener) = match (routes::app(keycloak), tokio::net::TcpListener::from_std(listener)) {
        (Ok(app), Ok(listener)) => (app, listener),
        (Err(error), _) => return failed(&error),
        (_, Err(error)) => return failed(&error),
    };
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    start::run(async |stop| axum::serve(listener, service).with_graceful_shutdown(stop.wait()).await).await
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("the service cannot start: {error}");
    ExitCode::FAILURE
}
