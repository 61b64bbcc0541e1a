//! Which Redis, and as whom.

use std::fmt;

use ::redis::RedisConnectionInfo;
use kc_core::secret::Secret;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::failure::Failure;

/// What a URL says: `redis://` or `rediss://`, then `user:password@`, host, `:port`, `/number of the data base`.
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) login: RedisConnectionInfo,
}

const PORT: u16 = 6379;

impl Target {
    pub(super) fn parse(url: &Secret) -> Result<Self, Failure> {
        let defect = |what: &str| Failure::setting(format!("the URL of Redis {what}"));
        // The parser's own message could repeat a part of the text.
        let url = Url::parse(url.expose().trim()).map_err(|_| defect("cannot be read"))?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(defect("begins neither with redis:// nor with rediss://")),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => decoded(name),
            Some(Host::Ipv4(address)) => Some(address.to_string()),
            Some(Host::Ipv6(address)) => Some(address.to_string()),
            _ => None,
        };
        let host = host.ok_or_else(|| defect("names no host"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(defect("has options behind ? or #: none are known"));
        }
        let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
        if !url.username().is_empty() {
            let user = decoded(url.username()).ok_or_else(|| defect("has a user name that is not UTF-8"))?;
            login = login.set_username(user);
        }
        if let Some(password) = url.password() {
            let password = decoded(password)
                .map(Secret::new)
                .ok_or_else(|| defect("has a password that is not UTF-8"))?;
            login = login.set_password(password.expose());
        }
        match url.path().trim_start_matches('/') {
            "" => {}
            number => {
                let number: Option<u16> = number.parse().ok();
                login = login.set_db(number.ok_or_else(|| defect("has a path that is no number"))?.into());
            }
        }
        Ok(Self { host, port: url.port().unwrap_or(PORT), tls, login })
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

/// Where, not as whom.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, Failure> {
        Target::parse(&Secret::new(url))
    }

    #[test]
    fn a_url_says_where_and_as_whom() {
        let plain = target("redis://localhost").unwrap();
        assert_eq!(
            (plain.host.as_str(), plain.port, plain.tls, plain.login.db()),
            ("localhost", 6379, false, 0)
        );
        assert_eq!((plain.login.username(), plain.login.password()), (None, None));
        let full = target("rediss://kc:p%40ss%2F@[::1]:7000/3").unwrap();
        assert_eq!((full.host.as_str(), full.port, full.tls, full.login.db()), ("::1", 7000, true, 3));
        assert_eq!((full.login.username(), full.login.password()), (Some("kc"), Some("p@ss/")));
        let password_only = target("redis://:secret@10.0.0.7:6380/").unwrap();
        assert_eq!(password_only.host, "10.0.0.7");
        assert_eq!((password_only.login.username(), password_only.login.password()), (None, Some("secret")));
        assert!(!format!("{full:?} {password_only:?}").contains("p@ss"));
    }

    #[test]
    fn a_url_that_says_something_else_is_refused_without_being_repeated() {
        let bad = [
            "",
            "redis://",
            "redis:///0",
            "http://secret@host",
            "redis://:secret@host/x",
            "redis://:secret@host/0/1",
            "redis://:secret@host/-1",
            "redis://:secret@host:port",
            "rediss://:secret@host/#insecure",
            "redis://:secret@host?protocol=resp3",
            "redis://:%FFsecret@host",
        ];
        for url in bad {
            let failure = target(url).unwrap_err();
            assert!(!failure.to_string().contains("secret"), "{url}: {failure}");
        }
    }
}
