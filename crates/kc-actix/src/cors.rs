//! The middleware for cross-origin requests; outermost of all.

use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, body::MessageBody};
use kc_core::wire::cors::CorsPolicy;

use crate::response::{append, response};
use crate::view::{Lines, view};

/// A middleware that answers preflights and marks responses, as its policy says. `App::new().wrap(cors(policy))`, last.
pub fn cors<S, B: MessageBody + 'static>(
    policy: CorsPolicy,
) -> impl Transform<S, ServiceRequest, Response = ServiceResponse, Error = Error, InitError = ()>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
{
    let policy = Rc::new(policy);
    from_fn(move |request, next| answer(Rc::clone(&policy), request, next))
}

async fn answer<B: MessageBody + 'static>(
    policy: Rc<CorsPolicy>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    let headers = Lines(request.headers());
    let asked = view(request.request(), &headers);
    if let Some(preflight) = policy.preflight(&asked) {
        return Ok(request.into_response(response(&preflight)));
    }
    // What the response depends on is decided now: the inner service takes the request away.
    let mut marks = http::HeaderMap::new();
    policy.decorate(&asked, &mut marks);
    let mut answer = next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    match &mut answer {
        Ok(response) => append(&marks, response.headers_mut()),
        Err(error) => error.add_response_mapper(move |mut response| {
            append(&marks, response.headers_mut());
            response
        }),
    }
    answer
}
