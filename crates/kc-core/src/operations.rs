//! Operations that a framework's own list of an API has, until each is on a route with its rule.

use std::collections::BTreeMap;
use std::fmt;

use crate::access::{RouteError, shape};
use crate::routes::{Endpoint, Routes};

/// The operations of an API that its framework lists with their patterns, on their way to [`Routes`].
///
/// Whoever gives them their routes cannot leave one out: that is an error at start.
pub struct Operations<H> {
    /// By what their patterns match: an operation may call its parameters otherwise than its route.
    listed: BTreeMap<String, Listed<H>>,
}

struct Listed<H> {
    pattern: String,
    endpoints: Vec<Endpoint<H>>,
}

impl<H> Operations<H> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self { listed: BTreeMap::new() }
    }

    /// Adds an operation.
    pub fn add(&mut self, pattern: impl Into<String>, endpoint: Endpoint<H>) {
        let pattern = pattern.into();
        let listed = self.listed.entry(shape(&pattern));
        listed.or_insert_with(|| Listed { pattern, endpoints: Vec::new() }).endpoints.push(endpoint);
    }

    /// Takes the operations of a path, for its route: `.route("/me", authenticated(), operations.at("/me")?)`.
    ///
    /// # Errors
    /// [`RouteError::NoOperation`] when there is none, or no longer.
    pub fn at(&mut self, pattern: &str) -> Result<Vec<Endpoint<H>>, RouteError> {
        let none = || RouteError::NoOperation { pattern: pattern.to_owned() };
        let mut endpoints = self.listed.remove(&shape(pattern)).ok_or_else(none)?.endpoints;
        // A framework may list them in any order.
        endpoints.sort_by(|a, b| a.method().cmp(&b.method()));
        Ok(endpoints)
    }

    /// The routes that `route` makes of all operations.
    ///
    /// # Errors
    /// What `route` ends with; [`RouteError::NoRoute`] for an operation that it left out.
    pub fn into_routes(
        mut self,
        route: impl FnOnce(&mut Self) -> Result<Routes<H>, RouteError>,
    ) -> Result<Routes<H>, RouteError> {
        let routes = route(&mut self)?;
        match self.listed.into_values().next() {
            Some(Listed { pattern, .. }) => Err(RouteError::NoRoute { pattern }),
            None => Ok(routes),
        }
    }
}

impl<H> Default for Operations<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H> fmt::Debug for Operations<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.listed.values().map(|listed| &listed.pattern);
        f.debug_list().entries(patterns).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Guard;
    use crate::rules::authenticated;

    fn operations() -> Operations<&'static str> {
        let mut operations = Operations::default();
        for (pattern, method) in [("/me", "GET"), ("/items/{param0}", "POST"), ("/items/{param0}", "GET")] {
            operations.add(pattern, Endpoint::new(Some(method), method));
        }
        operations
    }

    fn routes() -> Routes<&'static str> {
        Routes::new(&Guard::builder("r").build())
    }

    #[test]
    fn operations_come_to_their_routes_with_all_their_methods() {
        let routes = operations().into_routes(|operations| {
            Ok(routes().route("/items/{id}", authenticated(), operations.at("/items/{id}")?).route(
                "/me",
                authenticated(),
                operations.at("/me")?,
            ))
        });
        let bound = routes.unwrap().into_bound().unwrap();
        let told: Vec<_> = bound.iter().map(|route| (route.pattern.as_str(), route.allow.as_str())).collect();
        assert_eq!(told, [("/items/{id}", "GET,HEAD,POST"), ("/me", "GET,HEAD")]);
    }

    #[test]
    fn a_route_without_an_operation_is_named() {
        for pattern in ["/mee", "/items", "/items/{id}/x"] {
            let error = operations().at(pattern).unwrap_err();
            assert_eq!(error, RouteError::NoOperation { pattern: pattern.to_owned() });
        }
        let mut operations = operations();
        assert!(operations.at("/me").is_ok());
        assert!(operations.at("/me").unwrap_err().to_string().contains("/me"));
    }

    #[test]
    fn an_operation_without_a_route_is_named() {
        let left_out = operations()
            .into_routes(|operations| Ok(routes().route("/me", authenticated(), operations.at("/me")?)));
        let error = left_out.unwrap_err();
        assert_eq!(error, RouteError::NoRoute { pattern: "/items/{param0}".to_owned() });
        assert!(error.to_string().contains("/items/{param0}"), "{error}");
    }
}
