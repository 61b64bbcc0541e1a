//! The suites that run tests: each test in one of them, by what it needs.

use std::collections::BTreeMap;

use crate::libtest::Report;
use crate::process::{self, Failure, Log};
use crate::summary::Outcome;
use crate::test_run::{TestRun, cargo_test};
use crate::workspace::{Package, Workspace};
use crate::{keycloak, tools};

/// The package whose tests all need a real Keycloak.
const KEYCLOAK_PACKAGE: &str = "keycloak-tests";
/// Tests of other packages that need one: an export compared with a file; broken configurations and what is said of them;
/// logins at another device;
/// what the embedded issuer answers, compared; and several replicas.
const KEYCLOAK_TESTS: [(&str, &str); 5] = [
    ("kc-cli", "diff_at_keycloak"),
    ("kc-cli", "doctor_at_keycloak"),
    ("kc-cli", "token_get_at_keycloak"),
    ("kc-dev", "agrees_with_keycloak"),
    ("replicas-tests", "replicas_at_keycloak"),
];
/// Services that the conformance suite judges, and the test that does it. It runs on two issuers, so not among the others.
const SERVICES: [&str; 4] = ["actix-web-service", "axum-service", "custom-framework", "poem-service"];
const CONFORMANCE_TEST: &str = "conformance";
/// The package whose tests all need a real Keycloak and a browser.
const BROWSER_PACKAGE: &str = "browser-tests";

pub(crate) fn tests(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    tools::ensure(&[&tools::POSTGRESQL, &tools::PROMETHEUS, &tools::REDIS], log)?;
    let elsewhere: Vec<&str> = at_keycloak(workspace)
        .into_iter()
        .chain(tests_of(workspace, BROWSER_PACKAGE))
        .chain([CONFORMANCE_TEST])
        .collect();
    // Integration tests are named one by one, because some of them need the server.
    let mut here = Vec::new();
    for package in &workspace.packages {
        let is_here = |test: &&str| !needs_server(package, test) && *test != CONFORMANCE_TEST;
        for test in package.tests.iter().map(String::as_str).filter(is_here) {
            if elsewhere.contains(&test) {
                return Err(Failure::new(format!(
                    "{} has a test `{test}`, and one of that name needs a server: give one of them another name",
                    package.name
                )));
            }
            here.push(test);
        }
    }
    let mut arguments = integration(here);
    arguments.extend(["--lib", "--bins", "--examples"]);
    let run = cargo_test(workspace, log, &arguments, None)?;
    let packages = workspace.packages.iter().map(|package| package.name.as_str());
    Ok(run.outcome(packages.filter(|name| ![KEYCLOAK_PACKAGE, BROWSER_PACKAGE].contains(name))))
}

/// What `cargo test` is told to run these integration tests. Always of the whole workspace: of one package alone, what it
/// stands on would have other features and be built anew.
fn integration<'a>(tests: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    ["--workspace"].into_iter().chain(tests.into_iter().flat_map(|test| ["--test", test])).collect()
}

fn tests_of<'a>(workspace: &'a Workspace, package: &str) -> Vec<&'a str> {
    workspace
        .package(package)
        .map(|found| found.tests.iter().map(String::as_str).collect())
        .unwrap_or_default()
}

/// Those that need a real Keycloak and nothing else.
fn at_keycloak(workspace: &Workspace) -> Vec<&str> {
    tests_of(workspace, KEYCLOAK_PACKAGE).into_iter().chain(KEYCLOAK_TESTS.map(|(_, test)| test)).collect()
}

fn needs_server(package: &Package, test: &str) -> bool {
    [KEYCLOAK_PACKAGE, BROWSER_PACKAGE].contains(&package.name.as_str())
        || KEYCLOAK_TESTS.contains(&(&package.name, test))
}

