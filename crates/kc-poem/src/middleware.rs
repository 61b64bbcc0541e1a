//! The middleware that asks the guard before the inner endpoint is called.

use std::sync::Arc;

use kc_core::routes::in_braces;
use kc_core::{Access, Gate, Guard, Refused};
use poem::middleware::make;
use poem::{Endpoint, EndpointExt, IntoResponse, Middleware, PathPattern, Request, Response};

use crate::response::Rejection;
use crate::view::view;

/// A middleware that lets only those through whom `access` (a rule, most often) allows. It works around any endpoint: a
/// handler, a whole [`poem::Route`], an API of poem-openapi. A refusal is an error of poem's, a [`Rejection`].
///
/// Around more than a handler it is asked before poem looks at what is inside: whom it refuses gets no 404 or 405 there.
/// [`Routes`](crate::Routes) knows its routes first.
///
/// ```
/// # use poem::handler;
/// # #[handler]
/// # fn items() -> &'static str { "[]" }
/// # fn guarded(guard: &kc_core::Guard) -> poem::Route {
/// use kc_core::rules::any_role;
/// use poem::{EndpointExt, Route, get};
///
/// Route::new().at("/items", get(items).with(kc_poem::require(guard, any_role(&["api-read"]))))
/// # }
/// ```
pub fn require<A: Into<Access>, E: Endpoint + 'static>(
    guard: &Guard,
    access: A,
) -> impl Middleware<E, Output = impl Endpoint<Output = Response> + use<A, E>> + use<A, E> {
    let gate = Arc::new(Gate::new(guard, access));
    make(move |inner: E| {
        let gate = Arc::clone(&gate);
        inner.around(move |inner, request| {
            let gate = Arc::clone(&gate);
            async move { guarded(&gate, &*inner, request).await }
        })
    })
}

/// Asks, and calls the inner endpoint or does not.
pub(crate) async fn guarded(
    gate: &Gate,
    inner: &impl Endpoint,
    mut request: Request,
) -> poem::Result<Response> {
    // A gate of a route knows its pattern.
    let learned = gate.pattern().is_none();
    let around = if learned { request.data::<PathPattern>().cloned() } else { None };
    let (outcome, mut audit) = gate.admit(&view(&request)).await;
    let answer = match outcome {
        Ok(caller) => {
            request.set_data(caller);
            inner.call(request).await.map(IntoResponse::into_response)
        }
        Err(rejected) => Err(Rejection::from(rejected).into()),
    };
    let (status, refused, inside) = match &answer {
        Ok(response) => (response.status(), response.data::<Refused>().copied(), response.data()),
        Err(error) => (error.status(), error.downcast_ref().and_then(Rejection::refused), error.data()),
    };
    // Around a router the route is known only now; one that is nested at the root has an empty pattern.
    let matched = inside.or(around.as_ref()).filter(|PathPattern(pattern)| !pattern.is_empty());
    if let Some(PathPattern(pattern)) = matched.filter(|_| learned) {
        audit.matched(&in_braces(pattern));
    }
    audit.finish(status.as_u16(), refused.map(|refused| refused.code));
    answer
}
