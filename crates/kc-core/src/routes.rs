//! Routes with their handlers, for frameworks whose own router tells nobody which methods a route has.

mod report;

use std::fmt;
use std::sync::Arc;

pub use self::report::{
    AccessKind, ReportFormat, ReportedRoute, RouteReport, RouteReportError, UnknownFormat,
};
use crate::access::{Access, RouteError, RouteTable};
use crate::guard::{Gate, Guard};
pub use crate::operations::Operations;
pub use crate::pattern::{in_braces, respelled};

/// Routes, each with what it asks of its callers. `H` is what the adapter's framework calls.
///
/// An adapter turns them into its framework's router, so that the rule is bound to the route that the router chose, not
/// to a path: there is no second reading of the path to disagree with the first. An unknown path is 404 and a method
/// that a route lacks 405 for everybody, with or without credentials.
///
/// # Example
/// ```
/// use kc_core::routes::{Endpoint, Routes};
/// use kc_core::rules::any_role;
/// use kc_core::{Guard, RouteError};
///
/// # fn main() -> Result<(), RouteError> {
/// // What an adapter does with the routes that a user gives it; a handler is whatever the framework calls one.
/// let guard = Guard::builder("shop").build();
/// let routes = Routes::new(&guard)
///     .public("/health", [Endpoint::new(Some("GET"), "healthy")])
///     .route("/orders", any_role(&["clerk"]), [Endpoint::new(Some("POST"), "create_order")]);
/// for route in routes.into_bound()? {
///     println!("{}: {:?}", route.pattern, route.gate);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Routes<H> {
    guard: Guard,
    table: RouteTable,
    /// In the order of the table.
    endpoints: Vec<(Guard, Vec<Endpoint<H>>)>,
}

impl<H> Routes<H> {
    /// No routes yet; `guard` decides about those to come.
    pub fn new(guard: &Guard) -> Self {
        Self { guard: guard.clone(), table: RouteTable::default(), endpoints: Vec::new() }
    }

    /// Adds a route with all its methods, `[get(items), post(create_item)]`. `access` is a rule, most often.
    pub fn route(
        mut self,
        pattern: &str,
        access: impl Into<Access>,
        endpoints: impl Into<Vec<Endpoint<H>>>,
    ) -> Self {
        self.table.add(pattern, access);
        self.endpoints.push((self.guard.clone(), endpoints.into()));
        self
    }

    /// Adds a route that is open to everybody: credentials are not looked at.
    pub fn public(self, pattern: &str, endpoints: impl Into<Vec<Endpoint<H>>>) -> Self {
        self.route(pattern, Access::Public, endpoints)
    }

    /// Adds routes under a prefix. Their own guard goes on deciding about them.
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

    /// Who may call what, method by method: for a service to [print](RouteReport) when it is asked to.
    #[must_use]
    pub fn report(&self) -> RouteReport {
        let mut report =
            RouteReport::of_guards(self.endpoints.iter().map(|(guard, _)| guard).chain([&self.guard]));
        for (route, (guard, endpoints)) in self.table.routes().iter().zip(&self.endpoints) {
            let methods: Vec<_> = endpoints.iter().map(Endpoint::method).collect();
            report.add(guard, &route.pattern, &route.access, &methods);
        }
        report
    }

    /// In whose name what is on no route is refused.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The routes in the order in which a router is to try them that takes the first that matches: what is literal
    /// before what is a parameter, else as they were added.
    ///
    /// # Errors
    /// [`RouteError`] when the table is ambiguous.
    pub fn into_bound(self) -> Result<Vec<BoundRoute<H>>, RouteError> {
        self.table.check()?;
        let mut bound: Vec<_> = self
            .table
            .into_routes()
            .zip(self.endpoints)
            .map(|(route, (guard, endpoints))| BoundRoute {
                gate: Arc::new(Gate::of_route(&guard, route.access, &*route.pattern)),
                pattern: route.pattern,
                allow: allow(&endpoints),
                handlers: handlers(endpoints),
            })
            .collect();
        bound.sort_by_cached_key(|route| precedence(&route.pattern));
        Ok(bound)
    }
}

