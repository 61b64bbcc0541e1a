//! Keys fetched from the realm's JWKS endpoint.
//!
//! # The state machine
//!
//! What is held has an age. `ttl` (1 h), `max_stale` (24 h) and `cooldown` (10 s) are [`RemoteKeysOptions`].
//!
//! | state | `current` | what else happens |
//! | --- | --- | --- |
//! | fresh: age < ¾ ttl (jittered) | the keys | nothing |
//! | ageing: ¾ ttl ≤ age < ttl | the keys | one fetch in the background |
//! | stale: ttl ≤ age < ttl + `max_stale` | the keys | one fetch in the background; failures back off |
//! | too old, or nothing held | none | `refresh` waits for one shared fetch; at most one a second |
//!
//! An unknown `kid` asks for one shared fetch, at most one per `cooldown`; between two of them the answer is what the
//! last fetch gave: the set that still lacks the key, or "not available" if that fetch failed. The first fetch and the
//! prefetch do not start the cool-down.
//!
//! A fetch runs in a task of its own: dropping a request that waits for it changes nothing. A fetch that fails, or
//! brings a document without a usable key, changes nothing either. A good one replaces all keys at once, so that a
//! key which Keycloak no longer lists is dead. The same keys in another order are the same set.

mod fetch;
mod health;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Uri;
use tokio::sync::watch;
use tokio::time::Instant;

use self::fetch::{Failure, Fetch};
pub(crate) use self::health::Holding;
pub use self::health::KeyHealth;
use super::jwk::{self, ParsedJwks};
use super::set::KeySet;
use super::{KeySource, KeysUnavailable, Refresh};
use crate::telemetry;
use crate::trace_context::carried;
use crate::transport::Transport;

/// Bounds of [`RemoteKeys`].
#[derive(Clone, Copy, Debug)]
pub struct RemoteKeysOptions {
    /// How long fetched keys are fresh. Default 1 h.
    pub ttl: Duration,
    /// How long after that they still serve while the server cannot be asked. Default 24 h.
    pub max_stale: Duration,
    /// The least time between two fetches that unknown key ids cause. Default 10 s.
    pub cooldown: Duration,
    /// For a whole fetch, whatever the transport does. Default 5 s.
    pub timeout: Duration,
}

impl Default for RemoteKeysOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(3600),
            max_stale: Duration::from_secs(24 * 3600),
            cooldown: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
        }
    }
}

/// A [`KeySource`] that asks a JWKS endpoint (RFC 7517 §5). Needs a Tokio runtime.
///
/// When it asks is said in [`KeySource`], and in the table at the head of the source file.
///
/// # Example
/// ```
/// # #[cfg(feature = "reqwest")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use kc_core::keys::{RemoteKeys, RemoteKeysOptions};
/// use kc_core::transport::{ReqwestTransport, TransportOptions};
/// use kc_core::validator::JwtValidator;
///
/// let transport = Arc::new(ReqwestTransport::new(TransportOptions::default())?);
/// let uri = "https://kc.example.com/realms/shop/protocol/openid-connect/certs".parse()?;
/// let keys = RemoteKeys::new(transport, uri, RemoteKeysOptions::default());
/// keys.prefetch().await?;
/// let validator = JwtValidator::builder("https://kc.example.com/realms/shop", ["api"], Arc::new(keys)).build();
/// # let _ = validator;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RemoteKeys {
    shared: Arc<Shared>,
}

struct Shared {
    transport: Arc<dyn Transport>,
    uri: Uri,
    options: RemoteKeysOptions,
    /// Locked to look at it, and to put another one in its place.
    held: RwLock<Option<Arc<Held>>>,
    control: Mutex<Control>,
}

/// The last good fetch.
struct Held {
    set: Arc<KeySet>,
    fingerprint: Vec<String>,
    fetched_at: Instant,
    /// When to fetch again, a little before the TTL ends, not at the same moment on every replica.
    renew_at: Instant,
    /// From when on they serve no more.
    dead_at: Instant,
}

