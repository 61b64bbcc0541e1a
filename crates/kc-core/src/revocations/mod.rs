//! Tokens that are no longer good although their signature and their times are.
//!
//! | what | says so |
//! | --- | --- |
//! | a session, a user, or one token has ended | a logout, by [`Revocations::revoke`] |
//! | everything issued before a point in time | the realm's not-before, which is asked for again and again |

mod marks;
mod memory;
mod not_before;

use std::fmt;

use async_trait::async_trait;

pub use self::memory::MemoryRevocations;
pub(crate) use self::not_before::RealmRevocations;
use crate::clock::UnixTime;
use crate::token::Claims;

/// What is revoked, always of one issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Revocation {
    /// Every token issued before this time; it replaces what was said before. `None`: nothing, any more.
    NotBefore(Option<UnixTime>),
    /// Every token of a session (`sid`), whenever it was issued.
    Session(String),
    /// Every token of a user (`sub`) that was issued until then.
    Subject {
        /// `sub`
        subject: String,
        /// The last moment at which a revoked token may have been issued.
        until: UnixTime,
    },
    /// One token (`jti`).
    Token(String),
}

/// Which tokens are revoked.
///
/// # Contract
/// - `is_revoked` is asked for each request, whether its token is remembered or new: it answers from memory, at once,
///   without waiting for a lock that is held longer than an insertion takes.
/// - What `revoke` has confirmed with `Ok` is revoked for every later `is_revoked` of this process, and stays so until
///   no token that it concerns can be good any more. A store that has no room left refuses more, never less.
/// - A token without `iat` is revoked by whatever goes by time, since nothing tells that it is newer.
#[async_trait]
pub trait Revocations: fmt::Debug + Send + Sync {
    /// Whether a token with these claims is revoked.
    fn is_revoked(&self, claims: &Claims) -> bool;

    /// Revokes tokens of `issuer`.
    ///
    /// # Errors
    /// [`RevocationsUnavailable`] when it could not be written down everywhere it has to be known.
    async fn revoke(&self, issuer: &str, revocation: Revocation) -> Result<(), RevocationsUnavailable>;
}

/// A revocation could not be written down.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevocationsUnavailable {
    /// Why, without secrets.
    pub reason: String,
}

impl fmt::Display for RevocationsUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the revocation could not be written down: {}", self.reason)
    }
}

impl std::error::Error for RevocationsUnavailable {}
