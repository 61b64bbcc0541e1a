//! actix's request as kc sees it.

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use kc_core::wire::{Headers, RequestView};

/// actix's header lines: actix-http is on `http` 0.2, so that what kc-core has for `http` 1 does not fit them.
pub(crate) struct Lines<'a>(pub(crate) &'a HeaderMap);

impl Headers for Lines<'_> {
    fn value(&self, name: &str, nth: usize) -> Option<&[u8]> {
        self.0.get_all(name).nth(nth).map(HeaderValue::as_bytes)
    }

    /// By the name as actix knows it: as text it would be read anew for each request.
    fn authorization(&self) -> Option<(&[u8], bool)> {
        let mut lines = self.0.get_all(AUTHORIZATION);
        let first = lines.next()?;
        Some((first.as_bytes(), lines.next().is_some()))
    }
}

/// Borrows what a decision depends on. The path is the one that came in: actix decodes it for its router only. Which
/// route it is, whoever needs it adds.
pub(crate) fn view<'a>(request: &'a HttpRequest, headers: &'a Lines<'a>) -> RequestView<'a> {
    RequestView {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query(),
        route: None,
        headers,
        peer: request.peer_addr().map(|address| address.ip()),
    }
}
