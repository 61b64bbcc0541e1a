//! Who is calling.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::roles::RoleSet;
use crate::session::Session;
use crate::token::{Claims, VerifiedToken};
use crate::users::User;

/// A caller whose credentials were checked. Immutable, cheap to clone, and the same type however they came.
///
/// # Example
/// ```
/// use kc_core::Principal;
/// use serde::Deserialize;
///
/// /// What a mapper of the realm adds to its tokens.
/// #[derive(Deserialize)]
/// struct Branch {
///     branch: Option<u32>,
/// }
///
/// fn may_see(user: &Principal, branch: u32) -> bool {
///     let theirs = user.claims_as::<Branch>().ok().and_then(|claims| claims.branch);
///     user.has_role("auditor") || theirs == Some(branch)
/// }
/// ```
#[derive(Clone)]
pub struct Principal {
    inner: Arc<Inner>,
    session: Option<Session>,
}

struct Inner {
    token: VerifiedToken,
    roles: RoleSet,
    user: Option<User>,
}

impl Principal {
    /// From a token that was checked, the roles read out of it, and the local user if there is one.
    #[must_use]
    pub fn new(token: VerifiedToken, roles: RoleSet, user: Option<User>) -> Self {
        Self { inner: Arc::new(Inner { token, roles, user }), session: None }
    }

    /// The same caller, who came with a browser's session.
    #[must_use]
    pub fn with_session(self, session: Session) -> Self {
        Self { session: Some(session), ..self }
    }

    /// The browser's session, for a caller who came with one and not with a token of their own.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    pub(crate) fn token(&self) -> &VerifiedToken {
        &self.inner.token
    }

    /// The claims that Keycloak issues.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        self.inner.token.claims()
    }

    /// The claims as a type of your own, for what your realm's mappers add.
    ///
    /// # Errors
    /// What `serde_json` says when they do not fit; it may hold values of the claims.
    pub fn claims_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.inner.token.claims_as()
    }

    /// `sub`, the id at the issuer. `None` for some service accounts and lightweight tokens.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims().subject.as_deref()
    }

    /// `preferred_username`.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.claims().username.as_deref()
    }

    /// The roles, kept apart by who gave them.
    #[must_use]
    pub fn roles(&self) -> &RoleSet {
        &self.inner.roles
    }

    /// Whether the realm or this service's client gave the role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().has(role)
    }

    /// Whether they may see the staff's pages: role `staff` or `admin`.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.roles().is_staff()
    }

    /// Whether they may do everything: role `admin`.
    #[must_use]
    pub fn is_superuser(&self) -> bool {
        self.roles().is_superuser()
    }

    /// The local user, if the service keeps users and the token names one.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.inner.user.as_ref()
    }
}

/// Ids and the user's name, no other claims: a `Debug` ends up in logs.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("subject", &self.subject())
            .field("username", &self.username())
            .finish_non_exhaustive()
    }
}
