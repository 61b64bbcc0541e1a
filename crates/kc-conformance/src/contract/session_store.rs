//! The contract of [`SessionStore`].

use std::sync::Arc;
use std::time::Duration;

use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_core::secret::Secret;
use kc_login::session::{Ended, SessionKey, SessionStore, StoredSession, Tokens};

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};
use super::log::heard;

/// Checks a store of sessions: `store` makes one without sessions, each time.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn session_store<S: SessionStore + 'static>(
    store: impl AsyncFn() -> S,
) -> Result<(), ContractBroken> {
    check(async || {
        let store = Arc::new(store().await) as Arc<dyn SessionStore>;
        [Arc::clone(&store), store]
    })
    .await
}

/// Checks a store that replicas share: `stores` makes two replicas' views of one without sessions, each time. What one of them
/// does the other has to know.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn shared_session_store<S: SessionStore + 'static>(
    stores: impl AsyncFn() -> [S; 2],
) -> Result<(), ContractBroken> {
    check(async || stores().await.map(|store| Arc::new(store) as Arc<dyn SessionStore>)).await
}

async fn check(stores: impl AsyncFn() -> [Arc<dyn SessionStore>; 2]) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("SessionStore");
    let make = async || {
        let [store, other] = stores().await;
        Bed { store, other, now: SystemClock.now() }
    };
    trial.clause("nothing is there that nobody has put there", nothing(&make().await)).await;
    trial.clause("what was put there is there, as it was", as_it_was(&make().await)).await;
    trial.clause("sessions are told apart by all of their key", keyed(&make().await)).await;
    trial.clause("when its time is up nothing is left of a session", over(&make().await)).await;
    trial.clause("a touch sets how long it lives unused", touched(&make().await)).await;
    trial.clause("no touch makes a session live longer than it may", ends(&make().await)).await;
    trial.clause("tokens are replaced by who has seen those before", replaced(&make().await)).await;
    trial.clause("a replacement brings no session back", not_back(&make().await)).await;
    trial.clause("a replacement takes no time away from a session", idle_stays(&make().await)).await;
    trial.clause("of simultaneous replacements one is made", one_wins(&make().await)).await;
    trial.clause("what is removed is gone, and was there once", removed(&make().await)).await;
    trial
        .clause("a logout by session ends that session of that issuer only", by_session(&make().await))
        .await;
    trial
        .clause("a logout by subject ends all of that subject's and no others", by_subject(&make().await))
        .await;
    trial.clause("whatever a name is made of, it is only a name", names(&make().await)).await;
    trial.clause("a session is found by its names as long as it lives", still_named(&make().await)).await;
    trial.clause("one at a time has the lease, until it is given back", leased(&make().await)).await;
    trial.clause("a lease ends by itself", lease_ends(&make().await)).await;
    trial.clause("of many who want a lease one gets it", one_lease(&make().await)).await;
    trial
        .clause("simultaneous sessions of one subject are all kept, and all ended", many(&make().await))
        .await;
    trial.clause("dropping a call leaves the store in order", dropped(&make().await)).await;
    trial.clause("nothing of a session is shown or logged", silent(&make().await)).await;
    trial.end()
}

struct Bed {
    /// Changes are made here …
    store: Arc<dyn SessionStore>,
    /// … and looked at here.
    other: Arc<dyn SessionStore>,
    now: UnixTime,
}

const ISSUER: &str = "https://kc.example.com/realms/kc-contract";
const ACCESS_TOKEN: &str = "kc-contract-access-token";
const REFRESH_TOKEN: &str = "kc-contract-refresh-token";
const ID_TOKEN: &str = "kc-contract-id-token";
/// How short a session or a lease lives where its end is waited for.
const SHORT: Duration = Duration::from_millis(800);
/// By when it is over for sure.
const LATER: Duration = Duration::from_millis(1500);

fn key(number: usize) -> SessionKey {
    let mut bytes = [0xA5; 32];
    if let Some(last) = bytes.last_chunk_mut() {
        *last = number.to_be_bytes();
    }
    SessionKey::from_bytes(bytes)
}

