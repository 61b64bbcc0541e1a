//! Where a request came from, and what it is called.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::shortened;
use crate::settings::TrustedProxy;
use crate::wire::RequestView;

/// The address of the caller: the connection's, or, as long as that is a trusted proxy, the one before it in
/// `X-Forwarded-For`, or in `Forwarded` (RFC 7239) when there is none. Whatever a proxy that is not trusted wrote is
/// not looked at.
pub(super) fn address(request: &RequestView<'_>, trusted: &[TrustedProxy]) -> Option<IpAddr> {
    let mut address = request.peer?;
    if trusted.is_empty() {
        return Some(address);
    }
    let mut hops = hops(request);
    while trusted.iter().any(|proxy| proxy.contains(address)) {
        match hops.pop() {
            // The chain ends, or is not readable: the last proxy that can be named.
            None | Some(None) => break,
            Some(Some(before)) => address = before,
        }
    }
    Some(address)
}

/// Whether the client's connection was encrypted, by the word of a trusted proxy (`X-Forwarded-Proto`, or `proto` of
/// `Forwarded`). Nobody else's word counts, and without one it was not: this process speaks plain HTTP.
pub(super) fn is_https(request: &RequestView<'_>, trusted: &[TrustedProxy]) -> bool {
    let of_proxy = request.peer.is_some_and(|peer| trusted.iter().any(|proxy| proxy.contains(peer)));
    if !of_proxy {
        return false;
    }
    let https = |word: &str| word.trim().trim_matches('"').eq_ignore_ascii_case("https");
    match request.single("x-forwarded-proto") {
        // Of several, the first is what the first proxy saw.
        Some(words) => words.split(',').next().is_some_and(https),
        None => request.single("forwarded").and_then(|line| line.split(',').next()).is_some_and(|element| {
            let mut parameters = element.split(';').filter_map(|parameter| parameter.split_once('='));
            parameters.any(|(name, value)| name.trim().eq_ignore_ascii_case("proto") && https(value))
        }),
    }
}

/// The addresses that proxies wrote, the first client's first; `None` for one that is no address.
fn hops(request: &RequestView<'_>) -> Vec<Option<IpAddr>> {
    let lines = |name: &str| -> Vec<String> {
        let values = (0..).map_while(|nth| request.headers.value(name, nth));
        values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    };
    let forwarded_for = lines("x-forwarded-for");
    if !forwarded_for.is_empty() {
        return forwarded_for.iter().flat_map(|line| line.split(',')).map(parse).collect();
    }
    let forwarded = lines("forwarded");
    let elements = forwarded.iter().flat_map(|line| line.split(','));
    elements
        .map(|element| {
            let parameters = element.split(';').filter_map(|parameter| parameter.split_once('='));
            let mut nodes = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
            nodes.next_back().and_then(|(_, node)| parse(node))
        })
        .collect()
}

/// An address, with or without port, brackets and quotes.
fn parse(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(socket) = node.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    node.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// The method: one of the usual, or as much as fits of another.
pub(super) fn method(name: &str) -> Cow<'static, str> {
    const USUAL: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    let usual = USUAL.into_iter().find(|usual| *usual == name);
    usual.map_or_else(|| Cow::Owned(shortened(name, 20).into_owned()), Cow::Borrowed)
}

/// `X-Request-Id`, if it came once and is short and plain; else a new one.
pub(super) enum RequestId<'a> {
    Given(&'a str),
    New([u8; 32]),
}

impl<'a> RequestId<'a> {
    pub(super) fn of(request: &RequestView<'a>) -> Self {
        let plain = |id: &&str| {
            (1..=128).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        };
        request.single("x-request-id").filter(plain).map_or_else(Self::new, Self::Given)
    }

    /// Unique among all that this process and others make, for finding a request again; not a secret.
    fn new() -> Self {
        static PROCESS: LazyLock<(RandomState, u64)> = LazyLock::new(|| {
            let state = RandomState::new();
            let name = state.hash_one(u64::MAX);
            (state, name)
        });
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (state, name) = &*PROCESS;
        let hash = state.hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
        Self::New(hex(u128::from(*name) << 64 | u128::from(hash)))
    }
}

impl Deref for RequestId<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Given(id) => id,
            // They are letters.
            Self::New(id) => str::from_utf8(id).unwrap_or_default(),
        }
    }
}

