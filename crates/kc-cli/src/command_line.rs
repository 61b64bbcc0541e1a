//! What can be typed: one tree, that is read, shown as help, completed by shells and printed as manual pages.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

use crate::terminal::{complain, written};
use crate::{authz, completions, conformance, dev, doctor, explain, manual, routes, token};

/// The whole program.
pub(crate) fn kc() -> Command {
    group("kc", "What helps around services that Keycloak protects")
        .version(env!("CARGO_PKG_VERSION"))
        .override_usage("kc COMMAND")
        .before_help(
            "Settings are those of the service: the environment, .env of this folder, and the file that KEYCLOAK_CONFIG names.\n\
             kc COMMAND --help tells more; docs/kc.md shows each command at work.",
        )
        .subcommands([
            authz::command(),
            completions::command(),
            conformance::command(),
            dev::command(),
            doctor::command(),
            explain::command(),
            manual::command(),
            routes::command(),
            token::command(),
        ])
        .after_help(
            "Exit code: 0 good, 1 not, 2 the command line is wrong or it could not be found out; kc doctor counts otherwise. 130 after\n\
             Ctrl-C. Each command's help says what that is for it.\n\
             \n\
             Colours are for terminals: NO_COLOR switches them off, CLICOLOR_FORCE on.\n\
             \n\
             Examples:\n  \
             kc doctor\n  \
             kc token get --user alice | kc explain -\n  \
             kc routes --role clerk -- cargo run -p orders",
        )
}

/// A command or a group of them. What it says is laid out as it is written.
pub(crate) fn command(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .help_template(
            "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}\n",
        )
        .term_width(0)
        .max_term_width(0)
}

/// A command that is nothing without one of its own.
pub(crate) fn group(name: &'static str, about: &'static str) -> Command {
    command(name, about).subcommand_required(true).arg_required_else_help(true)
}

/// `--name`.
pub(crate) fn flag(name: &'static str, help: &'static str) -> Arg {
    // Saying it twice says no more.
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue).overrides_with(name)
}

/// `--name VALUE`, once.
pub(crate) fn value(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value_name).help(help).value_parser(ValueParser::os_string())
}

/// `--name VALUE`, as often as one likes.
pub(crate) fn values(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    value(name, value_name, help).action(ArgAction::Append)
}

/// `--name VALUE`, one of few.
pub(crate) fn choice<const N: usize>(
    name: &'static str,
    value_name: &'static str,
    values: [&'static str; N],
    help: &'static str,
) -> Arg {
    value(name, value_name, help).value_parser(PossibleValuesParser::new(values)).hide_possible_values(true)
}

/// `--name FILE`.
pub(crate) fn file(name: &'static str, help: &'static str) -> Arg {
    value(name, "FILE", help).value_hint(ValueHint::FilePath)
}

/// The arguments without an option, as many as there are: how many there have to be is said in the command's own words.
pub(crate) fn arguments(value_name: &'static str, help: &'static str) -> Arg {
    Arg::new(REST)
        .value_name(value_name)
        .help(help)
        .num_args(0..)
        .value_parser(ValueParser::os_string())
        .value_hint(ValueHint::FilePath)
}

/// A command of somebody else's, behind `--`.
pub(crate) fn behind_dashes(help: &'static str) -> Arg {
    Arg::new(BEHIND)
        .value_name("COMMAND")
        .help(help)
        .num_args(0..)
        .last(true)
        .value_parser(ValueParser::os_string())
        .value_hint(ValueHint::CommandWithArguments)
}

const REST: &str = "arguments";
const BEHIND: &str = "command";

/// What was asked for: the names of a command, and what stood behind them.
pub(crate) struct Asked {
    pub(crate) names: Vec<String>,
    pub(crate) line: Line,
}

/// Reads a command line. `Err` once that was answered: with help, or with what is wrong.
pub(crate) fn read(arguments: &[OsString]) -> Result<Asked, ExitCode> {
    let mut matches = kc().try_get_matches_from(arguments).map_err(|error| answered(&error, arguments))?;
    let mut names = Vec::new();
    while let Some((name, inner)) = matches.remove_subcommand() {
        names.push(name);
        matches = inner;
    }
    Ok(Asked { names, line: Line(matches) })
}

/// Of what `kc doctor` ends with, 2 is that errors were found.
pub(crate) fn code_of_wrong_use(command: &str) -> u8 {
    if command == "kc doctor" { 3 } else { 2 }
}

fn answered(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match written(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                complain(&format!("kc: {why}"));
                ExitCode::from(2)
            }
        },
        _ => {
            let (names, command) = named(arguments);
            if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                complain(text.trim_end());
            } else {
                // What may be said there is many names.
                let lists = command.get_arguments().any(|one| one.get_id() == "list");
                let help = if lists && error.kind() == ErrorKind::InvalidValue { "--list" } else { "--help" };
                complain(&format!("{names}: {}; see {names} {help}", said(error, &command)));
            }
            ExitCode::from(code_of_wrong_use(&names))
        }
    }
}

