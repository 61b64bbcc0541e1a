//! Userinfo as a signed JWT.

use std::sync::Arc;
use std::time::Duration;

use super::UserinfoError;
use crate::clock::{Clock, SystemClock};
use crate::json;
use crate::keys::{KeySet, KeySource, Lookup, Refresh};
use crate::signature::{Algorithm, SignatureVerifier};
use crate::token::{Claims, Compact, Defect, HeaderType, JoseHeader, MAX_JSON_DEPTH, TokenError, TokenKind};
use crate::validator::{Policy, ValidationError};

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
    algorithms: Vec<Algorithm>,
    keys: Arc<dyn KeySource>,
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
        let policy = Policy {
            issuer: issuer.into(),
            audience: client_ids.into_iter().map(Into::into).collect(),
            leeway: Duration::from_secs(5),
        };
        Self { policy, algorithms: Algorithm::ALL.to_vec(), keys, clock: Arc::new(SystemClock) }
    }

    /// Narrows the algorithms. Default: [`Algorithm::ALL`]; what the key says narrows them further.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
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
        let compact = Compact::parse(jwt).map_err(untrusted)?;
        let header = JoseHeader::parse(compact.header).map_err(untrusted)?;
        if !self.algorithms.contains(&header.alg) {
            return Err(untrusted(TokenError::UnsupportedAlgorithm));
        }
        let keys = self.keys_for(&header).await?;
        let key = found(&keys, &header).map_err(untrusted)?;
        if !key.verify(compact.signing_input, &compact.signature) {
            return Err(untrusted(TokenError::Signature));
        }
        self.check(header.typ, &compact.payload).map_err(untrusted)?;
        Ok(compact.payload)
    }

    async fn keys_for(&self, header: &JoseHeader) -> Result<Arc<KeySet>, ValidationError> {
        let keys = match self.keys.current() {
            Some(keys) => keys,
            None => self.keys.refresh(Refresh::NoKeys).await?,
        };
        let kid = header.kid.as_deref();
        if !matches!(keys.find(kid, header.alg), Lookup::Unknown) {
            return Ok(keys);
        }
        let generation = keys.generation();
        Ok(self.keys.refresh(Refresh::UnknownKey { kid, generation }).await?)
    }

    /// The realm signs access and ID tokens with the same keys; Keycloak's userinfo has no claim `typ`, and they have.
    fn check(&self, typ: HeaderType, payload: &[u8]) -> Result<(), TokenError> {
        let object = json::parse_object(payload, MAX_JSON_DEPTH)
            .map_err(|error| TokenError::Malformed(Defect::of_json(error, Defect::PayloadNotJson)))?;
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

fn found<'k>(keys: &'k KeySet, header: &JoseHeader) -> Result<&'k dyn SignatureVerifier, TokenError> {
    match keys.find(header.kid.as_deref(), header.alg) {
        Lookup::Found(key) => Ok(key),
        Lookup::Unfit | Lookup::Unknown => Err(TokenError::UnknownKey),
    }
}
