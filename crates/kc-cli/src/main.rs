//! The program `kc`: what helps around services that Keycloak protects.

mod admin;
mod authz;
mod cargo_run;
mod command_line;
mod completions;
mod conformance;
mod doctor;
mod explain;
mod input;
mod interrupt;
mod manual;
mod progress;
mod routes;
mod terminal;
mod token;

use std::ffi::OsString;
use std::process::ExitCode;

use self::command_line::{Asked, Line};

/// A command. `Err` is why nothing could be done.
type Run = fn(&Line) -> Result<ExitCode, String>;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let Asked { names, line } = match command_line::read(&arguments) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let run: Run = match names.as_slice() {
        ["authz", "check"] => authz::check::run,
        ["authz", "diff"] => authz::diff::run,
        ["authz", "evaluate"] => authz::evaluate::run,
        ["authz", "explain"] => authz::explain::run,
        ["completions"] => completions::run,
        ["conformance"] => conformance::run,
        ["doctor"] => doctor::run,
        ["explain"] => explain::run,
        ["man"] => manual::run,
        ["routes"] => routes::run,
        ["token", "get"] => token::get::run,
        ["token", "verify"] => token::verify::run,
        // A command of the tree that nothing runs: a test finds that.
        _ => |_| Err("this command does nothing yet".to_owned()),
    };
    let command = format!("kc {}", names.join(" "));
    run(&line).unwrap_or_else(|why| {
        terminal::complain(&format!("{command}: {why}"));
        ExitCode::from(command_line::code_of_wrong_use(&command))
    })
}
