//! Refusals as axum's responses.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use kc_core::wire::Refusal;
use kc_core::{AuthError, Guard};

/// A refusal on its way out: from the guard, an extractor, or a handler of yours.
///
/// ```
/// # use kc_core::{AuthError, Guard};
/// async fn not_found(guard: Guard) -> kc_axum::Rejection {
///     kc_axum::Rejection::of(&guard, AuthError::NotFound)
/// }
/// ```
#[derive(Debug)]
pub struct Rejection {
    // Boxed: a refusal is the rare case, and every extractor returns one.
    response: Box<http::Response<Bytes>>,
    code: &'static str,
}

/// Left in the response's extensions by a refusal that is about who calls, for the audit. A parameter that is wrong is
/// not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
}

impl Rejection {
    /// The response to a refusal.
    #[must_use]
    pub fn new(guard: &Guard, refusal: &Refusal) -> Self {
        Self { response: Box::new(guard.response(refusal)), code: refusal.code() }
    }

    /// The response to an error; what the caller is not told goes to the log.
    #[must_use]
    pub fn of(guard: &Guard, error: AuthError) -> Self {
        Self::new(guard, &guard.refuse(error))
    }

    /// The response of a route that is not guarded though it should be.
    pub(crate) fn internal() -> Self {
        let refusal = Refusal::from(AuthError::Internal { reason: String::new() });
        Self { response: Box::new(refusal.to_response("")), code: refusal.code() }
    }

    /// The refusal's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = self.response.map(Body::from);
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            response.extensions_mut().insert(Refused { code: self.code });
        }
        response
    }
}
