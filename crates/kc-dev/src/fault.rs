//! Faults on purpose, and a count of what was asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A group of URLs that faults and counters go by.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Endpoint {
    /// The page that a login begins at: `/protocol/openid-connect/auth`.
    Authorize,
    /// The JWKS: `/protocol/openid-connect/certs`.
    Certs,
    /// `/.well-known/openid-configuration` and its aliases.
    Discovery,
    /// `/protocol/openid-connect/token/introspect`.
    Introspect,
    /// What the login page is sent to: `/login-actions/authenticate`.
    LoginAction,
    /// `/protocol/openid-connect/logout`, of browsers and of clients.
    Logout,
    /// `/protocol/openid-connect/ext/par/request`.
    Par,
    /// The realm's own document: `/realms/R`.
    Realm,
    /// `/protocol/openid-connect/revoke`.
    Revoke,
    /// `/protocol/openid-connect/token`.
    Token,
    /// `/protocol/openid-connect/userinfo`.
    Userinfo,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 11] = [
        Self::Authorize,
        Self::Certs,
        Self::Discovery,
        Self::Introspect,
        Self::LoginAction,
        Self::Logout,
        Self::Par,
        Self::Realm,
        Self::Revoke,
        Self::Token,
        Self::Userinfo,
    ];

    /// The name in control paths, such as `certs`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Certs => "certs",
            Self::Discovery => "discovery",
            Self::Introspect => "introspect",
            Self::LoginAction => "login-action",
            Self::Logout => "logout",
            Self::Par => "par",
            Self::Realm => "realm",
            Self::Revoke => "revoke",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
        }
    }

    /// The endpoint of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.name() == name)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an endpoint does instead of its work.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Closes the connection without an answer.
    Cut,
    /// 200 with a JSON object without a single member that belongs there; for the JWKS, one without keys: `{"keys":[]}`.
    Empty,
    /// 200 with bytes that are no JSON, announced as JSON.
    Garbage,
    /// 200 with an HTML page, as a proxy in between would.
    Html,
    /// 200 with that many bytes of well-formed JSON, 64 MiB at most.
    Huge(usize),
    /// 302 to that URL.
    Redirect(String),
    /// The right answer, after that time.
    Slow(Duration),
    /// That status and an empty body.
    Status(u16),
}

#[derive(Debug)]
struct Set {
    fault: Fault,
    /// How many requests it still hits; `None` is all.
    left: Option<u64>,
}

/// The faults that are set, and the counters.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    set: BTreeMap<Endpoint, Vec<Set>>,
    requests: BTreeMap<Endpoint, u64>,
}

impl Faults {
    /// Adds a fault; several on one endpoint all apply, the delays first.
    pub(crate) fn add(&self, endpoint: Endpoint, fault: Fault, times: Option<u64>) {
        self.inner().set.entry(endpoint).or_default().push(Set { fault, left: times });
    }

    pub(crate) fn clear(&self, endpoint: Endpoint) {
        self.inner().set.remove(&endpoint);
    }

    pub(crate) fn requests(&self, endpoint: Endpoint) -> u64 {
        self.inner().requests.get(&endpoint).copied().unwrap_or(0)
    }

    pub(crate) fn reset_requests(&self) {
        self.inner().requests.clear();
    }

    /// Counts a request and tells what it must suffer: how long to wait, and what to answer instead.
    pub(crate) fn hit(&self, endpoint: Endpoint) -> (Duration, Option<Fault>) {
        let mut inner = self.inner();
        *inner.requests.entry(endpoint).or_default() += 1;
        let (mut delay, mut instead) = (Duration::ZERO, None);
        if let Some(set) = inner.set.get_mut(&endpoint) {
            for fault in set.iter_mut() {
                if let Some(left) = &mut fault.left {
                    *left = left.saturating_sub(1);
                }
                match &fault.fault {
                    Fault::Slow(by) => delay += *by,
                    other if instead.is_none() => instead = Some(other.clone()),
                    _ => {}
                }
            }
            set.retain(|fault| fault.left != Some(0));
        }
        (delay, instead)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
