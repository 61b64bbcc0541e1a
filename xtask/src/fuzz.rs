//! The suite `fuzz`: each target of `fuzz/` for a while.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Failure, Log};
use crate::summary::Outcome;
use crate::tools::{self, CARGO_FUZZ};
use crate::workspace::Workspace;

pub(crate) const NAME: &str = "fuzz";
pub(crate) const ABOUT: &str = "each fuzz target for a minute; with --long only, or by name";

/// Builds all targets, with sanitizers, then runs one after the other for this long.
pub(crate) fn run(workspace: &Workspace, each: Duration, log: &mut Log) -> Result<Outcome, Failure> {
    let project = workspace.root.join("fuzz");
    let targets = targets(&project)?;
    let mut findings = lint(workspace, &project, log)?;
    let program = tools::ensure_cargo_tool(&CARGO_FUZZ, workspace, log)?;
    let cargo_fuzz = |subcommand: &str| {
        let mut command = Command::new(&program);
        command.arg(subcommand).arg("--fuzz-dir").arg(&project).current_dir(&workspace.root);
        // Sanitizers and coverage are options of the nightly compiler; this makes the project's own take them.
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    };
    if !process::run(&mut cargo_fuzz("build"), log)?.success {
        return Err(Failure::new("the fuzz targets do not build"));
    }
    let mut executions = 0;
    for target in &targets {
        // What is found on the way is kept for the next run, and is no part of the repository.
        let found = workspace.target.join("xtask/fuzz").join(target);
        std::fs::create_dir_all(&found).map_err(|e| Failure::io("making the folder", &found, &e))?;
        let seeds = project.join("corpus").join(target);
        if !seeds.is_dir() {
            findings.push(format!("{target} has no seeds: {}", seeds.display()));
            continue;
        }
        let ran = process::run(
            cargo_fuzz("run").arg(target).args([&found, &seeds]).arg("--").args(options(each)),
            log,
        )?;
        match executed(&ran.output) {
            Some(count) if ran.success && count > 0 => {
                log.line(&format!("{target}: {count} executions"));
                executions += count;
            }
            _ if ran.success => findings.push(format!("{target} did not say how often it ran")),
            _ => findings.push(finding(target, &ran.output)),
        }
    }
    Ok(Outcome::of(&findings, format!("{} targets, {executions} executions", targets.len())))
}

/// libFuzzer's options: an input that takes ten seconds or two gigabytes is a finding too.
fn options(each: Duration) -> [String; 6] {
    [
        format!("-max_total_time={}", each.as_secs()),
        "-timeout=10".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-verbosity=0".to_owned(),
        "-print_funcs=0".to_owned(),
        "-print_final_stats=1".to_owned(),
    ]
}

/// The workspace of the targets is not ours: format, clippy and its lock file are looked at here.
fn lint(workspace: &Workspace, project: &Path, log: &mut Log) -> Result<Vec<String>, Failure> {
    let manifest = project.join("Cargo.toml");
    let on_it = |arguments: &[&str]| {
        let mut command = workspace.cargo();
        command.args(arguments).arg("--manifest-path").arg(&manifest);
        command
    };
    let mut findings = Vec::new();
    if !process::run(on_it(&["fmt", "--check"]).args(["--", "--config-path"]).arg(&workspace.root), log)?
        .success
    {
        findings.push("some files of fuzz/ are not formatted".to_owned());
    }
    if !process::run(on_it(&["clippy", "--locked", "--all-targets"]).args(["--", "-D", "warnings"]), log)?
        .success
    {
        findings.push("clippy has findings in fuzz/, or fuzz/Cargo.lock is out of date".to_owned());
    }
    Ok(findings)
}

/// The names of the targets, in order; none is an error.
fn targets(project: &Path) -> Result<Vec<String>, Failure> {
    let folder = project.join("fuzz_targets");
    let files = std::fs::read_dir(&folder).map_err(|e| Failure::io("reading", &folder, &e))?;
    let name = |path: PathBuf| {
        let stem = path.file_stem()?.to_str()?.to_owned();
        (path.extension()? == "rs").then_some(stem)
    };
    let mut targets: Vec<String> = files.flatten().filter_map(|file| name(file.path())).collect();
    if targets.is_empty() {
        return Err(Failure::new(format!("no fuzz target in {}", folder.display())));
    }
    targets.sort();
    Ok(targets)
}

/// Of libFuzzer's last words: `stat::number_of_executed_units: 278407`.
fn executed(output: &str) -> Option<u64> {
    let count = output.lines().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    count.trim().parse().ok()
}

/// What failed, and the input that made it fail.
fn finding(target: &str, output: &str) -> String {
    let after = |words: &str| output.lines().find_map(|line| line.split_once(words).map(|(_, rest)| rest));
    match after("Test unit written to ") {
        Some(artifact) => format!("{target} has a finding: {artifact}"),
        None => format!("{target} failed: {}", process::last_lines(output, 3)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_executions_is_read() {
        let output =
            "Done 12 runs in 3 second(s)\nstat::number_of_executed_units: 278407\nstat::peak_rss_mb: 99\n";
        assert_eq!(executed(output), Some(278_407));
        assert_eq!(executed("Done"), None);
    }

    #[test]
    fn a_finding_names_the_input() {
        let output = "==7== ERROR: libFuzzer: deadly signal\nartifact_prefix='/f/'; Test unit written to /f/crash-1\nBase64: AA\n";
        assert_eq!(finding("pem", output), "pem has a finding: /f/crash-1");
        assert!(finding("pem", "a\nb\nc\nd\n").ends_with("b\nc\nd"));
    }

    #[test]
    fn each_target_of_ours_has_seeds() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let targets = targets(&project).unwrap();
        assert!(targets.len() >= 9);
        for target in targets {
            let seeds = project.join("corpus").join(&target);
            assert!(std::fs::read_dir(&seeds).is_ok_and(|seeds| seeds.count() >= 5), "{target}");
        }
    }
}
