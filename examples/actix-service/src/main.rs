//! The reference service on actix-web. Run it, and it tells you how to call it:
//!
//! ```console
//! cargo run --bin actix-service
//! ```

mod routes;

use std::error::Error;
use std::net::TcpListener;
use std::process::ExitCode;

use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use kc_actix::cors;
use kc_actix::login::pages;
use kc_core::wire::cors::CorsPolicy;
use kc_login::Login;
use reference_service::start::{self, GRACE, Started, Stop};

#[tokio::main]
async fn main() -> ExitCode {
    let Started { keycloak, login, listener, embedded: _embedded, docs_client_id, routes: shown } =
        match start::start().await {
            Ok(started) => started,
            Err(code) => return code,
        };
    let (policy, of_pages) = (keycloak.cors().clone(), login.clone());
    let routes = match routes::routes(&keycloak, &login, &docs_client_id) {
        Ok(routes) => routes,
        Err(error) => return failed(&*error),
    };
    if let Some(format) = shown {
        return start::print_routes(&routes.0.report(), format);
    }
    match routes::app(keycloak, login, routes) {
        Ok(routes) => start::run(async |stop| serve(listener, routes, policy, of_pages, stop).await).await,
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("the service cannot start: {error}");
    ExitCode::FAILURE
}

async fn serve(
    listener: TcpListener,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    policy: CorsPolicy,
    login: Login,
    stop: Stop,
) -> std::io::Result<()> {
    // The whole service, once for each thread.
    let app = move || App::new().configure(&routes).wrap(pages(&login)).wrap(cors(policy.clone()));
    let server = HttpServer::new(app).disable_signals().shutdown_timeout(GRACE.as_secs());
    // Each thread has so many; file descriptors are needed for requests to Keycloak, too.
    let server = server.max_connections(256).listen(listener)?.run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop.wait().await;
        handle.stop(true).await;
    });
    server.await
}
