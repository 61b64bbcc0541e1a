//! Forms of a page: their CSRF value comes in the body, which is read before anything is decided.

use bytes::Bytes;
use http::Response;
use http::header::{HeaderName, HeaderValue};
use kc_core::AuthError;
use kc_core::wire::RequestView;

use crate::cookie;
use crate::csrf;
use crate::login::{Login, MAX_FORM_BYTES};
use crate::parameters::Parameters;

impl Login {
    /// The answer to a form whose body breaks off, or is longer than it said.
    #[must_use]
    pub fn unreadable(&self, request: &RequestView<'_>) -> Response<Bytes> {
        let guard = &self.inner.guard;
        let detail = "The form could not be read, or is too large".to_owned();
        guard.response_to(request, &guard.refuse(AuthError::BadParameter { detail }))
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
            && cookie::single(request.headers, &self.inner.cookies.session()).is_some()
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
