//! Where a document and the routes differ.

use std::fmt;

/// A document that does not describe the routes. `Display` has one line for each [`Mismatch`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenApiError {
    pub(super) mismatches: Vec<Mismatch>,
}

impl OpenApiError {
    /// All of them; at least one.
    #[must_use]
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }
}

/// Something that the document says and the routes do not, or the other way round.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The document's path fits several routes, and is spelled like none of them.
    Ambiguous {
        /// The path in the document.
        path: String,
        /// The patterns of the routes.
        patterns: Vec<String>,
    },
    /// The document is no OpenAPI document.
    Malformed {
        /// The part of it: `the document`, `paths`, `GET /items`.
        at: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// A route that asks for something has no operation.
    NotDocumented {
        /// The route's pattern.
        pattern: String,
        /// What it asks for.
        access: String,
    },
    /// There is no route for the operation.
    NoRoute {
        /// The operation's method.
        method: String,
        /// The path in the document.
        path: String,
    },
    /// The route's rule lists methods, and not that of the operation: everybody is refused.
    Refused {
        /// The operation's method.
        method: String,
        /// The path in the document.
        path: String,
        /// The rule.
        access: String,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous { path, patterns } => write!(
                f,
                "{path} of the OpenAPI document may be any of the routes {}: spell it like the one that is meant",
                patterns.join(", ")
            ),
            Self::Malformed { at, expected } => {
                write!(f, "{at} of the OpenAPI document is not {expected}: correct it, or what makes it")
            }
            Self::NotDocumented { pattern, access } => write!(
                f,
                "the route {pattern} ({access}) has no operation in the OpenAPI document: describe its handlers, or \
                 leave the route out of the document by name"
            ),
            Self::NoRoute { method, path } => write!(
                f,
                "{method} {path} of the OpenAPI document has no route: add the route, or correct the path of the \
                 operation"
            ),
            Self::Refused { method, path, access } => write!(
                f,
                "{method} {path} of the OpenAPI document is refused to everybody, the route's rule is {access}: add \
                 the method to the rule, or take the operation out"
            ),
        }
    }
}

impl fmt::Display for OpenApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, mismatch) in self.mismatches.iter().enumerate() {
            write!(f, "{}{mismatch}", if n == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for OpenApiError {}