/// When and why we last asked.
#[derive(Default)]
struct Control {
    /// As metrics name it.
    realm: String,
    in_flight: Option<InFlight>,
    /// Of the last fetch.
    number: u64,
    /// The start of the last fetch for an unknown key.
    asked_for_unknown: Option<Instant>,
    /// The start of the last fetch.
    asked: Option<Instant>,
    /// Why the last fetch failed; `None` if it was good.
    last_failure: Option<Failure>,
    failures_in_a_row: u32,
    /// Not before this in the background.
    background_from: Option<Instant>,
}

#[derive(Clone)]
struct InFlight {
    done: watch::Receiver<bool>,
    number: u64,
    for_unknown: bool,
    /// Nobody waits longer: the runtime that the task runs on may be dead, blocked, or driven no more.
    given_up_at: Instant,
}

/// With no key at all, and with a TTL shorter than this: the least time between two fetches.
const KEYLESS_INTERVAL: Duration = Duration::from_secs(1);

/// What a fetch gets beyond its timeout before it is believed dead.
const GRACE: Duration = Duration::from_secs(1);

/// Failures in the background back off from this, doubled each time, to [`MAX_BACKOFF`].
const MIN_BACKOFF: Duration = Duration::from_secs(5);
const MAX_BACKOFF: Duration = Duration::from_secs(300);

impl RemoteKeys {
    /// A source that holds nothing yet and asks `uri` when it has to.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, uri: Uri, options: RemoteKeysOptions) -> Self {
        let realm = telemetry::realm(&uri).to_owned();
        let control = Mutex::new(Control { realm, ..Control::default() });
        Self { shared: Arc::new(Shared { transport, uri, options, held: RwLock::default(), control }) }
    }

    /// Asks now, so that the first request need not wait.
    ///
    /// # Errors
    /// [`KeysUnavailable`] when the server could not be asked: a warning to most, the end of the start for those who
    /// want it strict. Requests ask again.
    pub async fn prefetch(&self) -> Result<(), KeysUnavailable> {
        let waiting = {
            let mut control = self.shared.lock();
            self.shared.join_or_start(&mut control, false)
        };
        self.shared.wait(waiting).await.map(drop)
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.shared.with_current(|held| Arc::clone(&held.set))
    }

    fn generation(&self) -> Option<u64> {
        self.shared.with_current(|held| held.set.generation())
    }

    async fn refresh(&self, why: Refresh<'_>) -> Result<Arc<KeySet>, KeysUnavailable> {
        match why {
            Refresh::NoKeys => self.shared.refresh_without_keys().await,
            Refresh::UnknownKey { kid, generation } => self.shared.refresh_for_unknown(kid, generation).await,
        }
    }
}

impl Shared {
    /// The lock is held for a few assignments and never across an await; a panic in between leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> RwLockReadGuard<'_, Option<Arc<Held>>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what serves, and sees to it that it is renewed in time. This is done for each request.
    fn with_current<T>(self: &Arc<Self>, look: impl FnOnce(&Held) -> T) -> Option<T> {
        let now = Instant::now();
        let (seen, ages) = {
            let held = self.held();
            let held = held.as_ref().filter(|held| now < held.dead_at)?;
            (look(held), now >= held.renew_at)
        };
        if ages {
            self.renew_in_background();
        }
        Some(seen)
    }

    fn serving(&self) -> Option<Arc<Held>> {
        self.held().clone().filter(|held| Instant::now() < held.dead_at)
    }

    async fn refresh_without_keys(self: &Arc<Self>) -> Result<Arc<KeySet>, KeysUnavailable> {
        let waiting = {
            let mut control = self.lock();
            if let Some(held) = self.serving() {
                return Ok(Arc::clone(&held.set));
            }
            if control.running().is_none()
                && let Some(left) = left_of(control.asked, KEYLESS_INTERVAL)
            {
                return Err(control.unavailable(left));
            }
            self.join_or_start(&mut control, false)
        };
        self.wait(waiting).await
    }

