//! Extractors: who is calling.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use kc_core::Caller;
use kc_core::rules::Requirement;

use crate::response::Rejection;
use crate::view::view_of_parts;

pub(crate) fn caller(parts: &Parts) -> Result<&Caller, Rejection> {
    const REMEDY: &str = "add it by kc_axum::Routes, or give it the layer kc_axum::require";
    parts.extensions.get().ok_or_else(|| Caller::unguarded(view_of_parts(parts).route, REMEDY).into())
}

/// The caller: `async fn me(user: Principal)`.
///
/// Answers 401 where the route lets callers in without credentials and there are none, and 500 on a route without the
/// guard's layer. `Option<Principal>` is `None` for a caller without credentials; bad credentials never get that far.
#[derive(Clone, Debug)]
pub struct Principal(pub kc_core::Principal);

impl Deref for Principal {
    type Target = kc_core::Principal;

    fn deref(&self) -> &kc_core::Principal {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Ok(Self(caller(parts)?.principal()?.clone()))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Ok(caller(parts)?.known().cloned().map(Self))
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

impl<R: Requirement, S: Sync> FromRequestParts<S> for Allowed<R> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let principal = caller(parts)?.allowed(&view_of_parts(parts), &R::RULE).await?;
        Ok(Self { principal: Principal(principal.clone()), rule: PhantomData })
    }
}
