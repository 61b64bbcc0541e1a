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

use hyper::service::service_fn;
use kc_core::RouteTable;
use kc_core::routes::RouteReport;
use reference_service::server;
use reference_service::start::{self, Started};

use crate::adapter::App;
use crate::router::Route;

#[tokio::main]
async fn main() -> ExitCode {
    let Started { keycloak, listener, embedded: _embedded, routes: shown, .. } = match start::start().await {
        Ok(started) => started,
        Err(code) => return code,
    };
    if let Some(format) = shown {
        let mut table = RouteTable::default();
        for route in Route::ALL {
            table.add(route.pattern(), route.access());
        }
        return start::print_routes(&RouteReport::new(&table, keycloak.guard()), format);
    }
    let app = Arc::new(App { keycloak });
    start::run(async |stop| {
        server::serve(listener, stop, |peer| {
            let app = Arc::clone(&app);
            service_fn(move |request| {
                let app = Arc::clone(&app);
                async move { Ok::<_, Infallible>(app.answer(request, peer.ip()).await) }
            })
        })
        .await
    })
    .await
}
