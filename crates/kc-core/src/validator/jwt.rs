//! [`TokenValidator`] for signed JWTs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::checks::Policy;
use super::{TokenValidator, ValidationError};
use crate::clock::{Clock, SystemClock};
use crate::json;
use crate::keys::{KeySet, KeySource, Lookup, Refresh};
use crate::signature::{Algorithm, SignatureVerifier};
use crate::token::{Claims, Compact, Defect, JoseHeader, MAX_JSON_DEPTH, TokenError, VerifiedToken};

/// Checks access tokens of one issuer by their signature.
///
/// In this order, the first defect ends it: size, structure, header, key, signature, kind of token, issuer, audience,
/// times (RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725, RFC 9068 §4).
///
/// # Example
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use kc_core::keys::PinnedKeys;
/// use kc_core::validator::JwtValidator;
///
/// # let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAS30yO1tlJeRdJhXoqQg4CTga56PyMM/Fe0ynil8s0WE=\n-----END PUBLIC KEY-----";
/// let keys = Arc::new(PinnedKeys::from_pem(pem)?);
/// let validator = JwtValidator::builder("https://kc.example.com/realms/shop", ["api"], keys).build();
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct JwtValidator {
    policy: Policy,
    algorithms: Vec<Algorithm>,
    keys: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
}

/// Settings of a [`JwtValidator`].
#[derive(Debug)]
pub struct JwtValidatorBuilder {
    validator: JwtValidator,
}

impl JwtValidator {
    /// What has no safe default: the issuer, to compare with `iss` byte by byte; the audiences, one of which must be
    /// in `aud`; and the issuer's keys. Without an audience no token is accepted.
    #[must_use]
    pub fn builder<A: Into<String>>(
        issuer: impl Into<String>,
        audience: impl IntoIterator<Item = A>,
        keys: Arc<dyn KeySource>,
    ) -> JwtValidatorBuilder {
        let policy = Policy {
            issuer: issuer.into(),
            audience: audience.into_iter().map(Into::into).collect(),
            leeway: Duration::from_secs(5),
        };
        let validator =
            Self { policy, algorithms: Algorithm::ALL.to_vec(), keys, clock: Arc::new(SystemClock) };
        JwtValidatorBuilder { validator }
    }

    /// The algorithms it accepts.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    fn read_header(&self, compact: &Compact<'_>) -> Result<JoseHeader, TokenError> {
        let header = JoseHeader::parse(compact.header)?;
        if self.algorithms.contains(&header.alg) { Ok(header) } else { Err(TokenError::UnsupportedAlgorithm) }
    }

    /// The part after the key is at hand: no waiting.
    fn check(
        &self,
        compact: Compact<'_>,
        header: &JoseHeader,
        key: &dyn SignatureVerifier,
    ) -> Result<VerifiedToken, TokenError> {
        if !key.verify(compact.signing_input, &compact.signature) {
            return Err(TokenError::Signature);
        }
        let object = json::parse_object(&compact.payload, MAX_JSON_DEPTH)
            .map_err(|error| TokenError::Malformed(Defect::of_json(error, Defect::PayloadNotJson)))?;
        let claims = Claims::read(&object)?;
        self.policy.check(header.typ, &claims, self.clock.now())?;
        Ok(VerifiedToken::new(claims, Bytes::from(compact.payload)))
    }
}

impl JwtValidatorBuilder {
    /// Sets how far the issuer's clock may be from ours, for `exp`, `nbf` and `iat`. Default 5 s.
    ///
    /// # Spec
    /// RFC 7519 §4.1.4: "no more than a few minutes".
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.validator.policy.leeway = leeway;
        self
    }

    /// Narrows the algorithms. Default: [`Algorithm::ALL`]; what the key says narrows them further.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.validator.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets the clock. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.validator.clock = clock;
        self
    }

    /// The validator.
    #[must_use]
    pub fn build(self) -> JwtValidator {
        self.validator
    }
}

#[async_trait]
impl TokenValidator for JwtValidator {
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        let compact = Compact::parse(token)?;
        let header = self.read_header(&compact)?;
        let kid = header.kid.as_deref();
        let keys = match self.keys.current() {
            Some(keys) => keys,
            None => self.keys.refresh(Refresh::NoKeys).await?,
        };
        let keys = match keys.find(kid, header.alg) {
            Lookup::Found(key) => return Ok(self.check(compact, &header, key)?),
            Lookup::Unfit => return Err(TokenError::UnknownKey.into()),
            Lookup::Unknown => {
                let generation = keys.generation();
                self.keys.refresh(Refresh::UnknownKey { kid, generation }).await?
            }
        };
        Ok(self.check(compact, &header, found(&keys, &header)?)?)
    }
}

fn found<'k>(keys: &'k KeySet, header: &JoseHeader) -> Result<&'k dyn SignatureVerifier, TokenError> {
    match keys.find(header.kid.as_deref(), header.alg) {
        Lookup::Found(key) => Ok(key),
        Lookup::Unfit | Lookup::Unknown => Err(TokenError::UnknownKey),
    }
}

#[cfg(test)]
mod tests;
