//! Keys from a JWK set in a file, for a machine that cannot reach Keycloak and gets the file by other means.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kc_core::keys::{KeySet, KeySource, KeysUnavailable, Refresh};
use tokio::time::Instant;

/// Reads the file when a token's key is not known, at most once in ten seconds.
pub struct FileKeys {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    generation: u64,
    read: Option<Instant>,
    /// Why the last reading failed, if it did.
    failure: Option<String>,
}

const COOLDOWN: Duration = Duration::from_secs(10);

impl FileKeys {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), state: Mutex::default() }
    }

    /// The file's name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file that cannot be read, or has no key in it, changes no keys. The file is small and local: it is read under
    /// the lock, so that a flood of unknown keys reads it once.
    fn read(&self, state: &mut State) {
        state.read = Some(Instant::now());
        let keys = std::fs::read(&self.path).map_err(|error| error.to_string()).and_then(|text| {
            KeySet::from_jwks(&text, state.generation + 1).map_err(|error| error.to_string())
        });
        state.failure = keys.as_ref().err().cloned();
        if let Ok(keys) = keys {
            state.generation += 1;
            state.keys = Some(Arc::new(keys));
        }
    }
}

#[async_trait]
impl KeySource for FileKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    async fn refresh(&self, _: Refresh<'_>) -> Result<Arc<KeySet>, KeysUnavailable> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let cooling_down = state.read.and_then(|read| COOLDOWN.checked_sub(read.elapsed()));
        if cooling_down.is_none() {
            self.read(&mut state);
        }
        // With the keys of before nobody could tell an unknown key from one that is in a file we could not read.
        match (&state.keys, &state.failure) {
            (Some(keys), None) => Ok(Arc::clone(keys)),
            (_, failure) => Err(KeysUnavailable {
                retry_after: cooling_down.unwrap_or(COOLDOWN),
                reason: format!("{}: {}", self.path.display(), failure.as_deref().unwrap_or("no keys")),
            }),
        }
    }
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKeys").field("path", &self.path).finish_non_exhaustive()
    }
}
