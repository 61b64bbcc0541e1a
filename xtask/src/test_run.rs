//! Running `cargo test`, and which package its tests belong to.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::libtest::{Report, Tally, TestFailure};
use crate::process::{self, Failure, Log};
use crate::summary::Outcome;
use crate::workspace::Workspace;

/// Where the tests find a real Keycloak.
const KEYCLOAK_URL: &str = "KC_TEST_KEYCLOAK_URL";

/// What a `cargo test` did, by package.
#[derive(Debug)]
pub(crate) struct TestRun {
    pub(crate) success: bool,
    pub(crate) tallies: BTreeMap<String, Tally>,
    /// Who issued the tokens of a package's conformance test.
    pub(crate) issuers: BTreeMap<String, String>,
    /// Those that failed, with the package in the place of the binary.
    pub(crate) failures: Vec<TestFailure>,
    pub(crate) crashed: Vec<String>,
}

impl TestRun {
    /// `packages` are shown even if they have no test.
    pub(crate) fn outcome<'a>(self, packages: impl Iterator<Item = &'a str>) -> Outcome {
        let mut tallies: BTreeMap<String, Tally> =
            packages.map(|name| (name.to_owned(), Tally::default())).collect();
        let mut all = Tally::default();
        for (name, tally) in self.tallies {
            all.add(tally);
            tallies.entry(name).or_default().add(tally);
        }
        let mut findings = Vec::new();
        if all.failed > 0 {
            findings.push(format!("{} tests failed", all.failed));
        }
        for failure in self.failures {
            findings.push(format!("{}: {}", failure.binary, failure.test));
            findings.extend(failure.said.iter().map(|line| format!("    {line}")));
        }
        if all.ignored > 0 {
            findings.push(format!("{} tests are ignored: a test runs or goes", all.ignored));
        }
        findings.extend(self.crashed.into_iter().map(|name| format!("{name} ended before its result")));
        if !self.success && findings.is_empty() {
            findings.push("cargo test failed: it is in the log".to_owned());
        }
        Outcome {
            tests: tallies.into_iter().collect(),
            ..Outcome::of(&findings, format!("{} tests", all.total()))
        }
    }
}

/// Builds, to learn which binary belongs to which package, then runs.
pub(crate) fn cargo_test(
    workspace: &Workspace,
    log: &mut Log,
    arguments: &[&str],
    keycloak: Option<&str>,
) -> Result<TestRun, Failure> {
    let command = || {
        let mut command = workspace.cargo();
        command.args(["test", "--all-features", "--no-fail-fast"]).args(arguments);
        match keycloak {
            Some(url) => command.env(KEYCLOAK_URL, url),
            None => command.env_remove(KEYCLOAK_URL),
        };
        command
    };
    let built = process::run_for_output(
        command().args(["--no-run", "--message-format", "json-render-diagnostics"]),
        log,
    )?;
    if !built.success {
        return Err(Failure::new("the tests do not build"));
    }
    let owners = owners(&built.output);
    let ran = process::run(&mut command(), log)?;
    let report = Report::read(&ran.output);
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (binary, tally) in report.tallies {
        let owner = owners.get(&binary).unwrap_or(&binary);
        tallies.entry(owner.clone()).or_default().add(tally);
    }
    let owner = |(binary, issuer)| (owners.get(&binary).unwrap_or(&binary).clone(), issuer);
    let issuers = report.issuers.into_iter().map(owner).collect();
    let named = |failure: TestFailure| {
        let binary = owners.get(&failure.binary).unwrap_or(&failure.binary).clone();
        TestFailure { binary, ..failure }
    };
    let failures = report.failures.into_iter().map(named).collect();
    Ok(TestRun { success: ran.success, tallies, issuers, failures, crashed: report.crashed })
}

/// The package of each test binary, by the binary's file name, from cargo's JSON messages.
fn owners(messages: &str) -> BTreeMap<String, String> {
    let owner = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let binary = message.get("executable")?.as_str()?.rsplit('/').next()?.to_owned();
        Some((binary, package_name(message.get("package_id")?.as_str()?)?))
    };
    messages.lines().filter_map(owner).collect()
}

/// The name in a package id: `path+file:///w/crates/kc-core#0.1.0` or `path+file:///w/tests/keycloak#keycloak-tests@0.1.0`.
fn package_name(id: &str) -> Option<String> {
    let (path, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name.to_owned()),
        None => path.rsplit('/').next().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::Verdict;

    #[test]
    fn the_name_of_a_package_is_read_from_both_forms_of_its_id() {
        assert_eq!(package_name("path+file:///w/crates/kc-core#0.1.0").as_deref(), Some("kc-core"));
        assert_eq!(
            package_name("path+file:///w/tests/keycloak#keycloak-tests@0.1.0").as_deref(),
            Some("keycloak-tests")
        );
    }

    #[test]
    fn a_test_binary_is_traced_to_its_package() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/crates/kc-core#0.1.0","executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/crates/kc-core#0.1.0","executable":"/t/debug/deps/guard-1a"}"#,
        );
        assert_eq!(owners(messages), BTreeMap::from([("guard-1a".to_owned(), "kc-core".to_owned())]));
    }

    fn run(tally: Tally, crashed: &[&str], success: bool) -> Outcome {
        let tallies = BTreeMap::from([("a".to_owned(), tally)]);
        let crashed = crashed.iter().map(|&name| name.to_owned()).collect();
        TestRun { success, tallies, issuers: BTreeMap::new(), failures: Vec::new(), crashed }
            .outcome(["a", "b"].into_iter())
    }

    #[test]
    fn a_package_without_tests_is_shown_with_none() {
        let outcome = run(Tally { passed: 2, ..Tally::default() }, &[], true);
        assert_eq!(outcome.verdict, Verdict::Passed);
        assert_eq!(outcome.tests.iter().map(|(_, tally)| tally.passed).collect::<Vec<_>>(), [2, 0]);
    }

    #[test]
    fn ignored_failed_and_crashed_tests_each_fail_the_suite() {
        let good = Tally { passed: 2, ..Tally::default() };
        for outcome in [
            run(Tally { ignored: 1, ..good }, &[], true),
            run(Tally { failed: 1, ..good }, &[], false),
            run(good, &["guard-1a"], true),
            run(good, &[], false),
        ] {
            assert!(matches!(outcome.verdict, Verdict::Failed(_)), "{outcome:?}");
        }
    }
}
