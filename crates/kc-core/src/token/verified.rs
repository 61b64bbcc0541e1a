//! The proof that a token was checked.

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::claims::Claims;
use crate::clock::UnixTime;

/// A token that passed a [`TokenValidator`](crate::validator::TokenValidator).
///
/// There is no public constructor: having one is the proof. It holds the claims, not the token itself.
#[derive(Clone)]
pub struct VerifiedToken {
    claims: Claims,
    payload: Bytes,
    generation: Option<u64>,
    vouched_until: Option<UnixTime>,
}

impl VerifiedToken {
    pub(crate) fn new(claims: Claims, payload: Bytes) -> Self {
        Self { claims, payload, generation: None, vouched_until: None }
    }

    /// The same, verified by its signature with the keys of this generation.
    pub(crate) fn signed(self, generation: u64) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// Of the keys that it was verified with; `None` when something else vouched for it.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// The same, which somebody who was asked vouches for until then.
    pub(crate) fn vouched_for(self, until: UnixTime) -> Self {
        Self { vouched_until: Some(until), ..self }
    }

    /// `None` when nobody was asked, or when the answer was of that moment only.
    pub(crate) fn vouched_until(&self) -> Option<UnixTime> {
        self.vouched_until
    }

    /// As it was signed, or as whoever vouched for it gave it.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload.len()
    }

    /// The claims that Keycloak issues.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The claims as a type of your own, for what your realm's mappers add.
    ///
    /// # Errors
    /// What `serde_json` says when they do not fit; it may hold values of the claims.
    ///
    /// # Example
    /// ```
    /// # fn department(token: &kc_core::token::VerifiedToken) -> Option<String> {
    /// #[derive(serde::Deserialize)]
    /// struct Mine {
    ///     department: Option<String>,
    /// }
    /// token.claims_as::<Mine>().ok()?.department
    /// # }
    /// ```
    pub fn claims_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }
}

/// The names of who and what, no other claims: a `Debug` ends up in logs.
impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("subject", &self.claims.subject)
            .field("authorized_party", &self.claims.authorized_party)
            .field("expires_at", &self.claims.expires_at)
            .finish_non_exhaustive()
    }
}
