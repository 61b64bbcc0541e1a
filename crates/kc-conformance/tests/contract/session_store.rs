use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use kc_conformance::contract;
use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_login::session::{Ended, MemorySessions, SessionKey, SessionStore, StoreUnavailable, StoredSession};

use crate::caught::Clauses;

#[tokio::test]
async fn sessions_in_memory_keep_the_contract() {
    contract::session_store(async || MemorySessions::new(1000)).await.unwrap();
}

#[tokio::test]
async fn two_memories_are_no_shared_store() {
    let two = async || [MemorySessions::new(1000), MemorySessions::new(1000)];
    assert!(contract::shared_session_store(two).await.is_err());
}

#[tokio::test]
async fn the_store_that_the_broken_ones_are_made_from_keeps_the_contract() {
    contract::session_store(async || Broken::with(None)).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    CountsTooMany,
    LosesAnEnd,
    HalfAKey,
    Immortal,
    TouchedInVain,
    NoEnd,
    AnyVersion,
    BringsBack,
    IdleGoesBack,
    ReplacesTwice,
    Keeps,
    AnyIssuer,
    OneOfAll,
    NamesInAnyCase,
    ForgetsNames,
    GivesBackForOthers,
    LeasesForEver,
    LeasesTwice,
    LosesWrites,
    DroppedCallBlocks,
    Talks,
}

#[derive(Debug)]
struct Broken {
    defect: Option<Defect>,
    state: Mutex<State>,
    busy: AtomicBool,
}

#[derive(Clone, Default)]
struct State {
    sessions: HashMap<SessionKey, Kept>,
    leases: HashMap<SessionKey, (String, UnixTime)>,
}

#[derive(Clone)]
struct Kept {
    session: StoredSession,
    named: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("sessions", &self.sessions.len()).finish()
    }
}

