//! `kc authz check`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Command;
use kc_core::policy::{AuthorizationConfig, Finding, Severity};
use serde::Serialize;

use super::options::of_config;
use crate::command_line::{self, Line, arguments, flag};
use crate::terminal::written;

pub(crate) fn command() -> Command {
    command_line::command("check", "Says what of a configuration is not clear, or cannot be decided without Keycloak")
        .override_usage("kc authz check [OPTIONS] CONFIG")
        .before_help(
            "CONFIG is the file that the admin console exports (the client, Authorization, Export); - is standard input. Each finding\n\
             is a line: whether it is a problem or a note, the place in the file, what it is, and the permissions that depend on it. By a\n\
             permission that depends on a problem nobody is let in. A note is about something that is decided, on a condition.",
        )
        .arg(arguments("CONFIG", "The file; - is standard input"))
        .args(of_config())
        .arg(flag("json", "The findings as JSON"))
        .after_help(
            "Exit code: 0 there is no problem, 1 there is one, 2 the file cannot be read or is no authorization configuration.\n\
             \n\
             Examples:\n  \
             kc authz check authorization-config.json\n  \
             kc authz check --time-zone Europe/Berlin --json - < authorization-config.json",
        )
}

#[derive(Serialize)]
struct Report<'c> {
    resources: usize,
    scopes: usize,
    findings: &'c [Finding],
}

pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let config = line.config(line.only("the file with the configuration")?)?;
    if line.has("--json") {
        let report = Report {
            resources: config.resources().count(),
            scopes: config.scopes().count(),
            findings: config.findings(),
        };
        written(&(serde_json::to_string_pretty(&report).map_err(|error| error.to_string())? + "\n"))?;
    } else {
        written(&shown(&config))?;
    }
    let problem = config.findings().iter().any(|finding| finding.severity() == Severity::Problem);
    Ok(if problem { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn shown(config: &AuthorizationConfig) -> String {
    let (mut problems, mut notes) = (0, 0);
    let mut out = String::new();
    for finding in config.findings() {
        let what = if finding.severity() == Severity::Problem {
            problems += 1;
            "problem"
        } else {
            notes += 1;
            "note"
        };
        // Memory takes it all.
        let _ = writeln!(out, "{what}: {finding}");
    }
    let (resources, scopes) = (config.resources().count(), config.scopes().count());
    out + &format!("{resources} resources, {scopes} scopes; {problems} problems, {notes} notes\n")
}
