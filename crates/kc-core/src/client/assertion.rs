//! The JWT by which a client proves that it holds a private key.

use serde::Serialize;

use crate::clock::UnixTime;
use crate::secret::Secret;
use crate::signature::signer::{self, SigningError, SigningKey};

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Long enough for the clocks of two machines, too short to be of use to who finds it in a log.
const LIFETIME_SECS: i64 = 60;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
}

/// A new assertion. Keycloak remembers each `jti` until it expires and refuses it a second time.
pub(super) fn sign(
    client_id: &str,
    audience: &str,
    key: &SigningKey,
    now: UnixTime,
) -> Result<Secret, SigningError> {
    let iat = now.as_secs();
    key.sign_jwt(&Claims {
        iss: client_id,
        sub: client_id,
        aud: audience,
        jti: signer::unique_id()?,
        iat,
        exp: iat.saturating_add(LIFETIME_SECS),
    })
}
