//! The suites of `cargo xtask test`, in order.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{self, Failure, Log};
use crate::summary::{Outcome, Row, Summary, Verdict};
use crate::workspace::{Package, Workspace};
use crate::{book, fuzz, layers, long, package, test_suites, thin, tools};

/// One named group of checks.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Workspace, &mut Log) -> Result<Outcome, Failure>,
}

/// All of them: the cheap ones first.
pub(crate) const ALL: &[Suite] = &[
    Suite {
        name: "tools",
        about: "what the others need is there: C compiler, rustfmt, clippy, Java, Maven, PostgreSQL …",
        run: tools,
    },
    Suite { name: "format", about: "cargo fmt --check", run: format },
    Suite {
        name: "layers",
        about: "which crate depends on which, and how many come with kc-core",
        run: layers,
    },
    Suite { name: "thin", about: "code lines of adapters and examples against their budget", run: thin },
    Suite {
        name: "supply",
        about: "cargo deny: licences, banned and doubled crates, sources; Cargo.lock is committed",
        run: supply,
    },
    Suite {
        name: "advisories",
        about: "cargo deny: known vulnerabilities, where the database can be fetched",
        run: advisories,
    },
    Suite {
        name: "lint",
        about: "cargo clippy on everything, every feature, warnings are errors",
        run: lint,
    },
    Suite { name: "docs", about: "cargo doc, broken links are errors", run: docs },
    Suite {
        name: "book",
        about: "docs/ as a book by mdBook: every page is in it, every link leads somewhere",
        run: book::run,
    },
    Suite {
        name: "features",
        about: "each crate and example alone: without features, with each one, with all",
        run: features,
    },
    Suite {
        name: "package",
        about: "cargo package of each crate: licences, README, no stray file; the archives build alone",
        run: package::run,
    },
    Suite { name: "tests", about: "unit and integration tests that need no server", run: test_suites::tests },
    Suite {
        name: "conformance",
        about: "the conformance suite on each example, with the embedded issuer",
        run: test_suites::conformance,
    },
    Suite { name: "doctests", about: "the examples in the documentation", run: test_suites::doctests },
    Suite {
        name: "keycloak",
        about: "the tests against a real Keycloak, which is started and stopped",
        run: test_suites::real_keycloak,
    },
    Suite {
        name: "conformance-keycloak",
        about: "the same with a real Keycloak as the issuer, which is started and stopped",
        run: test_suites::conformance_on_keycloak,
    },
    Suite {
        name: "browser",
        about: "the pages of the example services in Chromium, with a real Keycloak",
        run: test_suites::browser,
    },
];

/// Which suites to run, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// These, or all that are not long when none is named.
    pub(crate) only: Vec<String>,
    /// Also what is long.
    pub(crate) long: bool,
    /// How long to run each fuzz target.
    pub(crate) fuzz_for: Duration,
}

impl Default for Choice {
    fn default() -> Self {
        Self { only: Vec::new(), long: false, fuzz_for: Duration::from_secs(60) }
    }
}

impl Choice {
    fn has(&self, suite: &str, long: bool) -> bool {
        if self.only.is_empty() { self.long || !long } else { self.only.iter().any(|name| name == suite) }
    }
}

/// Each suite's name and what it does.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().chain(long::SUITES).map(|suite| (suite.name, suite.about)).chain([(fuzz::NAME, fuzz::ABOUT)])
}

/// Runs the suites chosen; prints the table; `true` when none failed.
pub(crate) fn run(workspace: &Workspace, choice: &Choice) -> Result<bool, Failure> {
    let mut summary = Summary::default();
    let long = long::SUITES.iter().filter(|suite| choice.has(suite.name, true));
    for suite in ALL.iter().filter(|suite| choice.has(suite.name, false)).chain(long) {
        summary.0.push(record(workspace, suite.name, suite.about, |log| (suite.run)(workspace, log))?);
    }
    if choice.has(fuzz::NAME, true) {
        let run = |log: &mut Log| fuzz::run(workspace, choice.fuzz_for, log);
        summary.0.push(record(workspace, fuzz::NAME, fuzz::ABOUT, run)?);
    }
    let mut log = Log::create(workspace.target.join("xtask/summary.log"))?;
    log.line(summary.to_string().trim_end());
    Ok(summary.passed())
}

