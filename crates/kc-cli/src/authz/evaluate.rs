//! `kc authz evaluate`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use kc_core::clock::{Clock as _, SystemClock, UnixTime};
use kc_core::policy::{AuthorizationConfig, IdentityClaims, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::options::{TIME, of_config, time};
use crate::command_line::{self, Line, file, value};

pub(crate) fn command() -> Command {
    command_line::command("evaluate", "Decides many requests, a line of JSON each")
        .override_usage("kc authz evaluate [OPTIONS] --config CONFIG --requests FILE")
        .before_help(
            "FILE has one request a line, as JSON; - is standard input:\n  \
             {\"id\":1,\"claims\":{…},\"resource\":\"store\",\"scopes\":[\"view\"],\"at\":\"2026-11-22T03:04:05Z\"}\n\
             claims are those of an access token. resource is null or left out to ask for the scopes on any resource. scopes that are empty\n\
             or left out are all of the resource, and one is enough. at is null or left out for now.\n\
             \n\
             Each gives a line of JSON on standard output, in the same order, at once:\n  \
             {\"id\":1,\"decision\":\"grant\",\"granted_scopes\":[\"view\"],\"reasons\":[\"…\"]}\n\
             decision is grant when all that is asked for is granted; deny when it is not; indeterminate when that depends on something\n\
             only Keycloak knows, which must be taken for a no. granted_scopes are sorted. A line that is no request is indeterminate, with\n\
             the reason, and with the id if it has one. Empty lines are passed over.",
        )
        .arg(file("config", "The file that the admin console exports. Required").value_name("CONFIG"))
        .arg(file("requests", "The requests. Required"))
        .arg(value("at", "TIME", "When, for requests that do not say"))
        .args(of_config())
        .after_help(
            "Exit code: 0 every line was a request, whatever was decided; 1 some were not; 2 nothing could be decided.\n\
             \n\
             Examples:\n  \
             kc authz evaluate --config authorization-config.json --requests requests.jsonl",
        )
}

/// A longer line is no request: no token is nearly as long.
const LONGEST: u64 = 4 << 20;

/// `scope` is not a member; who writes it means `scopes`, and must not be answered for all of them.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(default)]
    id: Value,
    #[serde(borrow)]
    claims: &'a RawValue,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    scope: Option<Value>,
    #[serde(default)]
    at: Option<String>,
}

/// Members in this order.
#[derive(Serialize)]
struct Answer {
    id: Value,
    decision: Verdict,
    granted_scopes: Vec<String>,
    reasons: Vec<String>,
}

pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let (config, requests) = (line.path("--config")?, line.path("--requests")?);
    if config.as_os_str() == "-" {
        return Err("--config cannot be standard input; name a file".to_owned());
    }
    let at = line.one("--at")?.is_some().then(|| line.at()).transpose()?;
    let config = line.config(config)?;
    let mut output = io::stdout().lock();
    let all_good = match requests.as_os_str() == "-" {
        true => answer_all(&config, at, &mut io::stdin().lock(), &mut output),
        false => answer_all(&config, at, &mut BufReader::new(open(requests)?), &mut output),
    };
    all_good.map(|all_good| if all_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn open(path: &Path) -> Result<File, String> {
    let can_not = |error: io::Error| format!("--requests {} can't be read: {error}", path.display());
    let file = File::open(path).map_err(can_not)?;
    // A folder can be opened, and is not read until later.
    match file.metadata().map_err(can_not)?.is_dir() {
        true => Err(format!("--requests {} can't be read: it is a folder", path.display())),
        false => Ok(file),
    }
}

/// Whether every line was a request.
fn answer_all(
    config: &AuthorizationConfig,
    at: Option<UnixTime>,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<bool, String> {
    let failed = |error: io::Error| format!("the requests can't be read: {error}");
    let (mut line, mut all_good) = (Vec::new(), true);
    for number in 1_u64.. {
        line.clear();
        if input.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        let cut = line.len() as u64 == LONGEST && !line.ends_with(b"\n");
        if cut {
            input.skip_until(b'\n').map_err(failed)?;
        }
        // Some editors begin a file with a byte order mark.
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
        if text.is_empty() {
            continue;
        }
        let answered = match cut {
            true => Err((Value::Null, "it is longer than any request".to_owned())),
            false => answer(config, at, text),
        };
        let answer = answered.unwrap_or_else(|(id, why)| {
            all_good = false;
            let reasons = vec![format!("line {number} is no request: {why}")];
            Answer { id, decision: Verdict::Indeterminate, granted_scopes: Vec::new(), reasons }
        });
        let written = serde_json::to_string(&answer).map_err(|error| error.to_string())?;
        match writeln!(output, "{written}").and_then(|()| output.flush()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            result => result.map_err(|error| format!("standard output: {error}"))?,
        }
    }
    Ok(all_good)
}

/// The answer, or the id and why the line is no request.
fn answer(
    config: &AuthorizationConfig,
    at: Option<UnixTime>,
    text: &[u8],
) -> Result<Answer, (Value, String)> {
    let request: Request<'_> = serde_json::from_slice(text).map_err(|error| {
        let id = serde_json::from_slice::<Value>(text).ok();
        (id.and_then(|line| line.get("id").cloned()).unwrap_or_default(), error.to_string())
    })?;
    let Request { id, claims, resource, scopes, scope, at: then } = request;
    let refused = |why: &str| (id.clone(), why.to_owned());
    if scope.is_some() {
        return Err(refused("it has a member scope, where an array named scopes is meant"));
    }
    let now = match then {
        Some(then) => time(&then).ok_or_else(|| refused(&format!("at {then:?} is no time; {TIME}")))?,
        None => at.unwrap_or_else(|| SystemClock.now()),
    };
    let claims = IdentityClaims::from_json(claims.get().as_bytes())
        .map_err(|error| refused(&format!("its claims are none that Keycloak issues: {error}")))?;
    let scopes = scopes.unwrap_or_default();
    let explanation = config.explain(&claims.identity(), resource.as_deref(), &scopes, now);
    Ok(Answer {
        id,
        decision: explanation.decision,
        granted_scopes: explanation.granted_scopes,
        reasons: explanation.reasons,
    })
}
