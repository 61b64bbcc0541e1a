//! `kc conformance`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::cargo_run;
use kc_conformance::{Deviations, Issuer, Keycloak, Options, Outcome, Profile, Target, catalogue, run_with};

const HELP: &str = "\
Runs the conformance suite against a service, in whatever language it is.

Usage: kc conformance [OPTIONS] -- COMMAND [ARGUMENT]...
       kc conformance --list

Examples:
  kc conformance -- cargo run -p my-service
  kc conformance -- python app.py
  kc conformance --only roles --only keys/no-redirect-is-followed -- ./my-service
  kc conformance --clean-folder --junit conformance.xml -- ./my-service --config /etc/my.toml
  kc conformance --keycloak http://127.0.0.1:8080 -- ./my-service

Starts an issuer that answers as Keycloak does, then COMMAND, some two hundred times, with KEYCLOAK_URL, KEYCLOAK_REALM,
KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET, LISTEN and whatever else a case needs in its environment. COMMAND must listen
on LISTEN, answer 200 on GET /health, have the routes that docs/conformance.md lists, and end on SIGTERM; a shell script
should `exec` it. Of `cargo run` the program is built once and then started itself. Everything listens on 127.0.0.1.

Options:
      --keycloak URL        Let a real Keycloak of this machine issue the tokens. The suite makes realms of its own there,
                            named kc-conformance-…, and deletes them at the end. The server must not have a fixed host name
      --admin-user NAME     Who administers it. Default admin
      --admin-password-env VARIABLE
                            The variable that holds the password. Default: the password is admin
      --profile NAME        Which routes the service has: api, those that take bearer tokens, or authorization, those and
                            /inventory. Default api
      --only NAME           Only the case of that id, or the group; may be repeated
      --deviations FILE     Accepted failures, as lines \"group/case\" = \"reason\". A reason of a case that passes fails
                            the run
      --clean-folder        Start COMMAND in an empty folder each time; the cases about .env need it. COMMAND must not
                            depend on the current folder then; a relative path of the program itself is fine
      --start-timeout SECS  How long one start may take. Default 120
      --junit FILE          Write JUnit XML
      --json FILE           Write JSON
      --list                Print every case with the section that demands it, run nothing
  -h, --help                This text

Exit code: 0 when nothing deviates without a reason, 1 when something does, 2 when nothing could be run.
";

/// Runs the command; `arguments` are those after its name.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match Command::parse(arguments).and_then(|command| command.run()) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("kc conformance: {why}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug)]
enum Command {
    Help,
    List,
    Run(Box<Arguments>),
}

#[derive(Debug, Default)]
struct Arguments {
    keycloak: Option<String>,
    admin_user: Option<String>,
    admin_password_env: Option<String>,
    profile: Profile,
    only: Vec<String>,
    deviations: Option<PathBuf>,
    clean_folder: bool,
    start_timeout: Option<Duration>,
    junit: Option<PathBuf>,
    json: Option<PathBuf>,
    command: Vec<OsString>,
}

