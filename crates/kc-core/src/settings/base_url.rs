//! The base URL of a server: where it is, and whether the way there is safe.

use std::fmt;

use url::{Host, Url};

use super::error::{Defect, Problem, quoted};
use super::variables;

/// An `http` or `https` URL without user, password, query and fragment, and without a trailing slash.
///
/// Scheme and host are in lower case and a scheme's own port is left out, as browsers and Keycloak write them. The path
/// stays: `/auth` of servers before Keycloak 17 is part of their issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BaseUrl {
    text: String,
    https: bool,
    loopback: bool,
}

impl BaseUrl {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let url = parse_http(text)?;
        let loopback = is_loopback(&url);
        let text = format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/'));
        Ok(Self { text, https: url.scheme() == "https", loopback })
    }

    /// The base of a Keycloak server: not the issuer, and over TLS unless it is on this machine.
    pub(super) fn parse_server(text: &str, allow_plain_http: bool) -> Result<Self, Problem> {
        let base = Self::parse(text)?;
        if let Some((server, _)) = base.text.split_once("/realms/") {
            let remedy = format!("leave /realms/… off and write {}", quoted(server));
            return Err(Problem::malformed("is an issuer, not the server's base URL", remedy));
        }
        if base.needs_tls() && !allow_plain_http {
            return Err(Problem::new(
                Defect::Unsafe,
                "is plain HTTP to a host that is not loopback: tokens and the client secret could be read on the way",
                format!(
                    "write https://, or for a network that you trust set {}=true (in code: dangerous().allow_plain_http())",
                    variables::DANGEROUSLY_ALLOW_HTTP
                ),
            ));
        }
        Ok(base)
    }

    /// The URL, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is an `https` URL.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Whether its host is this machine: 127.0.0.0/8, `::1`, `localhost` and the names below it (RFC 6761 §6.3).
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether what is sent there could be read on the way.
    pub(super) const fn needs_tls(&self) -> bool {
        !self.https && !self.loopback
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether its host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A token's `iss`, kept to the letter: it is compared, never fetched.
pub(super) fn issuer(text: &str) -> Result<String, Problem> {
    parse_http(text).map(|_| text.to_owned())
}

/// An origin as a browser sends it in `Origin` (RFC 6454 §6.2).
pub(super) fn origin(text: &str) -> Result<String, Problem> {
    let example = "write it as https://app.example.com, with a port if it has one";
    if text == "*" {
        return Err(Problem::new(
            Defect::Unsafe,
            "allows every origin (`*`), and answers carry credentials",
            "list the origins, https://app.example.com for one",
        ));
    }
    let url = parse_http(text)?;
    let origin = url.origin().ascii_serialization();
    if url.path() != "/" || text.ends_with('/') {
        let what = format!("has an origin with a path ({})", quoted(text));
        return Err(Problem::malformed(what, format!("write {origin}")));
    }
    if text.contains('*') {
        return Err(Problem::malformed(format!("has a pattern ({}), not an origin", quoted(text)), example));
    }
    Ok(origin)
}

fn parse_http(text: &str) -> Result<Url, Problem> {
    const EXAMPLE: &str = "write a URL such as https://keycloak.example.com";
    if text.is_empty() {
        return Err(Problem::malformed("is empty", EXAMPLE));
    }
    // The parser would drop tabs and line ends, and take a backslash for a slash.
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(Problem::malformed(
            "has a blank, a control character or a backslash in its URL",
            EXAMPLE,
        ));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Problem::malformed(
            "has a URL without a scheme",
            "put https:// in front (http:// for this machine)",
        ));
    };
    // From here on the value may be quoted only where it holds no password and no parameters.
    // The parser would skip more slashes, and find a host where this does not look for a password.
    if rest.starts_with('/') {
        return Err(Problem::malformed("has a URL with more than two slashes before the host", EXAMPLE));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Problem::malformed(
            "has a user or password in its URL",
            "leave out everything up to and with the @",
        ));
    }
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(Problem::malformed("has a URL whose scheme is neither https nor http", EXAMPLE));
    }
    if rest.contains(['?', '#']) {
        return Err(Problem::malformed(
            "has a query or fragment in its URL",
            "end the URL before the ? or #",
        ));
    }
    let url = Url::parse(text)
        .map_err(|error| Problem::malformed(format!("is no URL, {} ({error})", quoted(text)), EXAMPLE))?;
    if url.path().trim_end_matches('/').contains("//") {
        return Err(Problem::malformed(
            format!("has an empty segment in its path ({})", quoted(text)),
            "write single slashes",
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_host_and_port_are_written_as_browsers_write_them() {
        for (text, expected) in [
            ("HTTPS://Keycloak.Example.com:443/", "https://keycloak.example.com"),
            ("https://k.example.com/auth///", "https://k.example.com/auth"),
            ("http://127.0.0.1:18080", "http://127.0.0.1:18080"),
            ("http://[::1]:8080/auth", "http://[::1]:8080/auth"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for yes in
            ["127.0.0.1", "127.8.9.10:1", "[::1]", "localhost:80", "LOCALHOST", "kc.localhost", "localhost."]
        {
            assert!(BaseUrl::parse(&format!("http://{yes}")).unwrap().is_loopback(), "{yes}");
        }
        for no in
            ["128.0.0.1", "0.0.0.0", "[::2]", "localhost.example.com", "notlocalhost", "127.0.0.1.example"]
        {
            assert!(!BaseUrl::parse(&format!("http://{no}")).unwrap().is_loopback(), "{no}");
        }
    }

    #[test]
    fn a_password_behind_a_third_slash_is_neither_taken_nor_shown() {
        for text in
            ["https:///user:s3cret@kc.example:99999", "https:////u:s3cret@kc.example", "https:///kc.example"]
        {
            let problem = format!("{:?}", BaseUrl::parse(text).unwrap_err());
            assert!(!problem.contains("s3cret"), "{problem}");
            assert!(issuer(text).is_err());
        }
    }

    #[test]
    fn an_issuer_keeps_its_letters() {
        assert_eq!(issuer("https://ID.example.com/").unwrap(), "https://ID.example.com/");
        assert!(issuer("https://id.example.com/?a").is_err());
    }
}
