//! Everything that can end a request before its handler, or in it.

use std::fmt;

use crate::keys::KeysUnavailable;
use crate::rules::Denial;
use crate::token::TokenError;
use crate::uma::TicketChallenge;
use crate::users::SignInError;
use crate::validator::{UserinfoError, ValidationError};
use crate::wire::CredentialsError;

/// Why a request is refused. [`Refusal`](crate::wire::Refusal) says what the caller hears of it; this is for the log.
///
/// # Example
/// ```
/// use kc_core::{AuthError, Guard};
///
/// // A handler of an adapter ends with one; the guard makes of it what the caller gets.
/// let guard = Guard::builder("shop").build();
/// let refusal = guard.refuse(AuthError::NotAuthenticated);
/// assert_eq!((refusal.status().as_u16(), refusal.detail()), (401, "Not authenticated"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthError {
    /// Keycloak had to be asked about a permission, and gave no answer.
    Authorization {
        /// Why, and what to do.
        reason: String,
    },
    /// A parameter of the path or the query is missing or wrong.
    BadParameter {
        /// What is wrong, in words that hold nothing of the request.
        detail: String,
    },
    /// The `Authorization` header is malformed.
    Credentials(CredentialsError),
    /// A request that changes something came with a session's cookie and without the session's CSRF value.
    Csrf,
    /// The caller is known and may not.
    Denied(Denial),
    /// The service is put together wrongly.
    Internal {
        /// What is wrong and what to do.
        reason: String,
    },
    /// Introspection was needed and gave no answer.
    Introspection {
        /// Why, and what to do.
        reason: String,
    },
    /// There is no key to verify with.
    Keys(KeysUnavailable),
    /// A login, or the renewal of a session, needed Keycloak, and there was no answer.
    Login {
        /// Why, and what to do.
        reason: String,
    },
    /// The route does not have the method.
    MethodNotAllowed {
        /// The methods it has, as in `Allow`; empty where the framework writes that header itself.
        allow: String,
    },
    /// No credentials.
    NotAuthenticated,
    /// No such route.
    NotFound,
    /// The caller lacks a permission, and is told how to get it.
    PermissionTicket(TicketChallenge),
    /// The service could not get a token of its own.
    ServiceToken {
        /// Why, and what to do.
        reason: String,
    },
    /// The cookie names a session that is over, or that never was.
    SessionExpired,
    /// The store of the sessions gave no answer.
    SessionStore {
        /// Why.
        reason: String,
    },
    /// The token is bad.
    Token(TokenError),
    /// There is no such local user and none is created, they are not active, or a step of the sign-in refused them.
    UnknownUser,
    /// The directory of local users gave no answer.
    Users {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorization { reason } => write!(f, "no decision about a permission: {reason}"),
            Self::BadParameter { detail } => f.write_str(detail),
            Self::Credentials(error) => error.fmt(f),
            Self::Csrf => f.write_str("the session's CSRF value is missing or wrong"),
            Self::Denied(denial) => denial.fmt(f),
            Self::Internal { reason } => f.write_str(reason),
            Self::Introspection { reason } => write!(f, "introspection failed: {reason}"),
            Self::Keys(error) => error.fmt(f),
            Self::Login { reason } => write!(f, "no login: {reason}"),
            Self::MethodNotAllowed { allow } => write!(f, "the route has only {allow}"),
            Self::NotAuthenticated => f.write_str("no credentials"),
            Self::NotFound => f.write_str("no such route"),
            Self::PermissionTicket(_) => {
                f.write_str("a permission is missing, and a ticket for it was given")
            }
            Self::ServiceToken { reason } => write!(f, "no service token: {reason}"),
            Self::SessionExpired => f.write_str("the session is over, or never was"),
            Self::SessionStore { reason } => write!(f, "the sessions are not available: {reason}"),
            Self::Token(error) => error.fmt(f),
            Self::UnknownUser => {
                f.write_str("there is no local user for this token, and KEYCLOAK_CREATE_USERS is off")
            }
            Self::Users { reason } => write!(f, "the local users are not available: {reason}"),
        }
    }
}

impl std::error::Error for AuthError {}

impl From<CredentialsError> for AuthError {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(error)
    }
}

impl From<Denial> for AuthError {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<SignInError> for AuthError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Unavailable(error) => Self::Users { reason: error.reason },
            SignInError::Inactive | SignInError::Refused { .. } | SignInError::Unknown => Self::UnknownUser,
        }
    }
}

impl From<ValidationError> for AuthError {
    fn from(error: ValidationError) -> Self {
        match error {
            ValidationError::Introspection { reason } => Self::Introspection { reason },
            ValidationError::Keys(error) => Self::Keys(error),
            ValidationError::Token(error) => Self::Token(error),
            // Not the token's fault that userinfo is silent, so never a 401; but a token that may not ask it is a
            // matter of rights.
            ValidationError::Userinfo(UserinfoError::InsufficientScope) => {
                Self::Denied(Denial::Insufficient { scope: Some(UserinfoError::SCOPE.to_owned()) })
            }
            ValidationError::Userinfo(error) => Self::Introspection { reason: error.diagnosis() },
        }
    }
}
