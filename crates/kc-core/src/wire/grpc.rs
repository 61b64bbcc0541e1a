//! Refusals for gRPC clients, which read neither an HTTP status nor a body that is not gRPC's.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::refusal::Refusal;
use super::request::RequestView;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The refusal's stable code, which would stand in the body.
const CODE: HeaderName = HeaderName::from_static("problem-code");

/// Whether a request is a gRPC call: its content type is `application/grpc`, whatever follows `+` or `;`. gRPC-Web is
/// another protocol, and comes from browsers by way of a proxy or a layer that makes gRPC of it.
pub(super) fn is_call(request: &RequestView<'_>) -> bool {
    let rest = request.single(CONTENT_TYPE.as_str()).and_then(|value| value.strip_prefix("application/grpc"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';', ' ']))
}

/// Makes a Trailers-Only response of one that was made for everybody: HTTP 200, the refusal in the headers, no body. The
/// challenge and `Retry-After` stay where they are; to a gRPC client they are metadata.
///
/// # Spec
/// gRPC over HTTP2, "Responses".
pub(super) fn trailers_only(refusal: &Refusal, response: Response<Bytes>) -> Response<Bytes> {
    let mut response = response.map(|_| Bytes::new());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(status(refusal)));
    headers.insert(CODE, HeaderValue::from_static(refusal.code()));
    // Nothing is left that a header could not hold.
    if let Ok(message) = HeaderValue::try_from(percent_encoded(refusal.detail())) {
        headers.insert(MESSAGE, message);
    }
    response
}

/// The code of gRPC for an HTTP status, as gRPC's "HTTP to gRPC Status Code Mapping" has it; where that is for want of better
/// knowledge, better.
fn status(refusal: &Refusal) -> u16 {
    const UNKNOWN: u16 = 2;
    const INVALID_ARGUMENT: u16 = 3;
    const PERMISSION_DENIED: u16 = 7;
    const UNIMPLEMENTED: u16 = 12;
    const INTERNAL: u16 = 13;
    const UNAVAILABLE: u16 = 14;
    const UNAUTHENTICATED: u16 = 16;
    match refusal.status() {
        // A malformed `Authorization`.
        StatusCode::BAD_REQUEST if refusal.is_challenge() => UNAUTHENTICATED,
        StatusCode::BAD_REQUEST => INVALID_ARGUMENT,
        StatusCode::UNAUTHORIZED => UNAUTHENTICATED,
        StatusCode::FORBIDDEN => PERMISSION_DENIED,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => UNIMPLEMENTED,
        StatusCode::INTERNAL_SERVER_ERROR => INTERNAL,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

/// gRPC over HTTP2, "Percent-Encoded": bytes outside of visible ASCII and the space, and the percent sign.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            // Writing into a string does not fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::error::AuthError;
    use crate::keys::KeysUnavailable;
    use crate::rules::Denial;
    use crate::token::TokenError;

    fn call(content_type: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        is_call(&RequestView {
            method: "POST",
            path: "/a.B/C",
            query: None,
            route: None,
            headers: &headers,
            peer: None,
        })
    }

    #[test]
    fn a_call_is_known_by_its_content_type() {
        for content_type in ["application/grpc", "application/grpc+proto", "application/grpc;a=b"] {
            assert!(call(content_type), "{content_type}");
        }
        for content_type in
            ["application/grpc-web", "application/grpc-web+proto", "application/json", "application/grpcs"]
        {
            assert!(!call(content_type), "{content_type}");
        }
    }

    fn headers(error: AuthError) -> HeaderMap {
        let refusal = Refusal::from(error);
        let response = trailers_only(&refusal, refusal.to_response("r"));
        assert_eq!((response.status(), response.body().len()), (StatusCode::OK, 0));
        response.into_parts().0.headers
    }

    #[test]
    fn each_refusal_has_the_status_that_a_grpc_client_acts_on() {
        let keys = KeysUnavailable { retry_after: std::time::Duration::from_secs(7), reason: String::new() };
        for (error, status, code) in [
            (AuthError::NotAuthenticated, "16", "not_authenticated"),
            (AuthError::Token(TokenError::Signature), "16", "invalid_signature"),
            (AuthError::Credentials(crate::wire::CredentialsError::NoToken), "16", "invalid_request"),
            (AuthError::BadParameter { detail: "id".to_owned() }, "3", "invalid_request"),
            (AuthError::Denied(Denial::MissingRoles(vec!["a".to_owned()])), "7", "missing_roles"),
            (AuthError::NotFound, "12", "not_found"),
            (AuthError::MethodNotAllowed { allow: String::new() }, "12", "method_not_allowed"),
            (AuthError::Internal { reason: String::new() }, "13", "internal_error"),
            (AuthError::Introspection { reason: String::new() }, "14", "introspection_unavailable"),
            (AuthError::Keys(keys), "14", "keys_unavailable"),
        ] {
            let headers = headers(error);
            assert_eq!(
                (&headers["grpc-status"], &headers["problem-code"]),
                (&HeaderValue::from_static(status), &HeaderValue::from_static(code))
            );
        }
    }

    #[test]
    fn the_challenge_and_the_time_to_come_back_are_metadata() {
        let challenged = headers(AuthError::NotAuthenticated);
        assert_eq!(challenged["www-authenticate"], "Bearer realm=\"r\"");
        let keys = KeysUnavailable { retry_after: std::time::Duration::from_secs(7), reason: String::new() };
        assert_eq!(headers(AuthError::Keys(keys))["retry-after"], "7");
    }

    #[test]
    fn a_message_is_percent_encoded() {
        assert_eq!(percent_encoded("100% \u{e9}\n"), "100%25 %C3%A9%0A");
    }
}
