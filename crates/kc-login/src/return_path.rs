//! Where to go after a login: a place of this service and nowhere else.

use url::Url;

/// Bytes that a return path may have: it travels in a cookie.
const LONGEST: usize = 1024;

/// The path, query and fragment that `next` names, as a browser would go there; `None` when that is not, or might not be, on
/// this service, or is a step of the login itself.
///
/// It is parsed as browsers parse it (WHATWG URL) and compared with what came, rather than looked at by its first letters:
/// `//evil`, `/\evil`, a tab in between, or dots that lead to `//evil` all look local.
pub(crate) fn local(next: &str) -> Option<String> {
    let suspicious = |letter: char| letter.is_control() || letter.is_whitespace() || letter == '\\';
    if next.len() > LONGEST || !next.starts_with('/') || next.contains(suspicious) {
        return None;
    }
    // Ours is not known to it, and need not be: what stays on any host stays on ours.
    let base = Url::parse("https://host.invalid/").ok()?;
    let url = base.join(next).ok()?;
    if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let (path, query, fragment) = (url.path(), url.query(), url.fragment());
    if path.starts_with("//") || path.starts_with("/oidc/") {
        return None;
    }
    let mut local = path.to_owned();
    for (mark, part) in [('?', query), ('#', fragment)] {
        if let Some(part) = part {
            local.push(mark);
            local.push_str(part);
        }
    }
    (local.len() <= LONGEST).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_this_service_is_kept() {
        for next in
            ["/", "/account", "/a/b?c=d&e=%2F#f", "/a:b@c", "/%2F%2Fevil.test", "/%5Cevil", "/%09/evil.test"]
        {
            assert_eq!(local(next).as_deref(), Some(next));
        }
        assert_eq!(local("/ü?ä#ö").as_deref(), Some("/%C3%BC?%C3%A4#%C3%B6"));
        assert_eq!(local("/a/../b").as_deref(), Some("/b"));
    }

    #[test]
    fn every_other_place_is_refused() {
        for next in [
            "",
            "account",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "/\t/evil.test",
            "/\n/evil.test",
            "/\r\nSet-Cookie: a=b",
            "\t//evil.test",
            " //evil.test",
            "https:evil.test",
            "https://evil.test/",
            "http:/evil.test",
            "javascript:alert(1)",
            "data:text/html,x",
            "@evil.test",
            "//user@evil.test",
            "//evil%E3%80%82test",
            "/..//evil.test",
            "/.//evil.test",
            "/a/..//evil.test",
            "/%2e%2e//evil.test",
            "/\u{2028}/evil.test",
            "/\u{a0}/evil.test",
            "/oidc/logout",
            "/oidc/authenticate?next=/",
            "/x/../oidc/logout",
        ] {
            assert_eq!(local(next), None, "{next:?}");
        }
        assert_eq!(local(&format!("/{}", "a".repeat(LONGEST))), None);
        assert_eq!(local(&format!("/{}", "ü".repeat(400))), None, "encoded it is longer");
    }
}
