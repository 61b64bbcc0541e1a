//! A router that takes no route without its rule.

use axum::Router;
use axum::extract::Request;
use axum::routing::MethodRouter;
use kc_core::{Access, AuthError, Guard, RouteError, RouteTable};

use crate::layer::require;
use crate::response::Rejection;

/// Routes, each with what it asks of its callers.
///
/// The rule is bound to the route that the router chose, not to a path: there is no second reading of the path to
/// disagree with the first. An unknown path is 404 and a method that a route lacks 405 for everybody, with or without
/// credentials.
#[derive(Clone, Debug)]
pub struct Routes<S = ()> {
    guard: Guard,
    table: RouteTable,
    router: Router<S>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet; `guard` decides about those to come.
    #[must_use]
    pub fn new(guard: &Guard) -> Self {
        Self { guard: guard.clone(), table: RouteTable::default(), router: Router::new() }
    }

    /// Adds a route with all its methods. `access` is a rule, most often.
    ///
    /// # Panics
    /// As [`axum::Router::route`] does: for a pattern that it cannot read, or has already.
    #[must_use]
    pub fn route(mut self, pattern: &str, access: impl Into<Access>, methods: MethodRouter<S>) -> Self {
        let access = access.into();
        self.table.add(pattern, access.clone());
        // `layer`, not `route_layer`: that leaves out `any(…)` and a fallback of the route's own, and whoever sent another
        // method would come in by them. axum's default fallback is covered too, and replaced in `into_router`.
        self.router = self.router.route(pattern, methods.layer(require(&self.guard, access)));
        self
    }

    /// Adds a route that is open to everybody: credentials are not looked at.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    #[must_use]
    pub fn public(self, pattern: &str, methods: MethodRouter<S>) -> Self {
        self.route(pattern, Access::Public, methods)
    }

    /// Adds routes under a prefix.
    ///
    /// # Panics
    /// As [`axum::Router::nest`] does.
    #[must_use]
    pub fn nest(mut self, prefix: &str, routes: Self) -> Self {
        self.table.nest(prefix, routes.table);
        self.router = self.router.nest(prefix, routes.router);
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
    /// [`RouteError`] when the table is ambiguous.
    pub fn into_router(self) -> Result<Router<S>, RouteError> {
        self.table.check()?;
        let (unknown, lacking) = (self.guard.clone(), self.guard);
        Ok(self
            .router
            .fallback(move |request: Request| async move {
                Rejection::to(&unknown, &request.into_parts().0, AuthError::NotFound)
            })
            // axum knows the route's methods and writes `Allow` itself.
            .method_not_allowed_fallback(move |request: Request| async move {
                let error = AuthError::MethodNotAllowed { allow: String::new() };
                Rejection::to(&lacking, &request.into_parts().0, error)
            }))
    }
}
