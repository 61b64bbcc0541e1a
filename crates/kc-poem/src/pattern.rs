//! Patterns of routes: `/items/{id}` in the table and the audit of every adapter, `/items/:id` to poem.

use std::borrow::Cow;

use kc_core::{Route, RouteError, Segment};

/// A table's route as poem reads it, and the names of its parameters.
pub(crate) fn colons(route: &Route) -> Result<(String, Vec<String>), RouteError> {
    let (mut spelled, mut names) = (String::with_capacity(route.pattern.len()), Vec::new());
    for segment in route.segments()? {
        let (mark, text) = match segment {
            Segment::Fixed(text) => ("/", text),
            Segment::Parameter(name) => ("/:", name),
            Segment::Rest(name) => ("/*", name),
            // A kind of segment that poem has no word for.
            _ => return Err(unreadable(route, "poem cannot be told what it means")),
        };
        spelled.extend([mark, text]);
        if mark != "/" {
            names.push(text.to_owned());
        }
    }
    Ok((spelled, names))
}

pub(crate) fn unreadable(route: &Route, reason: impl ToString) -> RouteError {
    RouteError::Unreadable { pattern: route.pattern.clone(), reason: reason.to_string() }
}

/// poem's pattern as a table spells it. Regular expressions are left out.
pub(crate) fn braces(pattern: &str) -> Cow<'_, str> {
    const SPECIAL: [char; 3] = [':', '*', '<'];
    if !pattern.contains(SPECIAL) {
        return Cow::Borrowed(pattern);
    }
    let (mut spelled, mut rest) = (String::with_capacity(pattern.len() + 8), pattern);
    while let Some(at) = rest.find(SPECIAL) {
        let (fixed, parameter) = rest.split_at(at);
        spelled.push_str(fixed);
        let (name, after) = if parameter.starts_with('*') {
            (parameter, "")
        } else if let Some(named) = parameter.strip_prefix(':') {
            named.split_at(named.find(['/', '<', '*']).unwrap_or(named.len()))
        } else {
            ("", parameter)
        };
        rest = match after.strip_prefix('<') {
            Some(regex) => regex.split_once('>').map_or("", |(_, after)| after),
            None => after,
        };
        spelled.extend(["{", name, "}"]);
    }
    spelled.push_str(rest);
    Cow::Owned(spelled)
}

#[cfg(test)]
mod tests {
    use kc_core::Access;

    use super::*;

    #[test]
    fn a_pattern_goes_to_poem_and_back() {
        for (table, poem, names) in [
            ("/", "/", &[][..]),
            ("/items", "/items", &[]),
            ("/items/", "/items/", &[]),
            ("/items/{id}", "/items/:id", &["id"]),
            ("/{a}/x/{b_c}/", "/:a/x/:b_c/", &["a", "b_c"]),
            ("/files/{*rest}", "/files/*rest", &["rest"]),
            ("/.well-known/x", "/.well-known/x", &[]),
        ] {
            let route = Route { pattern: table.to_owned(), access: Access::Public };
            let (spelled, found) = colons(&route).unwrap();
            assert_eq!(spelled, poem);
            assert_eq!(found, names);
            assert_eq!(braces(poem), table);
        }
    }

    #[test]
    fn what_a_plain_route_of_poem_can_have_is_spelled_as_well() {
        for (poem, table) in [
            ("/a/:id<\\d+>/b", "/a/{id}/b"),
            ("/a/:id<[^/]+>", "/a/{id}"),
            ("/a/<\\d+>/b", "/a/{}/b"),
            ("/a/*", "/a/{*}"),
            ("/a/:b*rest", "/a/{b}{*rest}"),
            ("/a-:b", "/a-{b}"),
            ("", ""),
        ] {
            assert_eq!(braces(poem), table);
        }
    }
}
