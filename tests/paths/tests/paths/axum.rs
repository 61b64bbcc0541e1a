//! axum.

use std::net::SocketAddr;

use axum::extract::{Path, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Router, serve};
use http::{Method, StatusCode};
use kc_axum::Routes;
use kc_core::Guard;
use tokio::net::TcpListener;

use crate::property::{Served, holds, roles, runtime, search};
use crate::realm::Realm;
use crate::routes::{ANY, FLAT, NESTED, Need, PREFIX, Ran, Route, all};

fn handlers(route: &Route, ran: &Ran) -> MethodRouter {
    let pattern = route.pattern;
    let handler = || {
        let ran = ran.clone();
        async move || ran.note(pattern)
    };
    route.methods.iter().fold(MethodRouter::new(), |methods, method| {
        if *method == ANY {
            return methods.fallback(handler());
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap().try_into().unwrap();
        methods.on(method, handler())
    })
}

fn app(guard: &Guard, ran: &Ran) -> Router {
    let routes = FLAT.iter().fold(Routes::new(guard), |routes, route| {
        routes.route(route.pattern, route.need.access(), handlers(route, ran))
    });
    let nested = NESTED.iter().fold(Routes::new(guard), |routes, route| {
        let pattern = route.pattern.strip_prefix(PREFIX).unwrap();
        routes.route(pattern, route.need.access(), handlers(route, ran))
    });
    routes.nest(PREFIX, nested).into_router().unwrap()
}

async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app).into_future());
    address
}

#[test]
fn what_axum_routes_to_a_guarded_handler_was_guarded() {
    let runtime = runtime();
    let realm = runtime.block_on(Realm::with_roles(roles(&all())));
    let ran = Ran::default();
    let address = runtime.block_on(start(app(&realm.guard, &ran)));
    holds(&runtime, &Served { address, routes: all(), ran }, &realm);
}

/// What the property is there for: the router decodes what the guard does not.
#[test]
fn a_guard_that_reads_the_path_itself_is_found_out() {
    let runtime = runtime();
    let realm = runtime.block_on(Realm::with_roles(roles(&all())));
    let ran = Ran::default();
    let noted = ran.clone();
    let handler = async move |Path(rest): Path<String>| {
        noted.note(if rest == "secret" { "/files/secret" } else { "/open/{*rest}" });
    };
    let guard = from_fn(async |request: Request, next: Next| -> Response {
        if request.uri().path() == "/files/secret" {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        next.run(request).await
    });
    let app = Router::new().route("/files/{*rest}", get(handler)).layer(guard);
    let address = runtime.block_on(start(app));
    let routes = all()
        .into_iter()
        .filter(|route| route.pattern.ends_with("secret") || matches!(route.need, Need::Nothing));
    let served = Served { address, routes: routes.collect(), ran };
    let (found, _) = search(&runtime, &served, &realm, 20_000);
    let found = found.expect("it was not found");
    assert!(found.contains("asks for Role([\"secret\"])"), "{found}");
}
