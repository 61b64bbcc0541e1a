//! The suite can fail: a small service with one defect after another, each caught by the case meant for it.
//!
//! The same program is the service (`serve`) and the test. The service shares no code with the crates that the suite is
//! for; without a defect it passes every case that is named here, so what fails is the defect.

#![expect(clippy::unwrap_used, reason = "a test: a failed unwrap is how it fails")]
#![expect(clippy::indexing_slicing, reason = "a member that JSON lacks is null")]

mod defect;
mod http;
mod keys;
mod rules;
mod service;
mod validator;

use std::process::ExitCode;

use kc_conformance::{Deviations, Options, Outcome, Report, RunError, Target, run};

use self::defect::Defect;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("serve") {
        return service::main();
    }
    let filters: Vec<String> = std::env::args().skip(1).filter(|filter| !filter.starts_with('-')).collect();
    let wanted =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let defects: Vec<Defect> = Defect::ALL.into_iter().filter(|defect| wanted(&defect.name())).collect();
    if std::env::args().any(|argument| argument == "--list") {
        println!("no_defect_passes_every_case_named_here: test");
        defects.iter().for_each(|defect| println!("{}: test", defect.name()));
        DEVIATIONS.iter().filter(|(name, _)| wanted(name)).for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let deviations = DEVIATIONS.iter().filter(|(name, _)| wanted(name)).count();
    println!("\nrunning {} tests", defects.len() + deviations + 1);
    let (mut passed, mut failed) = (0, 0);
    let mut judge = |name: &str, result: Result<String, String>| match result {
        Ok(how) => {
            passed += 1;
            println!("test {name} ... ok");
            how.lines().for_each(|line| println!("     {line}"));
        }
        Err(why) => {
            failed += 1;
            println!("test {name} ... FAILED\n     {why}");
        }
    };
    judge("no_defect_passes_every_case_named_here", sound(&defects));
    for defect in &defects {
        judge(&defect.name(), caught(*defect));
    }
    for (name, check) in DEVIATIONS {
        if wanted(name) {
            judge(name, check());
        }
    }
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out\n",
        if failed == 0 { "ok" } else { "FAILED" },
        Defect::ALL.len() + DEVIATIONS.len() - defects.len() - deviations
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn target() -> Target {
    Target::new(std::env::current_exe().unwrap()).arguments(["serve"]).clean_folder(true)
}

fn sound(defects: &[Defect]) -> Result<String, String> {
    let only = defects.iter().map(|defect| defect.caught_by().to_owned()).collect();
    let report = run(target(), &Options { only, ..Options::default() }).map_err(|error| error.to_string())?;
    let counts = report.counts();
    if report.is_good() && counts.passed > 0 && counts.skipped == 0 {
        return Ok(format!("{} cases", counts.passed));
    }
    Err(report.to_table())
}

fn caught(defect: Defect) -> Result<String, String> {
    let case = defect.caught_by();
    let target = target().variable(defect::VARIABLE, defect.name());
    let only = vec![case.to_owned()];
    let report = run(target, &Options { only, ..Options::default() }).map_err(|error| error.to_string())?;
    match report.cases() {
        [one] => match &one.outcome {
            Outcome::Failed { what, .. } => Ok(format!("{case}: {what}")),
            other => Err(format!("not caught by {case}: {other:?}")),
        },
        many => Err(format!("{case} names {} cases", many.len())),
    }
}

type Check = fn() -> Result<String, String>;

const DEVIATIONS: [(&str, Check); 5] = [
    ("a_deviation_with_a_reason_is_accepted", || {
        let report = deviating(Some(Defect::AcceptsAlgNone), "header/alg-none")?;
        (report.is_good() && report.counts().deviating == 1)
            .then(String::new)
            .ok_or_else(|| report.to_table())
    }),
    ("a_deviation_of_a_case_that_passes_fails_the_run", || {
        let report = deviating(None, "header/alg-none")?;
        (!report.is_good()).then(|| report.stale_deviations().join("; ")).ok_or_else(|| report.to_table())
    }),
    ("a_deviation_of_an_unknown_case_fails_the_run", || {
        let report = deviating(None, "header/alg-some")?;
        (!report.is_good()).then(|| report.stale_deviations().join("; ")).ok_or_else(|| report.to_table())
    }),
    ("a_service_that_does_not_start_runs_no_case", || {
        let nothing = run(Target::new("/nowhere/service"), &Options::default());
        match nothing {
            Err(RunError::Start { why }) => Ok(why),
            other => Err(format!("{other:?}")),
        }
    }),
    ("what_a_profile_lacks_is_skipped_and_counted_when_it_is_asked_for_by_name", || {
        let only = vec!["login/methods".to_owned()];
        let report =
            run(target(), &Options { only, ..Options::default() }).map_err(|error| error.to_string())?;
        (report.counts().skipped == 1).then(String::new).ok_or_else(|| report.to_table())
    }),
];

/// One case, with a deviation for that one.
fn deviating(defect: Option<Defect>, id: &str) -> Result<Report, String> {
    let deviations =
        Deviations::read(&format!("\"{id}\" = \"a reason\"")).map_err(|error| error.to_string())?;
    let target = match defect {
        Some(defect) => target().variable(defect::VARIABLE, defect.name()),
        None => target(),
    };
    let options = Options { only: vec!["header/alg-none".to_owned()], deviations, ..Options::default() };
    run(target, &options).map_err(|error| error.to_string())
}
