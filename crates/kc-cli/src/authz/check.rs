//! `kc authz check`.

use std::ffi::OsString;
use std::process::ExitCode;

use kc_core::policy::{AuthorizationConfig, Finding, Severity};
use serde::Serialize;

use super::options::Line;

const HELP: &str = "\
Says what of an exported authorization configuration is not clear, or cannot be decided without Keycloak.

Usage: kc authz check [OPTIONS] CONFIG

CONFIG is the file that the admin console exports (the client, Authorization, Export); - is standard input. Each finding
is a line: whether it is a problem or a note, the place in the file, what it is, and the permissions that depend on it. By a
permission that depends on a problem nobody is let in. A note is about something that is decided, on a condition.

Options:
      --time-zone ZONE   The zone of time policies, that of the Keycloak server. Default UTC
      --client-id ID     The client that the configuration is of
      --json             The findings as JSON
  -h, --help             This text

Exit code: 0 there is no problem, 1 there is one, 2 the file cannot be read or is no authorization configuration.
";

#[derive(Serialize)]
struct Report<'c> {
    resources: usize,
    scopes: usize,
    findings: &'c [Finding],
}

pub(super) fn main(arguments: &mut dyn Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let Some(line) = Line::read(arguments, &super::options::CONFIG_OPTIONS, &["--json"])? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let config = line.config(line.only("the file with the configuration")?)?;
    if line.has("--json") {
        let report = Report {
            resources: config.resources().count(),
            scopes: config.scopes().count(),
            findings: config.findings(),
        };
        println!("{}", serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?);
    } else {
        show(&config);
    }
    let problem = config.findings().iter().any(|finding| finding.severity() == Severity::Problem);
    Ok(if problem { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn show(config: &AuthorizationConfig) {
    let (mut problems, mut notes) = (0, 0);
    for finding in config.findings() {
        let what = if finding.severity() == Severity::Problem {
            problems += 1;
            "problem"
        } else {
            notes += 1;
            "note"
        };
        println!("{what}: {finding}");
    }
    let (resources, scopes) = (config.resources().count(), config.scopes().count());
    println!("{resources} resources, {scopes} scopes; {problems} problems, {notes} notes");
}
