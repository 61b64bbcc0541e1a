//! The file that a service decides by, read again when it changes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use super::config::{AuthorizationBuilder, AuthorizationConfig};
use super::finding::Severity;
use crate::clock::{Clock, UnixTime};
use crate::signature::sha256_hex;

/// How long nobody looks again.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// Beyond, it is no authorization configuration.
const MAX_BYTES: u64 = 64 << 20;

/// A configuration that a service decides by: of a file, which is read again when it changes, or one that stays.
///
/// Whoever asks looks at the file's time and length at most once a second, and a change is read beside the requests, which
/// go on with what there was. A file that cannot be read or is no configuration replaces nothing; the log says so once.
/// Cheap to clone.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use kc_core::clock::SystemClock;
/// use kc_core::policy::{AuthorizationConfig, AuthorizationFile};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("authorization.json");
/// std::fs::write(&path, r#"{"policyEnforcementMode": "ENFORCING", "resources": [], "policies": [], "scopes": []}"#)?;
/// let file = AuthorizationFile::open(&path, AuthorizationConfig::builder(), Arc::new(SystemClock))?;
/// assert_eq!(file.status().problems, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AuthorizationFile {
    inner: Arc<Inner>,
}

struct Inner {
    file: Option<(PathBuf, AuthorizationBuilder)>,
    /// Whose users the configuration is about.
    issuer: Option<String>,
    clock: Arc<dyn Clock>,
    /// Replaced as a whole.
    current: RwLock<Arc<Loaded>>,
    /// In milliseconds since 1970.
    looked: AtomicI64,
    looking: AtomicBool,
}

struct Loaded {
    config: AuthorizationConfig,
    status: AuthorizationStatus,
    /// Of the file as it was last looked at, whether it was taken or not.
    seen: Option<Stamp>,
}

/// What tells that a file was not written since.
type Stamp = (SystemTime, u64);

/// Which configuration is in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthorizationStatus {
    /// SHA-256 of the file's bytes, in hexadecimal; empty for a configuration that is of no file.
    pub sha256: String,
    /// When it was read.
    pub loaded_at: UnixTime,
    /// How old it is.
    pub age: Duration,
    /// How many of its findings are problems.
    pub problems: usize,
    /// Whether the file has changed since into something that cannot be used.
    pub outdated: bool,
}

impl AuthorizationFile {
    /// Reads a file. Findings go to the log.
    ///
    /// # Errors
    /// What is wrong, in one line: the file cannot be read, or is no configuration.
    pub fn open(
        path: impl Into<PathBuf>,
        builder: AuthorizationBuilder,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let path = path.into();
        let stamp = stamp(&path).map_err(|error| error.to_string())?;
        let loaded = load(&path, &builder, &*clock, stamp)?;
        let looked = AtomicI64::new(loaded.status.loaded_at.as_millis());
        let current = RwLock::new(Arc::new(loaded));
        let looking = AtomicBool::new(false);
        let inner = Inner { file: Some((path, builder)), issuer: None, clock, current, looked, looking };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same for users of one issuer only: who comes from another is refused. It has to be called before it is cloned,
    /// and has no effect later.
    #[must_use]
    pub fn for_issuer(mut self, issuer: impl Into<String>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.issuer = Some(issuer.into());
        }
        self
    }

    /// The configuration in force.
    #[must_use]
    pub fn current(&self) -> AuthorizationConfig {
        self.look_if_due();
        self.inner.loaded().config.clone()
    }

    /// Which one that is.
    #[must_use]
    pub fn status(&self) -> AuthorizationStatus {
        let status = self.inner.loaded().status.clone();
        AuthorizationStatus { age: self.inner.clock.now().since(status.loaded_at), ..status }
    }

    pub(crate) fn is_about(&self, issuer: Option<&str>) -> bool {
        self.inner.issuer.is_none() || self.inner.issuer.as_deref() == issuer
    }

    fn look_if_due(&self) {
        let inner = &self.inner;
        if inner.file.is_none() {
            return;
        }
        let now = inner.clock.now();
        let looked = UnixTime::from_millis(inner.looked.load(Ordering::Relaxed));
        // A clock that was put back makes one look too many.
        if (looked <= now && now.since(looked) < LOOK_AFTER) || inner.looking.swap(true, Ordering::Acquire) {
            return;
        }
        inner.looked.store(now.as_millis(), Ordering::Relaxed);
        let inner = Arc::clone(inner);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || inner.look())),
            Err(_) => inner.look(),
        }
    }
}

/// One that stays.
impl From<AuthorizationConfig> for AuthorizationFile {
    fn from(config: AuthorizationConfig) -> Self {
        let clock = crate::clock::SystemClock;
        let status = AuthorizationStatus {
            sha256: String::new(),
            loaded_at: clock.now(),
            age: Duration::ZERO,
            problems: problems(&config),
            outdated: false,
        };
        let current = RwLock::new(Arc::new(Loaded { config, status, seen: None }));
        let (looked, looking) = (AtomicI64::new(0), AtomicBool::new(false));
        Self {
            inner: Arc::new(Inner {
                file: None,
                issuer: None,
                clock: Arc::new(clock),
                current,
                looked,
                looking,
            }),
        }
    }
}

impl Inner {
    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, loaded: Loaded) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }

    fn look(&self) {
        // Given back whatever happens in between.
        let _looking = GiveBack(&self.looking);
        let Some((path, builder)) = &self.file else { return };
        let before = self.loaded();
        let found = stamp(path);
        let seen = found.as_ref().ok().copied();
        // A file that is away, and was when somebody last looked, is no news.
        if seen == before.seen && (seen.is_some() || before.status.outdated) {
            return;
        }
        let read = match found {
            Ok(stamp) => load(path, builder, &*self.clock, stamp),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(loaded) => {
                tracing::info!(target: "kc", "authorization configuration {}: read again", path.display());
                self.replace(loaded);
            }
            Err(why) => {
                tracing::error!(
                    target: "kc",
                    "authorization configuration {}: {why}; what was read at {} stays in force",
                    path.display(),
                    before.status.loaded_at
                );
                let status = AuthorizationStatus { outdated: true, ..before.status.clone() };
                self.replace(Loaded { config: before.config.clone(), status, seen });
            }
        }
    }
}

struct GiveBack<'f>(&'f AtomicBool);

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let about = std::fs::metadata(path)?;
    Ok((about.modified()?, about.len()))
}

fn load(
    path: &Path,
    builder: &AuthorizationBuilder,
    clock: &dyn Clock,
    stamp: Stamp,
) -> Result<Loaded, String> {
    if stamp.1 > MAX_BYTES {
        return Err(format!("the file has {} bytes, {MAX_BYTES} are the most", stamp.1));
    }
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let config = builder.build(&text).map_err(|error| error.to_string())?;
    for finding in config.findings() {
        match finding.severity() {
            Severity::Problem => tracing::warn!(target: "kc", "authorization configuration: {finding}"),
            Severity::Note => tracing::debug!(target: "kc", "authorization configuration: {finding}"),
        }
    }
    let status = AuthorizationStatus {
        sha256: sha256_hex(&text),
        loaded_at: clock.now(),
        age: Duration::ZERO,
        problems: problems(&config),
        outdated: false,
    };
    Ok(Loaded { config, status, seen: Some(stamp) })
}

fn problems(config: &AuthorizationConfig) -> usize {
    config.findings().iter().filter(|finding| finding.severity() == Severity::Problem).count()
}

/// Which configuration is in force.
impl fmt::Debug for AuthorizationFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationFile")
            .field("path", &self.inner.file.as_ref().map(|(path, _)| path))
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
