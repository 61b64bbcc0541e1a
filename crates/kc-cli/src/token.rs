//! `kc token`: looking at tokens, and getting them.

mod get;
pub(crate) mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

const HELP: &str = "\
Looks at tokens, and gets them.

Usage: kc token COMMAND

Commands:
  get      Gets an access token from the realm of the settings, for curl for one
  verify   Says whether tokens are good, and if not, why. Asks nobody

Options:
  -h, --help   This text; kc token COMMAND --help tells more
";

/// Runs the command; `arguments` are those after its name.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let first = arguments.next();
    match first.as_ref().and_then(|first| first.to_str()) {
        Some("get") => get::main(arguments),
        Some("verify") => verify::main(arguments),
        Some("-h" | "--help" | "help") => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("kc token: the command {other:?} is not known; see kc token --help");
            ExitCode::from(2)
        }
        None => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}