impl Bed {
    /// A session that began now and lives for hours.
    fn session(&self, session_id: &str, subject: &str) -> StoredSession {
        let at = |secs| self.now.plus(Duration::from_secs(secs));
        StoredSession {
            issuer: ISSUER.to_owned(),
            subject: Some(subject.to_owned()),
            username: Some("alice".to_owned()),
            session_id: Some(session_id.to_owned()),
            tokens: Tokens {
                access_token: Secret::new(ACCESS_TOKEN),
                access_ends_at: at(300),
                refresh_from: at(270),
                refresh_token: Some(Secret::new(REFRESH_TOKEN)),
                refresh_ends_at: Some(at(1800)),
                id_token: Secret::new(ID_TOKEN),
            },
            started_at: self.now,
            ends_at: at(36_000),
            idle_until: at(1800),
            version: 0,
        }
    }

    /// What is left of the bed's time is counted from now: clauses wait.
    fn soon(&self) -> UnixTime {
        SystemClock.now().plus(SHORT)
    }

    async fn insert(&self, number: usize, session: &StoredSession) -> Held {
        self.store.insert(&key(number), session).await.map_err(|error| error.to_string())
    }

    async fn load(&self, number: usize) -> Result<Option<StoredSession>, String> {
        self.other.load(&key(number)).await.map_err(|error| error.to_string())
    }

    async fn replace(&self, number: usize, session: &StoredSession) -> Result<bool, String> {
        self.store.replace(&key(number), session).await.map_err(|error| error.to_string())
    }

    async fn touch(&self, number: usize, idle_until: UnixTime) -> Held {
        self.store.touch(&key(number), idle_until).await.map_err(|error| error.to_string())
    }

    async fn remove(&self, number: usize) -> Result<bool, String> {
        self.store.remove(&key(number)).await.map_err(|error| error.to_string())
    }

    async fn remove_all(&self, issuer: &str, ended: Ended) -> Result<u64, String> {
        self.store.remove_all(issuer, &ended).await.map_err(|error| error.to_string())
    }

    async fn is_there(&self, number: usize, what: &str) -> Held {
        hold(self.load(number).await?.is_some(), || format!("{what} is not there"))
    }

    async fn is_gone(&self, number: usize, what: &str) -> Held {
        hold(self.load(number).await?.is_none(), || format!("{what} is there"))
    }

    async fn ends(&self, issuer: &str, ended: Ended, expected: u64, what: &str) -> Held {
        let gone = self.remove_all(issuer, ended).await?;
        hold(gone == expected, || format!("{what} ended {gone} sessions, not {expected}"))
    }

    async fn lease(&self, by: &Arc<dyn SessionStore>, holder: &str, time: Duration) -> Result<bool, String> {
        by.lease(&key(1), holder, time).await.map_err(|error| error.to_string())
    }
}

fn session_id(id: &str) -> Ended {
    Ended::Session(id.to_owned())
}

fn subject(subject: &str) -> Ended {
    Ended::Subject(subject.to_owned())
}

fn same(found: Option<&StoredSession>, expected: &StoredSession) -> Held {
    // `Debug` of a session shows no token.
    hold(found == Some(expected), || {
        format!("instead of {expected:?} there is {found:?}, or its tokens differ")
    })
}

async fn nothing(bed: &Bed) -> Held {
    bed.is_gone(1, "a session that nobody has put there").await?;
    hold(!bed.remove(1).await?, || "`remove` says that it was there".to_owned())?;
    bed.ends(ISSUER, session_id("s"), 0, "a logout by session").await?;
    bed.ends(ISSUER, subject("u"), 0, "a logout by subject").await?;
    bed.touch(1, bed.now.plus(Duration::from_secs(60))).await?;
    let next = StoredSession { version: 1, ..bed.session("s", "u") };
    hold(!bed.replace(1, &next).await?, || "`replace` says that it has replaced it".to_owned())?;
    bed.store.release(&key(1), "a").await.map_err(|error| error.to_string())?;
    bed.is_gone(1, "a session that nobody has inserted").await
}

