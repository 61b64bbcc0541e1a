//! The reference service on axum. Run it, and it tells you how to call it:
//!
//! ```console
//! cargo run -p axum-service
//! ```

mod routes;

use std::error::Error;
use std::process::ExitCode;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use kc_core::routes::RouteReport;
use reference_service::server;
use reference_service::start::{self, Started};
use tower_service::Service as _;

#[tokio::main]
async fn main() -> ExitCode {
    let Started { keycloak, login, listener, embedded: _embedded, docs_client_id, routes: shown } =
        match start::start().await {
            Ok(started) => started,
            Err(code) => return code,
        };
    let routes = match routes::routes(&keycloak, &login, &docs_client_id) {
        Ok(routes) => routes,
        Err(error) => return failed(&*error),
    };
    if let Some(format) = shown {
        return start::print_routes(&RouteReport::new(routes.0.table(), keycloak.guard()), format);
    }
    let app = match routes::app(keycloak, login, routes) {
        Ok(app) => app,
        Err(error) => return failed(&error),
    };
    // `axum::serve` would do, behind a proxy that limits how long a request's head may take and how many connections
    // there are.
    start::run(async |stop| {
        server::serve(listener, stop, |peer| {
            let app = app.clone();
            service_fn(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(peer));
                app.clone().call(request)
            })
        })
        .await
    })
    .await
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("the service cannot start: {error}");
    ExitCode::FAILURE
}
