//! The layer for cross-origin requests; outermost of all.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use kc_core::wire::cors::CorsPolicy;
use tower_layer::Layer;
use tower_service::Service;

use crate::view::view;

/// Answers preflights and marks responses, as its policy says. `router.layer(CorsLayer::new(policy))`, last.
#[derive(Clone, Debug)]
pub struct CorsLayer {
    policy: CorsPolicy,
}

impl CorsLayer {
    /// A layer for a policy.
    #[must_use]
    pub fn new(policy: CorsPolicy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = CorsService<S>;

    fn layer(&self, inner: S) -> CorsService<S> {
        CorsService { inner, policy: self.policy.clone() }
    }
}

/// Made by [`CorsLayer`].
#[derive(Clone, Debug)]
pub struct CorsService<S> {
    inner: S,
    policy: CorsPolicy,
}

impl<S> Service<Request> for CorsService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (parts, body) = request.into_parts();
        if let Some(preflight) = self.policy.preflight(&view(&parts)) {
            return Box::pin(async move { Ok(preflight.map(Body::from).into_response()) });
        }
        // What the response depends on is decided now: the inner service takes the request away.
        let mut marks = http::HeaderMap::new();
        self.policy.decorate(&view(&parts), &mut marks);
        let response = self.inner.call(Request::from_parts(parts, body));
        Box::pin(async move {
            let mut response = response.await?;
            for (name, value) in &marks {
                response.headers_mut().append(name, value.clone());
            }
            Ok(response)
        })
    }
}
