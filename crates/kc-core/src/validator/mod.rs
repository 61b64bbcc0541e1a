//! Token in, proof out.
//!
//! | tokens | validator |
//! | --- | --- |
//! | signed JWTs, as Keycloak issues them | [`JwtValidator`] |
//! | lightweight and opaque tokens, which only Keycloak can read | [`IntrospectionValidator`] |
//! | both, in one service | [`MixedValidator`] |
//! | signed JWTs, to which userinfo adds what it knows of the user | [`UserinfoValidator`] |
//! | ID tokens, which say that a login is the one that was asked for | [`IdTokenValidator`] |
//! | logout tokens, by which Keycloak says that a session is over | [`LogoutTokenValidator`] |

mod checks;
mod id_token;
mod introspection;
mod jws;
mod jwt;
mod logout_token;
mod mixed;
mod unverified;
mod userinfo;

use std::fmt;

use async_trait::async_trait;

pub use self::checks::Policy;
pub use self::id_token::{ExpectedLogin, IdTokenError, IdTokenValidator};
pub use self::introspection::{IntrospectionValidator, IntrospectionValidatorBuilder};
pub use self::jwt::{DangerousJwt, JwtValidator, JwtValidatorBuilder};
pub use self::logout_token::{LogoutToken, LogoutTokenError, LogoutTokenValidator};
pub use self::mixed::MixedValidator;
pub(crate) use self::unverified::Unverified;
pub use self::userinfo::{
    DangerousUserinfo, UserinfoEndpoint, UserinfoError, UserinfoSignature, UserinfoValidator,
};
use crate::json::{self, Object};
use crate::keys::KeysUnavailable;
use crate::token::{Defect, MAX_JSON_DEPTH, TokenError, VerifiedToken};

/// Decides whether a token is good.
///
/// # Contract
/// - `Ok` means that the token was issued by whom we trust, for us, is in force now, and is an access token.
/// - Nothing that a token says makes the validator send a request somewhere else.
/// - The token is not logged and is in no error.
/// - Dropping the future is safe.
///
/// # Example
/// ```
/// use async_trait::async_trait;
/// use kc_core::token::{TokenError, VerifiedToken};
/// use kc_core::validator::{TokenValidator, ValidationError};
///
/// /// Takes nothing that is longer than this, and leaves the rest to another.
/// #[derive(Debug)]
/// struct Short<V>(V, usize);
///
/// #[async_trait]
/// impl<V: TokenValidator> TokenValidator for Short<V> {
///     async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
///         if token.len() > self.1 {
///             return Err(TokenError::TooLarge { limit: self.1 }.into());
///         }
///         self.0.validate(token).await
///     }
/// }
/// ```
#[async_trait]
pub trait TokenValidator: fmt::Debug + Send + Sync {
    /// Checks `token`, the text after `Bearer`.
    ///
    /// # Errors
    /// [`ValidationError::Token`] when it is bad; the others when that could not be found out.
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError>;

    /// Whether a token that this validator has passed would pass again, as far as that can be told at once, without
    /// looking at its text: the keys are the same, and it is still in force. While this is so the token may be
    /// remembered, and is not validated again. Default: it cannot be told, so that every request validates.
    fn still_stands(&self, token: &VerifiedToken) -> bool {
        let _ = token;
        false
    }
}

/// A payload that was signed, as JSON.
fn object(payload: &[u8]) -> Result<Object<'_>, TokenError> {
    json::parse_object(payload, MAX_JSON_DEPTH)
        .map_err(|error| TokenError::Malformed(Defect::of_json(error, Defect::PayloadNotJson)))
}

/// Why a token was not accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ValidationError {
    /// Introspection gave no answer.
    Introspection {
        /// Why, and what to do.
        reason: String,
    },
    /// There is no key to check it with.
    Keys(KeysUnavailable),
    /// It is bad.
    Token(TokenError),
    /// Userinfo gave no answer, or none for this token.
    Userinfo(UserinfoError),
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Introspection { reason } => f.write_str(reason),
            Self::Keys(error) => error.fmt(f),
            Self::Token(error) => error.fmt(f),
            Self::Userinfo(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ValidationError {}

impl From<KeysUnavailable> for ValidationError {
    fn from(error: KeysUnavailable) -> Self {
        Self::Keys(error)
    }
}

impl From<TokenError> for ValidationError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<UserinfoError> for ValidationError {
    fn from(error: UserinfoError) -> Self {
        Self::Userinfo(error)
    }
}
