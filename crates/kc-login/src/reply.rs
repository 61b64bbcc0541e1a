//! Responses that are no pages.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{Response, StatusCode};

/// To another place, with these cookies. Nobody keeps it, and the place that is left is not told to the next.
pub(crate) fn redirect(to: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Response<Bytes> {
    match HeaderValue::from_str(to) {
        Ok(mut location) => {
            location.set_sensitive(true);
            let mut response = empty(StatusCode::FOUND);
            response.headers_mut().insert(LOCATION, location);
            response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            with_cookies(response, cookies)
        }
        // Cannot be: URLs are written in ASCII.
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

pub(crate) fn with_cookies(
    mut response: Response<Bytes>,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response<Bytes> {
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Nothing but a status.
pub(crate) fn empty(status: StatusCode) -> Response<Bytes> {
    no_store(Response::builder().status(status).body(Bytes::new()).unwrap_or_default())
}

pub(crate) fn no_store(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
