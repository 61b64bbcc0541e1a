//! Paths that need no token.

use std::fmt;

/// Path prefixes that are never authenticated, compared by whole segments and case-sensitively.
///
/// The raw path is judged, and only one that every router reads alike can be exempt: a path that normalisation would
/// change (dot segments, doubled slashes, percent-encoding of what needs none, of a slash, a dot, a semicolon, a
/// backslash or a percent sign, path parameters) never is. What is not exempt is simply authenticated.
///
/// # Example
/// ```
/// use kc_core::wire::ExemptPaths;
///
/// let exempt = ExemptPaths::new(["/webhooks"])?;
/// assert!(exempt.contains("/webhooks/stripe"));
/// assert!(!exempt.contains("/webhooks-of-others"), "whole segments are compared");
/// assert!(!exempt.contains("/webhooks/../admin"), "what normalisation would change is never exempt");
/// # Ok::<(), kc_core::wire::ExemptPathError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExemptPaths {
    prefixes: Vec<String>,
}

/// A prefix that cannot be exempt.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ExemptPathError {
    /// It is `/`: everything would be exempt.
    Everything,
    /// It does not begin with a slash.
    NoSlash,
    /// No path that is equal to it is ever exempt.
    NotNormal,
}

impl fmt::Display for ExemptPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everything => "`/` would exempt every path: name the paths",
            Self::NoSlash => "a path begins with a slash",
            Self::NotNormal => {
                "it has dot segments, doubled slashes, a backslash, a semicolon or needless percent-encoding: write \
                 the path in its plain form"
            }
        })
    }
}

impl std::error::Error for ExemptPathError {}

impl ExemptPaths {
    /// The prefixes, blanks around them and a trailing slash trimmed.
    ///
    /// # Errors
    /// [`ExemptPathError`] for a prefix that would exempt everything or nothing.
    pub fn new<S: AsRef<str>>(prefixes: impl IntoIterator<Item = S>) -> Result<Self, ExemptPathError> {
        let prefixes = prefixes.into_iter().map(|prefix| {
            let prefix = prefix.as_ref().trim();
            if !prefix.starts_with('/') {
                return Err(ExemptPathError::NoSlash);
            }
            match prefix {
                "/" => Err(ExemptPathError::Everything),
                _ if !is_normal(prefix) => Err(ExemptPathError::NotNormal),
                _ => Ok(prefix.strip_suffix('/').unwrap_or(prefix).to_owned()),
            }
        });
        Ok(Self { prefixes: prefixes.collect::<Result<_, _>>()? })
    }

    /// Whether a raw path is exempt.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        let within = |prefix: &String| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.prefixes.iter().any(within) && is_normal(path)
    }

    /// The prefixes.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.prefixes.iter().map(String::as_str)
    }
}

/// Whether every reader of the path sees the same segments.
fn is_normal(path: &str) -> bool {
    let mut segments = path.split('/');
    // What is before the first slash: nothing.
    if segments.next() != Some("") {
        return false;
    }
    let mut segments = segments.peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if matches!(segment, "." | "..") || (segment.is_empty() && !last) || !is_plain(segment) {
            return false;
        }
    }
    true
}

/// Whether a segment holds nothing that decoding, path parameters or a second decoding could turn into something else.
fn is_plain(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' | b';' | b'?' | b'#' | 0..=b' ' | 0x7f => return false,
            b'%' => {
                let (Some(high), Some(low)) = (bytes.next().and_then(hex), bytes.next().and_then(hex)) else {
                    return false;
                };
                let decoded = high * 16 + low;
                let unreserved = decoded.is_ascii_alphanumeric() || b"-._~".contains(&decoded);
                if unreserved || b"/\\;%?#".contains(&decoded) || decoded.is_ascii_control() {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exempt() -> ExemptPaths {
        ExemptPaths::new([" /docs/ ", "/public/files"]).unwrap()
    }

    #[test]
    fn whole_segments_are_compared() {
        for path in [
            "/docs",
            "/docs/",
            "/docs/a",
            "/docs/a/b/",
            "/public/files",
            "/public/files/x%20y",
            "/docs/%C3%A4",
        ] {
            assert!(exempt().contains(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/doc",
            "/docs-admin",
            "/docsx/a",
            "/Docs",
            "/DOCS/a",
            "/public",
            "/public/file",
            "/a/docs",
            "docs",
        ] {
            assert!(!exempt().contains(path), "{path}");
        }
    }

    /// Each is a trick of a published bypass: CVE-2026-15573, CVE-2026-74909, GHSA-7rh7-c77v-6434, GHSA-pxq7-h93f-9jrg.
    #[test]
    fn a_path_that_normalisation_would_change_is_never_exempt() {
        for path in [
            "/docs/../me",
            "/docs/./a",
            "/docs/.",
            "/docs/..",
            "//docs",
            "/docs//a",
            "/docs/a//",
            "/docs/%2e%2e/me",
            "/docs/%2E./me",
            "/docs/%2fme",
            "/docs/%2Fme",
            "/docs/%5cme",
            "/docs/..%5c..%5cme",
            "/docs/\\..\\me",
            "/docs/a;x=1",
            "/docs;/../me",
            "/docs/%3b",
            "/docs/%3B/../me",
            "/docs/%64",
            "/doc%73",
            "/docs/%252e%252e/me",
            "/docs/%25",
            "/docs/%",
            "/docs/%4",
            "/docs/%zz",
            "/docs/%00",
            "/docs/a b",
            "/docs/a\t",
            "/docs/a?b",
            "/docs/a#b",
            "/docs/%23",
            "/docs/%3f",
            "/docs/%0a",
            "/docs/%7f",
            "/./docs/a",
            "/x/../docs/a",
        ] {
            assert!(!exempt().contains(path), "{path}");
        }
    }

    #[test]
    fn a_prefix_that_would_exempt_everything_or_nothing_is_refused() {
        for (prefix, error) in [
            ("/", ExemptPathError::Everything),
            ("", ExemptPathError::NoSlash),
            ("docs", ExemptPathError::NoSlash),
            ("*", ExemptPathError::NoSlash),
            ("/a/../b", ExemptPathError::NotNormal),
            ("//", ExemptPathError::NotNormal),
            ("/a//b", ExemptPathError::NotNormal),
            ("/%64ocs", ExemptPathError::NotNormal),
            ("/a;b", ExemptPathError::NotNormal),
        ] {
            assert_eq!(ExemptPaths::new([prefix]), Err(error), "{prefix}");
        }
        assert!(!ExemptPaths::default().contains("/"));
    }
}
