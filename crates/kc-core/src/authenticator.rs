//! From a request to a caller.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::{Clock, SystemClock};
use crate::error::AuthError;
use crate::principal::Principal;
use crate::revocations::Revocations;
use crate::roles::RoleExtractor;
use crate::telemetry;
use crate::token::{Claims, TokenError};
use crate::token_cache::TokenCache;
use crate::users::{LocalUsers, UserDirectory};
use crate::validator::TokenValidator;
use crate::wire::{BearerCredentials, RequestView};

/// Finds out who sends a request.
///
/// # Contract
/// `Ok(None)` means that the request has no credentials of this kind, and the next authenticator is asked. Credentials
/// of this kind that are bad are an error: never a reason to look further, never an anonymous caller.
///
/// # Example
/// ```
/// use async_trait::async_trait;
/// use kc_core::wire::RequestView;
/// use kc_core::{AuthError, Authenticator, BearerAuthenticator, Principal};
///
/// /// Also takes the token from a header of an old gateway.
/// #[derive(Debug)]
/// struct OldGateway(BearerAuthenticator);
///
/// #[async_trait]
/// impl Authenticator for OldGateway {
///     async fn authenticate(&self, request: &RequestView<'_>) -> Result<Option<Principal>, AuthError> {
///         match request.single("x-gateway-token") {
///             Some(token) => self.0.caller(token).await.map(Some),
///             None => Ok(None), // not mine: the next one is asked
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// Looks at a request.
    ///
    /// # Errors
    /// [`AuthError`] when there are credentials and they are not accepted, or could not be checked.
    async fn authenticate(&self, request: &RequestView<'_>) -> Result<Option<Principal>, AuthError>;

    /// The same caller as `authenticate` would find, if that can be told at once, from memory. `None` says nothing:
    /// `authenticate` is asked then. Default: `None`.
    fn recall(&self, request: &RequestView<'_>) -> Option<Principal> {
        let _ = request;
        None
    }
}

/// `Authorization: Bearer` (RFC 6750).
#[derive(Debug)]
pub struct BearerAuthenticator {
    validator: Arc<dyn TokenValidator>,
    roles: Arc<dyn RoleExtractor>,
    users: Option<LocalUsers>,
    revocations: Option<Arc<dyn Revocations>>,
    cache: Option<TokenCache>,
    clock: Arc<dyn Clock>,
}

impl BearerAuthenticator {
    /// Checks tokens with `validator` and reads roles with `roles`. Keeps no local users.
    #[must_use]
    pub fn new(validator: Arc<dyn TokenValidator>, roles: Arc<dyn RoleExtractor>) -> Self {
        Self { validator, roles, users: None, revocations: None, cache: None, clock: Arc::new(SystemClock) }
    }

    /// Refuses tokens that are revoked; asked at each request. Default: none is.
    #[must_use]
    pub fn revocations(mut self, revocations: Arc<dyn Revocations>) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Remembers the tokens that were found good, roles and local user included, in about so many bytes; 0 remembers
    /// none. A token is remembered while [its validator](TokenValidator::still_stands) stands by it, and revocations are
    /// asked all the same. Default: none.
    #[must_use]
    pub fn remember(mut self, bytes: u64) -> Self {
        self.cache = TokenCache::new(bytes);
        self
    }

    /// Keeps a local user for every caller whose token has a `sub`. `create`: also for one who is seen for the first
    /// time; else that one is refused. Short for [`local_users`](Self::local_users) with the steps that are standard.
    #[must_use]
    pub fn users(self, directory: Arc<dyn UserDirectory>, create: bool) -> Self {
        self.local_users(LocalUsers::new(directory).create(create))
    }

    /// Keeps a local user for every caller whose token has a `sub`, and refuses those whom the steps of a sign-in do not
    /// let in. Default: keeps none.
    #[must_use]
    pub fn local_users(mut self, users: LocalUsers) -> Self {
        self.users = Some(users);
        self
    }

    /// Sets the clock, for `date_joined`. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

#[async_trait]
impl Authenticator for BearerAuthenticator {
    async fn authenticate(&self, request: &RequestView<'_>) -> Result<Option<Principal>, AuthError> {
        match BearerCredentials::read(request.headers)? {
            Some(bearer) => self.validated(bearer.token()).await.map(Some),
            None => Ok(None),
        }
    }

    fn recall(&self, request: &RequestView<'_>) -> Option<Principal> {
        self.remembered(BearerCredentials::peek(request.headers)?)
    }
}

impl BearerAuthenticator {
    /// The caller whom a token names, however it came here: a browser's session holds one, too.
    ///
    /// # Errors
    /// As for a token that came in a request.
    pub async fn caller(&self, token: &str) -> Result<Principal, AuthError> {
        match self.remembered(token.as_bytes()) {
            Some(principal) => {
                telemetry::token_cache_hit();
                Ok(principal)
            }
            None => self.validated(token).await,
        }
    }

    async fn validated(&self, text: &str) -> Result<Principal, AuthError> {
        telemetry::token_cache_miss();
        let token = self.validator.validate(text).await?;
        if self.is_revoked(token.claims()) {
            return Err(TokenError::Revoked.into());
        }
        let roles = self.roles.extract(&token)?;
        let user = match &self.users {
            None => None,
            Some(users) => users.sign_in(&token, &roles, self.clock.now()).await?,
        };
        let principal = Principal::new(token, roles, user);
        if let Some(cache) = &self.cache
            && self.validator.still_stands(principal.token())
        {
            cache.insert(text.as_bytes(), principal.clone());
            telemetry::token_cache_entries(|| cache.len());
        }
        Ok(principal)
    }

    fn remembered(&self, token: &[u8]) -> Option<Principal> {
        let cache = self.cache.as_ref()?;
        let principal = cache.get(token)?;
        if self.validator.still_stands(principal.token()) && !self.is_revoked(principal.claims()) {
            return Some(principal);
        }
        // Whoever comes with it again is told why it is not good any more, by those who know.
        cache.remove(token);
        telemetry::token_cache_entries(|| cache.len());
        None
    }

    fn is_revoked(&self, claims: &Claims) -> bool {
        self.revocations.as_ref().is_some_and(|revocations| revocations.is_revoked(claims))
    }
}

#[cfg(test)]
mod tests;