async fn as_it_was(bed: &Bed) -> Held {
    let full = bed.session("s", "u");
    bed.insert(1, &full).await?;
    same(bed.load(1).await?.as_ref(), &full)?;
    same(bed.load(1).await?.as_ref(), &full)?;
    let mut bare = bed.session("", "");
    (bare.subject, bare.username, bare.session_id) = (None, None, None);
    (bare.tokens.refresh_token, bare.tokens.refresh_ends_at) = (None, None);
    bed.insert(2, &bare).await?;
    same(bed.load(2).await?.as_ref(), &bare)?;
    let mut big = bed.session("\u{0} \"\\ é 漢\n", "u");
    big.tokens.access_token = Secret::new("x".repeat(48 * 1024));
    big.version = 7;
    bed.insert(3, &big).await?;
    same(bed.load(3).await?.as_ref(), &big)?;
    same(bed.load(1).await?.as_ref(), &full)
}

async fn keyed(bed: &Bed) -> Held {
    bed.insert(1, &bed.session("s", "u")).await?;
    for place in [0, 15, 31] {
        let mut near = *key(1).as_bytes();
        if let Some(byte) = near.get_mut(place) {
            *byte ^= 0x80;
        }
        let found = bed.other.load(&SessionKey::from_bytes(near)).await.map_err(|error| error.to_string())?;
        hold(found.is_none(), || format!("it is there under a key that differs in byte {place}"))?;
    }
    Ok(())
}

async fn over(bed: &Bed) -> Held {
    let idle = StoredSession { idle_until: bed.soon(), ..bed.session("s", "u") };
    let ending = StoredSession { ends_at: bed.soon(), ..bed.session("s", "u") };
    for (number, session) in [(1, &idle), (2, &ending), (3, &idle), (4, &ending)] {
        bed.insert(number, session).await?;
        bed.is_there(number, "a session whose time is not up").await?;
    }
    tokio::time::sleep(LATER).await;
    bed.is_gone(1, "a session that nobody has used in time").await?;
    bed.is_gone(2, "a session whose end has come").await?;
    hold(!bed.remove(3).await?, || "`remove` says that one whose time is up was there".to_owned())?;
    let next = StoredSession { version: 1, ..bed.session("s", "u") };
    hold(!bed.replace(4, &next).await?, || "one whose time is up was replaced".to_owned())?;
    bed.touch(1, bed.now.plus(Duration::from_secs(60))).await?;
    bed.is_gone(1, "a session that was touched after its time was up").await?;
    bed.ends(ISSUER, session_id("s"), 0, "a logout, after the time of all was up,").await
}

async fn touched(bed: &Bed) -> Held {
    let session = StoredSession { idle_until: bed.soon(), ..bed.session("s", "u") };
    for number in 1..=3 {
        bed.insert(number, &session).await?;
    }
    let longer = bed.now.plus(Duration::from_secs(600));
    bed.touch(1, longer).await?;
    same(bed.load(1).await?.as_ref(), &StoredSession { idle_until: longer, ..session.clone() })?;
    bed.touch(3, longer).await?;
    bed.touch(3, bed.soon()).await?;
    tokio::time::sleep(LATER).await;
    bed.is_there(1, "a session that was touched in time").await?;
    bed.is_gone(2, "one that was not touched").await?;
    bed.is_gone(3, "one that was touched to live shorter again").await
}

async fn ends(bed: &Bed) -> Held {
    let session = StoredSession { ends_at: bed.soon(), ..bed.session("s", "u") };
    bed.insert(1, &session).await?;
    bed.touch(1, bed.now.plus(Duration::from_secs(100_000))).await?;
    bed.is_there(1, "a session that was touched").await?;
    tokio::time::sleep(LATER).await;
    bed.is_gone(1, "a session that was touched beyond its end, after that").await
}

async fn replaced(bed: &Bed) -> Held {
    bed.insert(1, &bed.session("s", "u")).await?;
    for version in [0, 2, 3, u64::MAX] {
        let wrong = StoredSession { version, ..bed.session("t", "v") };
        hold(!bed.replace(1, &wrong).await?, || format!("version {version} has replaced version 0"))?;
    }
    same(bed.load(1).await?.as_ref(), &bed.session("s", "u"))?;
    for version in 1..=12 {
        let mut next = StoredSession { version, ..bed.session("s", "u") };
        next.tokens.access_token = Secret::new(format!("access token {version}"));
        hold(bed.replace(1, &next).await?, || format!("version {version} has not replaced the one before"))?;
        same(bed.load(1).await?.as_ref(), &next)?;
        hold(!bed.replace(1, &next).await?, || format!("version {version} has replaced itself"))?;
    }
    Ok(())
}

