//! `kc authz diff`.

mod compare;
mod decisions;
mod live;
mod model;
mod open;
mod reach;
mod show;
mod side;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use kc_core::policy::AuthorizationConfig;
use kc_core::settings::Settings;
use serde::Serialize;
use serde_json::Value;

use self::compare::Change;
use self::decisions::Decisions;
use self::model::Model;
use self::open::Unguarded;
use self::reach::Touched;
use self::side::Side;
use super::options::of_config;
use crate::admin;
use crate::command_line::{self, Line, arguments, file, flag, value};
use crate::input;
use crate::terminal::{complain, written};

pub(crate) fn command() -> Command {
    command_line::command("diff", "Says what differs between two configurations, or a file and the server, and for whom")
        .override_usage("kc authz diff [OPTIONS] OLD NEW\n       kc authz diff [OPTIONS] --live [CONFIG]")
        .before_help(
            "Each file is one that the admin console exports; one of them may be - for standard input. Told is what was added (+), removed\n\
             (-) and changed (~) of settings, scopes, resources, policies and permissions. The order of lists, ids and defaults that are left\n\
             out are no difference. Then, for whom: each permission that may decide otherwise, what it is about, and which roles, users,\n\
             groups and clients its policies name, before or after. With --identities also the decisions that are not the same.\n\
             \n\
             With --live CONFIG is held against what Keycloak exports now of the service's client. Server, realm and client are those of the\n\
             service: KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID and the rest of docs/configuration.md. CONFIG left out is the file of\n\
             KEYCLOAK_AUTHORIZATION_CONFIG; the time zone is that of KEYCLOAK_AUTHORIZATION_TIME_ZONE.\n\
             \n\
             Keycloak shows an export to those who have two roles of its client realm-management: view-clients, to find the client, and\n\
             manage-authorization (view-authorization is not enough, although nothing is changed). Best is a client for nothing else:\n  \
             1. Clients > Create client: Client ID kc-diff; Client authentication on, all flows off but Service account roles\n  \
             2. its tab Service account roles > Assign role > Client roles: realm-management view-clients and manage-authorization\n  \
             3. its tab Credentials: the secret, into a file that only you can read\n  \
             4. kc authz diff --live --admin-client kc-diff --admin-secret-file FILE authorization-config.json\n\
             Without any of the options and variables for it the service's own client asks, with KEYCLOAK_CLIENT_SECRET.",
        )
        .arg(arguments("CONFIG", "The files"))
        .arg(flag("live", "Compares with the server"))
        .args(admin::options())
        .arg(file(
            "identities",
            "Claims of access tokens, a JSON object a line: each resource and scope is decided for each of\n\
             them, by both configurations. - is standard input",
        ))
        .arg(value("at", "TIME", "When, as 2026-11-22T03:04:05Z. Default: now"))
        .args(of_config())
        .arg(flag("json", "The same as JSON"))
        .after_help(
            "Exit code: 0 there is no difference, 1 there is one, 2 nothing could be compared: a file cannot be read, or the server's export\n\
             cannot be had.\n\
             \n\
             Examples:\n  \
             kc authz diff old.json new.json\n  \
             kc authz diff --live --admin-client kc-diff --admin-secret-file secret authorization-config.json",
        )
}

/// All that is told.
#[derive(Debug, Serialize)]
struct Report {
    /// Where the two come from.
    before: String,
    after: String,
    same: bool,
    changes: Vec<Change>,
    touched: Vec<Touched>,
    unguarded: Vec<Unguarded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<Decisions>,
}

pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    standard_input_once(line)?;
    let now = line.at()?;
    let (names, before, after) = if line.has("--live") { with_server(line)? } else { two_files(line)? };
    let changes = compare::changes(&before.model, &after.model);
    let touched = reach::touched(&before, &after, &changes)?;
    let unguarded = open::unguarded(&before, &after, &changes)?;
    let decisions = match line.one("--identities")? {
        None => None,
        Some(path) => {
            let text = input::file(Path::new(&path)).map_err(|why| format!("--identities {why}"))?;
            let callers = decisions::callers(&text).map_err(|why| format!("--identities {path}: {why}"))?;
            Some(decisions::compare(&before, &after, &callers, now))
        }
    };
    let (before, after) = names;
    let same = changes.is_empty();
    let report = Report { before, after, same, changes, touched, unguarded, decisions };
    let text = match line.has("--json") {
        true => serde_json::to_string_pretty(&report).map_err(|error| error.to_string())? + "\n",
        false => report.to_string(),
    };
    written(&text)?;
    Ok(if report.same { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// It can be read once.
fn standard_input_once(line: &Line) -> Result<(), String> {
    let mut all: Vec<PathBuf> = line.rest().iter().map(PathBuf::from).collect();
    for option in ["--admin-token-file", "--admin-secret-file", "--identities"] {
        all.extend(line.one(option)?.map(PathBuf::from));
    }
    if all.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err("standard input (-) is named more than once; name a file".to_owned());
    }
    Ok(())
}

/// What differs between a file and an export, a line each.
pub(crate) fn names_of_changes(
    file: &[u8],
    export: &[u8],
    settings: &Settings,
) -> Result<Vec<String>, String> {
    let line = Line::default();
    let before = side("the file", file, &line, Some(settings))?;
    let after = side("what Keycloak exports", export, &line, Some(settings))?;
    let changes = compare::changes(&before.model, &after.model);
    Ok(changes.iter().map(|change| format!("{} {:?} {}", change.what, change.name, change.how)).collect())
}

type Sides = ((String, String), Side, Side);

fn two_files(line: &Line) -> Result<Sides, String> {
    for option in ["--admin-token-file", "--admin-client", "--admin-secret-file"] {
        if line.one(option)?.is_some() {
            return Err(format!("{option} is for --live, which is missing; see --help"));
        }
    }
    let (old, new) = match line.rest().as_slice() {
        [old, new] => (Path::new(*old), Path::new(*new)),
        [_] => return Err("a second file is missing, or --live; see --help".to_owned()),
        [] => return Err("two files are missing, or --live; see --help".to_owned()),
        [_, _, third, ..] => return Err(format!("{third:?} is one argument too many; see --help")),
    };
    let side = |path: &Path| side(&named(path), &input::file(path)?, line, None);
    Ok(((named(old), named(new)), side(old)?, side(new)?))
}

fn named(path: &Path) -> String {
    match path.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

fn with_server(line: &Line) -> Result<Sides, String> {
    let settings = Settings::from_env().map_err(|error| error.to_string())?;
    for warning in settings.warnings() {
        complain(&format!("kc authz diff: {warning}"));
    }
    let path = match (line.rest().as_slice(), settings.authorization_config()) {
        ([path], _) => Path::new(*path),
        ([], Some(path)) => path,
        ([], None) => {
            return Err(
                "the file is missing: name it, or set KEYCLOAK_AUTHORIZATION_CONFIG; see --help".to_owned()
            );
        }
        ([_, second, ..], _) => {
            return Err(format!("{second:?} is one argument too many: --live stands for it; see --help"));
        }
    };
    let name = named(path);
    let before = side(&name, &input::file(path)?, line, Some(&settings))?;
    let export = live::fetch(line, &settings)?;
    let server = settings.keycloak().map_err(|error| error.to_string())?;
    let live = format!("{}, client {}, exported now", server.issuer(), server.client_id());
    let after = side(&live, &export, line, Some(&settings))?;
    Ok(((name, live), before, after))
}

/// Reads one of the two. What the service is set to stands in for options that are not given.
fn side(name: &str, text: &[u8], line: &Line, settings: Option<&Settings>) -> Result<Side, String> {
    let mut builder = AuthorizationConfig::builder();
    let zone = settings.map(|settings| settings.authorization_time_zone().to_owned());
    if let Some(zone) = line.one("--time-zone")?.or(zone) {
        builder = builder.time_zone(&zone).map_err(|error| format!("--time-zone {zone:?} {error}"))?;
    }
    let own =
        settings.and_then(|settings| settings.keycloak().ok()).map(|server| server.client_id().to_owned());
    let client = line.one("--client-id")?.or(own);
    if let Some(client) = &client {
        builder = builder.client_id(client);
    }
    let config = builder.build(text).map_err(|error| format!("{name}: {error}"))?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let parsed: Value = serde_json::from_slice(text).map_err(|error| format!("{name}: {error}"))?;
    let client = client.or_else(|| parsed.get("clientId")?.as_str().map(str::to_owned));
    Ok(Side { model: Model::read(&parsed, client.as_deref()), config })
}
