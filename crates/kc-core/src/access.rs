//! Which route is open to whom.
//!
//! A route comes into an adapter's router together with its access or not at all, so none is left without.

use std::fmt;

use serde::Serialize;

use crate::rules::Rule;

/// What a route asks of its callers.
///
/// # Example
/// ```
/// use kc_core::rules::{any_role, authenticated};
/// use kc_core::{Access, RouteTable};
///
/// let mut table = RouteTable::default();
/// table.add("/health", Access::Public);
/// table.add("/news", Access::Optional);
/// table.add("/me", authenticated());
/// table.add("/orders", any_role(&["reader", "clerk"]));
/// let printed = table.to_string();
/// assert!(printed.contains("/orders") && printed.contains("reader"), "{printed}");
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Access {
    /// Nothing: credentials are not even looked at.
    Public,
    /// Good credentials or none; bad ones are refused.
    Optional,
    /// As [`Require`](Self::Require), for a page: a browser that may not see it is shown to the login, or told why, by what
    /// the guard has [for pages](crate::GuardBuilder::pages). Whoever is no browser that loads a page is refused as
    /// elsewhere.
    Page(Rule),
    /// Good credentials that satisfy the rule.
    Require(Rule),
}

impl From<Rule> for Access {
    fn from(rule: Rule) -> Self {
        Self::Require(rule)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Optional => f.write_str("anybody, or any valid token"),
            Self::Page(rule) | Self::Require(rule) => rule.fmt(f),
        }
    }
}

/// A route and what it asks for.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    /// The router's pattern, `/items/{id}`.
    pub pattern: String,
    /// What it asks for.
    pub access: Access,
}

/// Every route of a service, in the order in which they were added. `Display` shows who may call what.
///
/// Adapters fill it by the same call that gives a route to the router, so that the table and the router cannot differ.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct RouteTable {
    routes: Vec<Route>,
}

/// A table that no service may start with.
///
/// # Example
/// ```
/// use kc_core::rules::authenticated;
/// use kc_core::{Access, RouteError, RouteTable};
///
/// let mut table = RouteTable::default();
/// table.add("/orders/{id}", authenticated());
/// table.add("/orders/{number}", Access::Public);
/// assert_eq!(table.check(), Err(RouteError::Twice { pattern: "/orders/{number}".to_owned() }));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RouteError {
    /// A route for operations that the API does not have.
    NoOperation {
        /// The route's pattern.
        pattern: String,
    },
    /// An operation of an API that is on no route: nobody said who may call it.
    NoRoute {
        /// The operation's pattern.
        pattern: String,
    },
    /// A pattern that was added twice: which of the two accesses holds would depend on the router.
    Twice {
        /// It.
        pattern: String,
    },
    /// A pattern that the router cannot read as it is meant.
    Unreadable {
        /// It.
        pattern: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl RouteError {
    /// A pattern that the router cannot read, for this reason.
    pub fn unreadable(pattern: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::Unreadable { pattern: pattern.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOperation { pattern } => {
                write!(f, "{pattern} is a route, and the API has no operation there: correct one of the two")
            }
            Self::NoRoute { pattern } => {
                write!(f, "{pattern} is an operation of the API and no route: add it with its rule")
            }
            Self::Twice { pattern } => write!(f, "{pattern} was added twice: add all its methods at once"),
            Self::Unreadable { pattern, reason } => {
                write!(f, "{pattern:?} is no pattern of a route: {reason}")
            }
        }
    }
}

impl std::error::Error for RouteError {}

impl RouteTable {
    /// Adds a route.
    pub fn add(&mut self, pattern: impl Into<String>, access: impl Into<Access>) {
        self.routes.push(Route { pattern: pattern.into(), access: access.into() });
    }

    /// Takes the routes of another table, under `prefix`.
    pub fn nest(&mut self, prefix: &str, other: Self) {
        let prefix = prefix.trim_end_matches('/');
        let join = |pattern: String| match (prefix, pattern.as_str()) {
            ("", _) => pattern,
            (_, "/") => prefix.to_owned(),
            _ => format!("{prefix}{pattern}"),
        };
        self.routes
            .extend(other.routes.into_iter().map(|route| Route { pattern: join(route.pattern), ..route }));
    }

    /// Whether every route has one access only. What its parameters are called makes no other route.
    ///
    /// # Errors
    /// [`RouteError`] names the routes.
    pub fn check(&self) -> Result<(), RouteError> {
        for (n, route) in self.routes.iter().enumerate() {
            let paths = shape(&route.pattern);
            if self.routes.iter().take(n).any(|earlier| shape(&earlier.pattern) == paths) {
                return Err(RouteError::Twice { pattern: route.pattern.clone() });
            }
        }
        Ok(())
    }

    /// The routes.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub(crate) fn into_routes(self) -> impl Iterator<Item = Route> {
        self.routes.into_iter()
    }
}

