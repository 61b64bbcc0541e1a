//! Answers in Keycloak's form.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

pub(crate) type Reply = Response<Full<Bytes>>;

/// JSON with that status.
pub(super) fn json_reply(status: StatusCode, value: &Value) -> Reply {
    with_type(status, "application/json", value.to_string())
}

/// Any body of that type.
pub(super) fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = empty(status);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    *reply.body_mut() = Full::new(body.into());
    reply
}

/// No body at all.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

/// OAuth's error object (RFC 6749, section 5.2).
pub(super) fn oauth_error(status: StatusCode, error: &str, description: &str) -> Reply {
    json_reply(status, &json!({ "error": error, "error_description": description }))
}

/// Keycloak's error object where no OAuth error is meant.
pub(super) fn plain_error(status: StatusCode, error: &str) -> Reply {
    json_reply(status, &json!({ "error": error }))
}

pub(super) fn method_not_allowed() -> Reply {
    plain_error(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")
}

pub(super) fn not_found() -> Reply {
    plain_error(StatusCode::NOT_FOUND, "HTTP 404 Not Found")
}

/// What a key that can't be made, or won't sign, comes to.
pub(super) fn server_error() -> Reply {
    oauth_error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "unknown_error",
        "For more on this error consult the server log.",
    )
}

/// A refusal of the userinfo endpoint: all in the header, the body empty.
pub(super) fn challenge(status: StatusCode, challenge: &str) -> Reply {
    let mut reply = no_store(with_type(status, "text/plain;charset=utf-8", ""));
    if let Ok(value) = HeaderValue::from_str(challenge) {
        reply.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    reply
}

pub(super) fn cached(mut reply: Reply, cache_control: &'static str) -> Reply {
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
    reply
}

/// As the token endpoint has it (RFC 6749, section 5.1).
pub(super) fn no_store(reply: Reply) -> Reply {
    let mut reply = cached(reply, "no-store");
    reply.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    reply
}
