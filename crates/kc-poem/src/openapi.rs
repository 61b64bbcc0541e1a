//! Routes from an API of poem-openapi: the document and the rules are of the same operations.

use std::collections::HashMap;
use std::sync::Arc;

use kc_core::RouteError;
use kc_core::routes::in_braces;
use poem::{EndpointExt, Request};
use poem_openapi::__private::UrlQuery;
use poem_openapi::OpenApi;

use crate::routes::{Endpoint, Handler, Routes};

/// The operations of an API, each to be put on a route.
pub type Operations = kc_core::routes::Operations<Handler>;

/// The routes of an API. `route` gives each of its operations a rule, by [`Operations::at`](kc_core::routes::Operations::at);
/// so the rule is bound to the route that the router chose. Extractors of this crate are parameters of an operation like
/// any other, and the guard is asked before all of them.
///
/// Parameters of poem-openapi that are cookies need poem's `CookieJarManager` around the router; the headers that an
/// `OpenApiService` adds to its document are not added to responses, here as there.
///
/// ```
/// use kc_core::rules::{any_role, authenticated};
/// use kc_core::{Guard, RouteError};
/// use kc_poem::{Principal, Routes, openapi};
/// use poem_openapi::param::Path;
/// use poem_openapi::payload::PlainText;
/// use poem_openapi::OpenApi;
///
/// struct Api;
///
/// #[OpenApi]
/// impl Api {
///     #[oai(path = "/me", method = "get")]
///     async fn me(&self, caller: Principal) -> PlainText<String> {
///         PlainText(caller.username().unwrap_or("somebody").to_owned())
///     }
///
///     #[oai(path = "/items/:id", method = "get")]
///     async fn item(&self, id: Path<u64>) -> PlainText<String> {
///         PlainText(format!("item {}", id.0))
///     }
/// }
///
/// fn app(guard: &Guard) -> Result<impl poem::Endpoint, RouteError> {
///     let routes = openapi::routes(Api, |operations| {
///         Ok(Routes::new(guard)
///             .route("/me", authenticated(), operations.at("/me")?)
///             .route("/items/{id}", any_role(&["api-read"]), operations.at("/items/{id}")?))
///     })?;
///     kc_poem::router(routes)
/// }
/// # app(&Guard::builder("demo").build()).unwrap();
/// ```
///
/// # Errors
/// What `route` ends with, and [`RouteError::NoRoute`] for an operation that it left out.
pub fn routes(
    api: impl OpenApi,
    route: impl FnOnce(&mut Operations) -> Result<Routes, RouteError>,
) -> Result<Routes, RouteError> {
    let (mut listed, mut operations) = (HashMap::new(), Operations::new());
    api.add_routes(&mut listed);
    for (pattern, methods) in listed {
        let (pattern, counted) = (in_braces(&pattern), pattern.matches("/:").count());
        for (method, operation) in methods {
            let handler = Handler { endpoint: Arc::new(operation.before(query).boxed()), counted };
            operations.add(&*pattern, Endpoint::new(Some(method.as_str()), handler));
        }
    }
    operations.into_routes(route)
}

/// Leaves the query where poem-openapi's parameters look for it, as its own service does.
async fn query(mut request: Request) -> poem::Result<Request> {
    request.set_data(UrlQuery(request.params().unwrap_or_default()));
    Ok(request)
}
