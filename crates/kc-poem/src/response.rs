//! Refusals as poem's responses and errors.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use http::response::Parts;
use kc_core::{AuthError, Guard, Refused, Rejected};
use poem::error::ResponseError;
use poem::{Response, ResponseParts};

/// A refusal on its way out: from the guard, an extractor, or a handler of yours.
///
/// ```
/// # use kc_core::{AuthError, Guard};
/// # use kc_poem::Rejection;
/// #[poem::handler]
/// async fn not_found(guard: poem::web::Data<&Guard>) -> Result<String, Rejection> {
///     Err(Rejection::of(&guard, AuthError::NotFound))
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Rejection(Rejected);

impl Rejection {
    /// The response to an error; what the caller is not told goes to the log.
    pub fn of(guard: &Guard, error: AuthError) -> Self {
        Self(Rejected::of(guard, error))
    }

    /// The refusal's stable code.
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    pub(crate) fn refused(&self) -> Option<Refused> {
        self.0.refused()
    }
}

impl From<Rejected> for Rejection {
    fn from(rejected: Rejected) -> Self {
        Self(rejected)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Rejection {}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        self.0.response().status()
    }

    fn as_response(&self) -> Response {
        response(self.0.response().clone())
    }
}

/// A response of kc's, a page of `kc-login` for example.
pub fn response(from: http::Response<Bytes>) -> Response {
    let (Parts { status, version, headers, extensions, .. }, body) = from.into_parts();
    Response::from_parts(ResponseParts { status, version, headers, extensions }, body.into())
}
