//! What Keycloak's endpoints answer: JSON objects, and the error codes of RFC 6749.

use std::fmt;

use crate::json::{self, JsonError, Object, Value};

/// The value of `error` in a refusal, such as `invalid_client`: at most 64 characters of those that RFC 6749 §5.2
/// allows, so it can stand in a log line.
///
/// The rest of a refusal's body is never kept: it is text from elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorCode(String);

impl ErrorCode {
    const MAX_LEN: usize = 64;

    /// `None` if `code` is empty, longer than 64 characters, or holds one that RFC 6749 §5.2 does not allow.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let allowed = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let fits = !code.is_empty() && code.len() <= Self::MAX_LEN && code.bytes().all(allowed);
        fits.then(|| Self(code.to_owned()))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nothing that Keycloak answers is nested deeper than its tokens, whose limit this is too.
const MAX_DEPTH: usize = 16;

/// Codes that are the same for everybody (RFC 6749 §5.2, RFC 6750 §3.1), so that showing one gives nothing away.
const REGISTERED: [&str; 7] = [
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_token",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// The code of a refusal, if its body has one that can be shown: not one that repeats any of `secrets`.
pub(crate) fn error_code(body: &[u8], secrets: &[&str]) -> Option<ErrorCode> {
    let body = object(body).ok()?;
    let Value::String(code) = body.get("error")? else { return None };
    let repeats = || secrets.iter().any(|secret| !secret.is_empty() && code.contains(secret));
    (REGISTERED.contains(&code.as_ref()) || !repeats()).then(|| ErrorCode::new(code)).flatten()
}

/// `body` as a JSON object in which no member, at any depth, stands twice; else what is wrong with it.
pub(crate) fn object(body: &[u8]) -> Result<Object<'_>, &'static str> {
    match json::parse(body, MAX_DEPTH) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("JSON, but not an object"),
        Err(error) => Err(what(error)),
    }
}

/// `body` as a JSON array, its objects as in [`object`]; else what is wrong with it.
pub(crate) fn array(body: &[u8]) -> Result<Vec<Value<'_>>, &'static str> {
    match json::parse(body, MAX_DEPTH) {
        Ok(Value::Array(items)) => Ok(items),
        Ok(_) => Err("JSON, but not an array"),
        Err(error) => Err(what(error)),
    }
}

const fn what(error: JsonError) -> &'static str {
    match error {
        JsonError::Duplicate => "JSON with a member that stands twice",
        JsonError::Syntax => "not JSON",
        JsonError::TooDeep => "JSON nested too deep",
    }
}

/// A member that is a string, absent or `null`; the error is its name.
pub(crate) fn optional_string<'o>(
    object: &'o Object<'_>,
    name: &'static str,
) -> Result<Option<&'o str>, &'static str> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(name),
    }
}
