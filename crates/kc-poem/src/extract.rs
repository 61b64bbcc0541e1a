//! Extractors: who is calling.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use kc_core::rules::Requirement;
use kc_core::{Admission, AuthError, Guard};
use poem::{FromRequest, Request, RequestBody};

use crate::response::Rejection;
use crate::view::{route, view};

/// What the middleware leaves for the extractors.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) guard: Guard,
    pub(crate) admission: Admission,
}

impl Caller {
    /// A route without the middleware is a mistake of ours, and nobody comes in by it.
    fn of(request: &Request) -> Result<&Self, Rejection> {
        request.data::<Self>().ok_or_else(|| {
            let path = route(request).unwrap_or_default();
            tracing::error!(
                target: "kc",
                "the handler of {path:?} asks who calls, but its route is not guarded: add it by kc_poem::Routes, or \
                 give it the middleware kc_poem::require"
            );
            Rejection::internal()
        })
    }
}

/// The caller: `async fn me(user: Principal)`.
///
/// Answers 401 where the route lets callers in without credentials and there are none, and 500 on a route without the
/// guard's middleware. `Option<Principal>` is `None` for a caller without credentials; bad credentials never get that
/// far. On a route without the middleware it is `None`, too, with an error in the log: poem turns every error of an
/// extractor in `Option` into `None`.
#[derive(Clone, Debug)]
pub struct Principal(pub kc_core::Principal);

impl Principal {
    fn of(request: &Request) -> Result<Self, Rejection> {
        let caller = Caller::of(request)?;
        let known = caller.admission.principal().cloned().map(Self);
        known.ok_or_else(|| Rejection::of(&caller.guard, AuthError::NotAuthenticated))
    }
}

impl Deref for Principal {
    type Target = kc_core::Principal;

    fn deref(&self) -> &kc_core::Principal {
        &self.0
    }
}

impl<'a> FromRequest<'a> for Principal {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self::of(request)?)
    }
}

/// A caller who satisfies the rule of `R`, whatever else the route asks for: the rule stands in the handler's
/// signature and cannot be forgotten in the router.
pub struct Allowed<R> {
    principal: Principal,
    rule: PhantomData<fn() -> R>,
}

impl<R> Allowed<R> {
    /// The caller.
    #[must_use]
    pub fn into_principal(self) -> Principal {
        self.principal
    }
}

impl<R: Requirement> Allowed<R> {
    pub(crate) async fn of(request: &Request) -> Result<Self, Rejection> {
        let principal = Principal::of(request)?;
        let (guard, route) = (&Caller::of(request)?.guard, route(request));
        let decision = guard.authorize(&view(request, route.as_deref()), &principal, &R::RULE).await;
        decision.map_err(|refusal| Rejection::new(guard, &refusal))?;
        Ok(Self { principal, rule: PhantomData })
    }
}

impl<R> Deref for Allowed<R> {
    type Target = kc_core::Principal;

    fn deref(&self) -> &kc_core::Principal {
        &self.principal
    }
}

impl<R> fmt::Debug for Allowed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Allowed").field(&self.principal).finish()
    }
}

impl<'a, R: Requirement> FromRequest<'a> for Allowed<R> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self::of(request).await?)
    }
}
