//! Reads `WWW-Authenticate` of a refusal: Keycloak's userinfo says there, and only there, what is wrong, and so do other
//! services that take tokens.

use std::fmt;

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// The challenge of an endpoint that takes access tokens (RFC 6750 §3, RFC 9449 §7.1). `Display` is for the log: text
/// from elsewhere, shortened and escaped.
pub(crate) struct Challenge {
    error: Option<String>,
    description: Option<String>,
}

impl Challenge {
    /// The first line of the schemes `Bearer` and `DPoP`; `None` if none is: then whoever refuses does not speak of
    /// access tokens.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
        lines.map(|line| line.trim().split_once(' ').unwrap_or((line.trim(), ""))).find_map(
            |(scheme, parameters)| {
                let ours = ["Bearer", "DPoP"].iter().any(|ours| scheme.eq_ignore_ascii_case(ours));
                ours.then(|| Self::of(parameters))
            },
        )
    }

    /// The value of `error`.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn of(parameters: &str) -> Self {
        let mut challenge = Self { error: None, description: None };
        let mut rest = parameters;
        while let Some((name, after)) = rest.trim_start_matches([' ', ',']).split_once('=') {
            let (value, left) = value(after);
            match name.trim().to_ascii_lowercase().as_str() {
                "error" => challenge.error.get_or_insert(value),
                "error_description" => challenge.description.get_or_insert(value),
                _ => &value,
            };
            rest = left;
        }
        challenge
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short =
            |text: &Option<String>| text.as_deref().unwrap_or("-").chars().take(200).collect::<String>();
        write!(f, "{:?} ({:?})", short(&self.error), short(&self.description))
    }
}

/// A parameter's value, a token or a quoted string (RFC 9110 §11.2), and what comes after it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(',').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => value.extend(letters.next()),
            letter => value.push(letter),
        }
    }
    (value, letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<(Option<String>, Option<String>)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, line.parse().unwrap());
        }
        Challenge::read(&headers).map(|challenge| (challenge.error, challenge.description))
    }

    fn said(error: &str, description: &str) -> Option<(Option<String>, Option<String>)> {
        let owned = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some((owned(error), owned(description)))
    }

    #[test]
    fn what_keycloak_writes_is_read() {
        let line =
            r#"Bearer realm="kc-demo", error="insufficient_scope", error_description="Missing openid scope""#;
        assert_eq!(read(&[line]), said("insufficient_scope", "Missing openid scope"));
        assert_eq!(read(&[r#"Bearer realm="kc-demo""#]), said("", ""));
        let line = r#"DPoP algs="PS384 RS384", realm="kc-demo", error="invalid_token""#;
        assert_eq!(read(&[line]), said("invalid_token", ""));
    }

    #[test]
    fn every_spelling_of_the_standard_is_read() {
        for line in [
            "bearer error=invalid_token,error_description=x",
            "BEARER  ERROR = \"x\", , error_description=\"x\"",
            "Bearer error_description=\"x\",error=\"invalid_token\",error=\"other\"",
        ] {
            assert_eq!(read(&[line]).unwrap().1.as_deref(), Some("x"), "{line}");
        }
        assert_eq!(read(&[r#"Bearer error="a\"b, error=\\c""#]), said(r#"a"b, error=\c"#, ""));
        assert_eq!(read(&["Basic realm=\"x\"", "Bearer error=\"invalid_token\""]), said("invalid_token", ""));
        assert_eq!(read(&["Bearer"]), said("", ""));
    }

    #[test]
    fn another_scheme_says_nothing_of_access_tokens() {
        for lines in
            [&[][..], &["Basic realm=\"Bearer error=invalid_token\""], &["Negotiate"], &["", "Bearers x=y"]]
        {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn nothing_that_is_broken_hangs_or_panics() {
        for line in [
            "Bearer error=\"",
            "Bearer error=\"\\",
            "Bearer =",
            "Bearer ==,=,=",
            "Bearer error",
            "Bearer ,,,",
        ] {
            assert!(read(&[line]).is_some(), "{line}");
        }
    }

    #[test]
    fn what_goes_to_the_log_is_short_and_escaped() {
        let challenge =
            Challenge { error: Some("\u{1b}[31m".to_owned()), description: Some("x".repeat(5000)) };
        let text = challenge.to_string();
        assert!(text.len() < 300 && !text.contains('\u{1b}'), "{text}");
    }
}
