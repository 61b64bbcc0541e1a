//! Why Redis did not do it, in words that hold no secret.

use std::fmt;
use std::time::Duration;

use ::redis::{ErrorKind, RedisError};
use kc_core::revocations::RevocationsUnavailable;
use kc_login::session::StoreUnavailable;

/// Something did not work.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    reason: String,
    /// The connection is of no use any more.
    ends_connection: bool,
    /// The key holds something of another kind.
    pub(super) other_kind: bool,
}

impl Failure {
    /// What somebody has written down wrong.
    pub(super) const fn setting(reason: String) -> Self {
        Self { reason, ends_connection: false, other_kind: false }
    }

    /// Of a connection.
    pub(super) const fn connection(reason: String) -> Self {
        Self { reason, ends_connection: true, other_kind: false }
    }

    pub(super) fn silence(limit: Duration) -> Self {
        Self::connection(format!("Redis did not answer within {limit:?}"))
    }

    pub(super) fn not_sealed() -> Self {
        Self::setting("it could not be sealed".to_owned())
    }

    /// What Redis has answered is not what was asked for.
    pub(super) fn nonsense() -> Self {
        Self::connection("what answers is no Redis that is known".to_owned())
    }

    pub(super) const fn ends_connection(&self) -> bool {
        self.ends_connection
    }
}

/// Nothing of what Redis or the network say is repeated but codes: an error may quote what was sent.
impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        if error.is_io_error() || error.is_connection_dropped() {
            return Self::connection("the connection to Redis was lost".to_owned());
        }
        let (reason, ends_connection) = match error.code() {
            Some("NOAUTH") => ("Redis asks for a password", true),
            Some("WRONGPASS") => ("Redis refuses the user or the password", true),
            Some("NOPERM") => {
                ("Redis does not let this user do it; see what it needs in docs/sessions.md", true)
            }
            Some("OOM") => ("Redis is full; give it more memory (maxmemory)", false),
            Some("MISCONF") => ("Redis cannot write its data down and takes no changes", false),
            // Who is asked next may be another: the name may lead elsewhere by then.
            Some("READONLY") => ("this Redis is a replica that takes no changes", true),
            Some("MASTERDOWN") => ("this Redis is a replica that has lost its master", true),
            Some("LOADING") => ("Redis is still reading its data", false),
            Some("BUSY") => ("Redis is busy with somebody's script", false),
            Some("MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN") => {
                ("this is a Redis Cluster, which is not supported", true)
            }
            Some("WRONGTYPE") => ("a key of ours holds something else", false),
            _ if error.kind() == ErrorKind::AuthenticationFailed => {
                ("Redis refuses the user or the password", true)
            }
            Some(_) => ("Redis answers with an error", false),
            None => return Self::nonsense(),
        };
        let other_kind = error.code() == Some("WRONGTYPE");
        let reason = match error.code() {
            Some(code) if known(code) => format!("{reason} ({code})"),
            _ => reason.to_owned(),
        };
        Self { reason, ends_connection, other_kind }
    }
}

/// The first word of an error, if it is one.
fn known(code: &str) -> bool {
    code.len() <= 16 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<Failure> for StoreUnavailable {
    fn from(failure: Failure) -> Self {
        Self { reason: failure.reason }
    }
}

impl From<Failure> for RevocationsUnavailable {
    fn from(failure: Failure) -> Self {
        Self { reason: failure.reason }
    }
}
