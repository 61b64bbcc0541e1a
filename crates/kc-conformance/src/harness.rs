//! For `tests/conformance.rs` with `harness = false`: the cases as tests of `cargo test`.

use std::process::ExitCode;
use std::time::Instant;

use crate::report::{CaseReport, Outcome};
use crate::runner::{Options, run_with};
use crate::suite;
use crate::target::Target;

/// Runs the cases as `cargo test` runs tests: names as filters, `--exact`, `--skip NAME`, `--list`; the other options of
/// its harness are taken and have no effect.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     let service = kc_conformance::Target::new("target/debug/my-service");
///     kc_conformance::main(service.clean_folder(true), kc_conformance::Options::default())
/// }
/// ```
#[must_use]
pub fn main(target: Target, options: Options) -> ExitCode {
    let asked = Asked::read(std::env::args().skip(1));
    let cases = suite::all().into_iter().map(|case| case.info);
    let cases = cases.filter(|case| options.profile.asks_for(case.needs));
    let ids: Vec<String> = cases.map(|case| case.id).collect();
    let chosen: Vec<String> = ids.iter().filter(|id| asked.wants(id)).cloned().collect();
    if asked.list {
        chosen.iter().for_each(|id| println!("{id}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let filtered_out = ids.len() - chosen.len();
    let since = Instant::now();
    let everything = chosen.len() == ids.len();
    if chosen.is_empty() {
        println!(
            "\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; {filtered_out} filtered out\n"
        );
        return ExitCode::SUCCESS;
    }
    let only = if everything { Vec::new() } else { chosen };
    let report = match run_with(target, &Options { only, ..options }, print) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error}");
            println!("\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n");
            return ExitCode::FAILURE;
        }
    };
    let failures: Vec<(&str, &str)> = report
        .cases()
        .iter()
        .filter_map(|case| match &case.outcome {
            Outcome::Failed { what, .. } => Some((case.info.id.as_str(), what.as_str())),
            _ => None,
        })
        .collect();
    if !failures.is_empty() {
        println!("\nfailures:\n");
        failures.iter().for_each(|(id, what)| println!("    {id}: {what}"));
    }
    report.stale_deviations().iter().for_each(|stale| println!("    {stale}"));
    println!("\nissuer: {}", report.issuer());
    let counts = report.counts();
    println!(
        "\ntest result: {}. {} passed; {} failed; {} ignored; 0 measured; {filtered_out} filtered out; finished in {:.2}s\n",
        if report.is_good() { "ok" } else { "FAILED" },
        counts.passed,
        counts.failed + report.stale_deviations().len(),
        counts.deviating + counts.skipped,
        since.elapsed().as_secs_f64()
    );
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(case: &CaseReport) {
    let said = match &case.outcome {
        Outcome::Passed => "ok".to_owned(),
        Outcome::Failed { .. } => "FAILED".to_owned(),
        Outcome::Deviates { reason, .. } => format!("ignored, deviation: {reason}"),
        Outcome::Skipped(why) => format!("ignored, {why}"),
    };
    println!("test {} ... {said}", case.info.id);
}

#[derive(Debug, Default)]
struct Asked {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    list: bool,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut asked = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => asked.exact = true,
                "--list" => asked.list = true,
                "--skip" => asked.skips.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => {
                    arguments.next();
                }
                option if option.starts_with('-') => {}
                _ => asked.filters.push(argument),
            }
        }
        asked
    }

    fn wants(&self, id: &str) -> bool {
        let fits = |name: &String| if self.exact { id == name } else { id.contains(name.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skips.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_work_as_cargo_tests_do() {
        let asked = |args: &[&str]| Asked::read(args.iter().map(|arg| (*arg).to_owned()));
        assert!(asked(&[]).wants("a/b"));
        assert!(asked(&["a/", "--nocapture", "--test-threads", "1"]).wants("a/b"));
        assert!(!asked(&["a", "--exact"]).wants("a/b"));
        assert!(!asked(&["--skip", "b"]).wants("a/b"));
    }
}
