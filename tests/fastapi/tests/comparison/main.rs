//! `docs/comparison.md` says what was measured: the suite is run against `service.py`, and the page's numbers, versions and
//! cases are compared with what came out. That the example services pass every case is shown by their own tests,
//! `tests/conformance.rs` in each.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod page;
mod programs;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use kc_conformance::{CaseReport, Deviations, Options, Outcome, Report, Target, run};

use crate::page::Page;

/// The packages whose versions a reader needs to know.
const PACKAGES: [&str; 8] =
    ["cryptography", "fastapi", "httpx", "pydantic", "pydantic-settings", "pyjwt", "starlette", "uvicorn"];
/// What a reason in the file of deviations begins with.
const CLASSES: [&str; 6] = ["lets in", "breaks", "turns away", "leaks", "not offered", "words"];

/// One run for all tests: it takes a minute.
static FASTAPI: LazyLock<Report> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = programs::python(&folder.join("requirements.txt"));
    let text = std::fs::read_to_string(folder.join("deviations.toml")).unwrap();
    let options = Options { deviations: Deviations::read(&text).unwrap(), ..Options::default() };
    let service = Target::new(python).arguments([folder.join("service.py")]).clean_folder(true);
    run(service, &options).unwrap_or_else(|error| panic!("service.py: {error}"))
});

#[test]
fn the_fastapi_service_fails_what_its_list_says_and_nothing_else() {
    assert!(FASTAPI.is_good(), "{}", what_is_new(&FASTAPI));
}

#[test]
fn a_reason_begins_with_its_class_and_lets_in_is_said_of_those_that_did() {
    for (case, reason, let_in) in deviating() {
        let class = reason.split(':').next().unwrap_or_default();
        assert!(CLASSES.contains(&class), "{}: {reason}", case.info.id);
        assert_eq!(class == "lets in", let_in, "{}: {reason}", case.info.id);
    }
}

#[test]
fn the_pages_counts_of_fastapi_are_those_of_the_run() {
    let page = Page::read();
    let mut groups: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for case in FASTAPI.cases() {
        let passed = case.outcome == Outcome::Passed;
        for name in [case.group(), "**all**"] {
            let [cases, good, bad, open] = groups.entry(name).or_default();
            *cases += 1;
            *good += usize::from(passed);
            *bad += usize::from(!passed);
            *open += usize::from(let_in(case));
        }
    }
    let rows = groups.iter().map(|(group, [cases, passed, failed, let_in])| {
        format!("| {group} | {cases} | {cases} | {passed} | {failed} | {let_in} |")
    });
    page.has_rows(rows);
}

#[test]
fn the_pages_counts_of_classes_are_those_of_the_run() {
    let counts = CLASSES.map(|class| {
        let count = deviating().filter(|(_, reason, _)| reason.split(':').next() == Some(class)).count();
        format!("| {class} | {count} |")
    });
    Page::read().has_rows(counts);
}

#[test]
fn the_pages_cases_are_failed_ones_and_all_that_let_somebody_in_are_among_them() {
    let named = Page::read().case_ids();
    let failed: Vec<&str> = deviating().map(|(case, ..)| case.info.id.as_str()).collect();
    let unknown: Vec<_> = named.iter().filter(|id| !failed.contains(&id.as_str())).collect();
    assert!(unknown.is_empty(), "docs/comparison.md names cases that FastAPI does not fail: {unknown:?}");
    let missing: Vec<&str> = deviating()
        .filter(|(case, _, let_in)| *let_in && !named.contains(&case.info.id))
        .map(|(case, ..)| case.info.id.as_str())
        .collect();
    assert!(missing.is_empty(), "docs/comparison.md does not name {missing:?}");
}

#[test]
fn the_pages_versions_are_those_that_are_installed() {
    let page = Page::read();
    let requirements =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements.txt")).unwrap();
    for package in PACKAGES {
        let pinned = requirements.lines().find_map(|line| line.strip_prefix(&format!("{package}==")));
        let version = pinned.unwrap_or_default().trim_end_matches(['\\', ' ']);
        assert!(
            page.text().contains(&format!("{package} {version}")),
            "docs/comparison.md lacks {package} {version}"
        );
    }
}

/// The cases that FastAPI fails, with the reason, and whether somebody got in.
fn deviating() -> impl Iterator<Item = (&'static CaseReport, &'static str, bool)> {
    FASTAPI.cases().iter().filter_map(|case| match &case.outcome {
        Outcome::Deviates { reason, .. } => Some((case, reason.as_str(), let_in(case))),
        _ => None,
    })
}

fn let_in(case: &CaseReport) -> bool {
    matches!(&case.outcome, Outcome::Failed { let_in: true, .. } | Outcome::Deviates { let_in: true, .. })
}

/// What a list of deviations would have to say, and what in it is stale.
fn what_is_new(report: &Report) -> String {
    let failed = report.cases().iter().filter_map(|case| match &case.outcome {
        Outcome::Failed { what, .. } => Some(format!("{}: {what}", case.info.id)),
        _ => None,
    });
    failed.chain(report.stale_deviations().iter().cloned()).collect::<Vec<_>>().join("\n")
}
