//! Runs the cases: those that share a service one after another, those with their own beside each other.

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::case::{Capability, Case, CaseResult, Environment, Failure, Setup};
use crate::deviations::Deviations;
use crate::issuer::{Issuer, Source};
use crate::kit::{Kit, World};
use crate::report::{CaseReport, Outcome, Report};
use crate::suite;
use crate::target::Target;

/// Which routes a service offers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Profile {
    /// The routes that take bearer tokens.
    #[default]
    Api,
    /// Those, and `/inventory`, which is decided offline.
    Authorization,
    /// All of the contract, browser login and offline decisions included. Refused until its cases exist.
    Full,
}

impl Profile {
    /// The profile of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "api" => Some(Self::Api),
            "authorization" => Some(Self::Authorization),
            "full" => Some(Self::Full),
            _ => None,
        }
    }

    /// The name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Authorization => "authorization",
            Self::Full => "full",
        }
    }
}

/// What to run, and what is known beforehand.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Who issues the tokens.
    pub issuer: Issuer,
    /// Which routes the service offers.
    pub profile: Profile,
    /// Ids of cases, or names of groups; empty for all.
    pub only: Vec<String>,
    /// Failures that are accepted.
    pub deviations: Deviations,
}

/// Why nothing was run.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RunError {
    /// The real Keycloak can't be worked with, or is left with a realm of the suite's.
    Issuer {
        /// What was seen.
        why: String,
    },
    /// The profile has no cases yet.
    NoCases {
        /// The profile asked for.
        profile: &'static str,
    },
    /// The service doesn't start, not even with good settings.
    Start {
        /// What was seen.
        why: String,
    },
    /// The suite itself can't work.
    Suite {
        /// What it lacks.
        why: String,
    },
    /// No case and no group has that name.
    UnknownCase {
        /// What was asked for.
        name: String,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer { why } => write!(f, "the real Keycloak is not usable: {why}"),
            Self::NoCases { profile } => write!(
                f,
                "the profile {profile} has no cases of its own yet, and passing it would mean nothing: use api"
            ),
            Self::Start { why } => write!(f, "nothing was run, for the service doesn't start: {why}"),
            Self::Suite { why } => write!(f, "the suite can't work: {why}"),
            Self::UnknownCase { name } => {
                write!(f, "no case and no group is named {name:?}; --list shows them")
            }
        }
    }
}

impl std::error::Error for RunError {}

/// One case must not hold up all others.
const CASE_TIMEOUT: Duration = Duration::from_secs(120);
/// Services of their own that run at once. Most of such a case is waiting.
const AT_ONCE: usize = 4;

/// Runs the cases against the service; `told` hears of each as it ends.
///
/// # Errors
/// [`RunError`] when no case could be run. A case that fails is no error: see [`Report::is_good`].
pub fn run_with(
    target: Target,
    options: &Options,
    told: impl Fn(&CaseReport) + 'static,
) -> Result<Report, RunError> {
    if options.profile == Profile::Full {
        return Err(RunError::NoCases { profile: options.profile.name() });
    }
    let cases = chosen(options.profile, &options.only)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| RunError::Suite { why: error.to_string() })?;
    LocalSet::new().block_on(&runtime, async {
        let issuer = |failure: Failure| RunError::Issuer { why: failure.to_string() };
        let source = tokio::select! {
            source = Source::open(&options.issuer) => source.map_err(issuer)?,
            why = interrupted() => return Err(why),
        };
        let report = tokio::select! {
            report = async {
                source.prepare().await.map_err(issuer)?;
                Run::new(target, source.clone(), options, told).all(cases).await
            } => report,
            // Dropping the run ends every service that it has started.
            why = interrupted() => Err(why),
        };
        let closed = source.close().await.map_err(issuer);
        // The first thing that went wrong is the one to tell.
        report.and_then(|report| closed.map(|()| report))
    })
}

/// Waits for SIGINT or SIGTERM.
async fn interrupted() -> RunError {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            // Where it can't be waited for, it ends the suite as it always did.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
    RunError::Suite { why: "interrupted".to_owned() }
}

