//! Refusals as axum's responses.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use kc_core::{AuthError, Guard, Rejected};

use crate::view::view_of_parts;

/// A refusal on its way out: from the guard, an extractor, or a handler of yours.
///
/// ```
/// # use kc_core::{AuthError, Guard};
/// async fn not_found(guard: Guard) -> kc_axum::Rejection {
///     kc_axum::Rejection::of(&guard, AuthError::NotFound)
/// }
/// ```
#[derive(Debug)]
pub struct Rejection(Rejected);

impl Rejection {
    /// The response to an error; what the caller is not told goes to the log.
    #[must_use]
    pub fn of(guard: &Guard, error: AuthError) -> Self {
        Self(Rejected::of(guard, error))
    }

    /// The same in answer to this request.
    pub(crate) fn to(guard: &Guard, request: &Parts, error: AuthError) -> Self {
        Self(Rejected::to(guard, &view_of_parts(request), &guard.refuse(error)))
    }

    /// The refusal's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code()
    }
}

impl From<Rejected> for Rejection {
    fn from(rejected: Rejected) -> Self {
        Self(rejected)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let refused = self.0.refused();
        let mut response = self.0.into_response().map(Body::from);
        if let Some(refused) = refused {
            response.extensions_mut().insert(refused);
        }
        response
    }
}
