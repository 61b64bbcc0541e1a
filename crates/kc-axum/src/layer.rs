//! The layer that asks the guard before the inner service is called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{Request, Response};
use kc_core::audit::AuditTicket;
use kc_core::{Access, Gate, Guard, Refused, Rejected};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::response::Rejection;
use crate::view::{view, view_of_parts};

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
    GuardLayer { gate: Arc::new(Gate::new(guard, access)) }
}

/// Made by [`require`]. Works around any `tower` service over HTTP: axum's, tonic's, or your own on hyper.
///
/// A service that is not axum's finds a [`Caller`](kc_core::Caller) in the request's extensions. A gRPC call is refused as
/// gRPC refuses, by a status in the headers of a response without a body.
#[derive(Clone, Debug)]
pub struct GuardLayer {
    gate: Arc<Gate>,
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { inner, gate: Arc::clone(&self.gate) }
    }
}

/// A guarded service, made by [`GuardLayer`].
#[derive(Clone, Debug)]
pub struct GuardService<S> {
    inner: S,
    gate: Arc<Gate>,
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
    type Future = GuardFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.gate.admit_now(&view(&request)) {
            // Whoever is known from before: without a clone of the inner service, and the request stays where it is.
            Some((Ok(caller), audit)) => {
                request.extensions_mut().insert(caller);
                GuardFuture::Inside { inner: self.inner.call(request), audit: Some(audit) }
            }
            Some((Err(rejected), audit)) => {
                GuardFuture::Rare { rare: Box::pin(async { Ok(refused(rejected, audit)) }) }
            }
            None => {
                // The service that was polled ready is the one to call; its clone is ready for nothing yet.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                let gate = Arc::clone(&self.gate);
                // Its head only is looked at: a reference to the request is one to its body, which need not be `Sync`.
                let (mut parts, body) = request.into_parts();
                let rare = Box::pin(async move {
                    let (outcome, audit) = gate.admit(&view_of_parts(&parts)).await;
                    match outcome {
                        Ok(caller) => {
                            parts.extensions.insert(caller);
                            let response = inner.call(Request::from_parts(parts, body)).await?;
                            Ok(recorded(response.map(Body::new), audit))
                        }
                        Err(rejected) => Ok(refused(rejected, audit)),
                    }
                });
                GuardFuture::Rare { rare }
            }
        }
    }
}

pin_project! {
    /// The response of a [`GuardService`].
    #[project = Project]
    pub enum GuardFuture<F, E> {
        /// The caller was known at once: only the inner service is waited for, and nothing is boxed.
        #[doc(hidden)]
        Inside { #[pin] inner: F, audit: Option<AuditTicket> },
        /// A refusal, or a decision that takes its time.
        #[doc(hidden)]
        Rare { rare: Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>> },
    }
}

impl<F, E, R> Future for GuardFuture<F, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Inside { inner, audit } => {
                let response = ready!(inner.poll(context))?.map(Body::new);
                // A future that was ready is not asked again.
                Poll::Ready(Ok(match audit.take() {
                    Some(audit) => recorded(response, audit),
                    None => response,
                }))
            }
            Project::Rare { rare } => rare.as_mut().poll(context),
        }
    }
}

fn refused(rejected: Rejected, audit: AuditTicket) -> Response<Body> {
    recorded(Rejection::from(rejected).into_response(), audit)
}

fn recorded(response: Response<Body>, audit: AuditTicket) -> Response<Body> {
    let refused = response.extensions().get::<Refused>().map(|refused| refused.code);
    audit.finish(response.status().as_u16(), refused);
    response
}
