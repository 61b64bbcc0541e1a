//! Suites that take long: with `--long`, or by name.

use crate::libtest::Report;
use crate::process::{self, Failure, Log};
use crate::suites::Suite;
use crate::summary::Outcome;
use crate::workspace::{Workspace, without_ours};
use crate::{api, dist, minimal, msrv, suites};

/// All but `fuzz`, which takes an option.
pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "api",
        about: "what each library offers, against api/*.txt; with --long only, or by name",
        run: api::check,
    },
    Suite {
        name: "msrv",
        about: "each crate with the oldest Rust that it says it builds with; with --long only, or by name",
        run: msrv::run,
    },
    Suite {
        name: "minimal-versions",
        about: "the crates with the oldest dependencies that they allow; with --long only, or by name",
        run: minimal::run,
    },
    Suite {
        name: "supply-elsewhere",
        about: "cargo deny on fuzz/ and benches/peers/; with --long only, or by name",
        run: supply_elsewhere,
    },
    Suite {
        name: "dist",
        about: "the static programs of a release, with what is in them; with --long only, or by name",
        run: dist::check,
    },
    Suite {
        name: "quick-starts",
        about: "each quick start's project, built for itself and run; with --long only, or by name",
        run: quick_starts,
    },
];

/// The workspaces that are not ours to give away: where they come from, and their licences. What is refused in ours (`bans`) is not
/// refused there: peers are other people's libraries with stacks of their own, and are built to be measured only.
fn supply_elsewhere(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let mut findings = Vec::new();
    let folders = ["fuzz", "benches/peers"];
    for folder in folders {
        let mut command = suites::deny(workspace, log)?;
        command.arg("--manifest-path").arg(workspace.root.join(folder).join("Cargo.toml"));
        command.arg("--config").arg(workspace.root.join("deny.toml"));
        let ran =
            process::run(command.args(["check", "--hide-inclusion-graph", "licenses", "sources"]), log)?;
        if !ran.success {
            findings.push(format!("{folder}: {}", process::last_lines(&ran.output, 1)));
        }
    }
    Ok(Outcome::of(&findings, format!("{} workspaces", folders.len())))
}

/// Each quick start: its project built for itself, as a reader would, and run.
fn quick_starts(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let mut command = workspace.cargo();
    command.args(["test", "--package", "documents-tests", "--test", "quick_starts", "--", "--nocapture"]);
    let ran = process::run(command.env("KC_QUICK_STARTS", "build"), log)?;
    let report = Report::read(&ran.output);
    let passed: u64 = report.tallies.values().map(|tally| tally.passed).sum();
    Ok(suites::verdict(
        ran.success && passed > 0,
        "a quick start does not do what it says",
        format!("{passed} tests"),
    ))
}

/// `rustup` with these arguments; whether it did what was asked.
pub(crate) fn rustup(arguments: &[&str], log: &mut Log) -> bool {
    process::run(std::process::Command::new("rustup").args(arguments), log).is_ok_and(|ran| ran.success)
}

/// The toolchain's cargo, whatever cargo runs us.
pub(crate) fn cargo_of(toolchain: &str, workspace: &Workspace) -> std::process::Command {
    let mut command = std::process::Command::new("rustup");
    command.args(["run", toolchain, "cargo"]).current_dir(&workspace.root);
    without_ours(&mut command);
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}
