//! A router that takes no route without its rule.

use std::fmt;

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method};
use http_body::Body as _;
use kc_core::{Access, AuthError, Guard, RouteError, RouteTable};
use poem::error::NotFoundError;
use poem::{Endpoint, Middleware, PathPattern, Request, Response};

use crate::methods::Methods;
use crate::middleware::{GuardEndpoint, require};
use crate::pattern::{colons, unreadable};
use crate::response::Rejection;

/// Routes, each with what it asks of its callers.
///
/// The rule is bound to the route that the router chose, not to a path: there is no second reading of the path to
/// disagree with the first. An unknown path is 404 and a method that a route lacks 405 for everybody, with or without
/// credentials.
///
/// A pattern is spelled `/items/{id}`, or `/files/{*rest}`, as in the table and the audit of every adapter; a parameter
/// is a whole segment and never empty.
#[derive(Debug)]
pub struct Routes {
    guard: Guard,
    table: RouteTable,
    // As many as the table has routes, in the same order.
    endpoints: Vec<GuardEndpoint<Methods>>,
}

impl Routes {
    /// No routes yet; `guard` decides about those to come.
    #[must_use]
    pub fn new(guard: &Guard) -> Self {
        Self { guard: guard.clone(), table: RouteTable::default(), endpoints: Vec::new() }
    }

    /// Adds a route with all its methods. `access` is a rule, most often.
    #[must_use]
    pub fn route(mut self, pattern: &str, access: impl Into<Access>, methods: Methods) -> Self {
        let access = access.into();
        self.table.add(pattern, access.clone());
        self.endpoints.push(require(&self.guard, access).transform(methods));
        self
    }

    /// Adds a route that is open to everybody: credentials are not looked at.
    #[must_use]
    pub fn public(self, pattern: &str, methods: Methods) -> Self {
        self.route(pattern, Access::Public, methods)
    }

    /// Adds routes under a prefix. Their handlers see the whole path.
    #[must_use]
    pub fn nest(mut self, prefix: &str, routes: Self) -> Self {
        self.table.nest(prefix, routes.table);
        self.endpoints.extend(routes.endpoints);
        self
    }

    /// Who may call what: print it, test it.
    #[must_use]
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    /// The router, with 404 and 405 as problems.
    ///
    /// # Errors
    /// [`RouteError`] when the table is ambiguous, or a pattern is not readable.
    pub fn into_router(self) -> Result<Router, RouteError> {
        self.table.check()?;
        let mut route = poem::Route::new();
        for (entry, guarded) in self.table.routes().iter().zip(self.endpoints) {
            let (spelled, parameters) = colons(entry)?;
            let matched = Matched { parameters, allow: guarded.inner.allow(), guarded };
            route = route.try_at(spelled, matched).map_err(|error| unreadable(entry, error))?;
        }
        Ok(Router { guard: self.guard, route })
    }
}

/// The route that poem chose, before it is known whether its caller may.
struct Matched {
    parameters: Vec<String>,
    allow: String,
    guarded: GuardEndpoint<Methods>,
}

impl Endpoint for Matched {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let refuse = |error| Err(Rejection::of(&self.guarded.guard, error).into());
        // poem takes `/a//b` for `/a/{id}/b`.
        if self.parameters.iter().any(|name| request.raw_path_param(name) == Some("")) {
            return refuse(AuthError::NotFound);
        }
        if self.guarded.inner.handler(request.method()).is_none() {
            return refuse(AuthError::MethodNotAllowed { allow: self.allow.clone() });
        }
        self.guarded.call(request).await
    }
}

/// All routes as one endpoint, made by [`Routes::into_router`].
pub struct Router {
    guard: Guard,
    route: poem::Route,
}

impl Endpoint for Router {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let head = request.method() == Method::HEAD;
        let result = match self.route.call(request).await {
            // An error that came through a route knows its pattern: a handler may say 404 in its own words.
            Err(error) if error.is::<NotFoundError>() && error.data::<PathPattern>().is_none() => {
                Err(Rejection::of(&self.guard, AuthError::NotFound).into())
            }
            result => result,
        };
        if !head {
            return result;
        }
        Ok(without_body(result.unwrap_or_else(|error| error.into_response())))
    }
}

/// RFC 9110 §9.3.2: what `GET` would have answered, and how long its body would have been.
fn without_body(response: Response) -> Response {
    let response: http::Response<_> = response.into();
    let length = response.body().size_hint().exact();
    let mut response = Response::from(response);
    if let Some(length) = length {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    response.set_body(());
    response
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("guard", &self.guard).finish_non_exhaustive()
    }
}
