//! Several realms at once: which issuers are trusted, and what goes with each.
//!
//! | you have | use |
//! | --- | --- |
//! | one realm | nothing of this |
//! | some realms that are known at the start | [`IssuerList`], or [`KeycloakBuilder::and`](crate::KeycloakBuilder::and) |
//! | a realm for each tenant | [`IssuerPattern`] |
//! | a data base of tenants | your own [`IssuerRegistry`] |
//!
//! [`IssuersValidator`] sends each token to its issuer's validator.

mod pattern;
mod validator;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use self::pattern::{IssuerPattern, IssuerPatternError, Tenant};
pub use self::validator::{IssuerRoles, IssuersValidator};
use crate::introspection::Introspector;
use crate::roles::RoleExtractor;
use crate::validator::TokenValidator;

/// An issuer that is trusted, with what belongs to it and to no other.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrustedIssuer {
    /// The realm's name, for the audit.
    pub realm: String,
    /// Checks its tokens: its keys, its audiences.
    pub validator: Arc<dyn TokenValidator>,
    /// Reads the roles of its tokens.
    pub roles: Arc<dyn RoleExtractor>,
    /// Asks it whether a token is still active. `None`: rules that need it end in an error.
    pub introspector: Option<Arc<dyn Introspector>>,
}

impl TrustedIssuer {
    /// One without introspection.
    #[must_use]
    pub fn new(
        realm: impl Into<String>,
        validator: Arc<dyn TokenValidator>,
        roles: Arc<dyn RoleExtractor>,
    ) -> Self {
        Self { realm: realm.into(), validator, roles, introspector: None }
    }

    /// The same with somebody to ask.
    #[must_use]
    pub fn introspector(self, introspector: Arc<dyn Introspector>) -> Self {
        Self { introspector: Some(introspector), ..self }
    }
}

/// Which issuers are trusted.
///
/// # Contract
/// - `find` is asked with what a token says of itself before anybody has vouched for it, for each request: it answers
///   from memory, at once, and by comparing: the same issuer to the letter gives the same answer.
/// - Nothing is sent anywhere because of an `iss` for which it answers `None`, and no URL is made of one that was not
///   compared with what the operator wrote down.
/// - The validator it answers with accepts tokens of this issuer only.
pub trait IssuerRegistry: fmt::Debug + Send + Sync {
    /// What belongs to `issuer`, or `None` when it is not trusted.
    fn find(&self, issuer: &str) -> Option<Arc<TrustedIssuer>>;

    /// Hears that what `find` gave for `issuer` has just found a token good: the issuer exists. Default: nothing happens.
    fn proven(&self, issuer: &str) {
        let _ = issuer;
    }
}

/// Issuers that are known at the start.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use kc_core::issuers::{IssuerList, TrustedIssuer};
/// use kc_core::keys::PinnedKeys;
/// use kc_core::roles::KeycloakRoles;
/// use kc_core::validator::JwtValidator;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAS30yO1tlJeRdJhXoqQg4CTga56PyMM/Fe0ynil8s0WE=\n-----END PUBLIC KEY-----";
/// let issuer = "https://kc.example.com/realms/shop";
/// let validator = JwtValidator::builder(issuer, ["api"], Arc::new(PinnedKeys::from_pem(pem)?)).build();
/// let shop = TrustedIssuer::new("shop", Arc::new(validator), Arc::new(KeycloakRoles::new("api")));
/// let issuers = IssuerList::new().with(issuer, shop);
/// assert!(issuers.contains(issuer));
/// assert!(!issuers.contains("https://kc.example.com/realms/master"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct IssuerList {
    // Who sends tokens chooses what is looked for, but not what is there: a quick hash does.
    issuers: HashMap<String, Arc<TrustedIssuer>, foldhash::fast::RandomState>,
}

impl IssuerList {
    /// Nobody is trusted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts `issuer`, which is compared with `iss` byte by byte. One that was there before is replaced.
    #[must_use]
    pub fn with(mut self, issuer: impl Into<String>, trusted: TrustedIssuer) -> Self {
        self.issuers.insert(issuer.into(), Arc::new(trusted));
        self
    }

    /// Whether the issuer is there.
    #[must_use]
    pub fn contains(&self, issuer: &str) -> bool {
        self.issuers.contains_key(issuer)
    }
}

impl IssuerRegistry for IssuerList {
    fn find(&self, issuer: &str) -> Option<Arc<TrustedIssuer>> {
        self.issuers.get(issuer).cloned()
    }
}

#[cfg(test)]
mod tests;
