//! Revocations in memory, bounded.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;

use super::marks::Marks;
use super::{Revocation, Revocations, RevocationsUnavailable};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::token::Claims;

/// Revocations of this process: gone when it ends, bounded in number.
///
/// When there is no room left the oldest gives way, and with it every token of that issuer which is as old as it: those
/// have to be fetched anew, and what was revoked stays so.
///
/// # Example
/// ```
/// use kc_core::revocations::{MemoryRevocations, Revocation, Revocations};
/// use kc_core::token::Claims;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kc_core::revocations::RevocationsUnavailable> {
/// let mut claims = Claims::default();
/// claims.issuer = Some("https://kc.example.com/realms/shop".to_owned());
/// claims.session_id = Some("a-session".to_owned());
///
/// let revocations = MemoryRevocations::default();
/// assert!(!revocations.is_revoked(&claims));
/// revocations.revoke("https://kc.example.com/realms/shop", Revocation::Session("a-session".to_owned())).await?;
/// assert!(revocations.is_revoked(&claims));
/// # Ok(()) }
/// ```
pub struct MemoryRevocations {
    issuers: RwLock<Issuers>,
    limit: usize,
    clock: Arc<dyn Clock>,
}

/// Looked at for each request. Whose names are in it was decided by the deployment, not by who sends requests.
type Issuers = HashMap<Box<str>, Arc<OfIssuer>, foldhash::fast::RandomState>;

/// What an issuer's tokens are held against.
#[derive(Default)]
struct OfIssuer {
    not_before: NotBefore,
    /// No older token is taken: what gave way is in here.
    floor: NotBefore,
    /// How many names there are. While there are none, none is looked up.
    names: AtomicUsize,
    sessions: Marks,
    subjects: Marks,
    tokens: Marks,
    /// In the order in which they came. Whoever writes holds it.
    order: Mutex<VecDeque<(Kind, Box<str>, UnixTime)>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Session,
    Subject,
    Token,
}

/// Milliseconds; [`i64::MIN`] is none.
struct NotBefore(AtomicI64);

impl Default for NotBefore {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl NotBefore {
    fn forbids(&self, issued_at: Option<UnixTime>) -> bool {
        let limit = self.0.load(Ordering::Acquire);
        limit != i64::MIN && issued_at.is_none_or(|at| at.as_millis() < limit)
    }

    fn set(&self, time: Option<UnixTime>) {
        self.0.store(time.map_or(i64::MIN, UnixTime::as_millis), Ordering::Release);
    }

    fn raise(&self, time: UnixTime) {
        self.0.fetch_max(time.as_millis(), Ordering::AcqRel);
    }
}

impl MemoryRevocations {
    /// Holds `limit` sessions, users and tokens at most for each issuer. For zero it is one.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { issuers: RwLock::default(), limit: limit.max(1), clock: Arc::new(SystemClock) }
    }

    /// Sets the clock, which says when a session was revoked. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Locked to look an issuer up, and once in its life to put it there.
    fn issuers(&self) -> RwLockReadGuard<'_, Issuers> {
        self.issuers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, issuer: &str) -> Arc<OfIssuer> {
        if let Some(known) = self.issuers().get(issuer) {
            return Arc::clone(known);
        }
        let mut issuers = self.issuers.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(issuers.entry(issuer.into()).or_default())
    }
}

impl Default for MemoryRevocations {
    /// 100 000 for each issuer.
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl OfIssuer {
    fn concerns(&self, claims: &Claims) -> bool {
        let issued_at = claims.issued_at;
        if self.not_before.forbids(issued_at) {
            return true;
        }
        if self.names.load(Ordering::Acquire) == 0 {
            return false;
        }
        let named = |marks: &Marks, name: &Option<String>| name.as_deref().and_then(|name| marks.get(name));
        named(&self.sessions, &claims.session_id).is_some()
            || named(&self.tokens, &claims.id).is_some()
            || named(&self.subjects, &claims.subject)
                .is_some_and(|until| issued_at.is_none_or(|at| at <= until))
            // Last: whose name gave way just before it was looked for is under the floor by now.
            || self.floor.forbids(issued_at)
    }

    fn marks(&self, kind: Kind) -> &Marks {
        match kind {
            Kind::Session => &self.sessions,
            Kind::Subject => &self.subjects,
            Kind::Token => &self.tokens,
        }
    }

    fn put(&self, kind: Kind, name: &str, time: UnixTime, limit: usize) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        order.push_back((kind, name.into(), time));
        self.marks(kind).put(name, time);
        // Before the first name can be looked for it is there.
        self.names.fetch_add(1, Ordering::AcqRel);
        while order.len() > limit {
            let Some((kind, name, time)) = order.pop_front() else { break };
            // First the floor, so that there is no moment at which the tokens are good: readers look there last.
            self.floor.raise(UnixTime::from_millis(time.as_millis().saturating_add(1)));
            self.marks(kind).remove(&name, time);
        }
    }
}

