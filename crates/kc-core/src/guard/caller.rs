//! What every adapter puts into its framework's own types: who calls, and a refusal as a response.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::{Admission, Guard};
use crate::error::AuthError;
use crate::principal::Principal;
use crate::rules::Rule;
use crate::wire::{Refusal, RequestView};

/// Who sends an admitted request: an adapter leaves it with the request, where its extractors look for it.
#[derive(Clone, Debug)]
pub struct Caller {
    guard: Guard,
    admission: Admission,
}

impl Caller {
    /// The caller as whom `guard` admitted a request.
    #[must_use]
    pub fn new(guard: Guard, admission: Admission) -> Self {
        Self { guard, admission }
    }

    /// The answer of an extractor to which nobody left a caller: a route that is not guarded is a mistake of ours, and
    /// nobody comes in by it. The log hears of it, with `remedy` in the adapter's words.
    #[must_use]
    pub fn unguarded(route: Option<&str>, remedy: &str) -> Rejected {
        let route = route.unwrap_or_default();
        tracing::error!(
            target: "kc",
            "the handler of {route:?} asks who calls, but its route is not guarded: {remedy}"
        );
        let refusal = Refusal::from(AuthError::Internal { reason: String::new() });
        Rejected { response: Box::new(refusal.to_response("")), code: refusal.code() }
    }

    /// The caller, if one is known.
    #[must_use]
    pub fn known(&self) -> Option<&Principal> {
        self.admission.principal()
    }

    /// The caller.
    ///
    /// # Errors
    /// 401 when the route lets callers in without credentials and there are none.
    pub fn principal(&self) -> Result<&Principal, Rejected> {
        self.known().ok_or_else(|| Rejected::of(&self.guard, AuthError::NotAuthenticated))
    }

    /// The caller, if they satisfy a further rule.
    ///
    /// # Errors
    /// As [`principal`](Self::principal), and what the rule refuses.
    ///
    /// # Cancellation
    /// Dropping the future is safe.
    pub async fn allowed(&self, request: &RequestView<'_>, rule: &Rule) -> Result<&Principal, Rejected> {
        let principal = self.principal()?;
        let decision = self.guard.authorize(request, principal, rule).await;
        decision.map(|()| principal).map_err(|refusal| Rejected::new(&self.guard, &refusal))
    }
}

/// A refusal as a response, which an adapter turns into its framework's own.
#[derive(Clone, Debug)]
pub struct Rejected {
    // Boxed: a refusal is the rare case, and every extractor returns one.
    response: Box<Response<Bytes>>,
    code: &'static str,
}

impl Rejected {
    /// The response to a refusal.
    #[must_use]
    pub fn new(guard: &Guard, refusal: &Refusal) -> Self {
        let rejected = Self { response: Box::new(guard.response(refusal)), code: refusal.code() };
        rejected.marked()
    }

    /// The response to an error; what the caller is not told goes to the log.
    #[must_use]
    pub fn of(guard: &Guard, error: AuthError) -> Self {
        Self::new(guard, &guard.refuse(error))
    }

    fn marked(mut self) -> Self {
        if let Some(refused) = self.refused() {
            self.response.extensions_mut().insert(refused);
        }
        self
    }

    /// The refusal's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What the response tells the audit: nothing, unless the refusal is about who calls. A parameter that is wrong is
    /// not. It stands in the response's extensions, for frameworks that have the same.
    #[must_use]
    pub fn refused(&self) -> Option<Refused> {
        let about_caller = matches!(self.response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        about_caller.then_some(Refused { code: self.code })
    }

    /// The response, with [`Refused`] in its extensions where there is one.
    #[must_use]
    pub fn response(&self) -> &Response<Bytes> {
        &self.response
    }

    /// The response, as [`response`](Self::response).
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        *self.response
    }
}

/// A response's extension: it refuses a caller whom the guard had let in, and the audit is to say so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The refusal's code, for [`AuditTicket::finish`](crate::audit::AuditTicket::finish).
    pub code: &'static str,
}
