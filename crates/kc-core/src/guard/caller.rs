//! What every adapter puts into its framework's own types: who calls, and a refusal as a response.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Response, StatusCode};

use super::{Admission, Guard};
use crate::error::AuthError;
use crate::principal::Principal;
use crate::rules::Rule;
use crate::session::Session;
use crate::users::User;
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
        Rejected::from_parts(refusal.to_response(""), &refusal)
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

    /// The session that the caller came with.
    ///
    /// # Errors
    /// As [`principal`](Self::principal), and 401 when the caller came with a token of their own.
    pub fn session(&self) -> Result<&Session, Rejected> {
        let none = || Rejected::of(&self.guard, AuthError::NotAuthenticated);
        self.principal()?.session().ok_or_else(none)
    }

    /// The local user.
    ///
    /// # Errors
    /// As [`principal`](Self::principal), and 401 when there is none: the service keeps no users, or the token names none.
    pub fn user(&self) -> Result<&User, Rejected> {
        self.principal()?.user().ok_or_else(|| Rejected::of(&self.guard, AuthError::UnknownUser))
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
        decision.map(|()| principal).map_err(|refusal| Rejected::to(&self.guard, request, &refusal))
    }
}

/// A refusal as a response, which an adapter turns into its framework's own.
#[derive(Clone, Debug)]
pub struct Rejected {
    // Boxed: a refusal is the rare case, and every extractor returns one.
    response: Box<Response<Bytes>>,
    code: &'static str,
    refused: Option<Refused>,
}

impl Rejected {
    /// The response to a refusal.
    #[must_use]
    pub fn new(guard: &Guard, refusal: &Refusal) -> Self {
        Self::from_parts(guard.response(refusal), refusal)
    }

    /// The response to a refusal of this request, which a gRPC client understands if it came from one.
    #[must_use]
    pub fn to(guard: &Guard, request: &RequestView<'_>, refusal: &Refusal) -> Self {
        Self::from_parts(guard.response_to(request, refusal), refusal)
    }

    pub(super) fn from_parts(mut response: Response<Bytes>, refusal: &Refusal) -> Self {
        let code = refusal.code();
        let about_caller = matches!(refusal.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let refused = about_caller.then_some(Refused { code });
        if let Some(refused) = refused {
            response.extensions_mut().insert(refused);
        }
        Self { response: Box::new(response), code, refused }
    }

    /// The same, which nobody is to keep where `page` says that it stands in the place of a page.
    pub(super) fn unstored(mut self, page: bool) -> Self {
        if page {
            self.response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        self
    }

    /// The response to an error; what the caller is not told goes to the log.
    #[must_use]
    pub fn of(guard: &Guard, error: AuthError) -> Self {
        Self::new(guard, &guard.refuse(error))
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
        self.refused
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

impl Refused {
    /// The refusal's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }
}
