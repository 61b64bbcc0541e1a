//! Which addresses a client may send a browser back to: Keycloak's rules for registered redirect URIs.

use crate::realm::Client;

/// Addresses on this machine whose port is free to vary (RFC 8252, section 7.3); Keycloak adds `localhost`.
const LOOPBACK: [&str; 3] = ["http://127.0.0.1", "http://localhost", "http://[::1]"];

/// The client's registered addresses, the relative ones below its root URL or, without one, the issuer's.
pub(crate) fn registered(client: &Client, base_url: &str) -> Vec<String> {
    let root = client.root_url.as_deref().unwrap_or(base_url).trim_end_matches('/');
    let absolute = |uri: &String| if uri.starts_with('/') { format!("{root}{uri}") } else { uri.clone() };
    client.redirect_uris.iter().map(absolute).collect()
}

/// Where the browser may be sent after a logout: the attribute's list, or where the redirect URIs say.
pub(crate) fn after_logout(client: &Client, base_url: &str) -> Vec<String> {
    let list = client.attributes.get("post.logout.redirect.uris").map_or("+", String::as_str);
    let list = if list.is_empty() { "+" } else { list };
    let mut uris = Vec::new();
    for uri in list.split("##") {
        match uri {
            "+" => uris.extend(registered(client, base_url)),
            "-" => {}
            uri => uris.push(uri.to_owned()),
        }
    }
    uris
}

/// Whether one of the registered addresses covers this one.
///
/// Exactly, letter for letter; by a `*` at the end of a registered one; and on any port of a loopback address that is
/// registered without a port.
pub(crate) fn is_covered(uri: &str, registered: &[String]) -> bool {
    let covered = |uri: &str| registered.iter().any(|pattern| covers(pattern, uri));
    is_well_formed(uri) && (covered(uri) || without_loopback_port(uri).is_some_and(|uri| covered(&uri)))
}

fn covers(pattern: &str, uri: &str) -> bool {
    if pattern == "*" {
        return uri.starts_with("http://") || uri.starts_with("https://");
    }
    let Some(prefix) = pattern.strip_suffix('*').filter(|prefix| !prefix.contains('?')) else {
        return pattern == uri;
    };
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let whole_host = prefix.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    match path.strip_prefix(prefix) {
        // The star stands for a path, not for the rest of a host name.
        Some(rest) => !whole_host || rest.is_empty() || rest.starts_with('/'),
        None => prefix.strip_suffix('/') == Some(path),
    }
}

/// Nothing that a browser would read otherwise than we do: no user, no backslash or space, no way up, no broken escape.
fn is_well_formed(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !scheme_ok || uri.chars().any(|c| c == '\\' || c.is_whitespace() || c.is_control()) {
        return false;
    }
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let authority = path.strip_prefix("//").map(|rest| rest.split('/').next().unwrap_or_default());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return false;
    }
    let mut path = path.to_owned();
    // Five layers of escapes are as many as Keycloak takes off.
    for _ in 0..5 {
        let Some(decoded) = percent_decoded(&path) else { return false };
        if decoded.split(['/', ';']).any(|segment| segment == "..") {
            return false;
        }
        if decoded == path {
            return true;
        }
        path = decoded;
    }
    false
}

/// The text without one layer of escapes; `None` where one is broken.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok().filter(|d| !d.starts_with('+'))?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn without_loopback_port(uri: &str) -> Option<String> {
    LOOPBACK.iter().find_map(|host| {
        let rest = uri.strip_prefix(host)?.strip_prefix(':')?;
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then(|| format!("{host}{rest}"))
    })
}

#[cfg(test)]
mod tests {
    use super::is_covered;

    fn covers(pattern: &str, uris: &[&str]) -> Vec<bool> {
        uris.iter().map(|uri| is_covered(uri, &[pattern.to_owned()])).collect()
    }

    #[test]
    fn an_address_without_a_star_is_taken_letter_for_letter() {
        let near = ["/", "?x=1", "#f"].map(|end| format!("http://app.test/cb{end}"));
        assert!(is_covered("http://app.test/cb", &["http://app.test/cb".to_owned()]));
        for other in near.iter().map(String::as_str).chain([
            "http://app.test:80/cb",
            "http://APP.test/cb",
            "http://app.test/c%62",
            "https://app.test/cb",
            "",
            "/cb",
            "cb",
        ]) {
            assert!(!is_covered(other, &["http://app.test/cb".to_owned()]), "{other}");
        }
    }

    #[test]
    fn a_star_at_the_end_covers_what_begins_so_and_its_queries() {
        let pattern = "http://app.test/w/*";
        let good =
            ["/", "", "/a/b", "/a?x=1", "?x=1", "/a%20b", "/%61", "/a%2Fb", "/a?x=../b", "/./a", "/a..b"];
        for end in good {
            assert!(is_covered(&format!("http://app.test/w{end}"), &[pattern.to_owned()]), "{end}");
        }
        let bad =
            ["x", "/../cb", "/%2e%2e/cb", "/..%2fcb", "/%252e%252e/x", "/a b", "/..;/cb", "/%zz", "\\..\\x"];
        for end in bad {
            assert!(!is_covered(&format!("http://app.test/w{end}"), &[pattern.to_owned()]), "{end}");
        }
        assert_eq!(covers(pattern, &["http://x@app.test/w/a", "http://app.test\\@evil.test/w/"]), [false; 2]);
    }

    #[test]
    fn a_star_after_a_host_name_does_not_lengthen_the_name() {
        let uris = ["http://app.test", "http://app.test/x", "http://app.test.evil/x", "http://app.test:1/x"];
        assert_eq!(covers("http://app.test*", &uris), [true, true, false, false]);
        assert_eq!(covers("http*", &["https://a/b"]), [true]);
    }

    #[test]
    fn a_lone_star_covers_the_web_and_nothing_else() {
        let uris =
            ["http://evil.test/x", "https://a/", "javascript:alert(1)", "data:text/html,x", "custom:/x"];
        assert_eq!(covers("*", &uris), [true, true, false, false, false]);
    }

    #[test]
    fn a_loopback_address_without_a_port_covers_every_port() {
        let uris =
            ["http://127.0.0.1:9/cb", "http://127.0.0.1/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:9/x"];
        assert_eq!(covers("http://127.0.0.1/cb", &uris), [true, true, true, false]);
        assert_eq!(
            covers("http://localhost/*", &["http://localhost:5/x", "http://localhost:5"]),
            [true, true]
        );
        assert_eq!(covers("http://[::1]/cb", &["http://[::1]:9/cb"]), [true]);
        let others = ["http://127.0.0.1:9.evil.test/cb", "https://127.0.0.1:9/cb", "http://localhost:9/cb"];
        assert_eq!(covers("http://127.0.0.1/cb", &others), [false; 3]);
        assert_eq!(
            covers("http://127.0.0.1:9/cb", &["http://127.0.0.1:10/cb", "http://127.0.0.1/cb"]),
            [false; 2]
        );
    }

    #[test]
    fn a_star_within_an_address_is_a_letter() {
        assert_eq!(covers("http://127.0.0.1:*/cb", &["http://127.0.0.1:9/cb"]), [false]);
        assert_eq!(covers("http://app.test/cb?a=*", &["http://app.test/cb?a=x"]), [false]);
    }
}