/// Orders patterns by segments: literal ones, then parameters, then what takes the rest of the path, then the end.
fn precedence(pattern: &str) -> Vec<u8> {
    let rank = |segment: &str| match segment {
        segment if segment.contains('*') => 2,
        segment if segment.contains(['{', ':', '<']) => 1,
        _ => 0,
    };
    pattern.split('/').map(rank).chain([3]).collect()
}

/// A handler and the method that it is for.
#[derive(Clone)]
pub struct Endpoint<H> {
    method: Option<String>,
    handler: H,
}

impl<H> Endpoint<H> {
    /// A handler for a method, or with `None` for all methods that have none. What is for GET serves HEAD too, unless
    /// HEAD has a handler of its own.
    pub fn new(method: Option<&str>, handler: H) -> Self {
        Self { method: method.map(str::to_owned), handler }
    }

    pub(crate) fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }
}

impl<H> fmt::Debug for Endpoint<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.method).finish()
    }
}

/// A route with everything that belongs to it, for a framework's router.
#[derive(Clone)]
#[non_exhaustive]
pub struct BoundRoute<H> {
    /// The router's pattern.
    pub pattern: String,
    /// What decides about it.
    pub gate: Arc<Gate>,
    /// The handlers with their methods, in the order in which they are to be asked. A request that none
    /// [serves](Methods::serves) is 405.
    pub handlers: Vec<(Methods, H)>,
    /// The methods as in `Allow`.
    pub allow: String,
}

impl<H> BoundRoute<H> {
    /// The pattern for a router that does not know `{*name}`, what is left of a path and is not empty: `spell` writes
    /// it in the router's way.
    #[must_use]
    pub fn pattern_with_rest(&self, spell: impl FnOnce(&str) -> String) -> String {
        match self.pattern.strip_suffix('}').and_then(|pattern| pattern.rsplit_once("/{*")) {
            Some((before, name)) => format!("{before}/{}", spell(name)),
            None => self.pattern.clone(),
        }
    }
}

impl<H> fmt::Debug for BoundRoute<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundRoute")
            .field("gate", &self.gate)
            .field("allow", &self.allow)
            .finish_non_exhaustive()
    }
}

/// The methods of one handler.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Methods(Option<String>);

impl Methods {
    /// Whether a request of this method goes to the handler.
    #[must_use]
    pub fn serves(&self, method: &str) -> bool {
        match self.0.as_deref() {
            None => true,
            Some("GET") => matches!(method, "GET" | "HEAD"),
            Some(own) => own == method,
        }
    }
}

fn handlers<H>(mut endpoints: Vec<Endpoint<H>>) -> Vec<(Methods, H)> {
    // A handler for HEAD alone goes before the one for GET, the one for any method behind all.
    endpoints.sort_by_key(|endpoint| match endpoint.method.as_deref() {
        Some("HEAD") => 0,
        Some(_) => 1,
        None => 2,
    });
    endpoints.into_iter().map(|endpoint| (Methods(endpoint.method), endpoint.handler)).collect()
}