async fn not_back(bed: &Bed) -> Held {
    bed.insert(1, &bed.session("s", "u")).await?;
    bed.remove(1).await?;
    let next = StoredSession { version: 1, ..bed.session("s", "u") };
    hold(!bed.replace(1, &next).await?, || "a session that was removed has been replaced".to_owned())?;
    bed.is_gone(1, "it").await?;
    bed.insert(2, &bed.session("s", "u")).await?;
    bed.remove_all(ISSUER, session_id("s")).await?;
    hold(!bed.replace(2, &next).await?, || "a session that was logged out has been replaced".to_owned())?;
    bed.is_gone(2, "it").await
}

async fn idle_stays(bed: &Bed) -> Held {
    let session = bed.session("s", "u");
    bed.insert(1, &session).await?;
    let later = bed.now.plus(Duration::from_secs(3000));
    bed.touch(1, later).await?;
    // Whoever got new tokens has loaded the session before it was touched.
    let next = StoredSession { version: 1, ..session.clone() };
    hold(bed.replace(1, &next).await?, || "it was not replaced".to_owned())?;
    same(bed.load(1).await?.as_ref(), &StoredSession { idle_until: later, ..next })?;
    let latest = bed.now.plus(Duration::from_secs(4000));
    let last = StoredSession { version: 2, idle_until: latest, ..session };
    hold(bed.replace(1, &last).await?, || "it was not replaced again".to_owned())?;
    same(bed.load(1).await?.as_ref(), &last)
}

async fn one_wins(bed: &Bed) -> Held {
    bed.insert(1, &bed.session("s", "u")).await?;
    for version in 1..=5 {
        let won = at_once(16, |number| {
            let store = Arc::clone(if number % 2 == 0 { &bed.store } else { &bed.other });
            let mut next = StoredSession { version, ..bed.session("s", "u") };
            next.tokens.access_token = Secret::new(format!("of number {number}"));
            async move { (store.replace(&key(1), &next).await, next) }
        })
        .await?;
        let won: Vec<_> = won.into_iter().filter(|(outcome, _)| *outcome == Ok(true)).collect();
        hold(won.len() == 1, || format!("{} of 16 have replaced version {}", won.len(), version - 1))?;
        let found = bed.load(1).await?;
        won.first().map_or(Ok(()), |(_, next)| same(found.as_ref(), next))?;
    }
    Ok(())
}

async fn removed(bed: &Bed) -> Held {
    bed.insert(1, &bed.session("s", "u")).await?;
    bed.insert(2, &bed.session("s", "u")).await?;
    hold(bed.remove(1).await?, || "`remove` says that it was not there".to_owned())?;
    bed.is_gone(1, "a session that was removed").await?;
    hold(!bed.remove(1).await?, || "`remove` says that it was there a second time".to_owned())?;
    bed.is_there(2, "another one").await?;
    bed.ends(ISSUER, session_id("s"), 1, "a logout of one that was removed and one that was not").await
}

async fn by_session(bed: &Bed) -> Held {
    for (number, id, subject) in [(1, "a", "u"), (2, "b", "u"), (3, "a", "v")] {
        bed.insert(number, &bed.session(id, subject)).await?;
    }
    let elsewhere = StoredSession { issuer: format!("{ISSUER}2"), ..bed.session("a", "u") };
    bed.insert(4, &elsewhere).await?;
    bed.ends(ISSUER, session_id("a"), 2, "a logout of two").await?;
    bed.is_gone(1, "the first").await?;
    bed.is_gone(3, "the second").await?;
    bed.is_there(2, "one with another session id").await?;
    bed.is_there(4, "one of another issuer").await?;
    bed.ends(ISSUER, session_id("a"), 0, "the same logout once more").await
}

