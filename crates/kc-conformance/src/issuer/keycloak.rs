//! Where a real Keycloak is, and who may administer it.

use std::fmt;

/// A real Keycloak on this machine, with an administrator of its realm `master`.
///
/// The suite makes realms of its own there, named `kc-conformance-…`, and deletes them at the end; it looks at no other.
/// The server must follow the host name that it is asked under, as Keycloak does where no `hostname` is set.
#[derive(Clone, Eq, PartialEq)]
pub struct Keycloak {
    pub(super) url: String,
    pub(super) user: String,
    pub(super) password: String,
}

impl Keycloak {
    /// The server at that URL, such as `http://127.0.0.1:8080`, administered by `admin` with the password `admin`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), user: "admin".to_owned(), password: "admin".to_owned() }
    }

    /// Sets who administers it. Default `admin` and `admin`.
    #[must_use]
    pub fn administrator(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into(), ..self }
    }

    /// Host with port, and the base path without a slash at the end.
    pub(super) fn place(&self) -> Result<(String, &str), String> {
        let wrong = |what: &str| format!("{:?} {what}; write http://127.0.0.1:PORT", self.url);
        let rest = self.url.strip_prefix("http://").ok_or_else(|| wrong("doesn't begin with http://"))?;
        if rest.contains(['?', '#', '@']) {
            return Err(wrong("has more than a host and a path"));
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() {
            return Err(wrong("names no host"));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:80") };
        Ok((host, path.trim_end_matches('/')))
    }
}

impl fmt::Debug for Keycloak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keycloak").field("url", &self.url).field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_port_and_path_are_told_apart() {
        for (url, host, path) in [
            ("http://127.0.0.1:18080", "127.0.0.1:18080", ""),
            ("http://localhost:8080/auth/", "localhost:8080", "/auth"),
            ("http://localhost/", "localhost:80", ""),
            ("http://[::1]:8080", "[::1]:8080", ""),
            ("http://[::1]", "[::1]:80", ""),
        ] {
            assert_eq!(Keycloak::new(url).place(), Ok((host.to_owned(), path)), "{url}");
        }
        for url in ["https://127.0.0.1", "127.0.0.1:8080", "http://", "http://a:b@c", "http://a/?x"] {
            assert!(Keycloak::new(url).place().is_err(), "{url}");
        }
    }

    #[test]
    fn the_password_is_not_in_the_debug_form() {
        let keycloak = Keycloak::new("http://127.0.0.1:1").administrator("root", "hidden-7d3e");
        assert!(!format!("{keycloak:?}").contains("hidden"));
    }
}
