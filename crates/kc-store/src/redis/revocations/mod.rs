//! Revocations: read from memory, written to Redis, and brought from there to every replica.
//!
//! | key | what | until |
//! | --- | --- | --- |
//! | `revocations` | stream of sealed entries, in the order in which they came | each as long as revocations are kept |
//! | `not-before` | hash: of each issuer, by a hash of its name, the entry that holds | for ever |
//!
//! A replica reads the stream from where it was, and so misses nothing that came while it had no connection.

mod entry;
mod feed;
mod not_before;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use base64_simd::URL_SAFE_NO_PAD;
use kc_core::revocations::{MemoryRevocations, Revocation, Revocations, RevocationsUnavailable};
use kc_core::token::Claims;
use kc_login::session::StoreUnavailable;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use self::entry::{Entry, Position, What};
use self::feed::Feed;
use self::not_before::NotBefores;
use super::failure::Failure;
use super::store::{Inner, RedisStore, Script, hash, millis};

const REVOKE: &str = include_str!("../scripts/revoke.lua");

/// Revocations that all replicas share.
///
/// - `is_revoked` answers from a [`MemoryRevocations`], which a task fills with what other replicas revoke, a few
///   milliseconds after they did. It ends when this is dropped.
/// - When Redis cannot be reached `revoke` fails, and has revoked in this process all the same. It is kept and written when
///   Redis is back: up to 10 000 of them, then the oldest are not.
/// - While Redis cannot be reached nothing is heard of what others revoke. What came meanwhile is read as soon as it is back.
/// - A not-before that holds already is not written again.
pub struct RedisRevocations {
    shared: Arc<Shared>,
    _reader: Reader,
}

/// The task that reads what comes.
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the task and the callers share.
struct Shared {
    store: Arc<Inner>,
    memory: MemoryRevocations,
    /// This replica among the others.
    replica: String,
    not_before: NotBefores,
    /// What could not be written yet, oldest first.
    pending: Mutex<VecDeque<Entry>>,
}

/// How many wait for Redis at most.
const PENDING: usize = 10_000;

impl RedisStore {
    /// The revocations that are shared by way of this store. All that is in force has been read when this returns.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when Redis doesn't answer.
    pub async fn revocations(&self) -> Result<RedisRevocations, StoreUnavailable> {
        let options = &self.inner.options;
        let memory = MemoryRevocations::new(options.revocations_in_memory).clock(Arc::clone(&options.clock));
        let shared = Arc::new(Shared {
            store: Arc::clone(&self.inner),
            memory,
            replica: name()?,
            not_before: NotBefores::default(),
            pending: Mutex::default(),
        });
        let mut feed = Feed::new(Arc::clone(&shared));
        let connection = feed.catch_up().await?;
        let reader = Reader(tokio::spawn(feed.follow(connection)));
        Ok(RedisRevocations { shared, _reader: reader })
    }
}

/// One that no other replica has.
fn name() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::setting("the system has no randomness".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode_to_string(bytes))
}

impl Shared {
    fn stream(&self) -> String {
        format!("{}revocations", self.store.options.prefix)
    }

    fn not_befores(&self) -> String {
        format!("{}not-before", self.store.options.prefix)
    }

    fn pending(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What somebody has revoked holds here from now on.
    async fn apply(&self, entry: Entry, position: Position) {
        let (memory, issuer) = (&self.memory, &entry.issuer);
        let applied = match Revocation::from(entry.what) {
            Revocation::NotBefore(time) => self.not_before.take(memory, issuer, time, position).await,
            // It holds since it was revoked.
            _ if entry.from == self.replica => Ok(()),
            revocation => memory.revoke(issuer, revocation).await,
        };
        if let Err(error) = applied {
            tracing::warn!(target: "kc", "{error}");
        }
    }

    async fn write(&self, entry: &Entry) -> Result<(), Failure> {
        let stream = self.stream();
        let sealed = self.store.seal.seal(&stream, &entry.to_bytes()).map_err(|_| Failure::not_sealed())?;
        let keep = millis(self.store.options.keep_revocations);
        let mut script = Script::new(REVOKE, vec![stream, self.not_befores()]).with(sealed).with(keep);
        if let What::NotBefore(_) = entry.what {
            script = script.with(hash(&[&entry.issuer]));
        }
        let id: String = self.store.run(&script).await?;
        self.apply(entry.clone(), Position::parse(&id)?).await;
        Ok(())
    }

    /// Writes it now, or leaves it for when Redis is back.
    async fn write_or_keep(&self, entry: Entry) -> Result<(), Failure> {
        let written = self.write(&entry).await;
        if written.is_err() {
            let mut pending = self.pending();
            pending.push_back(entry);
            if pending.len() > PENDING {
                pending.pop_front();
                tracing::warn!(
                    target: "kc",
                    "more than {PENDING} revocations wait for Redis: the oldest one is known to this replica only"
                );
            }
        }
        written
    }

    /// Writes what could not be written before.
    async fn write_pending(&self) {
        while let Some(entry) = self.oldest_pending() {
            if self.write(&entry).await.is_err() {
                self.pending().push_front(entry);
                return;
            }
        }
    }

    fn oldest_pending(&self) -> Option<Entry> {
        self.pending().pop_front()
    }
}

#[async_trait]
impl Revocations for RedisRevocations {
    fn is_revoked(&self, claims: &Claims) -> bool {
        self.shared.memory.is_revoked(claims)
    }

    async fn revoke(&self, issuer: &str, revocation: Revocation) -> Result<(), RevocationsUnavailable> {
        let shared = &self.shared;
        shared.memory.revoke(issuer, revocation.clone()).await?;
        if let Revocation::NotBefore(time) = revocation {
            // Of these the last one counts.
            shared
                .pending()
                .retain(|entry| entry.issuer != issuer || !matches!(entry.what, What::NotBefore(_)));
            if shared.not_before.is(issuer, time).await {
                return Ok(());
            }
        }
        let unavailable = |reason: &str| RevocationsUnavailable { reason: reason.to_owned() };
        let what = What::of(revocation).ok_or_else(|| unavailable("this kind cannot be written down"))?;
        let runtime = Handle::try_current().map_err(|_| unavailable("there is no Tokio runtime here"))?;
        let entry = Entry { from: shared.replica.clone(), issuer: issuer.to_owned(), what };
        let shared = Arc::clone(shared);
        // In a task of its own: whoever sent the logout may go away, and it is written all the same.
        let writing = runtime.spawn(async move { shared.write_or_keep(entry).await });
        writing.await.map_err(|_| unavailable("writing it was broken off"))??;
        Ok(())
    }
}

/// How many, not whose.
impl fmt::Debug for RedisRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocations")
            .field("memory", &self.shared.memory)
            .field("pending", &self.shared.pending().len())
            .finish_non_exhaustive()
    }
}
