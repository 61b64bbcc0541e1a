//! Refusals as actix's responses.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use bytes::Bytes;
use kc_core::audit::AuditTicket;
use kc_core::{AuthError, Guard, Refused, Rejected};

/// A refusal on its way out: from the guard, an extractor, or a handler of yours.
///
/// ```
/// # use actix_web::{HttpResponse, web::Data};
/// # use kc_core::{AuthError, Guard};
/// async fn not_found(guard: Data<Guard>) -> Result<HttpResponse, kc_actix::Rejection> {
///     Err(kc_actix::Rejection::of(&guard, AuthError::NotFound))
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

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        status(self.0.response())
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = response(self.0.response());
        let _ = self.0.refused().map(|refused| response.extensions_mut().insert(refused));
        response
    }
}

/// Tells the audit of a response: its status, and why it refuses, if it does.
pub(crate) fn finish<B>(audit: AuditTicket, response: &HttpResponse<B>) {
    audit.finish(response.status().as_u16(), response.extensions().get().map(Refused::code));
}

/// A response of kc's, a page of `kc-login` for example. Here and in the two functions below `http` 1 becomes actix's `http` 0.2, and nowhere else.
pub fn response(from: &http::Response<Bytes>) -> HttpResponse {
    let mut response = HttpResponse::with_body(status(from), from.body().clone()).map_into_boxed_body();
    append(from.headers(), response.headers_mut());
    response
}

/// Appends header lines to those that are there.
pub(crate) fn append(from: &http::HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        // What is a name or a value to one version is to the other.
        let (name, value) =
            (HeaderName::from_bytes(name.as_ref()), HeaderValue::from_bytes(value.as_bytes()));
        if let (Ok(name), Ok(value)) = (name, value) {
            to.append(name, value);
        }
    }
}

fn status(of: &http::Response<Bytes>) -> StatusCode {
    StatusCode::from_u16(of.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
