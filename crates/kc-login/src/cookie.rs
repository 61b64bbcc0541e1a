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

/// The names and values of the cookies that came, as they came. One that is no text hides no other.
///
/// Blanks are those of the standard and no others (RFC 6265 §4.2.1): a browser takes a cookie whose name begins with a blank of
/// Unicode from any host of the site, and to trim that would make it one of ours, `__Host-` or not.
pub(crate) fn all(headers: &dyn Headers) -> impl Iterator<Item = (&str, &str)> {
    let lines = (0..).map_while(move |nth| headers.value("cookie", nth));
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    pairs
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
        .map(|(name, value)| (trim(name), trim(value)))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The values with which a cookie came, each once and the first few of them: a browser sends one of ours once, but other hosts of
/// the site may have planted more where `__Host-` does not keep them out.
pub(crate) fn values<'h>(headers: &'h dyn Headers, name: &str) -> Vec<&'h str> {
    const MOST: usize = 4;
    let mut values = Vec::new();
    for (_, value) in all(headers).filter(|(got, _)| *got == name) {
        if !values.contains(&value) && values.len() < MOST {
            values.push(value);
        }
    }
    values
}

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
        assert_eq!(values(&headers, "kc-session"), ["x"]);
        assert_eq!(values(&headers, "d"), ["3=4"]);
        assert!(values(&headers, "session").is_empty());
        assert!(values(&headers, "KC-SESSION").is_empty());
    }

    #[test]
    fn a_cookie_may_come_with_several_values() {
        assert_eq!(values(&headers(&["a=1; a=2"]), "a"), ["1", "2"]);
        assert_eq!(values(&headers(&["a=1", "a=2"]), "a"), ["1", "2"]);
        assert_eq!(values(&headers(&["a=1; a=1"]), "a"), ["1"]);
        assert_eq!(values(&headers(&["a=1; a=2; a=3; a=4; a=5; a=6"]), "a").len(), 4);
    }

    #[test]
    fn a_name_that_begins_with_a_blank_of_unicode_is_another_name() {
        for blank in ["\u{2000}", "\u{85}", "\u{a0}", "\u{3000}", "\u{b}", "\u{feff}"] {
            let mut headers = HeaderMap::new();
            let line = format!("{blank}__Host-kc-session=planted; a=1");
            let Ok(line) = HeaderValue::from_bytes(line.as_bytes()) else { continue };
            headers.insert(http::header::COOKIE, line);
            assert!(values(&headers, "__Host-kc-session").is_empty(), "{blank:?}");
            assert_eq!(values(&headers, "a"), ["1"]);
        }
    }

    #[test]
    fn a_cookie_that_is_no_text_hides_no_other() {
        let mut headers = HeaderMap::new();
        headers
            .insert(http::header::COOKIE, HeaderValue::from_bytes(b"a=\xff; kc-session=x; \xff=1").unwrap());
        assert_eq!(values(&headers, "kc-session"), ["x"]);
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
