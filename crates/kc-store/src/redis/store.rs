//! The store: where it is, how it is made, what its keys are called.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, ToRedisArgs};
use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::URL_SAFE_NO_PAD;
use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_core::secret::Secret;
use kc_login::Seal;
use kc_login::session::{Ended, SessionKey, StoreUnavailable};

use super::connection::{Dialer, Link};
use super::failure::Failure;
use super::target::Target;

/// How to use a Redis.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// What every key begins with. Services that share a Redis and not their sessions have different ones. Default: `kc:`.
    pub prefix: String,
    /// How long making a connection may take. Default: 2 s.
    pub connect_timeout: Duration,
    /// How long the answer to a command may take. Default: 2 s.
    pub response_timeout: Duration,
    /// PEM certificates of the authorities that vouch for a `rediss://` server; no others do then. Default: those that the
    /// operating system trusts.
    pub authorities: Option<Vec<u8>>,
    /// How long a revocation is kept: at least as long as any access token lives. Default: 24 h.
    pub keep_revocations: Duration,
    /// How many revocations of an issuer each replica holds in memory; see
    /// [`MemoryRevocations`](kc_core::revocations::MemoryRevocations) for what happens beyond. Default: 100 000.
    pub revocations_in_memory: usize,
    /// The clock by which sessions end. Default: the system's.
    pub clock: Arc<dyn Clock>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "kc:".to_owned(),
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(2),
            authorities: None,
            keep_revocations: Duration::from_secs(24 * 60 * 60),
            revocations_in_memory: 100_000,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Sessions, and what was used once, in a Redis that all replicas of a service share.
///
/// It is a [`SessionStore`](kc_login::session::SessionStore) and a [`ReplayCache`](kc_login::session::ReplayCache);
/// [`revocations`](Self::revocations) makes the [`Revocations`](kc_core::revocations::Revocations) that go with it.
///
/// - Redis 6.2 or later, one server, or whatever answers at one address. It asks no Sentinel, and a Redis Cluster is
///   refused: a logout takes away several keys at once.
/// - A lost connection is made anew by whoever needs it next. Each call ends within the two timeouts together, while
///   Redis hangs too. A command whose answer was lost is not sent a second time.
/// - What was sealed under no key of ours, or was changed, is no session; the log says so once.
///
/// Clones are the same store.
#[derive(Clone)]
pub struct RedisStore {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) link: Link,
    pub(super) seal: Seal,
    pub(super) options: RedisOptions,
    warned: AtomicBool,
}

impl RedisStore {
    /// Connects to `redis://` or, with TLS, `rediss://` `user:password@host:port/number`. What it keeps is sealed with `seal`.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the URL is none, or Redis doesn't answer, or not to this user.
    pub async fn connect(url: &Secret, seal: Seal) -> Result<Self, StoreUnavailable> {
        Self::connect_with(url, seal, RedisOptions::default()).await
    }

    /// The same with other than the default options.
    ///
    /// # Errors
    /// [`StoreUnavailable`] as with [`connect`](Self::connect), or when the certificates of the options are none.
    pub async fn connect_with(
        url: &Secret,
        seal: Seal,
        options: RedisOptions,
    ) -> Result<Self, StoreUnavailable> {
        let (connect, answer) = (options.connect_timeout, options.response_timeout);
        let dialer = Dialer::new(Target::parse(url)?, options.authorities.clone(), connect, answer).await?;
        let link = Link::new(Arc::new(dialer));
        let store = Self { inner: Arc::new(Inner { link, seal, options, warned: AtomicBool::default() }) };
        store.check().await?;
        Ok(store)
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it doesn't.
    pub async fn check(&self) -> Result<(), StoreUnavailable> {
        self.inner.link.ask::<String>(&::redis::cmd("PING")).await?;
        Ok(())
    }
}

impl Inner {
    pub(super) fn now(&self) -> UnixTime {
        self.options.clock.now()
    }

    /// The key in Redis of a session.
    pub(super) fn session(&self, key: &SessionKey) -> String {
        self.key("session", &key.to_string())
    }

    pub(super) fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.options.prefix)
    }

    /// The key in Redis of the set of an issuer's sessions that a logout can name.
    pub(super) fn named(&self, issuer: &str, ended: &Ended) -> String {
        let (kind, name) = match ended {
            Ended::Session(id) => ("sid", id),
            Ended::Subject(subject) => ("sub", subject),
        };
        self.key(kind, &hash(&[issuer, name]))
    }

    /// Runs a script, whose changes are made all together or not at all.
    pub(super) async fn run<T: FromRedisValue>(&self, script: &Script<'_>) -> Result<T, Failure> {
        self.link.ask(&script.command()).await
    }

    /// Says once that something in Redis is not ours.
    pub(super) fn warn_of_foreign(&self, what: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "kc",
                "{what} in Redis was sealed under a key that is not in SESSION_KEYS, or was changed; it counts as none \
                 (said once, more may follow)"
            );
        }
    }
}

/// A script with what it works on.
pub(super) struct Script<'a> {
    text: &'a str,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

impl<'a> Script<'a> {
    pub(super) fn new(text: &'a str, keys: Vec<String>) -> Self {
        Self { text, keys, arguments: Vec::new() }
    }

    pub(super) fn with(mut self, argument: impl ToRedisArgs) -> Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    /// The text goes along each time: Redis knows it again, and it is small beside a session.
    fn command(&self) -> Cmd {
        let mut command = ::redis::cmd("EVAL");
        command.arg(self.text).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}

/// Parts in 43 letters, from which they cannot be read.
pub(super) fn hash(parts: &[&str]) -> String {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode_to_string(digest(&SHA256, &bytes))
}

/// What Redis can take for a time to live: at least a millisecond.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, LONGEST)
}

/// A point in time that the scripts' arithmetic can take, which is exact to 2⁵³: not after the year 9999.
pub(super) fn instant(time: UnixTime) -> i64 {
    time.as_millis().clamp(0, 253_402_300_799_999)
}

/// Some eight thousand years.
const LONGEST: u64 = 253_402_300_799_999;

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { link, seal, options, .. } = &*self.inner;
        f.debug_struct("RedisStore")
            .field("link", link)
            .field("seal", seal)
            .field("prefix", &options.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_run_into_each_other_are_told_apart() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["ab"]), hash(&["ab", ""]));
        assert_eq!(hash(&["ab", "c"]).len(), 43);
    }

    #[test]
    fn times_are_such_as_redis_and_its_scripts_can_take() {
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(millis(Duration::MAX), LONGEST);
        assert_eq!(instant(UnixTime::from_millis(i64::MAX)), 253_402_300_799_999);
        assert_eq!(instant(UnixTime::from_millis(i64::MIN)), 0);
    }
}