/// The cases of these names, or all that the profile has.
fn chosen(profile: Profile, only: &[String]) -> Result<Vec<Case>, RunError> {
    let mut cases = suite::all();
    if only.is_empty() && profile == Profile::Api {
        cases.retain(|case| case.info.needs != Capability::Authorization);
    }
    for name in only {
        if !cases.iter().any(|case| answers_to(case, name)) {
            return Err(RunError::UnknownCase { name: name.clone() });
        }
    }
    if !only.is_empty() {
        cases.retain(|case| only.iter().any(|name| answers_to(case, name)));
    }
    Ok(cases)
}

fn answers_to(case: &Case, name: &str) -> bool {
    let group = case.info.id.split('/').next().unwrap_or_default();
    case.info.id == name || group == name.strip_suffix('/').unwrap_or(name)
}

struct Run {
    issuer: String,
    world: Rc<World>,
    capabilities: Vec<Capability>,
    deviations: Deviations,
    whole: bool,
    told: Box<dyn Fn(&CaseReport)>,
}

impl Run {
    fn new(target: Target, source: Source, options: &Options, told: impl Fn(&CaseReport) + 'static) -> Self {
        let mut capabilities = vec![Capability::Api];
        if options.profile != Profile::Api {
            capabilities.push(Capability::Authorization);
        }
        if target.clean_folder {
            capabilities.push(Capability::CleanFolder);
        }
        Self {
            issuer: source.described().to_owned(),
            world: Rc::new(World::new(target, source)),
            capabilities,
            deviations: options.deviations.clone(),
            whole: options.only.is_empty(),
            told: Box::new(told),
        }
    }

    async fn all(self, cases: Vec<Case>) -> Result<Report, RunError> {
        let since = Instant::now();
        self.probe().await?;
        let mut done: Vec<(usize, CaseReport)> = Vec::new();
        let (mut shared, mut own, mut last) = (Vec::new(), Vec::new(), Vec::new());
        for (n, case) in cases.into_iter().enumerate() {
            if !self.capabilities.contains(&case.info.needs) {
                let why = format!("needs {}", case.info.needs);
                done.push((n, self.tell(&case, Outcome::Skipped(why), Duration::ZERO)));
                continue;
            }
            match case.setup {
                Setup::Shared(environment) => shared.push((n, environment, case)),
                Setup::Own | Setup::OwnRealm if suite::is_last(&case.info.id) => last.push((n, case)),
                Setup::Own | Setup::OwnRealm => own.push((n, case)),
            }
        }
        let run = Rc::new(self);
        let mut environments: Vec<&'static Environment> = Vec::new();
        for (_, environment, _) in &shared {
            if !environments.contains(environment) {
                environments.push(environment);
            }
        }
        for environment in environments {
            let of_this: Vec<_> = shared
                .iter()
                .filter(|(_, of, _)| *of == environment)
                .map(|(n, _, case)| (*n, case))
                .collect();
            done.extend(run.sharing(environment, &of_this).await);
        }
        done.extend(Rc::clone(&run).owning(own).await?);
        for (n, case) in last {
            done.push((n, run.one_owning(&case).await));
        }
        done.sort_by_key(|(n, _)| *n);
        let cases: Vec<CaseReport> = done.into_iter().map(|(_, report)| report).collect();
        let stale = run.stale(&cases);
        let issuer = run.issuer.clone();
        Ok(Report { issuer, cases, stale, codes: run.world.codes(), took: since.elapsed() })
    }

    /// A service that doesn't even start would fail every case, and say so hundreds of times.
    async fn probe(&self) -> Result<(), RunError> {
        let suite = |failure: Failure| RunError::Suite { why: failure.to_string() };
        let kit = Kit::new(&self.world, false).await.map_err(suite)?;
        kit.start(&[]).await.map_err(|failure| RunError::Start { why: failure.to_string() })?;
        kit.stop().await;
        Ok(())
    }

    async fn sharing(&self, environment: &Environment, cases: &[(usize, &Case)]) -> Vec<(usize, CaseReport)> {
        let mut done = Vec::new();
        let mut kit = None;
        for (n, case) in cases {
            let since = Instant::now();
            let result = self.one_sharing(&mut kit, environment, case).await;
            done.push((*n, self.tell(case, self.judged(&case.info.id, result), since.elapsed())));
        }
        if let Some(kit) = kit {
            kit.stop().await;
        }
        done
    }

