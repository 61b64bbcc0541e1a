//! From a checked token to its local user.

use std::fmt;
use std::sync::Arc;

use super::directory::{UserDirectory, UsersUnavailable};
use super::pipeline::UserPipeline;
use super::user::{Details, Identity, User};
use crate::clock::UnixTime;
use crate::roles::RoleSet;
use crate::token::{Claims, VerifiedToken};

/// The local users of a service: where they are kept, by which steps they sign in, whether new ones are made.
#[derive(Clone, Debug)]
pub struct LocalUsers {
    directory: Arc<dyn UserDirectory>,
    pipeline: Arc<UserPipeline>,
    create: bool,
}

impl LocalUsers {
    /// Keeps users in `directory`, by [`UserPipeline::standard`], and creates those who are seen for the first time.
    #[must_use]
    pub fn new(directory: Arc<dyn UserDirectory>) -> Self {
        Self { directory, pipeline: Arc::new(UserPipeline::standard()), create: true }
    }

    /// Sets whether one who is seen for the first time is created; else they are refused. Default `true`.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets the steps of a sign-in. Default: [`UserPipeline::standard`].
    #[must_use]
    pub fn pipeline(mut self, pipeline: UserPipeline) -> Self {
        self.pipeline = Arc::new(pipeline);
        self
    }

    /// Where the users are kept.
    #[must_use]
    pub fn directory(&self) -> &Arc<dyn UserDirectory> {
        &self.directory
    }

    /// Finds or makes the user whom a checked token names, and brings the record up to date. `None` for a token without
    /// `sub`, a service account's or a lightweight one: there is nobody to keep a record of.
    ///
    /// # Errors
    /// [`SignInError`] says why they may not come in. A subject of more than 255 characters, or with a NUL, is unknown
    /// (OpenID Connect Core §2; data bases hold no NUL).
    ///
    /// # Cancellation
    /// Going away is harmless: the next sign-in does what was left.
    pub async fn sign_in(
        &self,
        token: &VerifiedToken,
        roles: &RoleSet,
        now: UnixTime,
    ) -> Result<Option<User>, SignInError> {
        let Some(identity) = Identity::of(token.claims()) else { return Ok(None) };
        if identity.subject.chars().count() > SUBJECT_CHARS || identity.subject.contains('\0') {
            return Err(SignInError::Unknown);
        }
        let mut sign_in = SignIn {
            token,
            roles,
            now,
            identity,
            create: self.create,
            directory: &*self.directory,
            stored: None,
            details: None,
        };
        for step in self.pipeline.steps() {
            let ran = step.run(&mut sign_in).await;
            if let Err(SignInError::Refused { reason }) = &ran {
                tracing::info!(target: "kc", "somebody of {} is not let in: {reason}", sign_in.identity.issuer);
            }
            ran?;
            // No step has business with one who may not come in, least of all to write.
            if sign_in.stored.as_ref().is_some_and(|user| !user.is_active) {
                return Err(SignInError::Inactive);
            }
        }
        sign_in.stored.map(Some).ok_or(SignInError::Unknown)
    }
}

/// OpenID Connect Core §2.
const SUBJECT_CHARS: usize = 255;

/// A sign-in under way: what is known of who comes, for the steps of a [`UserPipeline`].
#[derive(Debug)]
pub struct SignIn<'a> {
    token: &'a VerifiedToken,
    roles: &'a RoleSet,
    now: UnixTime,
    identity: Identity,
    create: bool,
    directory: &'a dyn UserDirectory,
    stored: Option<User>,
    details: Option<Details>,
}

impl SignIn<'_> {
    /// The token, checked.
    #[must_use]
    pub fn token(&self) -> &VerifiedToken {
        self.token
    }

    /// Its claims; others by [`VerifiedToken::claims_as`].
    #[must_use]
    pub fn claims(&self) -> &Claims {
        self.token.claims()
    }

    /// The roles that it carries.
    #[must_use]
    pub fn roles(&self) -> &RoleSet {
        self.roles
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.now
    }

    /// Whom the token names.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether the service creates those who are seen for the first time.
    #[must_use]
    pub fn may_create(&self) -> bool {
        self.create
    }

    /// Where the users are kept.
    #[must_use]
    pub fn directory(&self) -> &dyn UserDirectory {
        self.directory
    }

    /// The user as the directory has them; `None` before they are found, and for a new one before
    /// [`Stage::Save`](super::Stage::Save).
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.stored.as_ref()
    }

    /// The details as they will be saved; `None` while nobody has been found or made.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        self.details.as_ref()
    }

    /// The details, to be changed: [`Stage::Save`](super::Stage::Save) writes them when they differ from what the
    /// directory has.
    #[must_use]
    pub fn details_mut(&mut self) -> Option<&mut Details> {
        self.details.as_mut()
    }

    /// Whether somebody has been found or made.
    #[must_use]
    pub fn is_somebody(&self) -> bool {
        self.details.is_some()
    }

    /// It is this user, as the directory has them. What was changed in the details before is dropped.
    pub fn recognise(&mut self, user: User) {
        self.details = Some(user.details.clone());
        self.stored = Some(user);
    }

    /// It is a new user, to be saved with these details.
    pub fn make(&mut self, details: Details) {
        self.stored = None;
        self.details = Some(details);
    }
}

/// Why a sign-in ends without a user.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignInError {
    /// There is such a user, and they were made inactive.
    Inactive,
    /// A step does not let them in.
    Refused {
        /// Why, for the log; without secrets.
        reason: String,
    },
    /// There is no such user, and none is created.
    Unknown,
    /// The directory does not answer.
    Unavailable(UsersUnavailable),
}

impl fmt::Display for SignInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive => f.write_str("the local user is not active"),
            Self::Refused { reason } => write!(f, "the local user is not let in: {reason}"),
            Self::Unknown => f.write_str("there is no such local user, and none is created"),
            Self::Unavailable(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SignInError {}

impl From<UsersUnavailable> for SignInError {
    fn from(error: UsersUnavailable) -> Self {
        Self::Unavailable(error)
    }
}
