//! Keys: where they come from, and which one fits a token.
//!
//! | you have | use |
//! | --- | --- |
//! | a Keycloak to ask | [`RemoteKeys`] |
//! | a PEM or a JWK file | [`PinnedKeys`] |
//! | something else | your own [`KeySource`] |

mod jwk;
mod pinned;
mod remote;
mod set;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::jwk::JwksError;
pub use self::pinned::{PinnedKeys, PinnedKeysError};
pub(crate) use self::remote::Holding;
pub use self::remote::{KeyHealth, RemoteKeys, RemoteKeysOptions};
pub use self::set::{Key, KeySet, Lookup};

/// Where verification keys come from.
///
/// # Contract
/// - `current` answers from memory, at once: it is called for every token that was not seen before.
/// - A set is never empty, and never changes: a change is another set with another [`generation`](KeySet::generation).
/// - `refresh` is called when `current` gave nothing, or gave a set without the token's key. It applies its own
///   limits: concurrent calls cause one fetch, and a flood of unknown key ids costs no more than one fetch per
///   cool-down. `Ok` with a set that still lacks the key means that the key is unknown (the token is refused);
///   `Err` means that this could not be found out (the caller is told to come back).
/// - Dropping the future of `refresh` does no harm to anyone else who waits.
#[async_trait]
pub trait KeySource: fmt::Debug + Send + Sync {
    /// The keys believed good, if there are any.
    fn current(&self) -> Option<Arc<KeySet>>;

    /// The [generation](KeySet::generation) of what `current` gives: asked at each request, for tokens that were seen
    /// before. For a source that knows it at less cost than that of handing out the set.
    fn generation(&self) -> Option<u64> {
        self.current().map(|set| set.generation())
    }

    /// Asks the source for newer keys, and waits.
    ///
    /// # Errors
    /// [`KeysUnavailable`] when there are none and the source could not be asked.
    async fn refresh(&self, why: Refresh<'_>) -> Result<Arc<KeySet>, KeysUnavailable>;
}

/// Why newer keys are wanted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Refresh<'a> {
    /// There are none.
    NoKeys,
    /// The set of this generation has no key for the token.
    UnknownKey {
        /// The token's `kid`.
        kid: Option<&'a str>,
        /// The set that was looked at.
        generation: u64,
    },
}

/// No keys, and none to be had right now: our trouble, not the token's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeysUnavailable {
    /// When to come back.
    pub retry_after: Duration,
    /// What went wrong the last time, for the log.
    pub reason: String,
}

impl fmt::Display for KeysUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the keys of Keycloak are not available: {}", self.reason)
    }
}

impl std::error::Error for KeysUnavailable {}
