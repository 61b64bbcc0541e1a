//! The methods of a route.

use std::fmt;

use http::Method;
use poem::endpoint::BoxEndpoint;
use poem::error::MethodNotAllowedError;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Request, Response};

/// A route's handlers, by method. [`get`], [`post`] and so on begin one; `HEAD` is answered by `GET`'s.
///
/// Not [`poem::RouteMethod`]: that one does not say which methods it has, and a method that a route lacks is refused
/// before anybody is asked for credentials, with `Allow`.
#[derive(Default)]
pub struct Methods {
    listed: Vec<(Method, BoxEndpoint<'static>)>,
    fallback: Option<BoxEndpoint<'static>>,
}

/// A route with `GET` and `HEAD`.
pub fn get(handler: impl IntoEndpoint<Endpoint: 'static>) -> Methods {
    Methods::default().get(handler)
}

/// A route with `POST`.
pub fn post(handler: impl IntoEndpoint<Endpoint: 'static>) -> Methods {
    Methods::default().post(handler)
}

/// A route with `PUT`.
pub fn put(handler: impl IntoEndpoint<Endpoint: 'static>) -> Methods {
    Methods::default().put(handler)
}

/// A route with `PATCH`.
pub fn patch(handler: impl IntoEndpoint<Endpoint: 'static>) -> Methods {
    Methods::default().patch(handler)
}

/// A route with `DELETE`.
pub fn delete(handler: impl IntoEndpoint<Endpoint: 'static>) -> Methods {
    Methods::default().delete(handler)
}

/// A route with every method.
pub fn any(handler: impl IntoEndpoint<Endpoint: 'static>) -> Methods {
    Methods::default().fallback(handler)
}

impl Methods {
    /// Adds a method. Of two handlers of one method the first is called.
    #[must_use]
    pub fn on(mut self, method: Method, handler: impl IntoEndpoint<Endpoint: 'static>) -> Self {
        self.listed.push((method, handler.map_to_response().boxed()));
        self
    }

    /// Adds `GET`, and `HEAD` with it.
    #[must_use]
    pub fn get(self, handler: impl IntoEndpoint<Endpoint: 'static>) -> Self {
        self.on(Method::GET, handler)
    }

    /// Adds `POST`.
    #[must_use]
    pub fn post(self, handler: impl IntoEndpoint<Endpoint: 'static>) -> Self {
        self.on(Method::POST, handler)
    }

    /// Adds `PUT`.
    #[must_use]
    pub fn put(self, handler: impl IntoEndpoint<Endpoint: 'static>) -> Self {
        self.on(Method::PUT, handler)
    }

    /// Adds `PATCH`.
    #[must_use]
    pub fn patch(self, handler: impl IntoEndpoint<Endpoint: 'static>) -> Self {
        self.on(Method::PATCH, handler)
    }

    /// Adds `DELETE`.
    #[must_use]
    pub fn delete(self, handler: impl IntoEndpoint<Endpoint: 'static>) -> Self {
        self.on(Method::DELETE, handler)
    }

    /// Sets who answers the methods that are not added. Default: 405.
    #[must_use]
    pub fn fallback(mut self, handler: impl IntoEndpoint<Endpoint: 'static>) -> Self {
        self.fallback = Some(handler.map_to_response().boxed());
        self
    }

    pub(crate) fn handler(&self, method: &Method) -> Option<&BoxEndpoint<'static>> {
        let listed = |method: &Method| self.listed.iter().find(|(listed, _)| listed == method);
        let of_get = || listed(&Method::GET).filter(|_| method == Method::HEAD);
        listed(method).or_else(of_get).map(|(_, handler)| handler).or(self.fallback.as_ref())
    }

    /// As in `Allow`, in the order in which they were added.
    pub(crate) fn allow(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for (method, _) in &self.listed {
            let implied = (method == Method::GET).then_some("HEAD");
            for name in [method.as_str()].into_iter().chain(implied) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names.join(",")
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        match self.handler(request.method()) {
            Some(handler) => handler.call(request).await,
            None => Err(MethodNotAllowedError.into()),
        }
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Methods").field("allow", &self.allow()).finish_non_exhaustive()
    }
}
