//! The middleware that asks the guard before the inner endpoint is called.

use std::sync::Arc;

use kc_core::routes::in_braces;
use kc_core::{Access, Gate, Guard};
use poem::middleware::make;
use poem::{Endpoint, EndpointExt, IntoResponse, Middleware, PathPattern, Request, Response};

use crate::response::{Rejection, seen};
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
            async move { guarded(&gate, request, &*inner).await }
        })
    })
}

/// Asks, and calls the inner endpoint or does not.
pub(crate) async fn guarded(
    gate: &Gate,
    mut request: Request,
    inner: &impl Endpoint,
) -> poem::Result<Response> {
    let around = request.data::<PathPattern>().cloned();
    let (outcome, mut audit) = gate.admit(&view(&request)).await;
    let answer = match outcome {
        Ok(caller) => {
            request.set_data(caller);
            inner.call(request).await.map(IntoResponse::into_response)
        }
        Err(rejected) => Err(Rejection::from(rejected).into()),
    };
    // Around a router the route is known only now.
    let (status, refused, inside) = seen(&answer);
    let matched =
        inside.or(around.as_ref()).filter(|pattern| gate.pattern().is_none() && !pattern.0.is_empty());
    if let Some(pattern) = matched {
        audit.matched(&in_braces(&pattern.0));
    }
    audit.finish(status, refused);
    answer
}
