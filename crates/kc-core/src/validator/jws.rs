//! A JWS, opened: structure, header, key, signature. What the payload says is for others to judge.

use std::sync::Arc;

use super::ValidationError;
use crate::keys::{KeySet, KeySource, Lookup, Refresh};
use crate::signature::{Algorithm, SignatureVerifier};
use crate::token::{Compact, HeaderType, JoseHeader, TokenError};

/// Opens what one issuer signed (RFC 7515 §5.2).
#[derive(Debug)]
pub(super) struct Opener {
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) keys: Arc<dyn KeySource>,
}

/// What was signed.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) alg: Algorithm,
    pub(super) typ: HeaderType,
    pub(super) payload: Vec<u8>,
    /// Of the keys that its signature was verified with.
    pub(super) generation: u64,
}

impl Opener {
    /// Every algorithm that there is, narrowed by what a key says.
    pub(super) fn new(keys: Arc<dyn KeySource>) -> Self {
        Self { algorithms: Algorithm::ALL.to_vec(), keys }
    }

    /// Waits for keys only when there are none, or none for this token.
    pub(super) async fn open(&self, token: &str) -> Result<Opened, ValidationError> {
        let compact = Compact::parse(token)?;
        let header = JoseHeader::parse(compact.header)?;
        self.verify(compact, header).await
    }

    /// The same of a token that may be a logout token.
    pub(super) async fn open_any(&self, token: &str) -> Result<Opened, ValidationError> {
        let compact = Compact::parse(token)?;
        let header = JoseHeader::parse_any(compact.header)?;
        self.verify(compact, header).await
    }

    async fn verify(&self, compact: Compact<'_>, header: JoseHeader) -> Result<Opened, ValidationError> {
        if !self.algorithms.contains(&header.alg) {
            return Err(TokenError::UnsupportedAlgorithm.into());
        }
        let keys = self.keys_for(&header).await?;
        let key = found(&keys, &header)?;
        if !key.verify(compact.signing_input, &compact.signature) {
            return Err(TokenError::Signature.into());
        }
        let generation = keys.generation();
        Ok(Opened { alg: header.alg, typ: header.typ, payload: compact.payload, generation })
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
}

fn found<'k>(keys: &'k KeySet, header: &JoseHeader) -> Result<&'k dyn SignatureVerifier, TokenError> {
    match keys.find(header.kid.as_deref(), header.alg) {
        Lookup::Found(key) => Ok(key),
        Lookup::Unfit | Lookup::Unknown => Err(TokenError::UnknownKey),
    }
}
