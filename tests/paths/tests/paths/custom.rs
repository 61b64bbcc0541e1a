//! The adapter and the router of the example on plain hyper.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::Response;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kc_core::secret::Secret;
use kc_core::settings::Settings;
use kc_core::{Admission, AuthError, Keycloak};
use tokio::net::TcpListener;

use crate::adapter::App;
use crate::property::{Served, holds, runtime};
use crate::realm::Realm;
use crate::router::Found;
use crate::routes::{Need, Ran, Route};

/// One test serves this.
static RAN: LazyLock<Ran> = LazyLock::new(Ran::default);

/// In the place of the example's handlers.
pub(crate) async fn handle(
    _: &Keycloak,
    _: &str,
    found: Found<'_>,
    _: Option<&str>,
    _: &Admission,
) -> Result<Response<Bytes>, AuthError> {
    RAN.note(found.route.pattern());
    Ok(Response::new(Bytes::new()))
}

const fn route(
    pattern: &'static str,
    need: Need,
    methods: &'static [&'static str],
    path: &'static str,
) -> Route {
    Route { pattern, need, methods, path }
}

/// The routes of the reference service, each with the roles that let in, by whichever method.
const ROUTES: [Route; 9] = [
    route("/health", Need::Nothing, &["GET", "HEAD"], "/health"),
    route(
        "/me",
        Need::Role(&["admin", "api-admin", "api-read", "judge", "staff", ""]),
        &["GET", "HEAD"],
        "/me",
    ),
    route("/items", Need::Role(&["api-admin", "api-read"]), &["GET", "HEAD", "POST"], "/items"),
    route("/items/{id}", Need::Role(&["api-admin"]), &["DELETE"], "/items/7"),
    route("/admin/users", Need::Role(&["admin"]), &["GET"], "/admin/users"),
    route("/service-token", Need::Role(&["admin"]), &["GET"], "/service-token"),
    route("/reports", Need::Role(&["staff"]), &["GET"], "/reports"),
    route("/cases", Need::Role(&["judge"]), &["GET"], "/cases"),
    route(METADATA, Need::Nothing, &["GET"], METADATA),
];

const METADATA: &str = "/.well-known/oauth-protected-resource";

#[test]
fn what_the_router_of_the_example_routes_to_a_guarded_handler_was_guarded() {
    let runtime = runtime();
    let realm = runtime.block_on(Realm::with_roles(["admin", "api-admin", "api-read", "judge", "staff"]));
    let settings = Settings::builder(realm.issuer.base_url(), realm.issuer.realm(), "api")
        .client_secret(Secret::new("api-secret"))
        .audit_log("off")
        .build()
        .unwrap();
    let keycloak = runtime.block_on(async {
        Keycloak::builder().audit(Arc::new(realm.decisions.clone())).build(&settings).unwrap()
    });
    let app = Arc::new(App { keycloak });
    let address = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let app = Arc::clone(&app);
                let service = service_fn(move |request| {
                    let app = Arc::clone(&app);
                    async move { Ok::<_, Infallible>(app.answer(request, peer.ip()).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        address
    });
    holds(&runtime, &Served { address, routes: ROUTES.to_vec(), ran: RAN.clone() }, &realm);
}

#[test]
fn the_router_of_the_example_finds_each_route_by_its_pattern() {
    for route in crate::router::Route::ALL {
        let path = route.pattern().replace("{id}", "7");
        let found = crate::router::find(&path);
        assert_eq!(found.map(|found| found.route), Some(route));
    }
}
