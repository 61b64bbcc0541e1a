//! `kc authz`: exported authorization configurations.

mod check;
pub(crate) mod diff;
mod evaluate;
mod explain;
pub(crate) mod options;

use std::ffi::OsString;
use std::process::ExitCode;

const HELP: &str = "\
Decides by what Keycloak's Authorization Services export. Asks nobody, but for diff --live.

Usage: kc authz COMMAND

Commands:
  check      Says what of a configuration is not clear, or cannot be decided without Keycloak
  explain    Decides one request, and shows how it came to that
  evaluate   Decides many requests, a line of JSON each
  diff       Says what differs between two configurations, or a file and the server, and for whom

Options:
  -h, --help   This text; kc authz COMMAND --help tells more
";

/// A command, given the arguments behind its name. `Err` is why nothing could be done.
type Command = fn(&mut dyn Iterator<Item = OsString>) -> Result<ExitCode, String>;

/// Runs the command; `arguments` are those after its name.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let first = arguments.next();
    let (name, run): (&str, Command) = match first.as_ref().and_then(|first| first.to_str()) {
        Some("check") => ("check", check::main),
        Some("diff") => ("diff", diff::main),
        Some("explain") => ("explain", explain::main),
        Some("evaluate") => ("evaluate", evaluate::main),
        Some("-h" | "--help" | "help") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!("kc authz: the command {other:?} is not known; see kc authz --help");
            return ExitCode::from(2);
        }
        None => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    run(&mut arguments).unwrap_or_else(|why| {
        eprintln!("kc authz {name}: {why}");
        ExitCode::from(2)
    })
}