    async fn refresh_for_unknown(
        self: &Arc<Self>,
        kid: Option<&str>,
        generation: u64,
    ) -> Result<Arc<KeySet>, KeysUnavailable> {
        // Twice: a fetch that was under way for another reason may have been answered before the key existed.
        for _ in 0..2 {
            let waiting = {
                let mut control = self.lock();
                let held = self.serving();
                if let Some(held) =
                    held.filter(|held| held.set.generation() != generation && knows(&held.set, kid))
                {
                    return Ok(Arc::clone(&held.set));
                }
                if control.running().is_none()
                    && let Some(left) = left_of(control.asked_for_unknown, self.options.cooldown)
                {
                    return self.outcome(&control, left);
                }
                self.join_or_start(&mut control, true)
            };
            let for_unknown = waiting.for_unknown;
            let set = self.wait(waiting).await?;
            if for_unknown || knows(&set, kid) {
                return Ok(set);
            }
        }
        let control = self.lock();
        self.outcome(&control, KEYLESS_INTERVAL)
    }

    fn renew_in_background(self: &Arc<Self>) {
        // Whoever holds the lock is about to see to it; no request waits for that.
        let mut control = match self.control.try_lock() {
            Ok(control) => control,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // In this order: a fetch that is found dead puts the next one off.
        if control.running().is_some()
            || control.background_from.is_some_and(|from| Instant::now() < from)
            || tokio::runtime::Handle::try_current().is_err()
        {
            return;
        }
        drop(self.join_or_start(&mut control, false));
    }

    /// The running fetch, or a new one.
    fn join_or_start(self: &Arc<Self>, control: &mut Control, for_unknown: bool) -> InFlight {
        if let Some(running) = control.running() {
            return running;
        }
        let now = Instant::now();
        control.asked = Some(now);
        if for_unknown {
            control.asked_for_unknown = Some(now);
        }
        let (tell, done) = watch::channel(false);
        control.number += 1;
        let number = control.number;
        let given_up_at = later(now, self.options.timeout.saturating_add(GRACE));
        let in_flight = InFlight { done, number, for_unknown, given_up_at };
        control.in_flight = Some(in_flight.clone());
        // The task owns what it needs, and not the source: when nobody holds that any more, it has nobody to tell.
        let fetch = Fetch {
            transport: Arc::clone(&self.transport),
            uri: self.uri.clone(),
            timeout: self.options.timeout,
        };
        let source = Arc::downgrade(self);
        tokio::spawn(carried(async move {
            let result = fetch.run().await;
            if let Some(source) = source.upgrade() {
                source.fetched(number, result);
            }
            // The receivers may all be gone; the keys are there for the next.
            let _ = tell.send(true);
        }));
        in_flight
    }

    /// Waits for a fetch to end, however it ends, and no longer than its timeout and [`GRACE`].
    async fn wait(&self, mut waiting: InFlight) -> Result<Arc<KeySet>, KeysUnavailable> {
        // An error means that the task died without a result.
        let ended = async { waiting.done.wait_for(|done| *done).await.is_ok() };
        let ended = tokio::time::timeout_at(waiting.given_up_at, ended).await.unwrap_or(false);
        let mut control = self.lock();
        if !ended && control.is_in_flight(waiting.number) {
            control.failed(Failure::given_up());
        }
        self.outcome(&control, KEYLESS_INTERVAL)
    }

    /// What the last fetch gave.
    fn outcome(&self, control: &Control, retry_after: Duration) -> Result<Arc<KeySet>, KeysUnavailable> {
        match (&control.last_failure, self.serving()) {
            (None, Some(held)) => Ok(Arc::clone(&held.set)),
            _ => Err(control.unavailable(retry_after)),
        }
    }

    fn fetched(&self, number: u64, result: Result<Bytes, Failure>) {
        let parsed = result
            .and_then(|body| jwk::parse(&body).map_err(|error| Failure::new("unusable", error.to_string())));
        let uri = &self.uri;
        let realm = telemetry::realm(uri);
        match &parsed {
            Ok(parsed) => {
                for why in &parsed.left_out {
                    tracing::warn!(target: "kc::keys", "a key of {uri} is left out: {why}");
                }
            }
            Err(Failure { code, reason }) => {
                tracing::warn!(
                    name: "kc.keys.failed",
                    target: "kc::keys",
                    realm,
                    code,
                    "the keys of {uri} were not refreshed: {reason}"
                );
            }
        }
        let new_set = {
            let mut control = self.lock();
            // A fetch that was given up may be older than what another one brought since.
            if !control.is_in_flight(number) {
                return;
            }
            match parsed {
                Ok(parsed) => {
                    control.succeeded();
                    let new_set = self.hold(parsed);
                    telemetry::keys_fetched(realm);
                    telemetry::key_fetch(realm, if new_set.is_some() { "changed" } else { "unchanged" });
                    new_set
                }
                Err(failure) => {
                    control.failed(failure);
                    None
                }
            }
        };
        if let Some(set) = new_set {
            tracing::info!(
                name: "kc.keys.changed",
                target: "kc::keys",
                realm,
                generation = set.generation(),
                "keys of {uri}: {set:?}"
            );
        }
    }

    /// Replaces what is held. The set, if it is not the same as before.
    fn hold(&self, parsed: ParsedJwks) -> Option<Arc<KeySet>> {
        let ParsedJwks { keys, fingerprint, .. } = parsed;
        let before = self.held().clone();
        let (set, is_new) = match &before {
            Some(held) if held.fingerprint == fingerprint => (Arc::clone(&held.set), false),
            _ => {
                let generation = before.as_ref().map_or(1, |held| held.set.generation() + 1);
                (Arc::new(KeySet::new(keys, generation)), true)
            }
        };
        let now = Instant::now();
        let fresh_for = jittered(self.options.ttl.mul_f64(0.75), 0.15).max(KEYLESS_INTERVAL);
        let renew_at = later(now, fresh_for);
        let held = Held {
            set: Arc::clone(&set),
            fingerprint,
            fetched_at: now,
            renew_at,
            dead_at: later(now, self.options.ttl.saturating_add(self.options.max_stale)),
        };
        // What was there is dropped here and not under the lock: `before` holds it.
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(held));
        is_new.then_some(set)
    }
}

