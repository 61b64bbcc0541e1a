//! The layer that asks the guard before the inner service is called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{Request, Response};
use kc_core::{Access, Guard};
use tower_layer::Layer;
use tower_service::Service;

use crate::extract::{Caller, Principal};
use crate::response::{Refused, Rejection};
use crate::view::view;

/// A layer that lets only those through whom `access` (a rule, most often) allows.
///
/// On a plain router mind what axum's `route_layer` leaves out: a fallback of a method router of your own, `any(…)`
/// among them. [`Routes`](crate::Routes) covers these.
///
/// ```
/// # fn items(guard: &kc_core::Guard) -> axum::Router {
/// use axum::{Router, routing::get};
/// use kc_core::rules::any_role;
///
/// Router::new()
///     .route("/items", get(|| async { "[]" }))
///     .route_layer(kc_axum::require(guard, any_role(&["api-read"])))
/// # }
/// ```
#[must_use]
pub fn require(guard: &Guard, access: impl Into<Access>) -> GuardLayer {
    GuardLayer { guard: guard.clone(), access: Arc::new(access.into()) }
}

/// Made by [`require`]. Works around any `tower` service over HTTP: axum's, tonic's, or your own on hyper.
///
/// A service that is not axum's finds the caller, a [`Principal`], in the request's extensions.
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Guard,
    access: Arc<Access>,
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { inner, guard: self.guard.clone(), access: Arc::clone(&self.access) }
    }
}

/// A guarded service, made by [`GuardLayer`].
#[derive(Clone, Debug)]
pub struct GuardService<S> {
    inner: S,
    guard: Guard,
    access: Arc<Access>,
}

impl<S, B, R> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready is the one to call; its clone is ready for nothing yet.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (guard, access) = (self.guard.clone(), Arc::clone(&self.access));
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let admitted = guard.admit(&view(&parts), &access).await;
            let response = match admitted.outcome {
                Ok(admission) => {
                    if let Some(principal) = admission.principal().cloned() {
                        parts.extensions.insert(Principal(principal));
                    }
                    parts.extensions.insert(Caller { guard, admission });
                    inner.call(Request::from_parts(parts, body)).await?.map(Body::new)
                }
                Err(refusal) => Rejection::new(&guard, &refusal).into_response(),
            };
            let refused = response.extensions().get::<Refused>().map(|refused| refused.code);
            admitted.audit.finish(response.status().as_u16(), refused);
            Ok(response)
        })
    }
}
