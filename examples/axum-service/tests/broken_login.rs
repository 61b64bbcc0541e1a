//! The suite's cases about browser login can fail: the service behind a proxy that takes one defence after another away,
//! each missed by the case meant for it.
//!
//! The same program is the proxy (`proxy DEFECT`) and the test. Without a defect every case that is named here passes.

#![cfg(test)]

mod proxy;

use std::process::ExitCode;

use kc_conformance::{Options, Outcome, Profile, Target, run};

/// What is broken, and the case that must fail by it.
const DEFECTS: [(&str, &str); 10] = [
    ("believes_any_callback", "login/callback-of-another-browser"),
    ("believes_any_logout_token", "backchannel/key-of-a-stranger"),
    ("believes_next", "login/leads-nowhere-else/two-slashes"),
    ("keeps_the_session_id", "login/a-session-of-its-own"),
    ("leaves_pages_to_caches", "session/account-names-the-user"),
    ("logs_out_without_csrf_value", "logout/by-another-site"),
    ("needs_no_csrf_value", "session/change-without-csrf-value"),
    ("passes_over_a_bad_token", "session/a-bad-token-is-an-error"),
    ("shows_the_cookie_to_scripts", "login/sets-a-session-and-goes-on"),
    ("writes_queries", "login/nothing-confidential-in-the-output"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, defect] = arguments.as_slice()
        && first == "proxy"
    {
        return proxy::main(defect);
    }
    let filters: Vec<&String> = arguments.iter().filter(|filter| !filter.starts_with('-')).collect();
    let wanted =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let defects: Vec<_> = DEFECTS.into_iter().filter(|(name, _)| wanted(name)).collect();
    let sound = "no_defect_passes_every_case_named_here";
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{sound}: test");
        defects.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", defects.len() + 1);
    let mut failed = 0;
    let mut judge = |name: &str, result: Result<String, String>| {
        failed += usize::from(result.is_err());
        let (word, how) = match result {
            Ok(how) => ("ok", how),
            Err(why) => ("FAILED", why),
        };
        println!("test {name} ... {word}\n     {how}");
    };
    judge(sound, none(&defects));
    for (name, case) in &defects {
        judge(name, caught(name, case));
    }
    println!(
        "\ntest result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out\n",
        if failed == 0 { "ok" } else { "FAILED" },
        defects.len() + 1 - failed,
        DEFECTS.len() - defects.len()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn judged(defect: &str, only: Vec<String>) -> Result<kc_conformance::Report, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = Target::new(program).arguments(["proxy", defect]).clean_folder(true);
    let options = Options { profile: Profile::Full, only, ..Options::default() };
    run(target, &options).map_err(|error| error.to_string())
}

fn none(defects: &[(&str, &str)]) -> Result<String, String> {
    let report = judged("none", defects.iter().map(|(_, case)| (*case).to_owned()).collect())?;
    let counts = report.counts();
    match report.is_good() && counts.passed == defects.len() {
        true => Ok(format!("{} cases", counts.passed)),
        false => Err(report.to_table()),
    }
}

fn caught(defect: &str, case: &str) -> Result<String, String> {
    let report = judged(defect, vec![case.to_owned()])?;
    match report.cases() {
        [one] => match &one.outcome {
            Outcome::Failed { what, .. } => Ok(format!("{case}: {what}")),
            other => Err(format!("not caught by {case}: {other:?}")),
        },
        many => Err(format!("{case} names {} cases", many.len())),
    }
}
