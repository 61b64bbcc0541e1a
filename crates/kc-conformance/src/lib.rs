//! Black-box cases for services that Keycloak protects, in any language.
//!
//! The suite starts a service as a command, plays Keycloak for it, and sends it what strangers send: over loopback TCP,
//! byte by byte. It shares no code with what it judges.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | run it on a program | `kc conformance -- COMMAND`, `docs/conformance.md` |
//! | run it as tests of `cargo test` | [`main`] |
//! | run it from code | [`run`], [`Target`], [`Options`] |
//! | read how it went | [`Report`] |
//! | accept a failure, with a reason | [`Deviations`] |
//! | see what there is | [`catalogue`] |
//! | check a trait of `kc-core` that you implemented | `contract`, behind the feature of that name |
//!
//! # Features
//!
//! `contract`: the suites for the traits of `kc-core` and `kc-login`. Without it this crate has nothing to do with them.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod browser;
mod case;
mod cases;
#[cfg(feature = "contract")]
pub mod contract;
mod deviations;
mod harness;
mod http;
mod issuer;
mod kit;
mod process;
mod query;
mod reply;
mod report;
mod runner;
mod stand_in;
mod suite;
mod target;
mod wire;

pub use self::case::{Capability, CaseInfo};
pub use self::deviations::{Deviations, DeviationsError};
pub use self::harness::main;
pub use self::issuer::{Issuer, Keycloak};
pub use self::report::{CaseReport, Counts, Outcome, Report};
pub use self::runner::{Options, Profile, RunError, run_with};
pub use self::target::Target;

/// Every case, in order.
#[must_use]
pub fn catalogue() -> Vec<CaseInfo> {
    suite::all().into_iter().map(|case| case.info).collect()
}

/// Runs the cases against the service.
///
/// Blocks; must not be called from within an asynchronous runtime.
///
/// # Errors
/// [`RunError`] when no case could be run. A case that fails is no error: see [`Report::is_good`].
pub fn run(target: Target, options: &Options) -> Result<Report, RunError> {
    run_with(target, options, |_| {})
}
