//! Reads the token endpoint's answer.

use std::time::Duration;

use crate::client;
use crate::clock::UnixTime;
use crate::json::{Object, Value};
use crate::secret::Secret;

/// What a token is taken to live when the server does not say (RFC 6749 §5.1 only recommends that it does): Keycloak's
/// own default is five minutes.
const UNSAID_LIFETIME: Duration = Duration::from_secs(60);

/// No token is kept longer than this, whatever the server says.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A token, and what came with it.
pub(crate) struct Granted {
    pub(crate) access_token: Secret,
    pub(crate) lifetime: Duration,
    pub(crate) not_before: Option<UnixTime>,
}

impl Granted {
    /// The token in `body` (RFC 6749 §5.1), or what is wrong with it.
    pub(crate) fn read(body: &[u8]) -> Result<Self, &'static str> {
        let object = client::object(body)?;
        match object.get("token_type") {
            Some(Value::String(token_type)) if token_type.eq_ignore_ascii_case("Bearer") => {}
            _ => return Err("`token_type` is not Bearer"),
        }
        let Some(Value::String(access_token)) = object.get("access_token") else {
            return Err("`access_token` is no string");
        };
        if !is_token68(access_token) {
            return Err("`access_token` cannot stand in an Authorization header");
        }
        Ok(Self {
            access_token: Secret::new(access_token.as_ref()),
            lifetime: lifetime(&object)?,
            not_before: not_before(&object)?,
        })
    }
}

fn lifetime(object: &Object<'_>) -> Result<Duration, &'static str> {
    match object.get("expires_in") {
        None => Ok(UNSAID_LIFETIME),
        Some(Value::Number(secs)) if *secs >= 1.0 => {
            Ok(Duration::try_from_secs_f64(*secs).map_or(LONGEST_LIFETIME, |said| said.min(LONGEST_LIFETIME)))
        }
        Some(_) => Err("`expires_in` is no number from 1"),
    }
}

fn not_before(object: &Object<'_>) -> Result<Option<UnixTime>, &'static str> {
    match object.get("not-before-policy") {
        None => Ok(None),
        Some(Value::Number(secs)) => UnixTime::from_secs_f64(*secs).map(Some).ok_or(NOT_BEFORE),
        Some(_) => Err(NOT_BEFORE),
    }
}

const NOT_BEFORE: &str = "`not-before-policy` is no date";

/// RFC 6750 §2.1, `b64token`.
fn is_token68(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty()
        && body.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
        })
}
