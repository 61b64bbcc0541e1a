//! Each token to its own issuer.

use std::sync::Arc;

use async_trait::async_trait;

use super::{IssuerRegistry, TrustedIssuer};
use crate::roles::{RoleExtractor, RoleSet};
use crate::token::{Compact, JoseHeader, TokenError, VerifiedToken};
use crate::validator::{TokenValidator, Unverified, ValidationError};

/// Lets a token be checked by the validator of the issuer that it names, if that one is trusted.
///
/// What it names decides whose keys are used and nothing else; a token of one issuer is never good as another's. An
/// opaque token names nobody and is refused.
#[derive(Debug)]
pub struct IssuersValidator {
    registry: Arc<dyn IssuerRegistry>,
}

impl IssuersValidator {
    /// For these issuers.
    #[must_use]
    pub fn new(registry: Arc<dyn IssuerRegistry>) -> Self {
        Self { registry }
    }
}

#[async_trait]
impl TokenValidator for IssuersValidator {
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        // In the order in which a validator of one issuer looks.
        JoseHeader::parse(Compact::parse(token)?.header)?;
        let issuer = Unverified::read(token)?.into_issuer();
        let issuer = issuer.ok_or(TokenError::MissingClaim { claim: "iss" })?;
        let Some(trusted) = self.registry.find(&issuer) else {
            let got = issuer.chars().take(200).collect();
            return Err(
                TokenError::Issuer { expected: "one of those that are trusted".to_owned(), got }.into()
            );
        };
        let verified = trusted.validator.validate(token).await?;
        // A validator that was put under a wrong name must not speak for that name.
        if verified.claims().issuer.as_ref() != Some(&issuer) {
            let got = verified.claims().issuer.clone().unwrap_or_default();
            return Err(TokenError::Issuer { expected: issuer, got }.into());
        }
        self.registry.proven(&issuer);
        Ok(verified)
    }

    fn still_stands(&self, token: &VerifiedToken) -> bool {
        let issuer = issuer_of(&*self.registry, token);
        issuer.is_some_and(|trusted| trusted.validator.still_stands(token))
    }
}

/// Reads the roles of a token as its issuer's tokens are read.
#[derive(Debug)]
pub struct IssuerRoles {
    registry: Arc<dyn IssuerRegistry>,
}

impl IssuerRoles {
    /// For these issuers.
    #[must_use]
    pub fn new(registry: Arc<dyn IssuerRegistry>) -> Self {
        Self { registry }
    }
}

impl RoleExtractor for IssuerRoles {
    fn extract(&self, token: &VerifiedToken) -> Result<RoleSet, TokenError> {
        match issuer_of(&*self.registry, token) {
            Some(trusted) => trusted.roles.extract(token),
            // It was trusted a moment ago, when the token was checked.
            None => Ok(RoleSet::default()),
        }
    }
}

pub(crate) fn issuer_of(registry: &dyn IssuerRegistry, token: &VerifiedToken) -> Option<Arc<TrustedIssuer>> {
    registry.find(token.claims().issuer.as_deref()?)
}
