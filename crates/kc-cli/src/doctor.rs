//! `kc doctor`.

mod authorization;
mod check;
mod client;
mod courier;
mod facts;
mod login;
mod realm;
mod server;
mod show;
mod survey;
#[cfg(test)]
mod tests;
mod tokens;

use std::process::ExitCode;
use std::time::Duration;

use clap::Command;
use clap::builder::PossibleValuesParser;
use kc_core::settings::Settings;

use self::check::{ALL, Check, Severity};
use self::facts::Facts;
use self::show::Report;
use crate::admin;
use crate::command_line::{self, Line, flag, value, values};
use crate::progress;
use crate::terminal::{Paint, takes_colours, written};

pub(crate) fn command() -> Command {
    command_line::command("doctor", "Checks a service's settings against its Keycloak, and says what to do")
        .override_usage("kc doctor [OPTIONS]")
        .before_help(
            "Run it where the service runs, with the service's settings: the environment, .env of this folder, and the file that\n\
             KEYCLOAK_CONFIG names, as docs/configuration.md says. Nothing is changed at Keycloak: a token of the client itself is fetched and\n\
             introspected, a login and a logout are begun without asking anybody, the password grant is tried without a user. The client's\n\
             secret goes to Keycloak alone; neither it nor a token is ever printed.\n\
             \n\
             What only an administrator sees is checked when one is named; otherwise it is listed as not checked. The roles of the client\n\
             realm-management that are needed: view-realm and view-clients, and manage-authorization when KEYCLOAK_AUTHORIZATION_CONFIG is\n\
             set. Best is a client for nothing else:\n  \
             1. Clients > Create client: Client ID kc-doctor; Client authentication on, all flows off but Service account roles\n  \
             2. its tab Service account roles > Assign role > Client roles: those above, of realm-management\n  \
             3. its tab Credentials: the secret, into a file that only you can read\n  \
             4. kc doctor --admin-client kc-doctor --admin-secret-file FILE",
        )
        .arg(values("only", "NAME", "This check alone; again for more").value_parser(names()).hide_possible_values(true))
        .arg(flag("list", "All checks, with what they ask"))
        .arg(flag("json", "One object with a list, for programs"))
        .args(admin::options())
        .arg(value(
            "limit",
            "SECONDS",
            "For everything together, 1 to 600. Default 60; each request has KEYCLOAK_HTTP_TIMEOUT_SECONDS",
        ))
        .after_help(
            "Exit code: 0 nothing above a note was found, 1 warnings, 2 errors, 3 the command line is wrong or the result cannot be printed.\n\
             What was not checked counts neither as good nor as bad. Each check is described in docs/doctor.md.\n\
             \n\
             Examples:\n  \
             KEYCLOAK_URL=https://id.example.com KEYCLOAK_REALM=shop KEYCLOAK_CLIENT_ID=orders kc doctor\n  \
             kc doctor --only issuer --only audience-mapper\n  \
             kc doctor --json | jq -r '.checks[] | select(.status == \"found\") | .name'",
        )
}

fn names() -> PossibleValuesParser {
    ALL.map(|check| check.name).into()
}

/// Seconds for everything together.
const LIMIT: u64 = 60;

/// Runs the command.
pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let chosen = chosen(&line.all("--only")?);
    let limit = limit(line.one("--limit")?)?;
    if line.has("--list") {
        let list: String =
            chosen.iter().map(|check| format!("{:<22}{}\n", check.name, check.about)).collect();
        return written(&list).map(|()| ExitCode::SUCCESS);
    }
    let facts = facts(line, limit)?;
    let server = facts.server().ok();
    let report = Report {
        issuer: server.map(|(_, server)| server.issuer().to_owned()),
        client_id: server.map(|(_, server)| server.client_id().to_owned()),
        verdicts: chosen.iter().map(|check| (*check, check.verdict(&facts))).collect(),
    };
    written(&if line.has("--json") {
        format!("{:#}\n", report.json())
    } else {
        report.table(Paint(takes_colours()))
    })?;
    Ok(match report.severity() {
        None | Some(Severity::Note) => ExitCode::SUCCESS,
        Some(Severity::Warning) => ExitCode::from(1),
        Some(Severity::Error) => ExitCode::from(2),
    })
}

fn facts(line: &Line, limit: Duration) -> Result<Facts, String> {
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(why) => return Ok(Facts::unasked(Err(why.to_string()), "the settings come first")),
    };
    let access = match settings.keycloak() {
        Ok(server) if admin::is_named(line, admin::variable)? => {
            Some(admin::access(line, server, admin::variable))
        }
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
    let step = progress::Step::default();
    Ok(runtime.block_on(progress::shown("kc doctor", &step, survey::survey(settings, access, &step, limit))))
}

/// Those that are named, else all.
fn chosen(only: &[String]) -> Vec<Check> {
    let named = |check: &Check| only.is_empty() || only.iter().any(|name| name == check.name);
    ALL.into_iter().filter(named).collect()
}

fn limit(given: Option<String>) -> Result<Duration, String> {
    let Some(text) = given else { return Ok(Duration::from_secs(LIMIT)) };
    let seconds = text.parse().ok().filter(|seconds| (1..=600).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("--limit {text:?} is no whole number from 1 to 600"))
}