/// Runs one suite, with a log of its own.
fn record(
    workspace: &Workspace,
    suite: &'static str,
    about: &str,
    run: impl FnOnce(&mut Log) -> Result<Outcome, Failure>,
) -> Result<Row, Failure> {
    let mut log = Log::create(workspace.target.join("xtask").join(format!("{suite}.log")))?;
    log.line(&format!("\n=== {suite}: {about}"));
    let started = Instant::now();
    let outcome = run(&mut log).unwrap_or_else(|e| Outcome::failed(e.to_string()));
    if let Verdict::Failed(why) = &outcome.verdict {
        log.line(&format!("{suite} FAILED: {why}\n(all of it: {})", log.path().display()));
    }
    Ok(Row { suite, outcome, took: started.elapsed() })
}

fn tools(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let programs: Vec<&tools::Tool> =
        [&tools::C_COMPILER, &tools::BROWSER, &tools::POSTGRESQL, &tools::PROMETHEUS, &tools::REDIS]
            .into_iter()
            .chain(tools::KEYCLOAK)
            .collect();
    tools::ensure(&programs, log)?;
    tools::ensure_components(workspace, log)?;
    tools::ensure_cargo_tool(&tools::CARGO_DENY, workspace, log)?;
    tools::ensure_cargo_tool(&tools::MDBOOK, workspace, log)?;
    Ok(Outcome::passed(format!("{} programs", programs.len() + 4)))
}

fn format(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let ran = process::run(workspace.cargo().args(["fmt", "--all", "--check"]), log)?;
    Ok(verdict(
        ran.success,
        "some files are not formatted: cargo fmt",
        format!("{} packages", workspace.packages.len()),
    ))
}

fn lint(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let ran = process::run(
        workspace.cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]),
        log,
    )?;
    Ok(verdict(ran.success, "clippy has findings", format!("{} packages", workspace.packages.len())))
}

fn docs(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let ran = process::run(
        workspace
            .cargo()
            .args(["doc", "--workspace", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
        log,
    )?;
    Ok(verdict(ran.success, "the documentation has errors", format!("{} packages", workspace.packages.len())))
}

fn layers(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let report = layers::check(workspace)?;
    let count = format!("{} crates; kc-core brings {} more", report.crates, report.core_tree);
    log.line(&count);
    Ok(Outcome::of(&report.broken, count))
}

fn thin(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let report = thin::measure(workspace)?;
    log.line(report.to_string().trim_end());
    Ok(verdict(report.fits(), report.to_string().trim_end(), format!("{} packages", report.len())))
}

/// Every set of features that a crate offers to be built with alone, so that no crate lives from
/// what another one turned on. Clippy rather than `cargo check`: there a warning can be made an error.
fn features(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let mut findings = Vec::new();
    let mut count = 0;
    // What nobody else builds is built with everything by the suite `lint`.
    let is_offered = |package: &&Package| package.is_in("crates") || package.is_in("examples");
    let offered: Vec<&Package> = workspace.packages.iter().filter(is_offered).collect();
    for package in &offered {
        for choice in choices(package) {
            count += 1;
            let mut command = workspace.cargo();
            command.args(["clippy", "--quiet", "--package", &package.name]).args(&choice);
            if !process::run(command.args(["--", "-D", "warnings"]), log)?.success {
                findings.push(format!("{} {}", package.name, choice.join(" ")).trim_end().to_owned());
            }
        }
    }
    Ok(Outcome::of(&findings, format!("{count} combinations of {} packages", offered.len())))
}

fn choices(package: &Package) -> Vec<Vec<String>> {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    if package.features.is_empty() {
        return vec![Vec::new()];
    }
    let mut choices = vec![Vec::new(), owned(&["--no-default-features"])];
    choices.extend(package.features.iter().map(|one| owned(&["--no-default-features", "--features", one])));
    choices.push(owned(&["--all-features"]));
    choices
}

fn supply(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let mut findings = Vec::new();
    let ran = process::run(
        deny(workspace, log)?.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]),
        log,
    )?;
    if !ran.success {
        findings.push(process::last_lines(&ran.output, 1));
    }
    // Where CI runs there is no change of one's own yet to be committed.
    let git = |arguments: &[&str]| {
        process::capture(Command::new("git").current_dir(&workspace.root).args(arguments))
    };
    if git(&["ls-files", "--error-unmatch", "Cargo.lock"]).is_err() {
        findings.push("Cargo.lock is not committed".to_owned());
    } else if !git(&["status", "--porcelain", "--", "Cargo.lock"])?.is_empty() {
        let note = "Cargo.lock differs from what is committed";
        log.line(note);
        if std::env::var_os("CI").is_some() {
            findings.push(note.to_owned());
        }
    }
    let lock = workspace.root.join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock).map_err(|e| Failure::io("reading", &lock, &e))?;
    let crates = lock.lines().filter(|line| line.starts_with("source = ")).count();
    Ok(Outcome::of(&findings, format!("{crates} foreign crates")))
}

