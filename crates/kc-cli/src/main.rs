//! The program `kc`: what helps around services that Keycloak protects.

mod admin;
mod authz;
mod cargo_run;
mod command_line;
mod completions;
mod conformance;
mod dev;
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
    let command = format!("kc {}", names.join(" "));
    let done = match runner(&names) {
        Some(run) => run(&line),
        None => Err("this command does nothing".to_owned()),
    };
    done.unwrap_or_else(|why| {
        terminal::complain(&format!("{command}: {why}"));
        ExitCode::from(command_line::code_of_wrong_use(&command))
    })
}

/// What runs a command of the tree.
fn runner(names: &[&str]) -> Option<Run> {
    Some(match names {
        ["authz", "check"] => authz::check::run,
        ["authz", "diff"] => authz::diff::run,
        ["authz", "evaluate"] => authz::evaluate::run,
        ["authz", "explain"] => authz::explain::run,
        ["completions"] => completions::run,
        ["conformance"] => conformance::run,
        ["dev"] => dev::run,
        ["doctor"] => doctor::run,
        ["explain"] => explain::run,
        ["man"] => manual::run,
        ["routes"] => routes::run,
        ["token", "get"] => token::get::run,
        ["token", "verify"] => token::verify::run,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_tree_is_run_by_something() {
        for command in command_line::kc().get_subcommands() {
            let name = command.get_name();
            let inner: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            if inner.is_empty() {
                assert!(runner(&[name]).is_some(), "kc {name}");
            }
            for inner in inner {
                assert!(runner(&[name, inner]).is_some(), "kc {name} {inner}");
            }
        }
    }
}