/// The command that the arguments name, as far as they do.
fn named(arguments: &[OsString]) -> (String, Command) {
    let (mut names, mut command) = ("kc".to_owned(), kc());
    for argument in arguments.iter().skip(1).map_while(|argument| argument.to_str()) {
        let Some(inner) = command.find_subcommand(argument).cloned() else { break };
        names = format!("{names} {argument}");
        // What `kc` says of its usage, its commands are to say of theirs.
        command = inner;
    }
    (names, command)
}

/// What is wrong, in a line.
fn said(error: &clap::Error, command: &Command) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg).unwrap_or_default();
    // As it is typed, without what it takes.
    let option = argument.split([' ', '=']).next().unwrap_or_default();
    let meant = |kind| text(kind).map_or_else(String::new, |other| format!(", is {other} meant?"));
    match error.kind() {
        ErrorKind::ArgumentConflict => format!("{option} is given more than once"),
        ErrorKind::InvalidSubcommand => {
            let name = text(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("the command {name:?} is not known{}", meant(ContextKind::SuggestedSubcommand))
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        ErrorKind::InvalidValue => match text(ContextKind::InvalidValue) {
            Some(value) if !value.is_empty() => match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(known)) if known.len() <= 8 => {
                    format!("{option} {value:?} is none of {}", known.join(", "))
                }
                _ => format!("{option} {value:?} is not known{}", meant(ContextKind::SuggestedValue)),
            },
            _ => format!("{option} needs a value"),
        },
        ErrorKind::TooManyValues => format!("{option} takes no value"),
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            format!("the option {argument:?} is not known{}", meant(ContextKind::SuggestedArg))
        }
        ErrorKind::UnknownArgument if command.get_positionals().any(Arg::is_last_set) => {
            format!("write -- before the command {argument:?}")
        }
        ErrorKind::UnknownArgument => format!("{argument:?} is one argument too many"),
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    }
}

/// A command line, taken apart: options with a value, options without, and the rest. Options are named as they are typed.
#[derive(Debug, Default)]
pub(crate) struct Line(ArgMatches);

impl Line {
    /// What stands behind these words, of which the first are a command's names.
    #[cfg(test)]
    pub(crate) fn of(words: &[&str]) -> Self {
        let arguments: Vec<OsString> = ["kc"].iter().chain(words).map(OsString::from).collect();
        read(&arguments).unwrap_or_else(|_| panic!("{words:?}")).line
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.0.try_get_one::<bool>(id(flag)).ok().flatten().is_some_and(|given| *given)
    }

    fn raw(&self, id: &str) -> Vec<&OsStr> {
        self.0.try_get_raw(id).ok().flatten().into_iter().flatten().collect()
    }

    /// All values of an option.
    pub(crate) fn all(&self, name: &str) -> Result<Vec<String>, String> {
        let texts = self.raw(id(name)).into_iter().map(|value| {
            value.to_str().map(str::to_owned).ok_or_else(|| format!("{name} {value:?} is not UTF-8"))
        });
        texts.collect()
    }