#[async_trait]
impl Revocations for MemoryRevocations {
    fn is_revoked(&self, claims: &Claims) -> bool {
        let issuers = self.issuers();
        let issuer = claims.issuer.as_deref().and_then(|issuer| issuers.get(issuer));
        issuer.is_some_and(|issuer| issuer.concerns(claims))
    }

    async fn revoke(&self, issuer: &str, revocation: Revocation) -> Result<(), RevocationsUnavailable> {
        let of_issuer = self.of(issuer);
        let now = self.clock.now();
        match revocation {
            Revocation::NotBefore(time) => of_issuer.not_before.set(time),
            Revocation::Session(sid) => of_issuer.put(Kind::Session, &sid, now, self.limit),
            Revocation::Subject { subject, until } => {
                of_issuer.put(Kind::Subject, &subject, until, self.limit);
            }
            Revocation::Token(id) => of_issuer.put(Kind::Token, &id, now, self.limit),
        }
        Ok(())
    }
}

/// How many, not whose.
impl fmt::Debug for MemoryRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers = self.issuers();
        let counts: HashMap<_, _> = issuers
            .iter()
            .map(|(issuer, of)| (issuer, of.order.lock().unwrap_or_else(PoisonError::into_inner).len()))
            .collect();
        f.debug_struct("MemoryRevocations").field("issuers", &counts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FakeClock;

    const ISSUER: &str = "http://kc/realms/a";
    const NOW: i64 = 1_795_310_500;

    fn claims(sid: &str, subject: &str, id: &str, issued_at: i64) -> Claims {
        Claims {
            issuer: Some(ISSUER.to_owned()),
            session_id: Some(sid.to_owned()),
            subject: Some(subject.to_owned()),
            id: Some(id.to_owned()),
            issued_at: Some(UnixTime::from_secs(issued_at)),
            ..Claims::default()
        }
    }

    fn memory(limit: usize) -> (MemoryRevocations, Arc<FakeClock>) {
        let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
        (MemoryRevocations::new(limit).clock(Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    #[tokio::test]
    async fn a_session_is_revoked_whenever_its_tokens_were_issued() {
        let (memory, _) = memory(10);
        memory.revoke(ISSUER, Revocation::Session("s".to_owned())).await.unwrap();
        assert!(memory.is_revoked(&claims("s", "u", "j", NOW - 100)));
        assert!(memory.is_revoked(&claims("s", "u", "j", NOW + 100)));
        assert!(!memory.is_revoked(&claims("t", "u", "j", NOW - 100)));
        let other = Claims { issuer: Some("http://kc/realms/b".to_owned()), ..claims("s", "u", "j", NOW) };
        assert!(!memory.is_revoked(&other), "a session of another realm is another session");
        assert!(!memory.is_revoked(&Claims { session_id: None, ..claims("s", "u", "j", NOW) }));
    }

    #[tokio::test]
    async fn a_user_is_revoked_until_then_and_no_longer() {
        let (memory, _) = memory(10);
        let until = UnixTime::from_secs(NOW);
        let revocation = Revocation::Subject { subject: "u".to_owned(), until };
        memory.revoke(ISSUER, revocation).await.unwrap();
        assert!(memory.is_revoked(&claims("s", "u", "j", NOW - 1)));
        assert!(memory.is_revoked(&claims("s", "u", "j", NOW)));
        assert!(!memory.is_revoked(&claims("s", "u", "j", NOW + 1)));
        assert!(!memory.is_revoked(&claims("s", "v", "j", NOW - 1)));
        assert!(memory.is_revoked(&Claims { issued_at: None, ..claims("s", "u", "j", NOW) }));
        // An earlier revocation that arrives later takes nothing back.
        let earlier = Revocation::Subject { subject: "u".to_owned(), until: UnixTime::from_secs(NOW - 9) };
        memory.revoke(ISSUER, earlier).await.unwrap();
        assert!(memory.is_revoked(&claims("s", "u", "j", NOW)));
    }

    #[tokio::test]
    async fn one_token_is_revoked_by_its_id() {
        let (memory, _) = memory(10);
        memory.revoke(ISSUER, Revocation::Token("j".to_owned())).await.unwrap();
        assert!(memory.is_revoked(&claims("s", "u", "j", NOW)));
        assert!(!memory.is_revoked(&claims("s", "u", "k", NOW)));
    }

    #[tokio::test]
    async fn not_before_concerns_what_is_older_and_can_be_taken_back() {
        let (memory, _) = memory(10);
        memory.revoke(ISSUER, Revocation::NotBefore(Some(UnixTime::from_secs(NOW)))).await.unwrap();
        assert!(memory.is_revoked(&claims("s", "u", "j", NOW - 1)));
        assert!(memory.is_revoked(&Claims { issued_at: None, ..claims("s", "u", "j", NOW) }));
        assert!(!memory.is_revoked(&claims("s", "u", "j", NOW)));
        memory.revoke(ISSUER, Revocation::NotBefore(None)).await.unwrap();
        assert!(!memory.is_revoked(&claims("s", "u", "j", NOW - 1)));
    }

    #[tokio::test]
    async fn what_has_no_room_any_more_stays_revoked() {
        let (memory, clock) = memory(3);
        for n in 0..10 {
            memory.revoke(ISSUER, Revocation::Session(format!("s{n}"))).await.unwrap();
            clock.advance(std::time::Duration::from_secs(10));
        }
        for n in 0..10 {
            let token = claims(&format!("s{n}"), "u", "j", NOW + n * 10 - 1);
            assert!(memory.is_revoked(&token), "session {n}");
        }
        assert!(memory.is_revoked(&claims("innocent", "u", "j", NOW + 60)), "as old as what gave way");
        assert!(!memory.is_revoked(&claims("innocent", "u", "j", NOW + 61)), "younger");
        assert!(format!("{memory:?}").contains(": 3"), "{memory:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_is_confirmed_is_revoked_for_every_reader_from_then_on() {
        let memory = Arc::new(MemoryRevocations::new(100_000));
        let mut writers = Vec::new();
        for writer in 0..4 {
            let memory = Arc::clone(&memory);
            writers.push(tokio::spawn(async move {
                for n in 0..500 {
                    let sid = format!("{writer}-{n}");
                    let issuer = format!("{ISSUER}{}", n % 3);
                    memory.revoke(&issuer, Revocation::Session(sid.clone())).await.unwrap();
                    let token = Claims { issuer: Some(issuer), ..claims(&sid, "u", "j", NOW) };
                    assert!(memory.is_revoked(&token), "{sid}");
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        for writer in 0..4 {
            for n in 0..500 {
                let issuer = format!("{ISSUER}{}", n % 3);
                let sid = format!("{writer}-{n}");
                assert!(memory.is_revoked(&Claims { issuer: Some(issuer), ..claims(&sid, "u", "j", NOW) }));
            }
        }
    }

    /// Readers race with what gives way; in most runs one of them is between its two looks at the right moment.
    #[test]
    fn there_is_no_moment_at_which_what_gives_way_is_good() {
        const ROUNDS: i64 = 20_000;
        let of = OfIssuer::default();
        let token = |n: i64| claims(&format!("s{n}"), "u", "j", NOW + 10 * n);
        let put = |n: i64| of.put(Kind::Session, &format!("s{n}"), UnixTime::from_secs(NOW + 10 * n), 1);
        put(0);
        let newest = AtomicI64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while newest.load(Ordering::Acquire) < ROUNDS {
                        let n = newest.load(Ordering::Acquire);
                        let revoked = token(n);
                        while newest.load(Ordering::Acquire) <= n && n < ROUNDS {
                            assert!(of.concerns(&revoked), "session {n}");
                        }
                    }
                });
            }
            for n in 1..=ROUNDS {
                put(n);
                newest.store(n, Ordering::Release);
            }
        });
    }

    #[test]
    fn debug_names_nobody() {
        let (memory, _) = memory(3);
        let of = memory.of(ISSUER);
        of.put(Kind::Subject, "somebody", UnixTime::from_secs(NOW), 3);
        assert!(!format!("{memory:?}").contains("somebody"));
    }
}
