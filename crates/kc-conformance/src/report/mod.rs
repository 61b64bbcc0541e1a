//! How a run went.

mod json;
mod junit;
mod table;

use std::time::Duration;

use crate::case::CaseInfo;

/// How one case went.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Not as it should.
    Failed {
        /// What was expected, what came.
        what: String,
        /// A request was let in that must stay out; otherwise it is the answer that is wrong.
        let_in: bool,
    },
    /// Not as it should, and that is accepted.
    Deviates {
        /// Why it is accepted.
        reason: String,
        /// What was expected, what came.
        what: String,
        /// A request was let in that must stay out.
        let_in: bool,
    },
    /// Not run, and why.
    Skipped(String),
}

/// One case of a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CaseReport {
    /// Which case.
    pub info: CaseInfo,
    /// How it went.
    pub outcome: Outcome,
    /// How long it took, the start of its service included.
    pub took: Duration,
}

impl CaseReport {
    /// The part of the id before the slash.
    #[must_use]
    pub fn group(&self) -> &str {
        self.info.id.split('/').next().unwrap_or_default()
    }
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) issuer: String,
    pub(crate) cases: Vec<CaseReport>,
    pub(crate) stale: Vec<String>,
    pub(crate) codes: Vec<String>,
    pub(crate) took: Duration,
}

/// How many cases went how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// As they should.
    pub passed: usize,
    /// Not as they should.
    pub failed: usize,
    /// Not as they should, with a reason.
    pub deviating: usize,
    /// Not run.
    pub skipped: usize,
    /// Of the failed and the deviating: those that let a request in that must stay out.
    pub let_in: usize,
}

impl Counts {
    pub(crate) fn of<'a>(cases: impl IntoIterator<Item = &'a CaseReport>) -> Self {
        let mut counts = Self::default();
        for case in cases {
            match case.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed { .. } => counts.failed += 1,
                Outcome::Deviates { .. } => counts.deviating += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
            }
            if let Outcome::Failed { let_in: true, .. } | Outcome::Deviates { let_in: true, .. } =
                case.outcome
            {
                counts.let_in += 1;
            }
        }
        counts
    }

    pub(crate) fn total(self) -> usize {
        self.passed + self.failed + self.deviating + self.skipped
    }
}

impl Report {
    /// Nothing deviates without a reason, and no reason is stale.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.counts().failed == 0 && self.stale.is_empty()
    }

    /// Who issued the tokens: `the embedded issuer`, or `Keycloak VERSION at URL`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How many cases went how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(&self.cases)
    }

    /// The cases, in the order of the suite.
    #[must_use]
    pub fn cases(&self) -> &[CaseReport] {
        &self.cases
    }

    /// What is wrong with the deviations: of unknown cases, of cases that pass.
    #[must_use]
    pub fn stale_deviations(&self) -> &[String] {
        &self.stale
    }

    /// Every `code` that the service has answered with.
    #[must_use]
    pub fn codes(&self) -> &[String] {
        &self.codes
    }

    /// Groups in the order of the suite, each with its cases.
    fn groups(&self) -> Vec<(&str, Vec<&CaseReport>)> {
        let mut groups: Vec<(&str, Vec<&CaseReport>)> = Vec::new();
        for case in &self.cases {
            match groups.iter_mut().find(|(name, _)| *name == case.group()) {
                Some((_, cases)) => cases.push(case),
                None => groups.push((case.group(), vec![case])),
            }
        }
        groups
    }
}
