//! `kc authz explain`.

use std::process::ExitCode;

use clap::Command;
use kc_core::policy::{IdentityClaims, Verdict};

use super::options::of_config;
use crate::command_line::{self, Line, arguments, file, flag, value, values};
use crate::terminal::written;

pub(crate) fn command() -> Command {
    command_line::command("explain", "Decides one request, and shows how it came to that")
        .override_usage("kc authz explain [OPTIONS] --claims FILE [--resource NAME] [--scope NAME]... CONFIG")
        .before_help(
            "CONFIG is the file that the admin console exports. Shown is each resource that was looked at, each permission that applies to\n\
             it, and what its policies said and why. Without a scope all those of the resource are looked at, and one is enough; without a\n\
             resource the scope has to be granted on any.",
        )
        .arg(arguments("CONFIG", "The file; - is standard input"))
        .arg(file("claims", "The claims of an access token as JSON; - is standard input. Required"))
        .arg(value("resource", "NAME", "The resource"))
        .arg(values("scope", "NAME", "A scope; may be repeated: all of them are needed"))
        .arg(value("at", "TIME", "When, as 2026-11-22T03:04:05Z. Default: now"))
        .args(of_config())
        .arg(flag("json", "The same as JSON"))
        .after_help(
            "Exit code: 0 granted, 1 not granted, 2 nothing could be decided: a file cannot be read, or the command line is wrong.\n\
             \n\
             Examples:\n  \
             kc authz explain --claims claims.json --resource store --scope view authorization-config.json",
        )
}

pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let config = line.config(line.only("the file with the configuration")?)?;
    let path = line.path("--claims")?;
    let claims = IdentityClaims::from_json(&crate::input::file(path)?)
        .map_err(|error| format!("--claims {}: {error}", path.display()))?;
    let (resource, scopes) = (line.one("--resource")?, line.all("--scope")?);
    if resource.is_none() && scopes.is_empty() {
        return Err("name a --resource, a --scope, or both; see --help".to_owned());
    }
    let explanation = config.explain(&claims.identity(), resource.as_deref(), &scopes, line.at()?);
    if line.has("--json") {
        written(&(serde_json::to_string_pretty(&explanation).map_err(|error| error.to_string())? + "\n"))?;
    } else {
        written(&explanation.to_string())?;
    }
    Ok(if explanation.decision == Verdict::Grant { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
