//! `kc authz explain`.

use std::ffi::OsString;
use std::process::ExitCode;

use kc_core::policy::{IdentityClaims, Verdict};

use super::options::{Line, file};

const HELP: &str = "\
Decides one request by an exported authorization configuration, and shows how it came to that.

Usage: kc authz explain [OPTIONS] --claims FILE [--resource NAME] [--scope NAME]... CONFIG

CONFIG is the file that the admin console exports. Shown is each resource that was looked at, each permission that applies to
it, and what its policies said and why. Without a scope all those of the resource are looked at, and one is enough; without a
resource the scope has to be granted on any.

Options:
      --claims FILE      The claims of an access token as JSON; - is standard input. Required
      --resource NAME    The resource
      --scope NAME       A scope; may be repeated: all of them are needed
      --at TIME          When, as 2026-11-22T03:04:05Z. Default: now
      --time-zone ZONE   The zone of time policies, that of the Keycloak server. Default UTC
      --client-id ID     The client that the configuration is of
      --json             The same as JSON
  -h, --help             This text

Exit code: 0 granted, 1 not granted, 2 nothing could be decided: a file cannot be read, or the command line is wrong.
";

pub(super) fn main(arguments: &mut dyn Iterator<Item = OsString>) -> Result<ExitCode, String> {
    const WITH_VALUE: [&str; 6] = ["--claims", "--resource", "--scope", "--at", "--time-zone", "--client-id"];
    let Some(line) = Line::read(arguments, &WITH_VALUE, &["--json"])? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let config = line.config(line.only("the file with the configuration")?)?;
    let path = line.path("--claims")?;
    let claims = IdentityClaims::from_json(&file(path)?)
        .map_err(|error| format!("--claims {}: {error}", path.display()))?;
    let (resource, scopes) = (line.one("--resource")?, line.all("--scope")?);
    if resource.is_none() && scopes.is_empty() {
        return Err("name a --resource, a --scope, or both; see --help".to_owned());
    }
    let explanation = config.explain(&claims.identity(), resource.as_deref(), &scopes, line.at()?);
    if line.has("--json") {
        println!("{}", serde_json::to_string_pretty(&explanation).map_err(|error| error.to_string())?);
    } else {
        print!("{explanation}");
    }
    Ok(if explanation.decision == Verdict::Grant { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
