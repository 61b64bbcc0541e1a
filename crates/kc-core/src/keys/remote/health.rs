//! How the keys are doing.

use std::time::Duration;

use super::RemoteKeys;

/// How good the keys are, for a readiness report; the worse is the greater.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum KeyHealth {
    /// Fetched within the TTL.
    Fresh,
    /// Older than the TTL: serving while the server cannot be asked.
    Stale {
        /// Since they were fetched.
        age: Duration,
    },
    /// None to serve with.
    Missing,
}

/// What is held, for a health report.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) health: KeyHealth,
    /// How many, since when, and their generation; `None` when there are none to serve with.
    pub(crate) keys: Option<(usize, Duration, u64)>,
    /// Why the last fetch failed, if it did: a word for it.
    pub(crate) last_error: Option<&'static str>,
}

impl RemoteKeys {
    /// How good the keys are.
    #[must_use]
    pub fn health(&self) -> KeyHealth {
        match self.shared.serving() {
            None => KeyHealth::Missing,
            Some(held) if held.fetched_at.elapsed() < self.shared.options.ttl => KeyHealth::Fresh,
            Some(held) => KeyHealth::Stale { age: held.fetched_at.elapsed() },
        }
    }

    pub(crate) fn holding(&self) -> Holding {
        let keys = self.shared.serving();
        let keys = keys.map(|held| (held.set.keys().len(), held.fetched_at.elapsed(), held.set.generation()));
        let last_error = self.shared.lock().last_failure.as_ref().map(|failure| failure.code);
        Holding { health: self.health(), keys, last_error }
    }
}
