//! From a request to a caller.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::{Clock, SystemClock};
use crate::error::AuthError;
use crate::principal::Principal;
use crate::roles::RoleExtractor;
use crate::users::{User, UserDirectory};
use crate::validator::TokenValidator;
use crate::wire::{BearerCredentials, RequestView};

/// Finds out who sends a request.
///
/// # Contract
/// `Ok(None)` means that the request has no credentials of this kind, and the next authenticator is asked. Credentials
/// of this kind that are bad are an error: never a reason to look further, never an anonymous caller.
#[async_trait]
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// Looks at a request.
    ///
    /// # Errors
    /// [`AuthError`] when there are credentials and they are not accepted, or could not be checked.
    async fn authenticate(&self, request: &RequestView<'_>) -> Result<Option<Principal>, AuthError>;
}

/// `Authorization: Bearer` (RFC 6750).
#[derive(Debug)]
pub struct BearerAuthenticator {
    validator: Arc<dyn TokenValidator>,
    roles: Arc<dyn RoleExtractor>,
    users: Option<LocalUsers>,
    clock: Arc<dyn Clock>,
}

/// Where local users are kept, and whether new ones are made.
#[derive(Clone, Debug)]
struct LocalUsers {
    directory: Arc<dyn UserDirectory>,
    create: bool,
}

impl BearerAuthenticator {
    /// Checks tokens with `validator` and reads roles with `roles`. Keeps no local users.
    #[must_use]
    pub fn new(validator: Arc<dyn TokenValidator>, roles: Arc<dyn RoleExtractor>) -> Self {
        Self { validator, roles, users: None, clock: Arc::new(SystemClock) }
    }

    /// Keeps a local user for every caller whose token has a `sub`. `create`: also for one who is seen for the first
    /// time; else that one is refused.
    #[must_use]
    pub fn users(mut self, directory: Arc<dyn UserDirectory>, create: bool) -> Self {
        self.users = Some(LocalUsers { directory, create });
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
        let Some(bearer) = BearerCredentials::read(request.headers)? else { return Ok(None) };
        let token = self.validator.validate(bearer.token()).await?;
        let roles = self.roles.extract(&token)?;
        let user = match &self.users {
            None => None,
            Some(local) => match User::from_token(&token, &roles, self.clock.now()) {
                None => None,
                Some(user) => Some(local.sign_in(user).await?),
            },
        };
        Ok(Some(Principal::new(token, roles, user)))
    }
}

impl LocalUsers {
    async fn sign_in(&self, user: User) -> Result<User, AuthError> {
        match self.directory.sign_in(user, self.create).await {
            Ok(Some(user)) if user.is_active => Ok(user),
            Ok(_) => Err(AuthError::UnknownUser),
            Err(error) => Err(AuthError::Users { reason: error.reason }),
        }
    }
}