impl Broken {
    fn with(defect: Option<Defect>) -> Self {
        Self { defect, state: Mutex::default(), busy: AtomicBool::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn key(&self, key: &SessionKey) -> SessionKey {
        let mut bytes = *key.as_bytes();
        if self.has(Defect::HalfAKey) {
            bytes[..16].fill(0);
        }
        SessionKey::from_bytes(bytes)
    }

    fn is_alive(&self, session: &StoredSession) -> bool {
        let end = if self.has(Defect::NoEnd) { session.idle_until } else { session.expires_at() };
        self.has(Defect::Immortal) || SystemClock.now() < end
    }

    fn found(&self, key: &SessionKey) -> Option<StoredSession> {
        let state = self.state();
        let found = state.sessions.get(&self.key(key)).map(|kept| kept.session.clone());
        found.filter(|session| self.is_alive(session))
    }

    fn is_named(&self, kept: &Kept, issuer: &str, ended: &Ended) -> bool {
        let (name, asked) = match ended {
            Ended::Session(id) => (&kept.session.session_id, id),
            Ended::Subject(subject) => (&kept.session.subject, subject),
        };
        let same = |name: &String| {
            if self.has(Defect::NamesInAnyCase) { name.eq_ignore_ascii_case(asked) } else { name == asked }
        };
        let of_issuer = kept.session.issuer == issuer || self.has(Defect::AnyIssuer);
        of_issuer && kept.named && name.as_ref().is_some_and(same)
    }

    /// Between looking and doing.
    async fn wait(&self, racy: Defect) {
        if self.has(racy) {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl SessionStore for Broken {
    async fn load(&self, key: &SessionKey) -> Result<Option<StoredSession>, StoreUnavailable> {
        Ok(self.found(key))
    }

    async fn insert(&self, key: &SessionKey, session: &StoredSession) -> Result<(), StoreUnavailable> {
        if self.has(Defect::Talks) {
            tracing::info!("a session {}", session.session_id.as_deref().unwrap_or_default());
        }
        if self.has(Defect::DroppedCallBlocks) && self.busy.swap(true, Ordering::Relaxed) {
            return Err(StoreUnavailable { reason: "busy".to_owned() });
        }
        self.wait(Defect::DroppedCallBlocks).await;
        self.busy.store(false, Ordering::Relaxed);
        let before = self.state().clone();
        self.wait(Defect::LosesWrites).await;
        let mut session = session.clone();
        if self.has(Defect::LosesAnEnd) {
            session.tokens.refresh_ends_at = None;
        }
        let mut state = self.state();
        if self.has(Defect::LosesWrites) {
            *state = before;
        }
        state.sessions.insert(self.key(key), Kept { session, named: true });
        Ok(())
    }

    async fn replace(&self, key: &SessionKey, session: &StoredSession) -> Result<bool, StoreUnavailable> {
        let before = self.found(key);
        let fits = match &before {
            Some(before) => {
                before.version.checked_add(1) == Some(session.version) || self.has(Defect::AnyVersion)
            }
            None => self.has(Defect::BringsBack),
        };
        if !fits {
            return Ok(false);
        }
        self.wait(Defect::ReplacesTwice).await;
        let mut session = session.clone();
        if let Some(before) = before
            && !self.has(Defect::IdleGoesBack)
        {
            session.idle_until = session.idle_until.max(before.idle_until);
        }
        let named = !self.has(Defect::ForgetsNames);
        self.state().sessions.insert(self.key(key), Kept { session, named });
        Ok(true)
    }

    async fn touch(&self, key: &SessionKey, idle_until: UnixTime) -> Result<(), StoreUnavailable> {
        if self.found(key).is_some() && !self.has(Defect::TouchedInVain) {
            let mut state = self.state();
            let kept = state.sessions.get_mut(&self.key(key));
            kept.into_iter().for_each(|kept| kept.session.idle_until = idle_until);
        }
        Ok(())
    }

    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreUnavailable> {
        let there = self.found(key).is_some();
        if !self.has(Defect::Keeps) {
            self.state().sessions.remove(&self.key(key));
        }
        Ok(there)
    }

    async fn remove_all(&self, issuer: &str, ended: &Ended) -> Result<u64, StoreUnavailable> {
        let mut state = self.state();
        let keys = state.sessions.iter().filter(|(_, kept)| self.is_named(kept, issuer, ended));
        let mut keys: Vec<_> = keys.map(|(key, _)| *key).collect();
        if self.has(Defect::OneOfAll) {
            keys.truncate(1);
        }
        let gone = keys.into_iter().filter_map(|key| state.sessions.remove(&key));
        let gone = gone.filter(|kept| self.is_alive(&kept.session)).count();
        Ok(u64::try_from(gone).unwrap() + u64::from(self.has(Defect::CountsTooMany)))
    }

    async fn lease(&self, key: &SessionKey, holder: &str, time: Duration) -> Result<bool, StoreUnavailable> {
        let now = SystemClock.now();
        let free =
            self.state().leases.get(key).is_none_or(|(has, until)| {
                has == holder || (*until <= now && !self.has(Defect::LeasesForEver))
            });
        self.wait(Defect::LeasesTwice).await;
        if free {
            self.state().leases.insert(*key, (holder.to_owned(), now.plus(time)));
        }
        Ok(free)
    }

    async fn release(&self, key: &SessionKey, holder: &str) -> Result<(), StoreUnavailable> {
        let mut state = self.state();
        let has = state.leases.get(key).is_some_and(|(has, _)| has == holder);
        if has || self.has(Defect::GivesBackForOthers) {
            state.leases.remove(key);
        }
        Ok(())
    }
}

#[test]
fn each_clause_about_sessions_catches_what_it_is_for() {
    let defects = [
        (Defect::CountsTooMany, "nothing is there that nobody has put there"),
        (Defect::LosesAnEnd, "what was put there is there, as it was"),
        (Defect::HalfAKey, "sessions are told apart by all of their key"),
        (Defect::Immortal, "when its time is up nothing is left of a session"),
        (Defect::TouchedInVain, "a touch sets how long it lives unused"),
        (Defect::NoEnd, "no touch makes a session live longer than it may"),
        (Defect::AnyVersion, "tokens are replaced by who has seen those before"),
        (Defect::BringsBack, "a replacement brings no session back"),
        (Defect::IdleGoesBack, "a replacement takes no time away from a session"),
        (Defect::ReplacesTwice, "of simultaneous replacements one is made"),
        (Defect::Keeps, "what is removed is gone, and was there once"),
        (Defect::AnyIssuer, "a logout by session ends that session of that issuer only"),
        (Defect::OneOfAll, "a logout by subject ends all of that subject's and no others"),
        (Defect::NamesInAnyCase, "whatever a name is made of, it is only a name"),
        (Defect::ForgetsNames, "a session is found by its names as long as it lives"),
        (Defect::GivesBackForOthers, "one at a time has the lease, until it is given back"),
        (Defect::LeasesForEver, "a lease ends by itself"),
        (Defect::LeasesTwice, "of many who want a lease one gets it"),
        (Defect::LosesWrites, "simultaneous sessions of one subject are all kept, and all ended"),
        (Defect::DroppedCallBlocks, "dropping a call leaves the store in order"),
        (Defect::Talks, "nothing of a session is shown or logged"),
    ];
    let suite = async |defect| contract::session_store(async || Broken::with(Some(defect))).await;
    Clauses::default().all_caught(&defects, suite);
}
