//! A case: what is asked, of which standard, with which settings, and how it went.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::kit::Kit;

/// What a service must be able to do for a case to make sense.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Capability {
    /// The bearer-only routes of the contract.
    Api,
    /// `/inventory`, decided offline by an exported authorization configuration.
    Authorization,
    /// It may be started in an empty folder of its own, where the suite writes a `.env`.
    CleanFolder,
}

impl Capability {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Authorization => "authorization",
            Self::CleanFolder => "clean-folder",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a case is, without what it does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CaseInfo {
    /// Stable, `group/name`: what `--only` and deviations name.
    pub id: String,
    /// The section of a standard, or of the contract, that demands it.
    pub spec: &'static str,
    /// Without it the case is skipped, and counted as such.
    pub needs: Capability,
}

/// One named trial.
pub(crate) struct Case {
    pub(crate) info: CaseInfo,
    pub(crate) setup: Setup,
    run: Box<dyn Runs>,
}

/// With which settings the service runs during a case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Setup {
    /// One service for all cases of this kind, one after another: starting one costs.
    Shared(&'static Environment),
    /// The case starts what it needs, with an issuer of its own.
    Own,
    /// The same, and the case changes keys or users of the realm.
    OwnRealm,
}

/// Settings beside those that every service gets.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Environment {
    pub(crate) name: &'static str,
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

/// Nothing but the issuer and the address.
pub(crate) const PLAIN: Setup = Setup::Shared(&Environment { name: "plain", variables: &[] });

trait Runs {
    fn run<'a>(&'a self, kit: &'a Kit) -> Pin<Box<dyn Future<Output = CaseResult> + 'a>>;
}

impl<F: AsyncFn(&Kit) -> CaseResult> Runs for F {
    fn run<'a>(&'a self, kit: &'a Kit) -> Pin<Box<dyn Future<Output = CaseResult> + 'a>> {
        Box::pin(self(kit))
    }
}

impl Case {
    /// A case for the plain service.
    pub(crate) fn new(
        id: impl Into<String>,
        spec: &'static str,
        run: impl AsyncFn(&Kit) -> CaseResult + 'static,
    ) -> Self {
        let info = CaseInfo { id: id.into(), spec, needs: Capability::Api };
        Self { info, setup: PLAIN, run: Box::new(run) }
    }

    /// A case that starts its own service.
    pub(crate) fn own(
        id: impl Into<String>,
        spec: &'static str,
        run: impl AsyncFn(&Kit) -> CaseResult + 'static,
    ) -> Self {
        Self::new(id, spec, run).with(Setup::Own)
    }

    /// A case that starts its own service and changes keys or users of the realm.
    pub(crate) fn own_realm(
        id: impl Into<String>,
        spec: &'static str,
        run: impl AsyncFn(&Kit) -> CaseResult + 'static,
    ) -> Self {
        Self::new(id, spec, run).with(Setup::OwnRealm)
    }

    pub(crate) fn with(self, setup: Setup) -> Self {
        Self { setup, ..self }
    }

    pub(crate) fn needing(mut self, needs: Capability) -> Self {
        self.info.needs = needs;
        self
    }

    pub(crate) async fn run(&self, kit: &Kit) -> CaseResult {
        self.run.run(kit).await
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("info", &self.info).field("setup", &self.setup).finish_non_exhaustive()
    }
}

/// How a case went.
pub(crate) type CaseResult = Result<(), Failure>;

/// Why a case failed: what was expected, what came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) what: String,
    /// Somebody got in who must stay out: worse than a wrong word in a refusal.
    pub(crate) let_in: bool,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), let_in: false }
    }

    pub(crate) fn letting_in(what: impl Into<String>) -> Self {
        Self { what: what.into(), let_in: true }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<kc_dev::MintError> for Failure {
    fn from(error: kc_dev::MintError) -> Self {
        Self::new(format!("the suite can't make the token: {error}"))
    }
}

impl From<kc_dev::KeyError> for Failure {
    fn from(error: kc_dev::KeyError) -> Self {
        Self::new(format!("the suite can't have the key: {error}"))
    }
}

impl From<kc_dev::StartError> for Failure {
    fn from(error: kc_dev::StartError) -> Self {
        Self::new(format!("the issuer doesn't start: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the suite has an input/output error: {error}"))
    }
}

/// Passes if `holds`.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> CaseResult {
    if holds { Ok(()) } else { Err(Failure::new(otherwise())) }
}