/// A pattern without the names of its parameters: two of one shape match the same paths. `*` and a regular expression
/// belong to the shape.
pub(crate) fn shape(pattern: &str) -> String {
    let (mut depth, mut in_name) = (0_usize, false);
    let belongs = |letter: &char| {
        match letter {
            '{' => {
                in_name = depth == 0;
                depth += 1;
                return true;
            }
            '}' => {
                in_name = false;
                depth = depth.saturating_sub(1);
            }
            ':' => in_name = false,
            _ => {}
        }
        !in_name || *letter == '*'
    };
    pattern.chars().filter(belongs).collect()
}

impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.routes.iter().map(|route| route.pattern.len()).max().unwrap_or(0);
        for route in &self.routes {
            writeln!(f, "{:width$}  {}", route.pattern, route.access)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{any_role, authenticated};

    #[test]
    fn a_table_prints_who_may_call_what() {
        let mut table = RouteTable::default();
        table.add("/health", Access::Public);
        let mut items = RouteTable::default();
        items.add("/", any_role(&["a", "b"]));
        items.add("/{id}", authenticated());
        table.nest("/items", items);
        assert_eq!(table.check(), Ok(()));
        assert_eq!(
            table.to_string(),
            "/health      public\n/items       any role of a, b\n/items/{id}  any valid token\n"
        );
        assert_eq!(
            serde_json::to_string(&table).unwrap(),
            r#"[{"pattern":"/health","access":"public"},{"pattern":"/items","access":{"require":{"any_role":["a","b"]}}},{"pattern":"/items/{id}","access":{"require":{"authenticated":true}}}]"#
        );
    }

    #[test]
    fn a_route_with_two_accesses_is_named() {
        let mut table = RouteTable::default();
        table.add("/a", Access::Public);
        table.add("/a", authenticated());
        assert_eq!(table.check(), Err(RouteError::Twice { pattern: "/a".to_owned() }));
    }

    #[test]
    fn a_parameter_by_another_name_makes_no_other_route() {
        for (a, b, same) in [
            ("/items/{id}", "/items/{name}", true),
            ("/{a}/x/{b}", "/{c}/x/{d}", true),
            ("/items/{*rest}", "/items/{*path}", true),
            ("/items/{id:[0-9]+}", "/items/{nr:[0-9]+}", true),
            ("/items/{id}", "/items/id", false),
            ("/items/{id}", "/items/{*id}", false),
            ("/items/{id:[0-9]+}", "/items/{id:[a-z]+}", false),
            ("/items/{id:[0-9]{2}}", "/items/{nr:[0-9]{2}}", true),
            ("/items/{id:[0-9]{2}}", "/items/{id:[0-9]{3}}", false),
            ("/items/{id}", "/items/{id}/", false),
        ] {
            let mut table = RouteTable::default();
            table.add(a, Access::Public);
            table.add(b, authenticated());
            let twice = Err(RouteError::Twice { pattern: b.to_owned() });
            assert_eq!(table.check(), if same { twice } else { Ok(()) }, "{a} {b}");
        }
    }

    #[test]
    fn routes_nested_at_the_root_stay_what_they_were() {
        let mut inner = RouteTable::default();
        inner.add("/", Access::Public);
        inner.add("/a", Access::Public);
        let mut table = RouteTable::default();
        table.nest("/", inner);
        assert_eq!(table.to_string(), "/   public\n/a  public\n");
    }
}
