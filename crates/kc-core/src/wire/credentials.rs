//! The `Authorization` header (RFC 9110 §11.6.2, RFC 6750 §2.1).

use std::fmt;

use super::request::Headers;

/// A bearer token as it was sent, borrowed from the request. Not printable.
///
/// # Example
/// ```
/// use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
/// use kc_core::wire::BearerCredentials;
///
/// let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("bearer  abc.def.ghi"))]);
/// let credentials = BearerCredentials::read(&headers)?;
/// assert_eq!(credentials.map(|credentials| credentials.token()), Some("abc.def.ghi"));
/// # Ok::<(), kc_core::wire::CredentialsError>(())
/// ```
#[derive(Clone, Copy)]
pub struct BearerCredentials<'a> {
    token: &'a str,
}

/// Why an `Authorization` header is no good (RFC 6750 §3.1: `invalid_request`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Characters that a token cannot have.
    Alphabet,
    /// `Bearer` and nothing after it.
    NoToken,
    /// More than one header line.
    Repeated,
    /// A tab, or another byte than a space, between `Bearer` and the token.
    Separator,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alphabet => "The bearer token has characters that no token has",
            Self::NoToken => "The Authorization header has no token after Bearer",
            Self::Repeated => "There is more than one Authorization header",
            Self::Separator => "Bearer and the token have to be separated by spaces",
        })
    }
}

impl std::error::Error for CredentialsError {}

impl<'a> BearerCredentials<'a> {
    /// Reads the bearer token of a request. `None`: there is none, so that another scheme may be asked. A token in the
    /// query or the body is not looked for (RFC 9700 §4.3.2).
    ///
    /// # Errors
    /// [`CredentialsError`] when the header is there and bad: never a reason to look further.
    pub fn read(headers: &'a dyn Headers) -> Result<Option<Self>, CredentialsError> {
        let Some((value, repeated)) = headers.authorization() else { return Ok(None) };
        if repeated {
            return Err(CredentialsError::Repeated);
        }
        let value = value.trim_ascii();
        let end = value.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
        let (scheme, rest) = value.split_at(end);
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Ok(None);
        }
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        let (_, token) = rest.split_at(spaces);
        match token.first() {
            None => Err(CredentialsError::NoToken),
            Some(b'\t') => Err(CredentialsError::Separator),
            Some(_) => token68(token).map(|token| Some(Self { token })),
        }
    }

    /// The bytes after the spaces after `Bearer`, for a look-up among tokens that are known to be well-formed: nobody has
    /// looked at these. `None` for whatever [`read`](Self::read) gives no token for, and for some that it does.
    pub(crate) fn peek(headers: &'a dyn Headers) -> Option<&'a [u8]> {
        const PREFIX: usize = "Bearer ".len();
        let (value, repeated) = headers.authorization()?;
        let (scheme, token) = value.split_at_checked(PREFIX)?;
        // As most write it, in one comparison.
        let bearer = scheme == b"Bearer " || scheme.eq_ignore_ascii_case(b"Bearer ");
        (bearer && !repeated).then_some(token)
    }

    /// The token. Every call is a place to look at in a review.
    #[must_use]
    pub fn token(&self) -> &'a str {
        self.token
    }
}

/// RFC 9110 §11.2: letters, digits, `-._~+/`, then `=` at the end only.
fn token68(token: &[u8]) -> Result<&str, CredentialsError> {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let (letters, _) = token.split_at(token.len() - padding);
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    if letters.is_empty() || !letters.iter().all(legal) {
        return Err(CredentialsError::Alphabet);
    }
    std::str::from_utf8(token).map_err(|_| CredentialsError::Alphabet)
}

impl fmt::Debug for BearerCredentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerCredentials([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lines(Vec<&'static [u8]>);

    impl Headers for Lines {
        fn value(&self, name: &str, nth: usize) -> Option<&[u8]> {
            assert_eq!(name, "authorization");
            self.0.get(nth).copied()
        }
    }

    fn read(lines: &[&'static [u8]]) -> Result<Option<String>, CredentialsError> {
        let lines = Lines(lines.to_vec());
        BearerCredentials::read(&lines).map(|found| found.map(|bearer| bearer.token().to_owned()))
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_after_any_number_of_spaces() {
        for line in [
            &b"Bearer abc"[..],
            b"bearer abc",
            b"BEARER abc",
            b"bEaReR     abc",
            b"Bearer abc ",
            b" Bearer abc",
        ] {
            assert_eq!(read(&[line]), Ok(Some("abc".to_owned())));
        }
        assert_eq!(read(&[b"Bearer aZ09-._~+/=="]), Ok(Some("aZ09-._~+/==".to_owned())));
    }

    #[test]
    fn no_header_an_empty_one_and_another_scheme_are_no_credentials() {
        for lines in [
            &[][..],
            &[&b""[..]],
            &[b"   "],
            &[b"Basic YTpi"],
            &[b"Bearerabc"],
            &[b"Bearer,abc"],
            &[b"DPoP abc"],
            &[b"Token Bearer abc"],
        ] {
            assert_eq!(read(lines), Ok(None));
        }
    }

    #[test]
    fn bearer_without_a_token_is_bad() {
        assert_eq!(read(&[b"Bearer"]), Err(CredentialsError::NoToken));
        assert_eq!(read(&[b"Bearer   "]), Err(CredentialsError::NoToken));
    }

    #[test]
    fn a_tab_between_scheme_and_token_is_bad() {
        assert_eq!(read(&[b"Bearer\tabc"]), Err(CredentialsError::Separator));
        assert_eq!(read(&[b"Bearer \tabc"]), Err(CredentialsError::Separator));
    }

    #[test]
    fn two_headers_are_bad_whatever_they_hold() {
        assert_eq!(read(&[b"Bearer abc", b"Bearer abc"]), Err(CredentialsError::Repeated));
        assert_eq!(read(&[b"Basic YTpi", b"Bearer abc"]), Err(CredentialsError::Repeated));
        assert_eq!(read(&[b"", b""]), Err(CredentialsError::Repeated));
    }

    #[test]
    fn characters_outside_the_alphabet_are_bad() {
        for line in [
            &b"Bearer a b"[..],
            b"Bearer a,b",
            b"Bearer abc, Bearer abc",
            b"Bearer a\"b",
            b"Bearer \xc3\xa4",
            b"Bearer a=b",
            b"Bearer =",
            b"Bearer a\tb",
            b"Bearer a\x00",
            b"Bearer a%20",
            b"Bearer <script>",
            b"Bearer \xff\xfe",
        ] {
            assert_eq!(read(&[line]), Err(CredentialsError::Alphabet), "{line:?}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let lines = Lines(vec![b"Bearer abc"]);
        let bearer = BearerCredentials::read(&lines).unwrap().unwrap();
        assert_eq!(format!("{bearer:?}"), "BearerCredentials([redacted])");
    }
}
