//! ID tokens: whether a login is the one that was asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64_simd::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::checks::Policy;
use super::jws::{Opened, Opener};
use super::{ValidationError, object};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::json::Value;
use crate::keys::KeySource;
use crate::signature::Algorithm;
use crate::token::{Claims, HeaderType, TokenError, TokenKind, VerifiedToken};

/// Checks the ID tokens that a client gets at its logins.
///
/// # Spec
/// OpenID Connect Core §3.1.3.7 and §3.1.3.8. An ID token says who logged in, and is no access token: what this gives back is
/// never let in as one.
#[derive(Debug)]
pub struct IdTokenValidator {
    client_id: String,
    policy: Policy,
    opener: Opener,
    clock: Arc<dyn Clock>,
}

/// What a login was asked for, which its ID token has to confirm.
#[derive(Clone, Copy)]
pub struct ExpectedLogin<'a> {
    /// The `nonce` of the authorization request; `None` for an ID token that came with a refresh.
    pub nonce: Option<&'a str>,
    /// The access token that came along: `at_hash` has to be its hash.
    pub access_token: &'a str,
    /// How long ago the user may have proved who they are, if the request said so.
    pub max_age: Option<Duration>,
}

/// Why an ID token is not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IdTokenError {
    /// `at_hash` is not the hash of the access token: they do not belong together.
    AccessTokenHash,
    /// `azp` is not this client, or is missing beside several audiences.
    AuthorizedParty,
    /// `nonce` is missing, or not the one that was sent: the token is of another login.
    Nonce,
    /// The user proved who they are longer ago than was asked for, or `auth_time` does not say when.
    TooOld,
    /// What can be wrong with any token, and keys that are not at hand.
    Token(ValidationError),
}

impl fmt::Display for IdTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessTokenHash => f.write_str("the ID token belongs to another access token (at_hash)"),
            Self::AuthorizedParty => f.write_str("the ID token was issued to another client (azp)"),
            Self::Nonce => f.write_str("the ID token belongs to another login (nonce)"),
            Self::TooOld => f.write_str("the login is older than was asked for (auth_time)"),
            Self::Token(error) => write!(f, "the ID token is bad: {error}"),
        }
    }
}

impl std::error::Error for IdTokenError {}

impl From<ValidationError> for IdTokenError {
    fn from(error: ValidationError) -> Self {
        Self::Token(error)
    }
}

impl From<TokenError> for IdTokenError {
    fn from(error: TokenError) -> Self {
        Self::Token(error.into())
    }
}

impl IdTokenValidator {
    /// Of the issuer whose keys these are, for `client_id`.
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>, keys: Arc<dyn KeySource>) -> Self {
        let client_id = client_id.into();
        let policy = Policy::new(issuer, [client_id.clone()]);
        Self { client_id, policy, opener: Opener::new(keys), clock: Arc::new(SystemClock) }
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

    /// Checks an ID token.
    ///
    /// # Errors
    /// [`IdTokenError`]; none holds the token.
    pub async fn validate(
        &self,
        token: &str,
        expected: &ExpectedLogin<'_>,
    ) -> Result<VerifiedToken, IdTokenError> {
        let opened = self.opener.open(token).await?;
        self.judge(opened, expected, self.clock.now())
    }

    fn judge(
        &self,
        opened: Opened,
        expected: &ExpectedLogin<'_>,
        now: UnixTime,
    ) -> Result<VerifiedToken, IdTokenError> {
        let object = object(&opened.payload)?;
        let claims = Claims::read(&object)?;
        match claims.kind.as_deref() {
            Some("ID") if opened.typ != HeaderType::AtJwt => {}
            Some(kind) => return Err(TokenError::WrongType { got: TokenKind::from_claim(kind) }.into()),
            None => return Err(TokenError::WrongType { got: TokenKind::Other }.into()),
        }
        self.policy.issuer(&claims)?;
        self.policy.audience(&claims)?;
        self.policy.lifetime(&claims, now)?;
        for (claim, there) in [("iat", claims.issued_at.is_some()), ("sub", claims.subject.is_some())] {
            if !there {
                return Err(TokenError::MissingClaim { claim }.into());
            }
        }
        let several = claims.audience.as_ref().is_some_and(|audience| audience.len() > 1);
        match &claims.authorized_party {
            Some(party) if *party == self.client_id => {}
            None if !several => {}
            _ => return Err(IdTokenError::AuthorizedParty),
        }
        if let Some(nonce) = expected.nonce
            && !matches!(object.get("nonce"), Some(Value::String(got)) if got == nonce)
        {
            return Err(IdTokenError::Nonce);
        }
        match object.get("at_hash") {
            None => {}
            Some(Value::String(hash)) if *hash == half_hash(opened.alg, expected.access_token) => {}
            Some(_) => return Err(IdTokenError::AccessTokenHash),
        }
        if let Some(max_age) = expected.max_age {
            let proved = claims.authenticated_at.ok_or(IdTokenError::TooOld)?;
            if now.since(proved) > max_age.saturating_add(self.policy.leeway) {
                return Err(IdTokenError::TooOld);
            }
        }
        Ok(VerifiedToken::new(claims, Bytes::from(opened.payload)))
    }
}

/// The left half of the hash that the signature's algorithm uses (OpenID Connect Core §3.1.3.6); Ed25519 uses SHA-512.
fn half_hash(alg: Algorithm, text: &str) -> String {
    let hash = match alg {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &SHA256,
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &SHA384,
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 | Algorithm::EdDsa => &SHA512,
    };
    let digest = digest::digest(hash, text.as_bytes());
    let (left, _) = digest.as_ref().split_at(digest.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode_to_string(left)
}

/// Neither the nonce nor the token.
impl fmt::Debug for ExpectedLogin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpectedLogin").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
