//! Why a file is no authorization configuration.

use std::fmt;

/// A file that cannot be used at all. `Display` is one line: where in the file, and what is wrong there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    place: String,
    what: String,
}

impl ConfigError {
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    /// Where: `policies[3].config.roles`; empty for the file as a whole.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong there.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            return f.write_str(&self.what);
        }
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for ConfigError {}
