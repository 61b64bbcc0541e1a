//! The middleware for cross-origin requests; outermost of all.

use kc_core::wire::cors::CorsPolicy;
use poem::{Body, Endpoint, Middleware, Request, Response};

use crate::view::view;

/// Answers preflights and marks responses, as its policy says. `router.with(CorsMiddleware::new(policy))`, last.
#[derive(Clone, Debug)]
pub struct CorsMiddleware {
    policy: CorsPolicy,
}

impl CorsMiddleware {
    /// A middleware for a policy.
    #[must_use]
    pub fn new(policy: CorsPolicy) -> Self {
        Self { policy }
    }
}

impl<E: Endpoint> Middleware<E> for CorsMiddleware {
    type Output = CorsEndpoint<E>;

    fn transform(&self, inner: E) -> CorsEndpoint<E> {
        CorsEndpoint { inner, policy: self.policy.clone() }
    }
}

/// Made by [`CorsMiddleware`]. Errors become responses here, so that a page can read them.
#[derive(Clone, Debug)]
pub struct CorsEndpoint<E> {
    inner: E,
    policy: CorsPolicy,
}

impl<E: Endpoint> Endpoint for CorsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if let Some(preflight) = self.policy.preflight(&view(&request, None)) {
            let (head, body) = preflight.into_parts();
            let mut response = Response::builder().status(head.status).body(Body::from_bytes(body));
            *response.headers_mut() = head.headers;
            return Ok(response);
        }
        // What the response depends on is decided now: the inner endpoint takes the request away.
        let mut marks = http::HeaderMap::new();
        self.policy.decorate(&view(&request, None), &mut marks);
        let mut response = self.inner.get_response(request).await;
        for (name, value) in &marks {
            response.headers_mut().append(name, value.clone());
        }
        Ok(response)
    }
}
