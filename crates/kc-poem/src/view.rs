//! poem's request as kc sees it.

use std::net::SocketAddr;

use kc_core::wire::RequestView;
use poem::Request;

/// Borrows what a decision depends on. The path is the one that came in, not what is left of it in a nested route.
///
/// Only a server sets that path: for a request of poem's `TestClient` it is `/`, and no path of one is exempt.
pub(crate) fn view(request: &Request) -> RequestView<'_> {
    RequestView {
        method: request.method().as_str(),
        path: request.original_uri().path(),
        query: request.original_uri().query(),
        // poem spells patterns in its own way: the audit hears of them from the middleware.
        route: None,
        headers: request.headers(),
        peer: request.remote_addr().as_socket_addr().map(SocketAddr::ip),
    }
}
