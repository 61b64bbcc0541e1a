//! [`TokenValidator`] for signed JWTs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::checks::Policy;
use super::jws::{Opened, Opener};
use super::{TokenValidator, ValidationError, object};
use crate::clock::{Clock, SystemClock};
use crate::keys::KeySource;
use crate::signature::Algorithm;
use crate::token::{Claims, TokenError, VerifiedToken};

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
    opener: Opener,
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
        let policy = Policy::new(issuer, audience);
        let validator = Self { policy, opener: Opener::new(keys), clock: Arc::new(SystemClock) };
        JwtValidatorBuilder { validator }
    }

    /// The algorithms it accepts.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.opener.algorithms
    }

    fn judge(&self, opened: Opened) -> Result<VerifiedToken, TokenError> {
        let object = object(&opened.payload)?;
        let claims = Claims::read(&object)?;
        self.policy.check(opened.typ, &claims, self.clock.now())?;
        Ok(VerifiedToken::new(claims, Bytes::from(opened.payload)).signed(opened.generation))
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
        self.validator.opener.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets the clock. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.validator.clock = clock;
        self
    }

    /// The way to a validator that lacks a check.
    pub fn dangerous(self) -> DangerousJwt {
        DangerousJwt { builder: self }
    }

    /// The validator.
    #[must_use]
    pub fn build(self) -> JwtValidator {
        self.validator
    }
}

/// Checks left out; made by [`JwtValidatorBuilder::dangerous`]. For looking at tokens, never for a service.
#[derive(Debug)]
#[must_use]
pub struct DangerousJwt {
    builder: JwtValidatorBuilder,
}

impl DangerousJwt {
    /// Takes tokens of any issuer that these keys are good for: of every realm that shares a key.
    pub fn any_issuer(mut self) -> Self {
        self.builder.validator.policy.left_out.issuer = true;
        self
    }

    /// Takes tokens for any audience: what a user gave to any other service opens this one.
    pub fn any_audience(mut self) -> Self {
        self.builder.validator.policy.left_out.audience = true;
        self
    }

    /// Takes a token without `typ` for an access token, unless it has a mark of another: Keycloak's say `Bearer`, those of
    /// other issuers often nothing.
    pub fn untyped(mut self) -> Self {
        self.builder.validator.policy.left_out.kind = true;
        self
    }

    /// The validator.
    #[must_use]
    pub fn build(self) -> JwtValidator {
        self.builder.build()
    }
}

#[async_trait]
impl TokenValidator for JwtValidator {
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        let opened = self.opener.open(token).await?;
        Ok(self.judge(opened)?)
    }

    fn still_stands(&self, token: &VerifiedToken) -> bool {
        token.generation().is_some()
            && token.generation() == self.opener.keys.generation()
            && self.policy.lifetime(token.claims(), self.clock.now()).is_ok()
    }
}

#[cfg(test)]
mod tests;
