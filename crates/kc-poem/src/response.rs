//! Refusals as poem's responses and errors.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use kc_core::{AuthError, Guard, Refused, Rejected};
use poem::error::ResponseError;
use poem::{PathPattern, Response};

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
        let mut response = response(self.0.response().clone());
        if let Some(refused) = self.0.refused() {
            response.set_data(refused);
        }
        response
    }
}

/// What the audit is told of an answer: its status, why it refuses, if it does, and by which route it was found.
pub(crate) fn seen(answer: &poem::Result<Response>) -> (u16, Option<&'static str>, Option<&PathPattern>) {
    let (status, refused, route) = match answer {
        Ok(response) => (response.status(), response.data::<Refused>().copied(), response.data()),
        Err(error) => {
            let rejection = error.downcast_ref::<Rejection>();
            (error.status(), rejection.and_then(|rejection| rejection.0.refused()), error.data())
        }
    };
    (status.as_u16(), refused.map(|refused| refused.code), route)
}

/// A response of kc's.
pub(crate) fn response(from: http::Response<Bytes>) -> Response {
    let (head, body) = from.into_parts();
    let mut response = Response::builder().status(head.status).body(body);
    *response.headers_mut() = head.headers;
    response
}
