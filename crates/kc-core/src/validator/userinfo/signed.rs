//! Userinfo as a signed JWT.

use std::sync::Arc;
use std::time::Duration;

use super::UserinfoError;
use crate::clock::{Clock, SystemClock};
use crate::keys::KeySource;
use crate::signature::Algorithm;
use crate::token::{Claims, HeaderType, TokenError, TokenKind};
use crate::validator::jws::Opener;
use crate::validator::{Policy, ValidationError, object};

/// Who signs userinfo, and for whom.
///
/// Keycloak signs it when the client that got the token has a "User info signed response algorithm". `aud` is that
/// client, and there is neither `exp` nor `iat`: the signature says who wrote the answer, not when.
///
/// # Spec
/// OpenID Connect Core §5.3.2 and §5.3.4.
#[derive(Debug)]
pub struct UserinfoSignature {
    policy: Policy,
    opener: Opener,
    clock: Arc<dyn Clock>,
}

impl UserinfoSignature {
    /// The issuer, to compare with `iss` byte by byte; the clients that get the tokens, one of which must be in `aud`;
    /// and the issuer's keys.
    #[must_use]
    pub fn new<C: Into<String>>(
        issuer: impl Into<String>,
        client_ids: impl IntoIterator<Item = C>,
        keys: Arc<dyn KeySource>,
    ) -> Self {
        let policy = Policy::new(issuer, client_ids);
        Self { policy, opener: Opener::new(keys), clock: Arc::new(SystemClock) }
    }

    /// Narrows the algorithms. Default: [`Algorithm::ALL`]; what the key says narrows them further.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.opener.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets how far the issuer's clock may be from ours, for `exp`, `nbf` and `iat` of servers that write them.
    /// Default 5 s.
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

    /// What `jwt` says, if it is signed by whom it should be.
    pub(super) async fn open(&self, jwt: &str) -> Result<Vec<u8>, ValidationError> {
        let untrusted = |error| ValidationError::Userinfo(UserinfoError::Untrusted(error));
        let opened = self.opener.open(jwt).await.map_err(|error| match error {
            ValidationError::Token(error) => untrusted(error),
            other => other,
        })?;
        self.check(opened.typ, &opened.payload).map_err(untrusted)?;
        Ok(opened.payload)
    }

    /// The realm signs access and ID tokens with the same keys; Keycloak's userinfo has no claim `typ`, and they have.
    fn check(&self, typ: HeaderType, payload: &[u8]) -> Result<(), TokenError> {
        let object = object(payload)?;
        let claims = Claims::read(&object)?;
        if let Some(kind) = &claims.kind {
            return Err(TokenError::WrongType { got: TokenKind::from_claim(kind) });
        }
        if typ == HeaderType::AtJwt || claims.marked_as_other || claims.bound {
            return Err(TokenError::WrongType { got: TokenKind::Other });
        }
        self.policy.issuer(&claims)?;
        self.policy.audience(&claims)?;
        let now = self.clock.now();
        match claims.expires_at {
            Some(_) => self.policy.lifetime(&claims, now),
            None => self.policy.beginning(&claims, now),
        }
    }
}
