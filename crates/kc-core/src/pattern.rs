//! Patterns of routes for routers that spell them in another way than the table, without a framework.

use std::borrow::Cow;

use crate::access::RouteError;

/// A table's pattern for a router that writes it in another way: `parameter` spells `{name}`, given how many parameters
/// there are from it to the end, and `rest` spells `{*name}`, at the end, which is all that is left of a path.
///
/// Only what every router can be told is read: a parameter is a whole segment and has no regular expression.
///
/// # Errors
/// [`RouteError::Unreadable`] for any other pattern.
pub fn respelled(
    pattern: &str,
    parameter: impl Fn(usize, &str) -> String,
    rest: impl Fn(&str) -> String,
) -> Result<String, RouteError> {
    let unreadable = |reason| RouteError::unreadable(pattern, reason);
    let Some(path) = pattern.strip_prefix('/') else {
        return Err(unreadable("begin it with a slash"));
    };
    let mut segments = path.split('/').peekable();
    let (mut spelled, mut left) = (String::with_capacity(pattern.len()), pattern.matches("/{").count());
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let name = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        let (text, written) = match name.map(|name| (name, name.strip_prefix('*'))) {
            None => (segment, Cow::Borrowed(segment)),
            Some((name, None)) => (name, Cow::Owned(parameter(left, name))),
            Some((_, Some(name))) if last => (name, Cow::Owned(rest(name))),
            Some((_, Some(_))) => return Err(unreadable("{*name} has to be its last segment")),
        };
        if text.contains([':', '*', '<', '>', '{', '}']) {
            return Err(unreadable(
                "a parameter is a whole segment, {name} or {*name}; elsewhere leave out : * < > { and }",
            ));
        }
        if text.is_empty() && !(last && name.is_none()) {
            return Err(unreadable("a segment or the name of a parameter is empty"));
        }
        left = left.saturating_sub(usize::from(name.is_some()));
        spelled.push('/');
        spelled.push_str(&written);
    }
    Ok(spelled)
}

/// A pattern of a router that writes `/items/:id`, `/files/*rest` and `/:id<[0-9]+>`, as a table spells it. Regular
/// expressions are left out.
#[must_use]
pub fn in_braces(pattern: &str) -> Cow<'_, str> {
    const SPECIAL: [char; 3] = [':', '*', '<'];
    if !pattern.contains(SPECIAL) {
        return Cow::Borrowed(pattern);
    }
    let (mut spelled, mut left) = (String::with_capacity(pattern.len() + 8), pattern);
    while let Some(at) = left.find(SPECIAL) {
        let (fixed, parameter) = left.split_at(at);
        spelled.push_str(fixed);
        let (name, after) = if parameter.starts_with('*') {
            (parameter, "")
        } else if let Some(named) = parameter.strip_prefix(':') {
            named.split_at(named.find(['/', '<', '*']).unwrap_or(named.len()))
        } else {
            ("", parameter)
        };
        left = match after.strip_prefix('<') {
            Some(regex) => regex.split_once('>').map_or("", |(_, after)| after),
            None => after,
        };
        spelled.extend(["{", name, "}"]);
    }
    spelled.push_str(left);
    Cow::Owned(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colons(pattern: &str) -> Result<String, RouteError> {
        respelled(pattern, |_, name| format!(":{name}"), |name| format!("*{name}"))
    }

    #[test]
    fn a_pattern_goes_to_another_spelling_and_back() {
        for (table, marked) in [
            ("/", "/"),
            ("/items", "/items"),
            ("/items/", "/items/"),
            ("/items/{id}", "/items/:id"),
            ("/{a}/x/{b_c}/", "/:a/x/:b_c/"),
            ("/files/{*rest}", "/files/*rest"),
            ("/.well-known/x", "/.well-known/x"),
        ] {
            assert_eq!(colons(table).unwrap(), marked);
            assert_eq!(in_braces(marked), table);
        }
    }

    #[test]
    fn parameters_are_counted_from_the_end() {
        let spelled = respelled("/{a}/x/{b}/{*c}", |left, _| left.to_string(), str::to_owned).unwrap();
        assert_eq!(spelled, "/3/x/2/c");
    }

    #[test]
    fn what_a_router_can_have_beyond_a_table_is_spelled_as_well() {
        for (marked, table) in [
            ("/a/:id<\\d+>/b", "/a/{id}/b"),
            ("/a/:id<[^/]+>", "/a/{id}"),
            ("/a/<\\d+>/b", "/a/{}/b"),
            ("/a/*", "/a/{*}"),
            ("/a/:b*rest", "/a/{b}{*rest}"),
            ("/a-:b", "/a-{b}"),
            ("", ""),
        ] {
            assert_eq!(in_braces(marked), table);
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
            let error = colons(pattern).unwrap_err().to_string();
            assert!(error.contains(&format!("{pattern:?} is no pattern of a route")), "{error}");
        }
    }
}
