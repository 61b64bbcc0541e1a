//! The small service on axum, with the connections of the example service.

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bench_services::{Callers, Failed, Service, start};
use hyper::body::Incoming;
use hyper::service::service_fn;
use kc_axum::{Principal, Routes};
use reference_service::{access, answers, server};
use std::process::ExitCode;
use tower_service::Service as _;

async fn me(caller: Principal) -> Response {
    Json(answers::me(&caller)).into_response()
}

async fn plain(callers: State<Callers>) -> Response {
    Json(answers::me(callers.next())).into_response()
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failed> {
    let (service, listener) = start().await?;
    let app = match service {
        Service::Guarded(guard) => {
            Routes::new(&guard).route("/me", access::ME, get(me)).into_router()?.with_state(())
        }
        Service::Plain(callers) => Router::new().route("/me", get(plain)).with_state(callers),
    };
    Ok(reference_service::start::run(async |stop| {
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
    .await)
}
