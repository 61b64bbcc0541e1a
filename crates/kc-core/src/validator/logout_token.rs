//! Logout tokens: Keycloak says that a session is over.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::checks::Policy;
use super::jws::{Opened, Opener};
use super::{ValidationError, object};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::json::Value;
use crate::keys::KeySource;
use crate::token::{Claims, HeaderType, TokenError, TokenKind};

/// The member of `events` that makes it a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Checks the logout tokens that a realm sends to a client.
///
/// That none is taken twice is for whoever remembers [`id`](LogoutToken::id) until [`expires_at`](LogoutToken::expires_at).
///
/// # Spec
/// OpenID Connect Back-Channel Logout §2.4 and §2.6.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use kc_core::keys::PinnedKeys;
/// use kc_core::validator::LogoutTokenValidator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAS30yO1tlJeRdJhXoqQg4CTga56PyMM/Fe0ynil8s0WE=\n-----END PUBLIC KEY-----";
/// let keys = Arc::new(PinnedKeys::from_pem(pem)?);
/// let validator = LogoutTokenValidator::new("https://kc.example.com/realms/shop", "web", keys);
/// assert!(validator.validate("an access token").await.is_err());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LogoutTokenValidator {
    policy: Policy,
    opener: Opener,
    clock: Arc<dyn Clock>,
}

/// What a logout token says. At least one of subject and session is there.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogoutToken {
    /// `iss`.
    pub issuer: String,
    /// `sub`: whose sessions are over, all of them if no session is named.
    pub subject: Option<String>,
    /// `sid`: the session that is over.
    pub session_id: Option<String>,
    /// `jti`.
    pub id: String,
    /// `iat`.
    pub issued_at: UnixTime,
    /// `exp`, with leeway: from then on it is not taken anyway.
    pub expires_at: UnixTime,
}

/// Why a logout token is not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogoutTokenError {
    /// `events` does not have the member that it has to have, with an object as its value.
    Events,
    /// There is a `nonce`: it is a token of another kind.
    Nonce,
    /// It names neither a subject nor a session.
    NobodyNamed,
    /// What can be wrong with any token, and keys that are not at hand.
    Token(ValidationError),
}

impl fmt::Display for LogoutTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events => write!(f, "the logout token's events do not have {EVENT}"),
            Self::Nonce => f.write_str("the logout token has a nonce, which none may have"),
            Self::NobodyNamed => f.write_str("the logout token names neither sub nor sid"),
            Self::Token(error) => write!(f, "the logout token is bad: {error}"),
        }
    }
}

impl std::error::Error for LogoutTokenError {}

impl From<ValidationError> for LogoutTokenError {
    fn from(error: ValidationError) -> Self {
        Self::Token(error)
    }
}

impl From<TokenError> for LogoutTokenError {
    fn from(error: TokenError) -> Self {
        Self::Token(error.into())
    }
}

impl LogoutTokenValidator {
    /// Of the issuer whose keys these are, for `client_id`.
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>, keys: Arc<dyn KeySource>) -> Self {
        let policy = Policy::new(issuer, [client_id.into()]);
        Self { policy, opener: Opener::new(keys), clock: Arc::new(SystemClock) }
    }

    /// Sets how far the issuer's clock may be from ours. Default 5 s.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// Sets the clock. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks a logout token.
    ///
    /// # Errors
    /// [`LogoutTokenError`]; none holds the token.
    pub async fn validate(&self, token: &str) -> Result<LogoutToken, LogoutTokenError> {
        let opened = self.opener.open_any(token).await?;
        self.judge(&opened, self.clock.now())
    }

    fn judge(&self, opened: &Opened, now: UnixTime) -> Result<LogoutToken, LogoutTokenError> {
        let object = object(&opened.payload)?;
        let claims = Claims::read(&object)?;
        match (opened.typ, claims.kind.as_deref()) {
            (HeaderType::Jwt | HeaderType::LogoutJwt, None | Some("Logout")) => {}
            (_, kind) => {
                let got = kind.map_or(TokenKind::Other, TokenKind::from_claim);
                return Err(TokenError::WrongType { got }.into());
            }
        }
        self.policy.issuer(&claims)?;
        self.policy.audience(&claims)?;
        self.policy.lifetime(&claims, now)?;
        let missing = |claim| LogoutTokenError::from(TokenError::MissingClaim { claim });
        let issued_at = claims.issued_at.ok_or(missing("iat"))?;
        let expires_at = claims.expires_at.ok_or(missing("exp"))?.plus(self.policy.leeway);
        let id = claims.id.filter(|id| !id.is_empty()).ok_or(missing("jti"))?;
        if object.has("nonce") {
            return Err(LogoutTokenError::Nonce);
        }
        let is_logout = match object.get("events") {
            Some(Value::Object(events)) => matches!(events.get(EVENT), Some(Value::Object(_))),
            None => return Err(missing("events")),
            Some(_) => false,
        };
        if !is_logout {
            return Err(LogoutTokenError::Events);
        }
        if claims.session_id.is_none() && claims.subject.is_none() {
            return Err(LogoutTokenError::NobodyNamed);
        }
        let issuer = claims.issuer.ok_or(missing("iss"))?;
        let (subject, session_id) = (claims.subject, claims.session_id);
        Ok(LogoutToken { issuer, subject, session_id, id, issued_at, expires_at })
    }
}

#[cfg(test)]
mod tests;
