//! Sessions in this process.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kc_core::clock::{Clock, SystemClock, UnixTime};

use super::key::SessionKey;
use super::store::{Ended, SessionStore, StoreUnavailable};
use super::stored::StoredSession;

/// Sessions in memory: gone when the process ends, known to no other, bounded in number.
pub struct MemorySessions {
    state: Mutex<State>,
    limit: usize,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<SessionKey, StoredSession>,
    /// By their ends: what is over, and what nobody has used for longest, comes first.
    ends: BTreeSet<(UnixTime, SessionKey)>,
    /// Issuer, and whom or what a logout names.
    named: HashMap<(String, Name), HashSet<SessionKey>>,
    leases: HashMap<SessionKey, (String, UnixTime)>,
}

#[derive(Clone, Eq, Hash, PartialEq)]
enum Name {
    Session(String),
    Subject(String),
}

impl From<&Ended> for Name {
    fn from(ended: &Ended) -> Self {
        match ended {
            Ended::Session(id) => Self::Session(id.clone()),
            Ended::Subject(subject) => Self::Subject(subject.clone()),
        }
    }
}

impl MemorySessions {
    /// Keeps `limit` sessions at most.
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemorySessions {
    /// 100 000 sessions.
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl State {
    fn names(session: &StoredSession) -> impl Iterator<Item = (String, Name)> {
        let named =
            [session.session_id.clone().map(Name::Session), session.subject.clone().map(Name::Subject)];
        let issuer = session.issuer.clone();
        named.into_iter().flatten().map(move |name| (issuer.clone(), name))
    }

    /// Those whose time is up and that nobody has asked for since are among them.
    fn tell(&self) {
        kc_core::telemetry::sessions(self.sessions.len());
    }

    fn put(&mut self, key: SessionKey, session: StoredSession) {
        self.take(&key);
        self.ends.insert((session.expires_at(), key));
        for name in Self::names(&session) {
            self.named.entry(name).or_default().insert(key);
        }
        self.sessions.insert(key, session);
    }

    fn take(&mut self, key: &SessionKey) -> Option<StoredSession> {
        let session = self.sessions.remove(key)?;
        self.ends.remove(&(session.expires_at(), *key));
        for name in Self::names(&session) {
            if let Some(keys) = self.named.get_mut(&name) {
                keys.remove(key);
                if keys.is_empty() {
                    self.named.remove(&name);
                }
            }
        }
        Some(session)
    }

    /// Forgets what is over, and of the rest what was not used for longest, until one more has room.
    fn make_room(&mut self, limit: usize, now: UnixTime) {
        while let Some((end, key)) = self.ends.first().copied()
            && (end <= now || self.sessions.len() >= limit)
        {
            self.take(&key);
        }
        if self.leases.len() > limit {
            self.leases.retain(|_, (_, until)| now < *until);
        }
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<StoredSession>, StoreUnavailable> {
        let now = self.clock.now();
        let mut state = self.state();
        match state.sessions.get(key) {
            Some(session) if now < session.expires_at() => Ok(Some(session.clone())),
            Some(_) => {
                state.take(key);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    async fn insert(&self, key: &SessionKey, session: &StoredSession) -> Result<(), StoreUnavailable> {
        let mut state = self.state();
        state.make_room(self.limit, self.clock.now());
        state.put(*key, session.clone());
        state.tell();
        Ok(())
    }

    async fn replace(&self, key: &SessionKey, session: &StoredSession) -> Result<bool, StoreUnavailable> {
        let now = self.clock.now();
        let mut state = self.state();
        let idle_until = match state.sessions.get(key) {
            Some(before)
                if before.version.checked_add(1) == Some(session.version) && now < before.expires_at() =>
            {
                before.idle_until.max(session.idle_until)
            }
            _ => return Ok(false),
        };
        state.put(*key, StoredSession { idle_until, ..session.clone() });
        Ok(true)
    }

    async fn touch(&self, key: &SessionKey, idle_until: UnixTime) -> Result<(), StoreUnavailable> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(session) = state.take(key)
            && now < session.expires_at()
        {
            state.put(*key, StoredSession { idle_until, ..session });
        }
        Ok(())
    }

    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreUnavailable> {
        let now = self.clock.now();
        let mut state = self.state();
        let taken = state.take(key);
        state.tell();
        Ok(taken.is_some_and(|session| now < session.expires_at()))
    }

    async fn remove_all(&self, issuer: &str, ended: &Ended) -> Result<u64, StoreUnavailable> {
        let now = self.clock.now();
        let mut state = self.state();
        let keys = state.named.get(&(issuer.to_owned(), ended.into())).cloned().unwrap_or_default();
        let taken =
            keys.iter().filter_map(|key| state.take(key)).filter(|session| now < session.expires_at());
        let count = taken.count();
        state.tell();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    async fn lease(&self, key: &SessionKey, holder: &str, time: Duration) -> Result<bool, StoreUnavailable> {
        let now = self.clock.now();
        let mut state = self.state();
        let free = match state.leases.get(key) {
            Some((other, until)) => other == holder || *until <= now,
            None => true,
        };
        if free {
            state.leases.insert(*key, (holder.to_owned(), now.plus(time)));
        }
        Ok(free)
    }

    async fn release(&self, key: &SessionKey, holder: &str) -> Result<(), StoreUnavailable> {
        let mut state = self.state();
        if state.leases.get(key).is_some_and(|(has, _)| has == holder) {
            state.leases.remove(key);
        }
        Ok(())
    }
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions")
            .field("sessions", &self.state().sessions.len())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use kc_core::clock::FakeClock;

    use super::super::stored::tests::session;
    use super::*;

    const NOW: i64 = 1_000_000;
    const ISSUER: &str = "https://kc/realms/a";

    fn store(limit: usize) -> (MemorySessions, Arc<FakeClock>) {
        let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
        (MemorySessions::new(limit).clock(Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    fn key(n: u8) -> SessionKey {
        SessionKey::from_bytes([n; 32])
    }

    #[tokio::test]
    async fn a_session_lives_until_its_time_is_up() {
        let (store, clock) = store(10);
        store.insert(&key(1), &session("s", "u", NOW)).await.unwrap();
        assert!(store.load(&key(1)).await.unwrap().is_some());
        assert!(store.load(&key(2)).await.unwrap().is_none());
        clock.advance(Duration::from_secs(1799));
        assert!(store.load(&key(1)).await.unwrap().is_some());
        store.touch(&key(1), UnixTime::from_secs(NOW + 3000)).await.unwrap();
        clock.advance(Duration::from_secs(1200));
        assert!(store.load(&key(1)).await.unwrap().is_some());
        clock.advance(Duration::from_secs(1));
        assert!(store.load(&key(1)).await.unwrap().is_none());
        store.touch(&key(1), UnixTime::from_secs(NOW + 9000)).await.unwrap();
        assert!(store.load(&key(1)).await.unwrap().is_none(), "nothing is brought back");
    }

    #[tokio::test]
    async fn a_session_is_ended_by_its_id_and_by_its_subject() {
        let (store, _) = store(10);
        for (n, id, subject) in [(1, "a", "u"), (2, "b", "u"), (3, "c", "v"), (4, "a", "v")] {
            store.insert(&key(n), &session(id, subject, NOW)).await.unwrap();
        }
        let ended = |id: &str| Ended::Session(id.to_owned());
        assert_eq!(store.remove_all("https://kc/realms/b", &ended("a")).await.unwrap(), 0);
        assert_eq!(store.remove_all(ISSUER, &ended("a")).await.unwrap(), 2);
        assert_eq!(store.remove_all(ISSUER, &ended("a")).await.unwrap(), 0);
        assert_eq!(store.remove_all(ISSUER, &Ended::Subject("u".to_owned())).await.unwrap(), 1);
        assert!(store.load(&key(3)).await.unwrap().is_some());
        assert!(store.remove(&key(3)).await.unwrap());
        assert!(!store.remove(&key(3)).await.unwrap());
        assert!(store.state().named.is_empty() && store.state().ends.is_empty());
    }

    #[tokio::test]
    async fn tokens_are_replaced_by_who_has_seen_them() {
        let (store, _) = store(10);
        store.insert(&key(1), &session("s", "u", NOW)).await.unwrap();
        let next = StoredSession { version: 1, ..session("s", "u", NOW) };
        assert!(store.replace(&key(1), &next).await.unwrap());
        assert!(!store.replace(&key(1), &next).await.unwrap());
        assert!(!store.replace(&key(1), &StoredSession { version: 3, ..next.clone() }).await.unwrap());
        store.remove(&key(1)).await.unwrap();
        assert!(!store.replace(&key(1), &StoredSession { version: 2, ..next }).await.unwrap());
        assert!(store.load(&key(1)).await.unwrap().is_none(), "a refresh brings no session back");
    }

    #[tokio::test]
    async fn when_it_is_full_what_nobody_used_for_longest_goes() {
        let (store, _) = store(3);
        for n in 1..=3 {
            store.insert(&key(n), &session("s", "u", NOW + i64::from(n))).await.unwrap();
        }
        store.touch(&key(1), UnixTime::from_secs(NOW + 5000)).await.unwrap();
        store.insert(&key(4), &session("s", "u", NOW + 9)).await.unwrap();
        assert!(store.load(&key(1)).await.unwrap().is_some());
        assert!(store.load(&key(2)).await.unwrap().is_none());
        assert_eq!(store.state().sessions.len(), 3);
    }

    #[tokio::test]
    async fn one_has_the_lease_until_it_ends_or_is_given_back() {
        let (store, clock) = store(3);
        let ten = Duration::from_secs(10);
        assert!(store.lease(&key(1), "a", ten).await.unwrap());
        assert!(!store.lease(&key(1), "b", ten).await.unwrap());
        assert!(store.lease(&key(1), "a", ten).await.unwrap());
        store.release(&key(1), "b").await.unwrap();
        assert!(!store.lease(&key(1), "b", ten).await.unwrap());
        clock.advance(ten);
        assert!(store.lease(&key(1), "b", ten).await.unwrap());
        store.release(&key(1), "b").await.unwrap();
        assert!(store.lease(&key(1), "a", ten).await.unwrap());
    }
}