async fn by_subject(bed: &Bed) -> Held {
    for (number, id, subject) in [(1, "a", "u"), (2, "b", "u"), (3, "c", "v")] {
        bed.insert(number, &bed.session(id, subject)).await?;
    }
    let nobody = StoredSession { subject: None, session_id: None, ..bed.session("", "") };
    bed.insert(4, &nobody).await?;
    let elsewhere = StoredSession { issuer: format!("{ISSUER}2"), ..bed.session("a", "u") };
    bed.insert(5, &elsewhere).await?;
    bed.ends(ISSUER, subject("u"), 2, "a logout of somebody with two sessions").await?;
    bed.is_gone(1, "the first").await?;
    bed.is_gone(2, "the second").await?;
    bed.is_there(3, "somebody else's").await?;
    bed.is_there(5, "one of another issuer").await?;
    bed.ends(ISSUER, subject(""), 0, "a logout of the subject without a name").await?;
    bed.ends(ISSUER, session_id(""), 0, "a logout of the session without a name").await?;
    bed.is_there(4, "one that has no names").await
}

async fn names(bed: &Bed) -> Held {
    let all = ["x", "X", "x ", " x", "x:y", "x*", "x\n", "é", "e\u{301}", "", "%78"];
    for (number, name) in all.into_iter().enumerate() {
        bed.insert(number, &bed.session(name, &format!("of {number}"))).await?;
    }
    // A subject is no session, and an issuer ends where it ends.
    bed.insert(100, &bed.session("other", "x")).await?;
    bed.insert(101, &StoredSession { issuer: format!("{ISSUER}x"), ..bed.session("", "") }).await?;
    bed.insert(102, &StoredSession { issuer: format!("{ISSUER}:x"), ..bed.session("y", "y") }).await?;
    for (number, name) in all.into_iter().enumerate() {
        bed.ends(ISSUER, session_id(name), 1, &format!("a logout of {name:?}")).await?;
        bed.is_gone(number, "it").await?;
    }
    for number in [100, 101, 102] {
        bed.is_there(number, "one with another name").await?;
    }
    Ok(())
}

async fn still_named(bed: &Bed) -> Held {
    let short = StoredSession { idle_until: bed.soon(), ..bed.session("s", "u") };
    for number in 1..=4 {
        bed.insert(number, &short).await?;
    }
    bed.touch(1, bed.now.plus(Duration::from_secs(600))).await?;
    let next = StoredSession { version: 1, ..bed.session("s", "u") };
    hold(bed.replace(2, &next).await?, || "it was not replaced".to_owned())?;
    let renamed = StoredSession { version: 1, ..bed.session("t", "u") };
    hold(bed.replace(3, &renamed).await?, || "it was not replaced by one with another name".to_owned())?;
    tokio::time::sleep(LATER).await;
    bed.ends(ISSUER, session_id("t"), 1, "a logout by the name that a replacement has brought").await?;
    bed.ends(ISSUER, session_id("s"), 2, "a logout of one that was touched, one replaced, and one over")
        .await?;
    bed.is_gone(1, "the one that was touched").await?;
    bed.is_gone(2, "the one that was replaced").await
}

async fn leased(bed: &Bed) -> Held {
    let hour = Duration::from_secs(3600);
    let (here, there) = (&bed.store, &bed.other);
    hold(bed.lease(here, "a", hour).await?, || "a lease that nobody has is not given".to_owned())?;
    hold(!bed.lease(there, "b", hour).await?, || "two have the lease".to_owned())?;
    hold(bed.lease(here, "a", hour).await?, || "a lease is not renewed".to_owned())?;
    there.release(&key(1), "b").await.map_err(|error| error.to_string())?;
    hold(!bed.lease(there, "b", hour).await?, || "a lease was given back by who did not have it".to_owned())?;
    let elsewhere = there.lease(&key(2), "b", hour).await.map_err(|error| error.to_string())?;
    hold(elsewhere, || "the lease on one session keeps others from that on another".to_owned())?;
    here.release(&key(1), "a").await.map_err(|error| error.to_string())?;
    hold(bed.lease(there, "b", hour).await?, || "a lease that was given back is not given".to_owned())?;
    // The refresh that a lease is for may find the session gone.
    bed.insert(1, &bed.session("s", "u")).await?;
    bed.remove(1).await?;
    hold(!bed.lease(here, "a", hour).await?, || "a lease went away with its session".to_owned())
}

