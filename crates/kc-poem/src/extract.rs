//! Extractors: who is calling.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use kc_core::Caller;
use kc_core::rules::Requirement;
use poem::{FromRequest, PathPattern, Request, RequestBody};

use crate::response::Rejection;
use crate::view::view;

pub(crate) fn caller(request: &Request) -> Result<&Caller, Rejection> {
    const REMEDY: &str = "add it by kc_poem::Routes, or give it the middleware kc_poem::require";
    let route = request.data::<PathPattern>().map(|pattern| &*pattern.0);
    request.data().ok_or_else(|| Caller::unguarded(route, REMEDY).into())
}

/// The caller: `async fn me(user: Principal)`.
///
/// Answers 401 where the route lets callers in without credentials and there are none, and 500 on a route without the
/// guard's middleware. `Option<Principal>` is `None` for a caller without credentials; bad credentials never get that
/// far. On a route without the middleware it is `None`, too, with an error in the log: poem turns every error of an
/// extractor in `Option` into `None`.
#[derive(Clone, Debug)]
pub struct Principal(pub kc_core::Principal);

impl Deref for Principal {
    type Target = kc_core::Principal;

    fn deref(&self) -> &kc_core::Principal {
        &self.0
    }
}

impl<'a> FromRequest<'a> for Principal {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(caller(request)?.principal().map_err(Rejection::from)?.clone()))
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
        let decision = caller(request)?.allowed(&view(request), &R::RULE).await;
        let principal = decision.map_err(Rejection::from)?.clone();
        Ok(Self { principal: Principal(principal), rule: PhantomData })
    }
}
