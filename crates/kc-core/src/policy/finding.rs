//! What is worth knowing about a configuration before anybody is judged by it.

use std::fmt;

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Decided here, on a condition that somebody should know of.
    Note,
    /// Not decided here, or not what was meant: permissions that depend on it let nobody in.
    Problem,
}

/// One thing that was found when a configuration was loaded.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    pub(super) severity: Severity,
    pub(super) place: String,
    pub(super) what: String,
    pub(super) permissions: Vec<String>,
}

impl Finding {
    pub(super) fn new(severity: Severity, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity, place: place.into(), what: what.into(), permissions: Vec::new() }
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Where in the file: `policies[3].config.roles`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What it is.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The names of the permissions that depend on it, in the order of the file.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.permissions
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)?;
        match self.permissions.as_slice() {
            [] => Ok(()),
            [one] => write!(f, "; permission that depends on it: {one:?}"),
            many => write!(f, "; permissions that depend on it: {many:?}"),
        }
    }
}
