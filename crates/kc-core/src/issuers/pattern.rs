//! A realm for each tenant, named by a pattern.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::{IssuerRegistry, TrustedIssuer};

/// Issuers of the form `https://kc.example.com/realms/{tenant}`, at most so many.
///
/// Whoever can send a request can name any tenant, so a tenant that nobody has heard of costs a fetch of keys. These
/// are bounded twice: at most one new tenant a second, and at most eight at a time of whom no good token has come
/// yet. Beyond that, new tenants are not trusted for the moment; those that are known notice nothing. A tenant of whom a
/// good token has come stays.
pub struct IssuerPattern {
    before: String,
    after: String,
    limit: usize,
    make: Make,
    tenants: RwLock<HashMap<String, Known>>,
    last_new: Mutex<Option<Instant>>,
}

type Make = Box<dyn Fn(&Tenant<'_>) -> Option<TrustedIssuer> + Send + Sync>;

/// How many tenants there may be of whom no good token has come.
pub(super) const UNPROVEN: usize = 8;

/// How long one of them has to prove itself before it makes room for another.
const PROBATION: Duration = Duration::from_secs(10);

/// New tenants come one in this time.
const BETWEEN: Duration = Duration::from_secs(1);

struct Known {
    trusted: Arc<TrustedIssuer>,
    /// `None`: a good token has come.
    unproven_since: Option<Instant>,
}

/// A tenant whose name fits the pattern.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Tenant<'a> {
    /// What stands in the place of `{tenant}`: lower-case letters, digits, `-` and `_`, 63 at most.
    pub name: &'a str,
    /// The whole issuer, to be compared with `iss`.
    pub issuer: &'a str,
}

/// A pattern that is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IssuerPatternError {
    /// `{tenant}` is not in it, or more than once.
    NotOneTenant,
    /// `{tenant}` is not a whole segment of the path: with a part of a host name anybody could own the rest.
    NotASegment,
}

impl fmt::Display for IssuerPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOneTenant => "the pattern of issuers needs {tenant} in it, once",
            Self::NotASegment => {
                "{tenant} has to be a whole segment of the path, as in https://kc.example.com/realms/{tenant}"
            }
        })
    }
}

impl std::error::Error for IssuerPatternError {}

impl IssuerPattern {
    /// Trusts at most `limit` issuers that fit `pattern`; `make` says what belongs to one, or `None` if there is no such
    /// tenant. It is called within a request: it must not wait.
    ///
    /// # Errors
    /// [`IssuerPatternError`] when the pattern is none.
    pub fn new(
        pattern: &str,
        limit: usize,
        make: impl Fn(&Tenant<'_>) -> Option<TrustedIssuer> + Send + Sync + 'static,
    ) -> Result<Self, IssuerPatternError> {
        const TENANT: &str = "{tenant}";
        let (before, after) = pattern.split_once(TENANT).ok_or(IssuerPatternError::NotOneTenant)?;
        if after.contains(TENANT) {
            return Err(IssuerPatternError::NotOneTenant);
        }
        // After the host there is a slash that is not one of the scheme's two.
        let in_path =
            before.split_once("://").is_some_and(|(_, rest)| rest.ends_with('/') && !rest.starts_with('/'));
        if !in_path || !(after.is_empty() || after.starts_with('/')) {
            return Err(IssuerPatternError::NotASegment);
        }
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            limit,
            make: Box::new(make),
            tenants: RwLock::default(),
            last_new: Mutex::default(),
        })
    }

    fn name<'a>(&self, issuer: &'a str) -> Option<&'a str> {
        let name = issuer.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        (matches!(name.len(), 1..=63) && name.bytes().all(plain)).then_some(name)
    }

    fn known(&self, issuer: &str) -> Option<Arc<TrustedIssuer>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(issuer).map(|known| Arc::clone(&known.trusted))
    }

    /// Whether another tenant may be looked at now.
    fn take_turn(&self, now: Instant) -> bool {
        let mut last = self.last_new.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.duration_since(last) < BETWEEN) {
            return false;
        }
        *last = Some(now);
        true
    }

    fn admit(&self, name: &str, issuer: &str) -> Option<Arc<TrustedIssuer>> {
        let now = Instant::now();
        if !self.take_turn(now) {
            return None;
        }
        let trusted = Arc::new((self.make)(&Tenant { name, issuer })?);
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let oldest =
            tenants.iter().filter_map(|(issuer, known)| Some((known.unproven_since?, issuer.clone()))).min();
        let unproven = tenants.values().filter(|known| known.unproven_since.is_some()).count();
        if unproven >= UNPROVEN || tenants.len() >= self.limit {
            let (since, oldest) = oldest?;
            if now.duration_since(since) < PROBATION {
                return None;
            }
            tenants.remove(&oldest);
        }
        let known = Known { trusted: Arc::clone(&trusted), unproven_since: Some(now) };
        tenants.insert(issuer.to_owned(), known);
        Some(trusted)
    }
}

impl IssuerRegistry for IssuerPattern {
    fn find(&self, issuer: &str) -> Option<Arc<TrustedIssuer>> {
        self.known(issuer).or_else(|| self.admit(self.name(issuer)?, issuer))
    }

    fn proven(&self, issuer: &str) {
        let is_new = {
            let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
            tenants.get(issuer).is_some_and(|known| known.unproven_since.is_some())
        };
        if is_new {
            let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = tenants.get_mut(issuer) {
                known.unproven_since = None;
            }
        }
    }
}

impl fmt::Debug for IssuerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("IssuerPattern")
            .field("pattern", &format_args!("{}{{tenant}}{}", self.before, self.after))
            .field("known", &tenants.len())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
