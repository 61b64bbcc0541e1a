//! The middleware that asks the guard before the inner endpoint is called.

use std::sync::Arc;

use kc_core::{Access, Guard};
use poem::{Endpoint, IntoResponse, Middleware, PathPattern, Request, Response};

use crate::extract::Caller;
use crate::response::{Refused, Rejection};
use crate::view::{route, spelled, view};

/// A middleware that lets only those through whom `access` (a rule, most often) allows.
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
#[must_use]
pub fn require(guard: &Guard, access: impl Into<Access>) -> GuardMiddleware {
    GuardMiddleware { guard: guard.clone(), access: Arc::new(access.into()) }
}

/// Made by [`require`]. Works around any endpoint: a handler, a whole [`poem::Route`], an API of poem-openapi.
#[derive(Clone, Debug)]
pub struct GuardMiddleware {
    guard: Guard,
    access: Arc<Access>,
}

impl<E: Endpoint> Middleware<E> for GuardMiddleware {
    type Output = GuardEndpoint<E>;

    fn transform(&self, inner: E) -> GuardEndpoint<E> {
        GuardEndpoint { inner, guard: self.guard.clone(), access: Arc::clone(&self.access) }
    }
}

/// A guarded endpoint, made by [`GuardMiddleware`]. A refusal is an error of poem's, a [`Rejection`].
#[derive(Clone, Debug)]
pub struct GuardEndpoint<E> {
    pub(crate) inner: E,
    pub(crate) guard: Guard,
    access: Arc<Access>,
}

impl<E: Endpoint> Endpoint for GuardEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let admitted = {
            let route = route(&request);
            self.guard.admit(&view(&request, route.as_deref()), &self.access).await
        };
        let result = match admitted.outcome {
            Ok(admission) => {
                request.set_data(Caller { guard: self.guard.clone(), admission });
                self.inner.call(request).await.map(IntoResponse::into_response)
            }
            Err(refusal) => Err(Rejection::new(&self.guard, &refusal).into()),
        };
        let (status, refused, inner_route) = match &result {
            Ok(response) => {
                (response.status(), response.data::<Refused>().copied(), response.data::<PathPattern>())
            }
            Err(error) => {
                let refused = error.downcast_ref::<Rejection>().and_then(Rejection::refused);
                (error.status(), refused, error.data::<PathPattern>())
            }
        };
        let mut audit = admitted.audit;
        // Around a router the route is known only now.
        if let Some(route) = spelled(inner_route) {
            audit.matched(&route);
        }
        audit.finish(status.as_u16(), refused.map(|refused| refused.code));
        result
    }
}
