//! Extractors: who is calling.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use kc_core::Caller;
use kc_core::rules::Requirement;

use crate::response::Rejection;
use crate::view::{Lines, view};

pub(crate) fn caller(request: &HttpRequest) -> Result<Caller, Rejection> {
    const REMEDY: &str = "add it by kc_actix::Routes, or wrap it in kc_actix::require";
    let caller = request.extensions().get().cloned();
    caller.ok_or_else(|| Caller::unguarded(request.match_pattern().as_deref(), REMEDY).into())
}

/// The caller: `async fn me(user: Principal)`.
///
/// Answers 401 where the route lets callers in without credentials and there are none, and 500 on a route without the
/// guard's middleware. `Option<Principal>` is `None` for a caller without credentials; bad credentials never get that
/// far. On a route without the middleware it is `None` for everybody, and an error in the log: actix keeps from an
/// `Option` why there is nothing in it.
#[derive(Clone, Debug)]
pub struct Principal(pub kc_core::Principal);

impl Deref for Principal {
    type Target = kc_core::Principal;

    fn deref(&self) -> &kc_core::Principal {
        &self.0
    }
}

impl FromRequest for Principal {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).and_then(|caller| Ok(Self(caller.principal()?.clone()))))
    }
}

/// A caller who satisfies the rule of `R`, whatever else the route asks for: the rule stands in the handler's
/// signature and cannot be forgotten in the router.
pub struct Allowed<R>(Principal, PhantomData<fn() -> R>);

impl<R> Allowed<R> {
    /// The caller.
    pub fn into_principal(self) -> Principal {
        self.0
    }
}

impl<R> Deref for Allowed<R> {
    type Target = kc_core::Principal;

    fn deref(&self) -> &kc_core::Principal {
        &self.0
    }
}

impl<R> fmt::Debug for Allowed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Allowed").field(&self.0).finish()
    }
}

impl<R: Requirement + 'static> FromRequest for Allowed<R> {
    type Error = Rejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Rejection>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (caller, headers) = (caller(&request)?, Lines(request.headers()));
            let principal = caller.allowed(&view(&request, &headers), &R::RULE).await?;
            Ok(Self(Principal(principal.clone()), PhantomData))
        })
    }
}
