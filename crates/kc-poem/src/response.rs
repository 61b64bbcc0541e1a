//! Refusals as poem's responses and errors.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use kc_core::wire::Refusal;
use kc_core::{AuthError, Guard};
use poem::error::ResponseError;
use poem::{Body, IntoResponse, Response, ResponseParts};

/// A refusal on its way out: from the guard, an extractor, or a handler of yours.
///
/// It is a response and an error of poem's: return it, or leave a handler with it by `?`.
///
/// ```
/// # use kc_core::{AuthError, Guard};
/// # use kc_poem::Rejection;
/// #[poem::handler]
/// async fn not_found(guard: poem::web::Data<&Guard>) -> Result<String, Rejection> {
///     Err(Rejection::of(&guard, AuthError::NotFound))
/// }
/// ```
#[derive(Clone, Debug)]
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

    /// What the audit is told, if it is about who calls.
    pub(crate) fn refused(&self) -> Option<Refused> {
        matches!(self.response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            .then_some(Refused { code: self.code })
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let refused = self.refused();
        let (head, body) = self.response.into_parts();
        let parts = ResponseParts {
            status: head.status,
            version: head.version,
            headers: head.headers,
            extensions: head.extensions,
        };
        let mut response = Response::from_parts(parts, Body::from_bytes(body));
        if let Some(refused) = refused {
            response.set_data(refused);
        }
        response
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.code)
    }
}

impl std::error::Error for Rejection {}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        self.response.status()
    }

    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}