    async fn one_sharing(&self, kit: &mut Option<Kit>, environment: &Environment, case: &Case) -> CaseResult {
        if kit.as_ref().is_none_or(|kit| !kit.is_running()) {
            let fresh = Kit::new(&self.world, false).await?;
            // A key that is added later costs a fetch, and the cool-down after it.
            for alg in kc_dev::Alg::ASYMMETRIC {
                fresh.issuer.kid(alg).await?;
            }
            fresh.start(environment.variables).await?;
            *kit = Some(fresh);
        }
        let Some(kit) = kit else { return Ok(()) };
        kit.settle();
        let result = timed(case, kit).await;
        lived_through(result, kit).await
    }

    async fn owning(self: Rc<Self>, cases: Vec<(usize, Case)>) -> Result<Vec<(usize, CaseReport)>, RunError> {
        let places = Rc::new(Semaphore::new(AT_ONCE));
        // Dropped with the run, and every case with it.
        let mut tasks = JoinSet::new();
        for (n, case) in cases {
            let (run, places) = (Rc::clone(&self), Rc::clone(&places));
            tasks.spawn_local(async move {
                // Nobody closes it.
                let _place = places.acquire().await;
                (n, run.one_owning(&case).await)
            });
        }
        let mut done = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            let why = |error: tokio::task::JoinError| format!("a case ended without a result: {error}");
            done.push(ended.map_err(|error| RunError::Suite { why: why(error) })?);
        }
        Ok(done)
    }

    async fn one_owning(&self, case: &Case) -> CaseReport {
        let since = Instant::now();
        let result = async {
            let kit = Kit::new(&self.world, case.setup == Setup::OwnRealm).await?;
            let result = timed(case, &kit).await;
            let result = if result.is_err() { lived_through(result, &kit).await } else { result };
            kit.stop().await;
            result
        };
        let result = result.await;
        self.tell(case, self.judged(&case.info.id, result), since.elapsed())
    }

    fn judged(&self, id: &str, result: CaseResult) -> Outcome {
        match (result, self.deviations.reason(id)) {
            (Ok(()), _) => Outcome::Passed,
            (Err(failure), None) => Outcome::Failed { what: failure.to_string(), let_in: failure.let_in },
            (Err(failure), Some(reason)) => Outcome::Deviates {
                reason: reason.to_owned(),
                what: failure.to_string(),
                let_in: failure.let_in,
            },
        }
    }

    fn tell(&self, case: &Case, outcome: Outcome, took: Duration) -> CaseReport {
        let report = CaseReport { info: case.info.clone(), outcome, took };
        (self.told)(&report);
        report
    }

    /// Deviations that are none any more.
    fn stale(&self, cases: &[CaseReport]) -> Vec<String> {
        let known: BTreeSet<String> = suite::all().into_iter().map(|case| case.info.id).collect();
        let mut stale = Vec::new();
        for id in self.deviations.ids() {
            let outcome = cases.iter().find(|case| case.info.id == id).map(|case| &case.outcome);
            match outcome {
                _ if !known.contains(id) => stale.push(format!("the deviation {id:?} names no case")),
                Some(Outcome::Passed) => {
                    stale.push(format!("the deviation {id:?} is stale: the case passes"));
                }
                Some(Outcome::Skipped(_)) if self.whole => {
                    stale.push(format!("the deviation {id:?} is of a case that is skipped"));
                }
                _ => {}
            }
        }
        stale
    }
}

/// A connection that breaks is explained by a service that has ended.
async fn lived_through(result: CaseResult, kit: &Kit) -> CaseResult {
    if result.is_err() {
        // Its connections end a moment before it does.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match (result, kit.obituary()) {
        (result, None) => result,
        (Ok(()), Some(how)) => Err(Failure::new(how)),
        (Err(failure), Some(how)) => Err(Failure { what: format!("{failure}; {how}"), ..failure }),
    }
}

async fn timed(case: &Case, kit: &Kit) -> CaseResult {
    let result = tokio::time::timeout(CASE_TIMEOUT, case.run(kit)).await;
    result.unwrap_or_else(|_| Err(Failure::new(format!("the case takes longer than {CASE_TIMEOUT:?}"))))
}
