//! poem's request as kc sees it.

use std::borrow::Cow;
use std::net::SocketAddr;

use kc_core::wire::RequestView;
use poem::{PathPattern, Request};

use crate::pattern::braces;

/// Borrows what a decision depends on. The path is the one that came in, not what is left of it in a nested route.
///
/// Only a server sets that path: for a request of poem's `TestClient` it is `/`, and no path of one is exempt.
pub(crate) fn view<'a>(request: &'a Request, route: Option<&'a str>) -> RequestView<'a> {
    RequestView {
        method: request.method().as_str(),
        path: request.original_uri().path(),
        route,
        headers: request.headers(),
        peer: request.remote_addr().as_socket_addr().map(SocketAddr::ip),
    }
}

/// The pattern of the route that poem chose, as far as it is known by now, spelled as in the table.
pub(crate) fn route(request: &Request) -> Option<Cow<'_, str>> {
    spelled(request.data::<PathPattern>())
}

/// A pattern of poem's, spelled as in the table. A router nested at the root has an empty one.
pub(crate) fn spelled(pattern: Option<&PathPattern>) -> Option<Cow<'_, str>> {
    pattern.map(|pattern| braces(&pattern.0)).filter(|pattern| !pattern.is_empty())
}