fn allow<H>(endpoints: &[Endpoint<H>]) -> String {
    let mut methods = Vec::new();
    for method in endpoints.iter().filter_map(|endpoint| endpoint.method.as_deref()) {
        methods.push(method);
        if method == "GET" {
            methods.push("HEAD");
        }
    }
    let mut seen = Vec::new();
    methods.retain(|method| {
        let new = !seen.contains(method);
        seen.push(*method);
        new
    });
    methods.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::authenticated;

    fn on(method: &'static str) -> Endpoint<&'static str> {
        Endpoint::new(Some(method), method)
    }

    fn bound(routes: Routes<&'static str>) -> Vec<BoundRoute<&'static str>> {
        routes.into_bound().unwrap()
    }

    fn routes() -> Routes<&'static str> {
        Routes::new(&Guard::builder("r").build())
    }

    fn served(endpoints: Vec<Endpoint<&'static str>>, method: &str) -> Option<&'static str> {
        let route = bound(routes().public("/", endpoints)).remove(0);
        route.handlers.into_iter().find(|(methods, _)| methods.serves(method)).map(|(_, handler)| handler)
    }

    #[test]
    fn what_is_for_get_serves_head_unless_head_has_a_handler_of_its_own() {
        assert_eq!(served(vec![on("GET")], "HEAD"), Some("GET"));
        assert_eq!(served(vec![on("GET"), on("HEAD")], "HEAD"), Some("HEAD"));
        assert_eq!(served(vec![on("POST")], "HEAD"), None);
        assert_eq!(served(vec![on("HEAD")], "GET"), None);
        assert_eq!(served(vec![on("GET")], "get"), None);
    }

    #[test]
    fn what_is_for_any_method_serves_those_without_a_handler() {
        let endpoints = || vec![Endpoint::new(None, "any"), on("GET")];
        assert_eq!(served(endpoints(), "GET"), Some("GET"));
        assert_eq!(served(endpoints(), "HEAD"), Some("GET"));
        assert_eq!(served(endpoints(), "TRACE"), Some("any"));
    }

    #[test]
    fn the_methods_of_a_route_are_told_once_each() {
        let allow = |endpoints: Vec<_>| bound(routes().public("/", endpoints)).remove(0).allow;
        assert_eq!(allow(vec![on("GET")]), "GET,HEAD");
        assert_eq!(allow(vec![on("GET"), on("POST")]), "GET,HEAD,POST");
        assert_eq!(allow(vec![on("HEAD"), on("GET")]), "HEAD,GET");
        assert_eq!(allow(vec![on("DELETE")]), "DELETE");
    }

    #[test]
    fn a_literal_pattern_is_tried_before_one_with_a_parameter() {
        let patterns = [
            "/{*rest}",
            "/items/{*rest}",
            "/items/{id}",
            "/items/new",
            "/{kind}/new",
            "/:kind/:id",
            "/",
            "/a",
        ];
        let routes =
            patterns.into_iter().fold(routes(), |routes, pattern| routes.public(pattern, [on("GET")]));
        let tried: Vec<_> = bound(routes).into_iter().map(|route| route.pattern).collect();
        assert_eq!(
            tried,
            [
                "/items/new",
                "/items/{id}",
                "/items/{*rest}",
                "/",
                "/a",
                "/{kind}/new",
                "/:kind/:id",
                "/{*rest}"
            ]
        );
    }

    #[test]
    fn what_takes_the_rest_of_a_path_is_spelled_as_the_router_does() {
        for (pattern, spelled) in [("/a/{*rest}", "/a/<rest>"), ("/{*rest}", "/<rest>"), ("/a/{b}", "/a/{b}")]
        {
            let route = bound(routes().public(pattern, [on("GET")])).remove(0);
            assert_eq!(route.pattern_with_rest(|name| format!("<{name}>")), spelled);
        }
    }

    #[test]
    fn nested_routes_keep_their_guard_and_come_into_the_table() {
        let other = Guard::builder("other").build();
        let inner = Routes::new(&other).route("/x", authenticated(), [on("GET")]);
        let routes = routes().public("/health", [on("GET")]).nest("/api", inner);
        assert_eq!(routes.guard().realm(), "r");
        assert_eq!(routes.table().to_string(), "/health  public\n/api/x   any valid token\n");
        let bound = bound(routes);
        let realms: Vec<_> =
            bound.iter().map(|route| (route.pattern.as_str(), route.gate.guard().realm())).collect();
        assert_eq!(realms, [("/api/x", "other"), ("/health", "r")]);
    }

    #[test]
    fn a_route_added_twice_is_an_error() {
        let twice = routes().public("/x", [on("GET")]).route("/x", authenticated(), [on("POST")]);
        assert!(twice.into_bound().is_err());
    }
}
