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

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use kc_core::settings::Settings;

use self::check::{ALL, Check, Severity};
use self::facts::Facts;
use self::show::Report;
use crate::admin;
use crate::authz::options::Line;
use crate::progress;
use crate::terminal::{Paint, takes_colours, written};

const HELP: &str = "\
Checks the settings of a service against its Keycloak: what goes wrong in practice, what it means, and what to do about it.

Usage: kc doctor [OPTIONS]

Run it where the service runs, with the service's settings: the environment, .env of this folder, and the file that
KEYCLOAK_CONFIG names, as docs/configuration.md says. Nothing is changed at Keycloak: a token of the client itself is fetched and
introspected, a login and a logout are begun without asking anybody, the password grant is tried without a user. The client's
secret goes to Keycloak alone; neither it nor a token is ever printed.

What only an administrator sees is checked when one is named; otherwise it is listed as not checked. The roles of the client
realm-management that are needed: view-realm and view-clients, and manage-authorization when KEYCLOAK_AUTHORIZATION_CONFIG is
set. Best is a client for nothing else:
  1. Clients > Create client: Client ID kc-doctor; Client authentication on, all flows off but Service account roles
  2. its tab Service accounts roles > Assign role > Client roles: those above, of realm-management
  3. its tab Credentials: the secret, into a file that only you can read
  4. kc doctor --admin-client kc-doctor --admin-secret-file FILE

Options:
      --only NAME               This check alone; again for more
      --list                    All checks, with what they ask
      --json                    One object with a list, for programs
      --admin-token-file FILE   The access token of an administrator; - is standard input. Or KEYCLOAK_ADMIN_TOKEN
      --admin-client ID         The client of the realm that asks. Or KEYCLOAK_ADMIN_CLIENT_ID
      --admin-secret-file FILE  Its secret; - is standard input. Or KEYCLOAK_ADMIN_CLIENT_SECRET
      --limit SECONDS           For everything together, 1 to 600. Default 60; each request has KEYCLOAK_HTTP_TIMEOUT_SECONDS
  -h, --help                    This text

Examples:
  KEYCLOAK_URL=https://id.example.com KEYCLOAK_REALM=shop KEYCLOAK_CLIENT_ID=orders kc doctor
  kc doctor --only issuer --only audience-mapper
  kc doctor --json | jq -r '.checks[] | select(.status == \"found\") | .name'

Exit code: 0 nothing above a note was found, 1 warnings, 2 errors, 3 the command line is wrong. What was not checked counts
neither as good nor as bad. Each check is described in docs/doctor.md. Colours are for terminals, unless NO_COLOR is set.
";

/// Seconds for everything together.
const LIMIT: u64 = 60;

/// Runs the command; `arguments` are those after its name.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    run(&mut arguments).unwrap_or_else(|why| {
        eprintln!("kc doctor: {why}");
        ExitCode::from(3)
    })
}

fn run(arguments: &mut dyn Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let with_value = ["--only", "--limit", "--admin-token-file", "--admin-client", "--admin-secret-file"];
    let Some(line) = Line::read(arguments, &with_value, &["--json", "--list"])? else {
        return written(HELP).map(|()| ExitCode::SUCCESS);
    };
    line.nothing_else()?;
    let chosen = chosen(&line.all("--only")?)?;
    let limit = limit(line.one("--limit")?)?;
    if line.has("--list") {
        let list: String =
            chosen.iter().map(|check| format!("{:<22}{}\n", check.name, check.about)).collect();
        return written(&list).map(|()| ExitCode::SUCCESS);
    }
    let facts = facts(&line, limit)?;
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

fn chosen(only: &[String]) -> Result<Vec<Check>, String> {
    if let Some(unknown) = only.iter().find(|name| ALL.iter().all(|check| check.name != **name)) {
        return Err(format!("--only {unknown:?} is no check; see kc doctor --list"));
    }
    Ok(ALL
        .into_iter()
        .filter(|check| only.is_empty() || only.iter().any(|name| name == check.name))
        .collect())
}

fn limit(given: Option<String>) -> Result<Duration, String> {
    let Some(text) = given else { return Ok(Duration::from_secs(LIMIT)) };
    let seconds = text.parse().ok().filter(|seconds| (1..=600).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("--limit {text:?} is no whole number from 1 to 600"))
}
