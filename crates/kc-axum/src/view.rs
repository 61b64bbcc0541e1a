//! axum's request as kc sees it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath, OriginalUri};
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use kc_core::wire::RequestView;

/// Borrows what a decision depends on.
pub(crate) fn view<B>(request: &Request<B>) -> RequestView<'_> {
    view_of(request.method(), request.uri(), request.headers(), request.extensions())
}

/// The same of a request without its body.
pub(crate) fn view_of_parts(parts: &Parts) -> RequestView<'_> {
    view_of(&parts.method, &parts.uri, &parts.headers, &parts.extensions)
}

/// The path is the one that came in, not what is left of it in a nested router.
fn view_of<'a>(
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
) -> RequestView<'a> {
    let uri = extensions.get::<OriginalUri>().map_or(uri, |original| &original.0);
    RequestView {
        method: method.as_str(),
        path: uri.path(),
        query: uri.query(),
        route: extensions.get::<MatchedPath>().map(MatchedPath::as_str),
        headers,
        peer: extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()),
    }
}
