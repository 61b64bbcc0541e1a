//! Where tokens may go.

use std::collections::BTreeSet;
use std::fmt;

use url::Url;

use crate::settings::is_loopback;

/// Origins, each a scheme, a host and a port, to which tokens may be sent. Compared exactly: neither a domain below nor another
/// port of the same host is on the list.
///
/// # Spec
/// RFC 6454 §5.
///
/// # Example
/// ```
/// use kc_core::outbound::Origins;
///
/// let origins = Origins::new(["https://inventory.example.com"])?;
/// assert!(origins.allow(&"https://inventory.example.com/items".parse().unwrap()));
/// assert!(!origins.allow(&"https://inventory.example.com.evil.test/".parse().unwrap()));
/// assert!(!origins.allow(&"https://inventory.example.com:8443/".parse().unwrap()), "a port is part of an origin");
/// # Ok::<(), kc_core::outbound::OriginError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Origins(BTreeSet<String>);

impl Origins {
    /// Reads a list of `https://inventory.example.com`, `https://10.0.0.7:8443` and the like. Plain HTTP is for this machine
    /// alone.
    ///
    /// # Errors
    /// [`OriginError`] names the first that is none.
    pub fn new<S: AsRef<str>>(origins: impl IntoIterator<Item = S>) -> Result<Self, OriginError> {
        Self::read(origins, false)
    }

    /// The same, where `http` may go to other machines: whoever is on the way can read the tokens and use them. For a network
    /// that is itself encrypted and authenticated, such as a service mesh.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn dangerously_with_plain_http<S: AsRef<str>>(
        origins: impl IntoIterator<Item = S>,
    ) -> Result<Self, OriginError> {
        Self::read(origins, true)
    }

    fn read<S: AsRef<str>>(
        origins: impl IntoIterator<Item = S>,
        plain_http: bool,
    ) -> Result<Self, OriginError> {
        origins.into_iter().map(|text| origin(text.as_ref(), plain_http)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a token may be sent to `url`.
    #[must_use]
    pub fn allow(&self, url: &Url) -> bool {
        self.0.contains(&url.origin().ascii_serialization())
    }
}

/// Why a text is no origin that tokens may go to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OriginError {
    /// It has a path, a query, a user, a `*`, or no host; or its scheme is neither `https` nor `http`.
    Malformed {
        /// The text, without what stands before an `@`.
        origin: String,
    },
    /// It is plain HTTP to another machine.
    PlainHttp {
        /// The origin.
        origin: String,
    },
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { origin } => write!(
                f,
                "{origin:?} is no origin: write https://inventory.example.com, with a port if it has one and nothing after it"
            ),
            Self::PlainHttp { origin } => write!(
                f,
                "{origin:?} is plain HTTP to another machine, where tokens could be read on the way: write https://, or for a \
                 network that you trust use dangerously_with_plain_http"
            ),
        }
    }
}

impl std::error::Error for OriginError {}

fn origin(text: &str, plain_http: bool) -> Result<String, OriginError> {
    let shown = || text.rsplit('@').next().unwrap_or_default().chars().take(80).collect::<String>();
    let malformed = || OriginError::Malformed { origin: shown() };
    let url = Url::parse(text).map_err(|_| malformed())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    let http = matches!(url.scheme(), "http" | "https");
    if !http || !bare || !anonymous || !url.has_host() || text.contains(['*', '\\', '@', ' ']) {
        return Err(malformed());
    }
    if url.scheme() == "http" && !is_loopback(&url) && !plain_http {
        return Err(OriginError::PlainHttp { origin: shown() });
    }
    Ok(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_near_it() {
        let origins =
            Origins::new(["https://a.example", "https://b.example:8443/", "http://localhost:9000"]).unwrap();
        for yes in [
            "https://a.example/x?y#z",
            "https://A.EXAMPLE:443/",
            "https://b.example:8443/x",
            "http://localhost:9000/x",
            "https://user:pw@a.example/",
        ] {
            assert!(origins.allow(&url(yes)), "{yes}");
        }
        for no in [
            "http://a.example/",
            "https://a.example:8443/",
            "https://b.example/",
            "https://www.a.example/",
            "https://a.example.evil.test/",
            "https://a.example@evil.test/",
            "https://a.example./",
            "http://localhost/",
            "http://127.0.0.1:9000/",
            "data:text/plain,a.example",
            "file:///a.example",
        ] {
            assert!(!origins.allow(&url(no)), "{no}");
        }
        assert!(!Origins::default().allow(&url("https://a.example/")));
        // Opaque origins are all written `null`.
        assert!(Origins::new(["data:x"]).is_err());
    }

    #[test]
    fn what_is_no_origin_is_refused_and_no_password_is_repeated() {
        for bad in [
            "",
            "a.example",
            "https://",
            "https://a.example/path",
            "https://a.example?q",
            "https://a.example#f",
            "https://u:hunter2@a.example",
            "https://*.example",
            "ftp://a.example",
            "file:///x",
            "https://a.example\\@b.example",
        ] {
            let error = Origins::new([bad]).unwrap_err();
            assert!(matches!(error, OriginError::Malformed { .. }), "{bad}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn plain_http_to_another_machine_has_to_be_called_dangerous() {
        let http = "http://inventory:8080";
        assert!(matches!(Origins::new([http]), Err(OriginError::PlainHttp { .. })));
        let origins = Origins::dangerously_with_plain_http([http]).unwrap();
        assert!(origins.allow(&url("http://inventory:8080/x")));
        assert!(Origins::new(["http://127.0.0.1:1", "http://[::1]:1", "http://a.localhost"]).is_ok());
    }
}
