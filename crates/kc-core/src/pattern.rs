//! A route's pattern, read without a framework: an adapter whose router spells patterns in another way translates.

use crate::access::{Route, RouteError};

/// A part of a pattern, between two slashes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Segment<'a> {
    /// Text that stands for itself. Empty at the end only: for a slash there, and for `/`.
    Fixed(&'a str),
    /// `{name}`: one segment of any text.
    Parameter(&'a str),
    /// `{*name}`, at the end: all that is left of the path.
    Rest(&'a str),
}

impl Route {
    /// The segments of the pattern. Only what every router can be told is read: a parameter is a whole segment and has
    /// no regular expression.
    ///
    /// # Errors
    /// [`RouteError::Unreadable`] for any other pattern.
    pub fn segments(&self) -> Result<Vec<Segment<'_>>, RouteError> {
        let unreadable = |reason: &str| RouteError::Unreadable {
            pattern: self.pattern.clone(),
            reason: reason.to_owned(),
        };
        let Some(path) = self.pattern.strip_prefix('/') else {
            return Err(unreadable("begin it with a slash"));
        };
        let mut parts = path.split('/').peekable();
        let mut segments = Vec::new();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let parameter = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            let (segment, text) = match parameter.map(|name| (name, name.strip_prefix('*'))) {
                None => (Segment::Fixed(part), part),
                Some((name, None)) => (Segment::Parameter(name), name),
                Some((_, Some(name))) if last => (Segment::Rest(name), name),
                Some((_, Some(_))) => return Err(unreadable("{*name} has to be its last segment")),
            };
            if text.contains([':', '*', '<', '>', '{', '}']) {
                return Err(unreadable(
                    "a parameter is a whole segment, {name} or {*name}; elsewhere leave out : * < > { and }",
                ));
            }
            if text.is_empty() && !(last && parameter.is_none()) {
                return Err(unreadable("a segment or the name of a parameter is empty"));
            }
            segments.push(segment);
        }
        Ok(segments)
    }
}

#[cfg(test)]
mod tests {
    use super::Segment::{Fixed, Parameter, Rest};
    use super::*;
    use crate::access::Access;

    fn route(pattern: &str) -> Route {
        Route { pattern: pattern.to_owned(), access: Access::Public }
    }

    #[test]
    fn a_pattern_is_read_by_its_segments() {
        for (pattern, segments) in [
            ("/", &[Fixed("")][..]),
            ("/items", &[Fixed("items")]),
            ("/items/", &[Fixed("items"), Fixed("")]),
            ("/items/{id}", &[Fixed("items"), Parameter("id")]),
            ("/{a}/x/{b_c}/", &[Parameter("a"), Fixed("x"), Parameter("b_c"), Fixed("")]),
            ("/files/{*rest}", &[Fixed("files"), Rest("rest")]),
            ("/.well-known/x", &[Fixed(".well-known"), Fixed("x")]),
        ] {
            assert_eq!(route(pattern).segments().unwrap(), segments, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_routers_read_differently_is_an_error() {
        for pattern in [
            "",
            "items",
            "//",
            "/a//b",
            "/a//",
            "/:id",
            "/a:b",
            "/*",
            "/<[0-9]+>",
            "/{}",
            "/{*}",
            "/{*rest}/a",
            "/{id",
            "/id}",
            "/x{id}",
            "/{id}x",
            "/{a}{b}",
            "/{{id}}",
            "/{id:[0-9]+}",
            "/{id<x>}",
        ] {
            let error = route(pattern).segments().unwrap_err().to_string();
            assert!(error.contains(&format!("{pattern:?} is no pattern of a route")), "{error}");
        }
    }
}