async fn lease_ends(bed: &Bed) -> Held {
    hold(bed.lease(&bed.store, "a", SHORT).await?, || "a lease is not given".to_owned())?;
    hold(!bed.lease(&bed.other, "b", SHORT).await?, || "two have the lease".to_owned())?;
    tokio::time::sleep(LATER).await;
    hold(bed.lease(&bed.other, "b", SHORT).await?, || "a lease that has run out is not given".to_owned())?;
    hold(bed.lease(&bed.other, "b", LATER * 4).await?, || "a lease is not renewed".to_owned())?;
    tokio::time::sleep(LATER).await;
    hold(!bed.lease(&bed.store, "a", SHORT).await?, || {
        "a lease that was renewed runs out as before".to_owned()
    })
}

async fn one_lease(bed: &Bed) -> Held {
    let got = at_once(32, |number| {
        let store = Arc::clone(if number % 2 == 0 { &bed.store } else { &bed.other });
        async move { store.lease(&key(1), &format!("holder {number}"), LATER * 60).await }
    })
    .await?;
    let got = got.into_iter().filter(|outcome| *outcome == Ok(true)).count();
    hold(got == 1, || format!("{got} of 32 have got the lease"))
}

async fn many(bed: &Bed) -> Held {
    let done = at_once(64, |number| {
        let store = Arc::clone(if number % 2 == 0 { &bed.store } else { &bed.other });
        let session = bed.session(&format!("s{number}"), "u");
        async move { store.insert(&key(number), &session).await.is_ok() }
    })
    .await?;
    hold(done.into_iter().all(|done| done), || "not all of 64 were kept".to_owned())?;
    for number in 0..64 {
        bed.is_there(number, &format!("number {number} of 64")).await?;
    }
    bed.ends(ISSUER, subject("u"), 64, "a logout of somebody with 64 sessions").await?;
    for number in 0..64 {
        bed.is_gone(number, &format!("number {number} of 64")).await?;
    }
    Ok(())
}

async fn dropped(bed: &Bed) -> Held {
    let session = bed.session("s", "u");
    for turns in 1..6 {
        given_up_after(turns, bed.store.insert(&key(turns), &session)).await;
        given_up_after(turns, bed.store.touch(&key(turns), bed.now.plus(Duration::from_secs(900)))).await;
        given_up_after(turns, bed.store.lease(&key(turns), "a", LATER)).await;
        given_up_after(turns, bed.store.load(&key(turns))).await;
    }
    bed.insert(9, &session).await?;
    let next = StoredSession { version: 1, ..session.clone() };
    given_up_after(1, bed.store.replace(&key(9), &next)).await;
    // Given up, it may still be under way.
    tokio::time::sleep(SHORT).await;
    let found = bed.load(9).await?;
    hold(found.as_ref() == Some(&session) || found.as_ref() == Some(&next), || {
        format!("after a replacement that was given up there is {found:?}")
    })?;
    let mut there = 0;
    for number in (1..6).chain([9]) {
        there += u64::from(bed.load(number).await?.is_some());
    }
    bed.ends(ISSUER, session_id("s"), there, "a logout of those that are there").await
}

async fn silent(bed: &Bed) -> Held {
    let (done, logged) = heard(async {
        bed.insert(1, &bed.session("the-session-id", "the-subject")).await?;
        let next = StoredSession { version: 1, ..bed.session("the-session-id", "the-subject") };
        bed.replace(1, &next).await?;
        bed.load(1).await?;
        bed.remove_all(ISSUER, subject("the-subject")).await
    })
    .await;
    done?;
    let shown = format!("{:?} {:#?} {logged}", bed.store, bed.other);
    for text in [ACCESS_TOKEN, REFRESH_TOKEN, ID_TOKEN, "the-session-id", "the-subject", &key(1).to_string()]
    {
        hold(!shown.contains(text), || format!("{text} is shown or logged"))?;
    }
    Ok(())
}
