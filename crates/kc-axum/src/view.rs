//! axum's request as kc sees it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath, OriginalUri};
use http::request::Parts;
use kc_core::wire::RequestView;

/// Borrows what a decision depends on. The path is the one that came in, not what is left of it in a nested router.
pub(crate) fn view(parts: &Parts) -> RequestView<'_> {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    RequestView {
        method: parts.method.as_str(),
        path: uri.path(),
        route: parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str),
        headers: &parts.headers,
        peer: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()),
    }
}
