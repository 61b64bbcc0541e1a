//! Routes, none of them without its rule.

use std::sync::Arc;

use http::Method;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use kc_core::routes::{BoundRoute, respelled};
use kc_core::{AuthError, Guard, RouteError};
use poem::endpoint::BoxEndpoint;
use poem::error::NotFoundError;
use poem::{EndpointExt, IntoEndpoint, PathPattern, Request, Response};

use crate::middleware::guarded;
use crate::response::Rejection;

/// Routes, each with what it asks of its callers; [`router`] makes an endpoint of them.
pub type Routes = kc_core::routes::Routes<Handler>;

/// A handler and the method that it is for: made by [`get`], [`post`] and their like.
pub type Endpoint = kc_core::routes::Endpoint<Handler>;

/// What answers, as a route keeps it.
#[expect(missing_debug_implementations, reason = "poem's endpoints have none")]
pub struct Handler {
    pub(crate) endpoint: Arc<BoxEndpoint<'static>>,
    /// How many parameters at the end of its pattern are `param0`, `param1`, … to it, as poem-openapi calls them.
    pub(crate) counted: usize,
}

/// A handler for a method, or with `None` for all methods that have none. What is for GET serves HEAD too, unless HEAD
/// has a handler of its own.
pub fn on(method: impl Into<Option<Method>>, handler: impl IntoEndpoint<Endpoint: 'static>) -> Endpoint {
    let endpoint = Arc::new(handler.map_to_response().boxed());
    Endpoint::new(method.into().as_ref().map(Method::as_str), Handler { endpoint, counted: 0 })
}

macro_rules! on {
    ($($name:ident $method:ident)*) => {$(
        #[doc = concat!("A handler for ", stringify!($method), ".")]
        pub fn $name(handler: impl IntoEndpoint<Endpoint: 'static>) -> Endpoint {
            on(Method::$method, handler)
        }
    )*};
}

on! { get GET post POST put PUT patch PATCH delete DELETE }

/// The routes as one endpoint, with 404 and 405 as problems.
///
/// A pattern is spelled `/items/{id}`, or `/files/{*rest}`, as in the table and the audit of every adapter; a parameter
/// is a whole segment and never empty. It matches a path as it came: `/%6De` is not `/me`.
///
/// # Errors
/// [`RouteError`] when the table is ambiguous, or a pattern is not readable.
pub fn router(routes: Routes) -> Result<impl poem::Endpoint<Output = Response>, RouteError> {
    let guard = routes.guard().clone();
    let mut router = poem::Route::new();
    for route in routes.into_bound()? {
        let counted = route.handlers.iter().map(|(_, handler)| handler.counted).max().unwrap_or_default();
        let mark = |left: usize, name: &str| match counted.checked_sub(left) {
            Some(n) => format!(":param{n}"),
            None => format!(":{name}"),
        };
        let spelled = respelled(&route.pattern, mark, |name| format!("*{name}"))?;
        let added = router.try_at(&spelled, Matched(route));
        router = added.map_err(|error| RouteError::unreadable(spelled, error))?;
    }
    Ok(Answered { guard, router })
}

/// The router, whose every answer is in our words.
struct Answered {
    guard: Guard,
    router: poem::Route,
}

impl poem::Endpoint for Answered {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let head = request.method() == Method::HEAD;
        let answer = match self.router.call(request).await {
            // An error that came through a route knows its pattern: a handler may say 404 in its own words.
            Err(error) if error.is::<NotFoundError>() && error.data::<PathPattern>().is_none() => {
                Err(Rejection::of(&self.guard, AuthError::NotFound).into())
            }
            answer => answer,
        };
        if !head {
            return answer;
        }
        // RFC 9110 §9.3.2: what GET would have answered, and how long its body would have been.
        let mut response: http::Response<_> = answer.unwrap_or_else(|error| error.into_response()).into();
        if let Some(length) = response.body().size_hint().exact() {
            response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| length.into());
        }
        let mut response = Response::from(response);
        response.set_body(());
        Ok(response)
    }
}

/// The route that poem chose, before it is known whether its caller may.
struct Matched(BoundRoute<Handler>);

impl poem::Endpoint for Matched {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let Self(BoundRoute { gate, handlers, allow, .. }) = self;
        let refuse = |error| Err(Rejection::of(gate.guard(), error).into());
        // poem takes `/a//b` for `/a/{id}/b`.
        if request.path_params::<Vec<String>>().is_ok_and(|values| values.iter().any(String::is_empty)) {
            return refuse(AuthError::NotFound);
        }
        match handlers.iter().find(|(methods, _)| methods.serves(request.method().as_str())) {
            Some((_, handler)) => guarded(gate, &*handler.endpoint, request).await,
            None => refuse(AuthError::MethodNotAllowed { allow: allow.clone() }),
        }
    }
}
