//! [`TokenValidator`] for signed tokens and for those that only Keycloak can read.

use std::sync::Arc;

use async_trait::async_trait;

use super::{TokenValidator, ValidationError};
use crate::token::{Defect, TokenError, VerifiedToken};

/// Checks tokens by their signature where that is possible, and asks Keycloak about the others.
///
/// Keycloak is asked about an opaque token, and about a lightweight one: a token that was signed by the issuer, is an
/// access token, and has no `aud`. Any other defect of a signed token is final. So an opaque token that somebody makes up
/// costs Keycloak a request, a signed one does not: let the second validator ask a
/// [`CachedIntrospector`](crate::introspection::CachedIntrospector).
#[derive(Debug)]
pub struct MixedValidator {
    signed: Arc<dyn TokenValidator>,
    introspected: Arc<dyn TokenValidator>,
}

impl MixedValidator {
    /// `signed` is asked first, a [`JwtValidator`](super::JwtValidator), then `introspected`, an
    /// [`IntrospectionValidator`](super::IntrospectionValidator) of the same issuer.
    #[must_use]
    pub fn new(signed: Arc<dyn TokenValidator>, introspected: Arc<dyn TokenValidator>) -> Self {
        Self { signed, introspected }
    }
}

#[async_trait]
impl TokenValidator for MixedValidator {
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        match self.signed.validate(token).await {
            Err(ValidationError::Token(
                TokenError::Malformed(Defect::NotThreeSegments) | TokenError::MissingClaim { claim: "aud" },
            )) => self.introspected.validate(token).await,
            verdict => verdict,
        }
    }

    fn still_stands(&self, token: &VerifiedToken) -> bool {
        self.signed.still_stands(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Claims;

    /// Says the same of every token.
    #[derive(Debug)]
    struct Says(Result<&'static str, TokenError>);

    #[async_trait]
    impl TokenValidator for Says {
        async fn validate(&self, _: &str) -> Result<VerifiedToken, ValidationError> {
            let subject = Some(self.0.clone()?.to_owned());
            Ok(VerifiedToken::new(Claims { subject, ..Claims::default() }, bytes::Bytes::from_static(b"{}")))
        }

        fn still_stands(&self, _: &VerifiedToken) -> bool {
            self.0.is_ok()
        }
    }

    async fn who(signed: Result<&'static str, TokenError>) -> Result<String, ValidationError> {
        let validator = MixedValidator::new(Arc::new(Says(signed)), Arc::new(Says(Ok("keycloak"))));
        validator.validate("x").await.map(|token| token.claims().subject.clone().unwrap())
    }

    #[tokio::test]
    async fn only_what_is_opaque_or_lightweight_is_asked_about() {
        assert_eq!(who(Ok("signature")).await.unwrap(), "signature");
        assert_eq!(who(Err(TokenError::Malformed(Defect::NotThreeSegments))).await.unwrap(), "keycloak");
        assert_eq!(who(Err(TokenError::MissingClaim { claim: "aud" })).await.unwrap(), "keycloak");
        for defect in [
            TokenError::Signature,
            TokenError::UnknownKey,
            TokenError::UnsupportedAlgorithm,
            TokenError::Bound,
            TokenError::MissingClaim { claim: "exp" },
            TokenError::MissingClaim { claim: "iss" },
            TokenError::Malformed(Defect::Encrypted),
            TokenError::Malformed(Defect::Base64url),
            TokenError::TooLarge { limit: 1 },
        ] {
            assert_eq!(who(Err(defect.clone())).await.unwrap_err(), defect.into());
        }
    }

    #[tokio::test]
    async fn what_keycloak_vouched_for_is_not_stood_by() {
        let signed = Arc::new(Says(Err(TokenError::Signature)));
        let validator = MixedValidator::new(signed, Arc::new(Says(Ok("keycloak"))));
        let token = Says(Ok("x")).validate("").await.unwrap();
        assert!(!validator.still_stands(&token));
    }
}
