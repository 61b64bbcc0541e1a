//! Cross-origin requests; outermost of all.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use kc_core::wire::cors::CorsPolicy;

use crate::view::view;

/// Middleware that answers preflights and marks responses, as its policy says. Add it last:
///
/// ```
/// # use kc_core::wire::cors::CorsPolicy;
/// # fn with_cors(app: axum::Router, policy: CorsPolicy) -> axum::Router {
/// app.layer(axum::middleware::from_fn_with_state(policy, kc_axum::cors))
/// # }
/// ```
pub async fn cors(State(policy): State<CorsPolicy>, request: Request, next: Next) -> Response {
    if let Some(preflight) = policy.preflight(&view(&request)) {
        return preflight.map(Body::from).into_response();
    }
    // What the response depends on is decided now: the inner service takes the request away.
    let mut marks = HeaderMap::new();
    policy.decorate(&view(&request), &mut marks);
    let mut response = next.run(request).await;
    for (name, value) in &marks {
        response.headers_mut().append(name, value.clone());
    }
    response
}