    /// The value of an option that may be there once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.all(name)?.pop())
    }

    /// The path that an option names.
    pub(crate) fn file(&self, name: &str) -> Option<&Path> {
        self.raw(id(name)).pop().map(Path::new)
    }

    /// A path that has to be there.
    pub(crate) fn path(&self, name: &str) -> Result<&Path, String> {
        self.file(name).ok_or_else(|| format!("{name} is missing; see --help"))
    }

    /// The one argument without an option.
    pub(crate) fn only(&self, what: &str) -> Result<&Path, String> {
        match self.rest().as_slice() {
            [path] => Ok(Path::new(*path)),
            [] => Err(format!("{what} is missing; see --help")),
            [_, second, ..] => Err(format!("{second:?} is one argument too many; see --help")),
        }
    }

    /// All arguments without an option.
    pub(crate) fn rest(&self) -> Vec<&OsStr> {
        self.raw(REST)
    }

    /// What stood behind `--`, where that is a command.
    pub(crate) fn command(&self) -> Vec<OsString> {
        self.raw(BEHIND).into_iter().map(OsStr::to_owned).collect()
    }
}

fn id(option: &str) -> &str {
    option.trim_start_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(command: &Command, path: &str, look: &mut dyn FnMut(&str, &Command)) {
        look(path, command);
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            each(inner, &format!("{path} {}", inner.get_name()), look);
        }
    }

    fn wrong(words: &[&str]) -> String {
        let arguments: Vec<OsString> = ["kc"].iter().chain(words).map(OsString::from).collect();
        let error = kc().try_get_matches_from(&arguments).unwrap_err();
        let (names, command) = named(&arguments);
        format!("{names}: {}", said(&error, &command))
    }

    #[test]
    fn the_tree_is_sound() {
        kc().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_and_says_what_it_ends_with() {
        each(&kc(), "kc", &mut |path, command| {
            let help = command.clone().render_help().to_string();
            let example = help.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("{path}: no examples"));
            let leaf = command.get_subcommands().next().is_none();
            assert!(example.contains(if leaf { path } else { "kc " }), "{path}: {example}");
            assert!(help.contains("Exit code: 0 "), "{path} does not say what it ends with");
            for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
                assert!(argument.get_help().is_some(), "{path}: {argument} says nothing");
            }
        });
    }

    #[test]
    fn no_line_of_a_help_is_wider_than_the_documentation() {
        each(&kc(), "kc", &mut |path, command| {
            for line in command.clone().render_help().to_string().lines() {
                assert!(line.chars().count() <= 140, "{path}: {line}");
            }
        });
    }

    #[test]
    fn what_is_wrong_is_said_in_a_line_with_its_command() {
        for (words, expected) in [
            (&["explian"][..], "kc: the command \"explian\" is not known, is explain meant?"),
            (&["authz", "no"], "kc authz: the command \"no\" is not known"),
            (&["doctor", "--jsn"], "kc doctor: the option \"--jsn\" is not known, is --json meant?"),
            (&["doctor", "x"], "kc doctor: \"x\" is one argument too many"),
            (&["conformance", "x"], "kc conformance: write -- before the command \"x\""),
            (&["explain", "--at"], "kc explain: --at needs a value"),
            (&["explain", "--at", "1", "--at=2"], "kc explain: --at is given more than once"),
            (&["explain", "--json=yes"], "kc explain: --json takes no value"),
            (
                &["completions", "sh"],
                "kc completions: [SHELL] \"sh\" is none of bash, elvish, fish, powershell, zsh",
            ),
        ] {
            assert_eq!(wrong(words), expected);
        }
    }

    #[test]
    fn a_flag_may_be_said_twice() {
        let matches = kc().try_get_matches_from(["kc", "doctor", "--json", "--json"]).unwrap();
        assert!(Line(matches.subcommand().unwrap().1.clone()).has("--json"));
    }
}
