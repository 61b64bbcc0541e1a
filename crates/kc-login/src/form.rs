//! Forms of a page: their CSRF value comes in the body, which is read before anything is decided.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{HeaderName, HeaderValue};
use kc_core::AuthError;
use kc_core::wire::RequestView;

use crate::cookie;
use crate::csrf;
use crate::login::{Login, MAX_FORM_BYTES};
use crate::parameters::Parameters;
use crate::reply;

/// How long the body of a form may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an adapter reads a body with: `None` when it breaks off, is too large, or does not come in time. A request to an endpoint
/// that has no body is not waited for.
pub async fn in_time<T: Default, E>(method: &str, read: impl Future<Output = Result<T, E>>) -> Option<T> {
    match method {
        "GET" | "HEAD" | "OPTIONS" => Some(T::default()),
        _ => tokio::time::timeout(PATIENCE, read).await.ok()?.ok(),
    }
}

impl Login {
    /// The answer to a form whose body breaks off, is longer than it said, or does not come in time.
    #[must_use]
    pub fn unreadable(&self, request: &RequestView<'_>) -> Response<Bytes> {
        let guard = &self.inner.guard;
        let detail = "The form could not be read, or is too large".to_owned();
        reply::no_store(guard.response_to(request, &guard.refuse(AuthError::BadParameter { detail })))
    }

    /// Whether a request is a form whose CSRF value may be in its body: an adapter then reads the body, which is no longer
    /// than [`MAX_FORM_BYTES`], asks [`csrf_header`] what it holds, puts that into the request's headers, and the body back.
    #[must_use]
    pub fn wants_form(&self, request: &RequestView<'_>) -> bool {
        let Some(length) = request.single("content-length").and_then(|length| length.parse::<usize>().ok())
        else {
            return false;
        };
        let kind = request.single("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
        matches!(request.method, "POST" | "PUT" | "PATCH" | "DELETE")
            && length <= MAX_FORM_BYTES
            && kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
            && request.headers.value(csrf::HEADER, 0).is_none()
            && request.headers.value("authorization", 0).is_none()
            && !cookie::values(request.headers, &self.inner.cookies.session()).is_empty()
    }
}

/// The header that stands for the CSRF value of a form; `None` if the form has none.
#[must_use]
pub fn csrf_header(form: &Bytes) -> Option<(HeaderName, HeaderValue)> {
    let form = Parameters::read(form);
    let mut value = HeaderValue::from_str(form.get(csrf::FIELD)?).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_static(csrf::HEADER), value))
}