impl Control {
    /// The fetch under way. One whose task died, or does not come to an end, is a failed one.
    fn running(&mut self) -> Option<InFlight> {
        let in_flight = self.in_flight.clone()?;
        if in_flight.done.has_changed().is_ok() && Instant::now() < in_flight.given_up_at {
            return Some(in_flight);
        }
        self.failed(Failure::given_up());
        None
    }

    fn is_in_flight(&self, number: u64) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| in_flight.number == number)
    }

    fn succeeded(&mut self) {
        self.in_flight = None;
        self.last_failure = None;
        self.failures_in_a_row = 0;
        self.background_from = None;
    }

    fn failed(&mut self, failure: Failure) {
        telemetry::key_fetch(&self.realm, failure.code);
        self.in_flight = None;
        self.last_failure = Some(failure);
        let backoff = MIN_BACKOFF.saturating_mul(1 << self.failures_in_a_row.min(10)).min(MAX_BACKOFF);
        self.background_from = Some(Instant::now() + jittered(backoff, 0.5));
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
    }

    fn unavailable(&self, retry_after: Duration) -> KeysUnavailable {
        let reason = match &self.last_failure {
            Some(failure) => failure.reason.clone(),
            None => "they were not asked for yet".to_owned(),
        };
        KeysUnavailable { retry_after, reason }
    }
}

/// Whether the set has a key of this id. Of a token without one nobody can say: its algorithm decides.
fn knows(set: &KeySet, kid: Option<&str>) -> bool {
    kid.is_some() && set.keys().iter().any(|key| key.kid() == kid)
}

/// What is left of `interval` since `start`, if anything.
fn left_of(start: Option<Instant>, interval: Duration) -> Option<Duration> {
    interval.checked_sub(start?.elapsed()).filter(|left| !left.is_zero())
}

/// A time so late that it cannot be counted is one that does not come.
fn later(than: Instant, by: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    than.checked_add(by).unwrap_or_else(|| than + YEARS)
}

/// `base`, and up to `share` of it more.
fn jittered(base: Duration, share: f64) -> Duration {
    // The standard library's hasher is seeded from the system: random enough to spread replicas.
    let random = RandomState::new().hash_one(0_u8) >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let fraction = random as f64 / (1_u64 << 53) as f64;
    base.mul_f64(1.0 + share * fraction)
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("uri", &self.shared.uri)
            .field("options", &self.shared.options)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
