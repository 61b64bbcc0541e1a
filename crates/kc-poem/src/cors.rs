//! The middleware for cross-origin requests; outermost of all.

use std::sync::Arc;

use kc_core::wire::cors::CorsPolicy;
use poem::middleware::make;
use poem::{Endpoint, EndpointExt, Middleware, Request, Response, Result};

use crate::response::response;
use crate::view::view;

/// A middleware that answers preflights and marks responses, as its policy says. `router.with(cors(policy))`, last.
///
/// Errors become responses here, so that a page can read them.
pub fn cors<E: Endpoint + 'static>(
    policy: CorsPolicy,
) -> impl Middleware<E, Output = impl Endpoint<Output = Response>> {
    let policy = Arc::new(policy);
    make(move |inner: E| {
        let policy = Arc::clone(&policy);
        inner.around(move |inner, request| answer(Arc::clone(&policy), inner, request))
    })
}

async fn answer(policy: Arc<CorsPolicy>, inner: Arc<impl Endpoint>, request: Request) -> Result<Response> {
    if let Some(preflight) = policy.preflight(&view(&request)) {
        return Ok(response(preflight));
    }
    // What the response depends on is decided now: the inner endpoint takes the request away.
    let mut marks = http::HeaderMap::new();
    policy.decorate(&view(&request), &mut marks);
    let mut response = inner.get_response(request).await;
    for (name, value) in &marks {
        response.headers_mut().append(name, value.clone());
    }
    Ok(response)
}
