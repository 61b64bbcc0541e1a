//! [`TokenValidator`] for tokens that only Keycloak can read.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::checks::Policy;
use super::unverified::Unverified;
use super::{TokenValidator, ValidationError};
use crate::clock::{Clock, SystemClock};
use crate::introspection::{ActiveToken, Disagreement, Introspection, Introspector};
use crate::json;
use crate::token::{Claims, MAX_JSON_DEPTH, MAX_TOKEN_BYTES, TokenError, TokenKind, VerifiedToken};

/// Checks tokens by asking Keycloak about them, and by nothing else: for lightweight tokens, which hold neither `aud`
/// nor roles, and for opaque ones.
///
/// The claims of the [`VerifiedToken`] are those of the answer. It has to satisfy what a signed token would: a bearer
/// access token (`typ`, or where there is none `token_type`), bound to no key, of this issuer, for one of these
/// audiences, in force now. `iss`, `exp`, `nbf` and `iat` may be absent (RFC 7662 §2.2 requires none of them); `aud`
/// may not. What a JWT says of its `iss` and `sub` must not contradict the answer; otherwise its text is not looked at.
///
/// Each token costs a request to Keycloak, also one that somebody made up: use
/// [`JwtValidator`](super::JwtValidator) where tokens can be checked by their signature. The client that asks has to be
/// in the token's audience, or Keycloak calls every token inactive.
///
/// # Spec
/// RFC 7662 §2.2 and §4.
///
/// # Example
/// ```
/// # use std::sync::Arc;
/// # use kc_core::introspection::Introspector;
/// use kc_core::validator::IntrospectionValidator;
///
/// # fn validator(introspector: Arc<dyn Introspector>) -> IntrospectionValidator {
/// IntrospectionValidator::builder("https://kc.example.com/realms/shop", ["api"], introspector).build()
/// # }
/// ```
#[derive(Debug)]
pub struct IntrospectionValidator {
    policy: Policy,
    introspector: Arc<dyn Introspector>,
    clock: Arc<dyn Clock>,
}

/// Settings of an [`IntrospectionValidator`].
#[derive(Debug)]
pub struct IntrospectionValidatorBuilder {
    validator: IntrospectionValidator,
}

impl IntrospectionValidator {
    /// What has no safe default: the issuer, to compare with `iss` byte by byte; the audiences, one of which must be
    /// in `aud`; and who is asked. Without an audience no token is accepted.
    #[must_use]
    pub fn builder<A: Into<String>>(
        issuer: impl Into<String>,
        audience: impl IntoIterator<Item = A>,
        introspector: Arc<dyn Introspector>,
    ) -> IntrospectionValidatorBuilder {
        let policy = Policy::new(issuer, audience);
        let validator = Self { policy, introspector, clock: Arc::new(SystemClock) };
        IntrospectionValidatorBuilder { validator }
    }

    async fn ask(&self, token: &str) -> Result<Box<ActiveToken>, ValidationError> {
        let client_id = self.introspector.client_id();
        match self.introspector.introspect(token, None).await {
            Ok(Introspection::Active(answer)) => Ok(answer),
            Ok(inactive @ Introspection::Inactive) => {
                tracing::debug!(target: "kc", "introspection: {}", inactive.diagnosis(client_id));
                Err(TokenError::Inactive.into())
            }
            Err(error) => Err(ValidationError::Introspection { reason: error.diagnosis(client_id) }),
        }
    }

    /// An active answer × what the token says × policy × now.
    fn check(&self, answer: &ActiveToken, said: &Unverified) -> Result<VerifiedToken, ValidationError> {
        let object = json::parse_object(answer.json(), MAX_JSON_DEPTH).map_err(|_| {
            let reason = "the answer about an active token is not the JSON object it was taken for";
            ValidationError::Introspection { reason: reason.to_owned() }
        })?;
        let mut claims = Claims::read(&object)?;
        kind(&claims, answer)?;
        // An issuer speaks of its own tokens: without a name it is the one that was asked.
        claims.issuer.get_or_insert_with(|| self.policy.issuer.clone());
        self.policy.issuer(&claims)?;
        answer.agrees_with(&said.presented()).map_err(|disagreement| refused(disagreement, answer))?;
        self.policy.audience(&claims)?;
        let now = self.clock.now();
        match claims.expires_at {
            Some(_) => self.policy.lifetime(&claims, now)?,
            None => self.policy.beginning(&claims, now)?,
        }
        Ok(VerifiedToken::new(claims, answer.json().clone()))
    }
}

impl IntrospectionValidatorBuilder {
    /// Sets how far the issuer's clock may be from ours, for `exp`, `nbf` and `iat`. Default 5 s.
    ///
    /// # Spec
    /// RFC 7519 §4.1.4: "no more than a few minutes".
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.validator.policy.leeway = leeway;
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
    pub fn build(self) -> IntrospectionValidator {
        self.validator
    }
}

#[async_trait]
impl TokenValidator for IntrospectionValidator {
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge { limit: MAX_TOKEN_BYTES }.into());
        }
        let said = Unverified::read(token)?;
        said.check_issuer(&self.policy.issuer)?;
        let answer = self.ask(token).await?;
        self.check(&answer, &said)
    }
}

/// Whether the answer is about an access token that anybody may present.
///
/// One of Keycloak's `typ` and the standard's `token_type` has to say that it is a bearer token: an answer about a
/// refresh token has neither.
fn kind(claims: &Claims, answer: &ActiveToken) -> Result<(), TokenError> {
    let other = |got| Err(TokenError::WrongType { got });
    match claims.kind.as_deref() {
        Some("Bearer") => {}
        Some("DPoP") if claims.bound => {}
        Some(kind) => return other(TokenKind::from_claim(kind)),
        None if answer.token_type().is_some() && !claims.marked_as_other => {}
        None => return other(TokenKind::Other),
    }
    if claims.bound { Err(TokenError::Bound) } else { Ok(()) }
}

fn refused(disagreement: Disagreement, answer: &ActiveToken) -> TokenError {
    tracing::warn!(target: "kc", "introspection: {disagreement}");
    match disagreement {
        Disagreement::Kind => wrong_type(answer.kind()),
        Disagreement::TokenType => wrong_type(answer.token_type()),
        // Both issuers were compared with ours before. Whose token it is, nobody can say.
        Disagreement::Issuer | Disagreement::Subject => TokenError::Inactive,
    }
}

fn wrong_type(kind: Option<&str>) -> TokenError {
    TokenError::WrongType { got: kind.map_or(TokenKind::Other, TokenKind::from_claim) }
}
