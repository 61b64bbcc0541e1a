//! Cookies (RFC 6265).

use http::HeaderValue;
use kc_core::wire::Headers;

/// What this login calls its cookies.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: &'static str,
    secure: bool,
}

impl Names {
    /// `__Host-` where browsers reach the service by https: no other host and no unencrypted page can then set or
    /// overwrite one (RFC 6265bis §4.1.3.2). Browsers take such cookies over https only.
    pub(crate) const fn new(https: bool) -> Self {
        Self { prefix: if https { "__Host-" } else { "" }, secure: https }
    }

    /// The session's.
    pub(crate) fn session(&self) -> String {
        format!("{}kc-session", self.prefix)
    }

    /// Changes with every logout, and says nothing.
    pub(crate) fn logged_out(&self) -> String {
        format!("{}kc-logged-out", self.prefix)
    }

    /// That of a login which is under way; `which` tells it from those of other tabs.
    pub(crate) fn login(&self, which: &str) -> String {
        format!("{}kc-login-{which}", self.prefix)
    }

    /// A cookie to set: for all paths of this host, for no script, and not for requests that another site makes, but for
    /// links from there. Without `max_age`, in seconds, it goes with the browser.
    pub(crate) fn set(&self, name: &str, value: &str, max_age: Option<u64>) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let age = max_age.map_or_else(String::new, |age| format!("; Max-Age={age}"));
        let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
        let mut cookie = HeaderValue::from_str(&cookie).ok()?;
        cookie.set_sensitive(true);
        Some(cookie)
    }

    /// A cookie to take away.
    pub(crate) fn clear(&self, name: &str) -> Option<HeaderValue> {
        self.set(name, "", Some(0))
    }
}

/// The names and values of the cookies that came, as they came.
pub(crate) fn all(headers: &dyn Headers) -> impl Iterator<Item = (&str, &str)> {
    let lines = (0..).map_while(move |nth| headers.value("cookie", nth));
    // A line with bytes that are no ASCII is no line of ours.
    let lines = lines.filter_map(|line| std::str::from_utf8(line).ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim()))
    })
}

/// The one value of a cookie: `None` when it is absent, `Some(Err)` when it came with several values, since a browser sends
/// one of ours once, and whoever planted the other one is not known.
pub(crate) fn single<'h>(headers: &'h dyn Headers, name: &str) -> Option<Result<&'h str, Ambiguous>> {
    let mut values = all(headers).filter(|(got, _)| *got == name).map(|(_, value)| value);
    let first = values.next()?;
    Some(if values.all(|other| other == first) { Ok(first) } else { Err(Ambiguous) })
}

/// A cookie came with several values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ambiguous;

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (http::header::COOKIE, line.parse().unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = headers(&["a=1; kc-session=x;b=2", "c; =; d=3=4"]);
        assert_eq!(single(&headers, "kc-session"), Some(Ok("x")));
        assert_eq!(single(&headers, "d"), Some(Ok("3=4")));
        assert_eq!(single(&headers, "session"), None);
        assert_eq!(single(&headers, "KC-SESSION"), None);
    }

    #[test]
    fn a_cookie_with_two_values_is_none() {
        assert_eq!(single(&headers(&["a=1; a=2"]), "a"), Some(Err(Ambiguous)));
        assert_eq!(single(&headers(&["a=1", "a=2"]), "a"), Some(Err(Ambiguous)));
        assert_eq!(single(&headers(&["a=1; a=1"]), "a"), Some(Ok("1")));
    }

    #[test]
    fn over_https_no_other_host_can_set_it() {
        let names = Names::new(true);
        let cookie = names.set(&names.session(), "x", None).unwrap();
        assert_eq!(cookie.to_str().unwrap(), "__Host-kc-session=x; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(format!("{cookie:?}").contains("Sensitive"));
        let names = Names::new(false);
        let cookie = names.clear(&names.login("abc")).unwrap();
        assert_eq!(cookie.to_str().unwrap(), "kc-login-abc=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