/// By hand, since formatting costs several times as much.
fn hex(number: u128) -> [u8; 32] {
    // A nibble to each byte, the high one first; then all of them to letters at once.
    let bytes = number.to_be_bytes();
    let nibble = |at: usize| bytes.get(at / 2).map_or(0, |byte| byte >> (4 * (1 - at % 2)) & 15);
    std::array::from_fn(nibble).map(|nibble| nibble + if nibble < 10 { b'0' } else { b'a' - 10 })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::settings::{Settings, Sources};

    fn trusted(list: &str) -> Vec<TrustedProxy> {
        Settings::load(&Sources::default().variable("TRUSTED_PROXIES", list))
            .unwrap()
            .trusted_proxies()
            .to_vec()
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn from(peer: &str, headers: &HeaderMap, trusted: &[TrustedProxy]) -> String {
        let peer = Some(peer.parse().unwrap());
        let view = RequestView { method: "GET", path: "/", query: None, route: None, headers, peer };
        address(&view, trusted).unwrap().to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_where_a_request_comes_from() {
        let headers = headers(&[("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=2.2.2.2")]);
        assert_eq!(from("9.9.9.9", &headers, &[]), "9.9.9.9");
        assert_eq!(from("9.9.9.9", &headers, &trusted("10.0.0.1")), "9.9.9.9");
        assert_eq!(from("10.0.0.1", &headers, &trusted("10.0.0.1")), "1.1.1.1");
    }

    #[test]
    fn the_chain_is_read_from_our_end_to_the_first_that_is_not_trusted() {
        let trusted = trusted("10.0.0.0/8");
        let spoofed = headers(&[("x-forwarded-for", "6.6.6.6, 1.1.1.1"), ("x-forwarded-for", "10.0.0.2")]);
        assert_eq!(from("10.0.0.1", &spoofed, &trusted), "1.1.1.1");
        let garbage = headers(&[("x-forwarded-for", "1.1.1.1, unknown, 10.0.0.2")]);
        assert_eq!(from("10.0.0.1", &garbage, &trusted), "10.0.0.2");
        let forwarded = headers(&[("forwarded", r#"for=6.6.6.6, proto=http;For="[2001:db8::1]:4711""#)]);
        assert_eq!(from("10.0.0.1", &forwarded, &trusted), "2001:db8::1");
        assert_eq!(from("10.0.0.1", &headers(&[]), &trusted), "10.0.0.1");
    }

    #[test]
    fn a_connection_is_encrypted_if_a_trusted_proxy_says_so() {
        let trusted = trusted("10.0.0.0/8");
        let https = |peer: &str, lines: &[(&'static str, &'static str)]| {
            let headers = headers(lines);
            let peer = peer.parse().ok();
            let view =
                RequestView { method: "GET", path: "/", query: None, route: None, headers: &headers, peer };
            is_https(&view, &trusted)
        };
        assert!(https("10.0.0.1", &[("x-forwarded-proto", "https")]));
        assert!(https("10.0.0.1", &[("x-forwarded-proto", "HTTPS, http")]));
        assert!(https("10.0.0.1", &[("forwarded", "for=1.1.1.1;proto=https, for=10.0.0.2;proto=http")]));
        assert!(!https("10.0.0.1", &[("x-forwarded-proto", "http"), ("forwarded", "proto=https")]));
        assert!(!https("10.0.0.1", &[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")]));
        assert!(!https("10.0.0.1", &[]));
        assert!(!https("6.6.6.6", &[("x-forwarded-proto", "https")]), "anybody can write that");
    }

    #[test]
    fn a_request_id_is_taken_over_only_when_it_is_plain() {
        let id = |value: &'static str| {
            let headers = headers(&[("x-request-id", value)]);
            let request = RequestView {
                method: "GET",
                path: "/",
                query: None,
                route: None,
                headers: &headers,
                peer: None,
            };
            RequestId::of(&request).to_owned()
        };
        assert_eq!(id("abc-1.2:3_4"), "abc-1.2:3_4");
        for value in ["", "a b", "a\"b", "a;b"] {
            assert_eq!(id(value).len(), 32, "{value}");
        }
        assert_ne!(id(""), id(""));
        assert_eq!(hex(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210), *b"0123456789abcdeffedcba9876543210");
    }
}
