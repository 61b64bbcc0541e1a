//! The program `kc`: what helps around services that Keycloak protects.

mod admin;
mod authz;
mod cargo_run;
mod conformance;
mod dev;
mod doctor;
mod explain;
mod progress;
mod terminal;
mod token;

use std::process::ExitCode;

const HELP: &str = "\
kc: what helps around services that Keycloak protects

Usage: kc COMMAND

Commands:
  authz         Decides by exported Authorization Services: check, explain, evaluate, diff
  conformance   Runs the conformance suite against a service, in whatever language it is
  dev           Runs an issuer that answers as Keycloak does, for development
  doctor        Checks a service's settings against its Keycloak, and says what to do
  explain       Says step by step why a token is accepted, or not, and what to do
  token         Looks at tokens and gets them: verify, get

Options:
  -h, --help      This text; kc COMMAND --help tells more
  -V, --version   The version
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    match first.as_ref().and_then(|first| first.to_str()) {
        Some("authz") => authz::main(arguments),
        Some("conformance") => conformance::main(arguments),
        Some("dev") => dev::main(arguments),
        Some("doctor") => doctor::main(arguments),
        Some("explain") => explain::main(arguments),
        Some("token") => token::main(arguments),
        Some("-h" | "--help" | "help") => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Some("-V" | "--version") => {
            println!("kc {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("the command {other:?} is not known; see kc --help");
            ExitCode::from(2)
        }
        None => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}