fn advisories(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let fetched = process::run(deny(workspace, log)?.args(["fetch", "db"]), log)?;
    if !fetched.success {
        let reason = format!(
            "the advisory database could not be fetched ({})",
            process::last_lines(&fetched.output, 1).trim_start_matches("fatal: ")
        );
        return Ok(Outcome { verdict: Verdict::Impossible(reason), ..Outcome::passed("") });
    }
    let ran = process::run(deny(workspace, log)?.args(["check", "--disable-fetch", "advisories"]), log)?;
    Ok(verdict(ran.success, &process::last_lines(&ran.output, 1), String::new()))
}

pub(crate) fn deny(workspace: &Workspace, log: &mut Log) -> Result<Command, Failure> {
    let mut command = Command::new(tools::ensure_cargo_tool(&tools::CARGO_DENY, workspace, log)?);
    command.current_dir(&workspace.root).args(["--color", "never", "--all-features", "--locked"]);
    Ok(command)
}

pub(crate) fn verdict(success: bool, otherwise: &str, count: String) -> Outcome {
    let findings = if success { Vec::new() } else { vec![otherwise.to_owned()] };
    Outcome::of(&findings, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_built_bare_with_each_feature_and_with_all() {
        let package = Workspace::from_metadata(
            r#"{"workspace_root":"/w","target_directory":"/t","packages":[{"name":"a",
                "manifest_path":"/w/a/Cargo.toml","features":{"default":["x"],"x":[],"y":[]}}]}"#,
        )
        .unwrap()
        .packages
        .remove(0);
        let choices: Vec<String> = choices(&package).iter().map(|choice| choice.join(" ")).collect();
        assert_eq!(
            choices,
            [
                "",
                "--no-default-features",
                "--no-default-features --features x",
                "--no-default-features --features y",
                "--all-features"
            ]
        );
    }

    #[test]
    fn what_is_long_runs_when_it_is_asked_for_by_name_or_as_such() {
        let only = |name: &str| Choice { only: vec![name.to_owned()], ..Choice::default() };
        assert!(only("fuzz").has("fuzz", true) && !only("lint").has("fuzz", true));
        assert!(Choice { long: true, ..Choice::default() }.has("fuzz", true));
        assert!(!Choice::default().has("fuzz", true) && Choice::default().has("lint", false));
        assert!(!Choice { long: true, ..only("lint") }.has("fuzz", true));
    }

    #[test]
    fn no_two_suites_have_one_name() {
        let distinct: std::collections::BTreeSet<_> = names().map(|(name, _)| name).collect();
        assert_eq!(distinct.len(), names().count());
    }
}
