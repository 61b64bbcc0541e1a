//! `${…}` in an adapter file.
//!
//! `${env.NAME}` and `${NAME}` are the variable `NAME`; `${NAME:default}` has a default, which may hold placeholders
//! itself; `${A,B}` is the first of the two that is set. A variable that is empty counts as unset. What a variable holds
//! is never looked through again.

/// A placeholder that cannot be replaced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum PlaceholderError {
    /// Placeholders in defaults in defaults, beyond any use.
    TooDeep,
    /// None of these variables is set, and there is no default.
    Unset { name: String },
}

/// `text` with every placeholder replaced; a `${` that is never closed and an empty `${}` stay as they are.
pub(super) fn replace(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, PlaceholderError> {
    replace_within(text, lookup, 8)
}

fn replace_within(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, PlaceholderError> {
    let depth = depth.checked_sub(1).ok_or(PlaceholderError::TooDeep)?;
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inner, after)) = split_at_close(after) else { break };
        out.push_str(before);
        out.push_str(&value_of(inner, lookup, depth)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value_of(
    inner: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, PlaceholderError> {
    if inner.is_empty() {
        return Ok("${}".to_owned());
    }
    let (names, default) = match inner.split_once(':') {
        Some((names, default)) => (names, Some(default)),
        None => (inner, None),
    };
    let found = names.split(',').map(variable).find_map(lookup);
    match (found, default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => replace_within(default, lookup, depth),
        (None, None) => Err(PlaceholderError::Unset {
            name: names.split(',').map(variable).collect::<Vec<_>>().join(","),
        }),
    }
}

fn variable(name: &str) -> &str {
    let name = name.trim();
    name.strip_prefix("env.").unwrap_or(name)
}

/// Up to the brace that closes, and what follows it.
fn split_at_close(text: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> Result<String, PlaceholderError> {
        replace(text, &|name| match name {
            "HOST" => Some("id.example.com".to_owned()),
            "TRICK" => Some("${HOST}".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn a_placeholder_is_a_variable_or_its_default() {
        for (text, expected) in [
            ("https://${env.HOST}/auth", "https://id.example.com/auth"),
            ("${HOST}${HOST:x}", "id.example.comid.example.com"),
            ("${env.NO:https://x:8443/}", "https://x:8443/"),
            ("${NO:}", ""),
            ("${NO,HOST}", "id.example.com"),
            ("${NO:${env.ALSO_NO:${HOST}}}", "id.example.com"),
        ] {
            assert_eq!(replaced(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_placeholder_stays() {
        for text in ["pa$$word", "$HOST", "${HOST", "${}", "{HOST}", "a}b", ""] {
            assert_eq!(replaced(text).unwrap(), text);
        }
    }

    #[test]
    fn a_value_is_not_looked_through_again() {
        assert_eq!(replaced("${TRICK}").unwrap(), "${HOST}");
    }

    #[test]
    fn an_unset_variable_without_a_default_is_an_error_with_its_name() {
        assert_eq!(replaced("a${env.NO}b"), Err(PlaceholderError::Unset { name: "NO".to_owned() }));
        assert_eq!(replaced("${A,env.B}"), Err(PlaceholderError::Unset { name: "A,B".to_owned() }));
    }

    #[test]
    fn nesting_has_an_end() {
        let text = format!("{}x{}", "${N:".repeat(9), "}".repeat(9));
        assert_eq!(replaced(&text), Err(PlaceholderError::TooDeep));
    }
}
