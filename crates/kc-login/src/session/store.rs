//! Where sessions are kept.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use kc_core::clock::UnixTime;

use super::key::SessionKey;
use super::stored::StoredSession;

/// Keeps sessions, for one process or for all replicas of a service.
///
/// # Contract
/// - A session is there from [`insert`](Self::insert) until it is removed, or until
///   [`expires_at`](StoredSession::expires_at); afterwards nothing of it is.
/// - What `Ok` has confirmed holds for every later call, by whichever replica.
/// - A store that is bounded makes room by forgetting the session that nobody used for longest.
/// - Nothing of a session is logged or put into an error.
/// - Dropping a future leaves the store in order: the change is made, or it is not.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// The session under `key`, if it is there and its time is not up.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn load(&self, key: &SessionKey) -> Result<Option<StoredSession>, StoreUnavailable>;

    /// Keeps a new session. It is found by its issuer with its session id or subject from then on, too.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn insert(&self, key: &SessionKey, session: &StoredSession) -> Result<(), StoreUnavailable>;

    /// Puts `session` in the place of the one with the version before its own. `false`, and nothing changes, when there
    /// is none, or one of another version. Its `idle_until` never goes back.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn replace(&self, key: &SessionKey, session: &StoredSession) -> Result<bool, StoreUnavailable>;

    /// Sets until when a session lives unused, if it is there.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn touch(&self, key: &SessionKey, idle_until: UnixTime) -> Result<(), StoreUnavailable>;

    /// Removes a session; whether it was there.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreUnavailable>;

    /// Removes the sessions of `issuer` that `ended` names; how many there were.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn remove_all(&self, issuer: &str, ended: &Ended) -> Result<u64, StoreUnavailable>;

    /// Takes the lease on a session, or renews one's own: `true` when `holder` has it for `time` from now on, `false` when
    /// somebody else has. It is not tied to the session being there.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn lease(&self, key: &SessionKey, holder: &str, time: Duration) -> Result<bool, StoreUnavailable>;

    /// Gives the lease back, if `holder` has it.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn release(&self, key: &SessionKey, holder: &str) -> Result<(), StoreUnavailable>;
}

/// Which sessions of an issuer are over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// The one with this `sid`. Several browsers' sessions may have it, if a browser has logged in twice.
    Session(String),
    /// All of this `sub`.
    Subject(String),
}

/// The store does not answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreUnavailable {
    /// Why, without secrets.
    pub reason: String,
}

impl fmt::Display for StoreUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store of sessions is not available: {}", self.reason)
    }
}

impl std::error::Error for StoreUnavailable {}
