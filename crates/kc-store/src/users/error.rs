//! What goes wrong with a data base, in words without secrets.

use std::fmt;
use std::time::Duration;

use kc_core::users::UsersUnavailable;

/// A data base of users that cannot be opened.
///
/// `Display` is one line: what does not work, and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenError {
    what: String,
    remedy: &'static str,
}

impl OpenError {
    pub(super) fn new(what: impl Into<String>, remedy: &'static str) -> Self {
        Self { what: what.into(), remedy }
    }

    pub(super) fn not_built_in() -> Self {
        Self::new(
            "this program was built without what speaks to that kind of data base",
            "build kc-store with its feature `sqlite` or `postgres`",
        )
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        self.remedy
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl std::error::Error for OpenError {}

/// Why a call did not work.
#[derive(Debug)]
pub(super) enum Fault {
    /// What the data base or the way to it says.
    Sql(sqlx::Error),
    /// It did not answer in time.
    Late(Duration),
    /// What it holds can't be read.
    Content(&'static str),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fault> for UsersUnavailable {
    fn from(fault: Fault) -> Self {
        Self { reason: fault.to_string() }
    }
}

/// One line, without what a row holds.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The message names tables and constraints; values stand in its detail only, which is left out.
            Self::Sql(sqlx::Error::Database(error)) => match error.code() {
                Some(code) => write!(f, "the data base says {:?} ({code})", error.message()),
                None => write!(f, "the data base says {:?}", error.message()),
            },
            Self::Sql(sqlx::Error::Io(error)) => write!(f, "the data base can't be reached ({error})"),
            Self::Sql(sqlx::Error::PoolTimedOut) => f.write_str("no connection to the data base in time"),
            Self::Sql(sqlx::Error::PoolClosed) => f.write_str("the data base has been closed"),
            Self::Sql(error) => {
                let text = error.to_string();
                f.write_str(text.lines().next().unwrap_or_default())
            }
            Self::Late(limit) => write!(f, "the data base has not answered in {} s", limit.as_secs()),
            Self::Content(what) => f.write_str(what),
        }
    }
}
