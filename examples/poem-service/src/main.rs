//! The reference service on poem. Run it, and it tells you how to call it:
//!
//! ```console
//! cargo run -p poem-service
//! ```

mod document;
mod routes;

use std::process::ExitCode;

use poem::Server;
use poem::listener::TcpAcceptor;
use reference_service::start::{self, Started};

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
        return start::print_routes(&routes.0.report(), format);
    }
    let (app, acceptor) = match (routes::app(keycloak, login, routes), TcpAcceptor::from_std(listener)) {
        (Ok(app), Ok(acceptor)) => (app, acceptor),
        (Err(error), _) => return failed(&error),
        (_, Err(error)) => return failed(&error),
    };
    // poem's own limit, 16 KiB, is less than a good token may have. Over HTTP/1 there is room enough.
    let server = Server::new_with_acceptor(acceptor).http2_max_header_list_size(256 * 1024);
    start::run(async |stop| server.run_with_graceful_shutdown(app, stop.wait(), None).await).await
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("the service cannot start: {error}");
    ExitCode::FAILURE
}