pub(crate) fn doctests(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let ran = process::run(
        workspace.cargo().args(["test", "--workspace", "--all-features", "--no-fail-fast", "--doc"]),
        log,
    )?;
    let report = Report::read(&ran.output);
    let name = |library: &str| {
        let named = workspace.packages.iter().find(|package| package.name.replace('-', "_") == library);
        named.map_or(library, |package| &package.name).to_owned()
    };
    let tallies = report.tallies.iter().map(|(library, tally)| (name(library), *tally)).collect();
    let issuers = BTreeMap::new();
    let (failures, crashed) = (report.failures, report.crashed);
    let run = TestRun { success: ran.success, tallies, issuers, failures, crashed };
    Ok(run.outcome(std::iter::empty()))
}

pub(crate) fn real_keycloak(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    for (package, test) in KEYCLOAK_TESTS {
        if !workspace.package(package).is_some_and(|found| found.tests.iter().any(|name| name == test)) {
            return Err(Failure::new(format!(
                "{package} has no test `{test}`: nothing compares it with the real server"
            )));
        }
    }
    tools::ensure(&[&tools::POSTGRESQL, &tools::REDIS], log)?;
    let server = keycloak::start(workspace, log)?;
    let url = Some(server.url.as_str());
    let run = cargo_test(workspace, log, &integration(at_keycloak(workspace)), url);
    server.stop(log)?;
    let packages = KEYCLOAK_TESTS.iter().map(|(package, _)| *package);
    let mut outcome = run?.outcome(packages.chain([KEYCLOAK_PACKAGE]));
    let mut findings = Vec::new();
    for (name, tally) in &outcome.tests {
        if tally.passed + tally.failed == 0 {
            findings.push(format!("{name} ran no test against the real server"));
        }
    }
    for finding in findings {
        outcome.also(finding);
    }
    Ok(outcome)
}

pub(crate) fn browser(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    tools::ensure(&[&tools::BROWSER], log)?;
    let server = keycloak::start(workspace, log)?;
    let run =
        cargo_test(workspace, log, &integration(tests_of(workspace, BROWSER_PACKAGE)), Some(&server.url));
    server.stop(log)?;
    let outcome = run?.outcome([BROWSER_PACKAGE].into_iter());
    if outcome.tests.iter().all(|(_, tally)| tally.passed + tally.failed == 0) {
        return Ok(Outcome::failed("no test ran in the browser".to_owned()));
    }
    Ok(outcome)
}

pub(crate) fn conformance(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    conformance_with(workspace, log, None)
}

pub(crate) fn conformance_on_keycloak(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let server = keycloak::start(workspace, log)?;
    let outcome = conformance_with(workspace, log, Some(&server.url));
    server.stop(log)?;
    outcome
}

/// The suite on each service: with the Keycloak there, or with the embedded issuer.
fn conformance_with(
    workspace: &Workspace,
    log: &mut Log,
    keycloak: Option<&str>,
) -> Result<Outcome, Failure> {
    for service in SERVICES {
        if !tests_of(workspace, service).contains(&CONFORMANCE_TEST) {
            return Err(Failure::new(format!("{service} has no test `{CONFORMANCE_TEST}`")));
        }
    }
    let run = cargo_test(workspace, log, &integration([CONFORMANCE_TEST]), keycloak)?;
    let expected = match keycloak {
        Some(url) => format!(" at {url}"),
        None => "the embedded issuer".to_owned(),
    };
    let mut findings = Vec::new();
    for service in SERVICES {
        let issuer = run.issuers.get(service).map_or("no issuer", String::as_str);
        if !issuer.ends_with(&expected) {
            findings.push(format!("{service} was to run on{expected}, but ran on {issuer}"));
        }
    }
    let issuer = run.issuers.values().next().cloned().unwrap_or_default();
    let mut outcome = run.outcome(SERVICES.into_iter());
    outcome.count = format!("{} with {issuer}", outcome.count);
    for (service, tally) in &outcome.tests {
        if tally.passed + tally.failed == 0 {
            findings.push(format!("{service} ran no case"));
        }
    }
    for finding in findings {
        outcome.also(finding);
    }
    Ok(outcome)
}
