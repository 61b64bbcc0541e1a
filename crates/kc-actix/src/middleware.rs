//! The middleware that asks the guard before the inner service is called.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpMessage, ResponseError};
use kc_core::wire::RequestView;
use kc_core::{Access, Gate, Guard};

use crate::response::{Rejection, finish};
use crate::view::{Lines, view};

/// A middleware for a route, a resource, a scope or an app. It lets only those through whom `access` (a rule, most
/// often) allows.
///
/// Around more than a route it is asked before actix looks at what is inside: whom it refuses gets no 404 or 405 there.
/// [`Routes`](crate::Routes) knows its routes first.
///
/// ```
/// # fn items(guard: &kc_core::Guard) -> impl actix_web::dev::HttpServiceFactory + use<> {
/// use actix_web::web;
/// use kc_core::rules::any_role;
///
/// web::scope("/items")
///     .wrap(kc_actix::require(guard, any_role(&["api-read"])))
///     .route("", web::get().to(|| async { "[]" }))
/// # }
/// ```
pub fn require<A: Into<Access>, S, B: MessageBody + 'static>(
    guard: &Guard,
    access: A,
) -> impl Transform<S, ServiceRequest, Response = ServiceResponse, Error = Error, InitError = ()> + use<A, S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
{
    let gate = Arc::new(Gate::new(guard, access));
    from_fn(move |request, next| guarded(Arc::clone(&gate), request, next))
}

/// Asks, and calls the inner service or does not.
async fn guarded<B: MessageBody + 'static>(
    gate: Arc<Gate>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    let matched = request.match_pattern();
    let headers = Lines(request.headers());
    let view = RequestView { route: matched.as_deref(), ..view(request.request(), &headers) };
    let (outcome, audit) = gate.admit(&view).await;
    let answer = match outcome {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(rejected) => Ok(request.into_response(Rejection::from(rejected).error_response())),
    };
    match &answer {
        Ok(response) => finish(audit, response.response()),
        Err(error) => finish(audit, &error.error_response()),
    }
    answer
}