impl Command {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut read = Arguments::default();
        while let Some(argument) = arguments.next() {
            let text = argument.to_str().ok_or_else(|| format!("the option {argument:?} is not known"))?;
            let (name, inline) = match text.split_once('=') {
                Some((name, value)) => (name, Some(OsString::from(value))),
                None => (text, None),
            };
            let value = |arguments: &mut dyn Iterator<Item = OsString>| {
                inline.clone().or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"))
            };
            let word = |arguments: &mut dyn Iterator<Item = OsString>| {
                value(arguments)?.into_string().map_err(|value| format!("{name} {value:?} is not UTF-8"))
            };
            match name {
                "-h" | "--help" => return Ok(Self::Help),
                "--list" => return Ok(Self::List),
                "--" => {
                    read.command = arguments.collect();
                    break;
                }
                "--admin-password-env" => read.admin_password_env = Some(word(&mut arguments)?),
                "--admin-user" => read.admin_user = Some(word(&mut arguments)?),
                "--clean-folder" => read.clean_folder = true,
                "--deviations" => read.deviations = Some(value(&mut arguments)?.into()),
                "--json" => read.json = Some(value(&mut arguments)?.into()),
                "--junit" => read.junit = Some(value(&mut arguments)?.into()),
                "--keycloak" => read.keycloak = Some(word(&mut arguments)?),
                "--only" => read.only.push(word(&mut arguments)?),
                "--profile" => {
                    let given = word(&mut arguments)?;
                    read.profile = Profile::from_name(&given)
                        .ok_or_else(|| format!("--profile {given:?} is not known: api or authorization"))?;
                }
                "--start-timeout" => {
                    let given = word(&mut arguments)?;
                    let secs = given.parse().ok().filter(|secs| *secs > 0);
                    let secs =
                        secs.ok_or_else(|| format!("--start-timeout {given:?} is no number of seconds"))?;
                    read.start_timeout = Some(Duration::from_secs(secs));
                }
                other if other.starts_with('-') => {
                    return Err(format!("the option {other:?} is not known; see --help"));
                }
                other => return Err(format!("write -- before the command {other:?}")),
            }
        }
        if read.command.is_empty() {
            return Err(
                "the command of the service is missing: kc conformance -- COMMAND; see --help".to_owned()
            );
        }
        Ok(Self::Run(Box::new(read)))
    }

    fn run(self) -> Result<ExitCode, String> {
        match self {
            Self::Help => print!("{HELP}"),
            Self::List => {
                let cases = catalogue();
                let widest = cases.iter().map(|case| case.id.len()).max().unwrap_or(0);
                for case in &cases {
                    println!("{:widest$}  {:12}  {}", case.id, case.needs.name(), case.spec);
                }
                println!("{} cases", cases.len());
            }
            Self::Run(arguments) => return arguments.run(),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Arguments {
    fn issuer(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Issuer, String> {
        let Some(url) = &self.keycloak else {
            return match (&self.admin_user, &self.admin_password_env) {
                (None, None) => Ok(Issuer::Embedded),
                _ => Err("--admin-user and --admin-password-env go with --keycloak URL".to_owned()),
            };
        };
        let password = match &self.admin_password_env {
            None => "admin".to_owned(),
            Some(name) => variable(name).ok_or_else(|| format!("the variable {name} is not set"))?,
        };
        let user = self.admin_user.as_deref().unwrap_or("admin");
        Ok(Issuer::Keycloak(Keycloak::new(url).administrator(user, password)))
    }

    fn run(self) -> Result<ExitCode, String> {
        let deviations = match &self.deviations {
            None => Deviations::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("{} can't be read: {error}", path.display()))?;
                Deviations::read(&text).map_err(|error| format!("{}: {error}", path.display()))?
            }
        };
        if !self.clean_folder && Path::new(".env").exists() {
            eprintln!(
                "note: the service may read the .env of this folder; --clean-folder starts it elsewhere"
            );
        }
        if let Some(path) = self.command.iter().skip(1).find(|argument| is_only_here(argument))
            && self.clean_folder
        {
            eprintln!(
                "note: --clean-folder starts the command in an empty folder, where {path:?} isn't; write an absolute path"
            );
        }
        // Before the run: its result would be lost.
        for (option, path) in [("--junit", &self.junit), ("--json", &self.json)] {
            if let Some(path) = path {
                File::options()
                    .create(true)
                    .append(true)
                    .open(path)
                    .map_err(|error| format!("{option} {} can't be written: {error}", path.display()))?;
            }
        }
        let issuer = self.issuer(|name| std::env::var(name).ok())?;
        let mut target = match cargo_run::built(&self.command)? {
            Some(built) => Target::new(built.program)
                .arguments(built.arguments)
                .variable("CARGO_MANIFEST_DIR", built.manifest_folder.display().to_string()),
            None => {
                let mut command = self.command.into_iter();
                Target::new(command.next().unwrap_or_default()).arguments(command)
            }
        };
        target = target.clean_folder(self.clean_folder);
        if let Some(start_timeout) = self.start_timeout {
            target = target.start_timeout(start_timeout);
        }
        let options = Options { issuer, profile: self.profile, only: self.only, deviations };
        let shows_progress = std::io::stderr().is_terminal();
        let report = run_with(target, &options, move |case| {
            if shows_progress {
                let mark = match case.outcome {
                    Outcome::Passed => ".",
                    Outcome::Failed { .. } => "F",
                    Outcome::Deviates { .. } => "d",
                    _ => "s",
                };
                // Progress is worth no error.
                let _ = write!(std::io::stderr(), "{mark}");
            }
        });
        if shows_progress {
            eprintln!();
        }
        let report = report.map_err(|error| error.to_string())?;
        print!("{}", report.to_table());
        for (path, text) in [(self.junit, report.to_junit()), (self.json, report.to_json())] {
            if let Some(path) = path {
                std::fs::write(&path, text)
                    .map_err(|error| format!("{} can't be written: {error}", path.display()))?;
            }
        }
        Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A relative path of a file, which an empty folder doesn't have.
fn is_only_here(argument: &OsStr) -> bool {
    let path = Path::new(argument);
    path.is_relative() && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, String> {
        Command::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn options_end_at_two_dashes_and_the_rest_is_the_command() {
        let Ok(Command::Run(read)) =
            parse(&["--only", "bearer", "--only=keys/x", "--clean-folder", "--", "run", "--only", "x"])
        else {
            panic!("refused")
        };
        assert_eq!(read.only, ["bearer", "keys/x"]);
        assert_eq!(read.command, ["run", "--only", "x"]);
        assert!(read.clean_folder);
    }

    #[test]
    fn a_real_keycloak_is_asked_with_the_password_of_the_variable() {
        let Ok(Command::Run(read)) = parse(&[
            "--keycloak=http://127.0.0.1:1",
            "--admin-user",
            "root",
            "--admin-password-env",
            "PASSWORD",
            "--",
            "x",
        ]) else {
            panic!("refused")
        };
        let issuer = read.issuer(|name| (name == "PASSWORD").then(|| "hidden".to_owned()));
        let expected = Keycloak::new("http://127.0.0.1:1").administrator("root", "hidden");
        assert_eq!(issuer, Ok(Issuer::Keycloak(expected)));
        assert!(read.issuer(|_| None).unwrap_err().contains("PASSWORD"));
        let Ok(Command::Run(read)) = parse(&["--admin-user", "root", "--", "x"]) else { panic!("refused") };
        assert!(read.issuer(|_| None).unwrap_err().contains("--keycloak"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, named) in [
            (&["--nope", "--", "x"][..], "--nope"),
            (&["--profile", "some", "--", "x"], "some"),
            (&["--start-timeout", "0", "--", "x"], "--start-timeout"),
            (&["x"], "--"),
            (&["--only"], "--only"),
            (&["--"], "COMMAND"),
            (&[], "COMMAND"),
        ] {
            let why = parse(arguments).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn the_full_profile_is_refused_until_it_has_cases() {
        let Ok(Command::Run(read)) = parse(&["--profile", "full", "--", "true"]) else { panic!("refused") };
        assert!(read.run().unwrap_err().contains("full"));
    }
}
