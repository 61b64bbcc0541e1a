//! What was used and may not be used again.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kc_core::clock::{Clock, SystemClock, UnixTime};

use super::store::StoreUnavailable;

/// Remembers what was used once: the ids of logout tokens, the states of logins.
///
/// # Contract
/// Of all calls with the same `id` before `until`, by whichever replica, one is told `true`.
#[async_trait]
pub trait ReplayCache: fmt::Debug + Send + Sync {
    /// Whether `id` is used for the first time. It is remembered until `until`.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when that cannot be told, or not be written down.
    async fn first_use(&self, id: &str, until: UnixTime) -> Result<bool, StoreUnavailable>;

    /// Forgets an id: what it was used for has failed, and may be tried again.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the store does not answer.
    async fn forget(&self, id: &str) -> Result<(), StoreUnavailable>;
}

/// In this process. When it is full nothing more is taken for new until something has run out: better a logout that
/// Keycloak is told to repeat than one that is taken twice.
///
/// # Example
/// ```
/// use kc_core::clock::{Clock, SystemClock};
/// use kc_login::session::{MemoryReplayCache, ReplayCache};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kc_login::session::StoreUnavailable> {
/// let used = MemoryReplayCache::default();
/// let until = SystemClock.now().plus(Duration::from_secs(60));
/// assert!(used.first_use("jti-1", until).await?);
/// assert!(!used.first_use("jti-1", until).await?);
/// # Ok(()) }
/// ```
pub struct MemoryReplayCache {
    state: Mutex<State>,
    limit: usize,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    used: HashMap<String, UnixTime>,
    ends: BTreeSet<(UnixTime, String)>,
}

impl MemoryReplayCache {
    /// Remembers `limit` ids at most.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), limit: limit.max(1), clock: Arc::new(SystemClock) }
    }

    /// Sets the clock. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl Default for MemoryReplayCache {
    /// 100 000 ids.
    fn default() -> Self {
        Self::new(100_000)
    }
}

#[async_trait]
impl ReplayCache for MemoryReplayCache {
    async fn first_use(&self, id: &str, until: UnixTime) -> Result<bool, StoreUnavailable> {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((end, _)) = state.ends.first()
            && *end <= now
        {
            if let Some((_, over)) = state.ends.pop_first() {
                state.used.remove(&over);
            }
        }
        if state.used.contains_key(id) {
            return Ok(false);
        }
        if state.used.len() >= self.limit {
            let reason = format!("{} ids are remembered, and there is no room for more", self.limit);
            return Err(StoreUnavailable { reason });
        }
        state.used.insert(id.to_owned(), until);
        state.ends.insert((until, id.to_owned()));
        Ok(true)
    }

    async fn forget(&self, id: &str) -> Result<(), StoreUnavailable> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, until)) = state.used.remove_entry(id) {
            state.ends.remove(&(until, id));
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryReplayCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplayCache").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kc_core::clock::FakeClock;

    use super::*;

    #[tokio::test]
    async fn an_id_is_new_once_until_its_time_is_up() {
        let clock = Arc::new(FakeClock::at(UnixTime::from_secs(100)));
        let cache = MemoryReplayCache::new(2).clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let until = UnixTime::from_secs(200);
        assert!(cache.first_use("a", until).await.unwrap());
        assert!(!cache.first_use("a", until).await.unwrap());
        cache.forget("a").await.unwrap();
        assert!(cache.first_use("a", until).await.unwrap());
        assert!(cache.first_use("b", until).await.unwrap());
        assert!(cache.first_use("c", until).await.is_err(), "full");
        assert!(!cache.first_use("a", until).await.unwrap());
        clock.advance(Duration::from_secs(100));
        assert!(cache.first_use("c", UnixTime::from_secs(300)).await.unwrap());
        assert!(cache.first_use("a", UnixTime::from_secs(300)).await.unwrap());
    }
}
