//! `kc conformance`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Command;
use kc_conformance::{Deviations, Issuer, Keycloak, Options, Outcome, Profile, Target, catalogue, run_with};

use crate::cargo_run;
use crate::command_line::{self, Line, behind_dashes, choice, file, flag, value, values};
use crate::terminal::{complain, written};

pub(crate) fn command() -> Command {
    command_line::command("conformance", "Runs the conformance suite against a service, in whatever language it is")
        .override_usage("kc conformance [OPTIONS] -- COMMAND [ARGUMENT]...\n       kc conformance --list")
        .before_help(
            "Starts an issuer that answers as Keycloak does, then COMMAND, some two hundred times, with KEYCLOAK_URL, KEYCLOAK_REALM,\n\
             KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET, LISTEN and whatever else a case needs in its environment. COMMAND must listen\n\
             on LISTEN, answer 200 on GET /health, have the routes that docs/conformance.md lists, and end on SIGTERM; a shell script\n\
             should `exec` it. Of `cargo run` the program is built once and then started itself. Everything listens on 127.0.0.1.",
        )
        .arg(behind_dashes("What starts the service, behind --"))
        .arg(value(
            "keycloak",
            "URL",
            "Let a real Keycloak of this machine issue the tokens. The suite makes realms of its own there,\n\
             named kc-conformance-…, and deletes them at the end. The server must not have a fixed host name",
        ))
        .arg(value("admin-user", "NAME", "Who administers it. Default admin"))
        .arg(value(
            "admin-password-env",
            "VARIABLE",
            "The variable that holds the password. Default: the password is admin",
        ))
        .arg(choice(
            "profile",
            "NAME",
            ["api", "authorization", "full"],
            "Which routes the service has: api, those that take bearer tokens; authorization, those and\n\
             /inventory; full, those and the browser login. Default api",
        ))
        .arg(values("only", "NAME", "Only the case of that id, or the group; may be repeated"))
        .arg(file(
            "deviations",
            "Accepted failures, as lines \"group/case\" = \"reason\". A reason of a case that passes fails\n\
             the run",
        ))
        .arg(flag(
            "clean-folder",
            "Start COMMAND in an empty folder each time; the cases about .env need it. COMMAND must not\n\
             depend on the current folder then; a relative path of the program itself is fine",
        ))
        .arg(value("start-timeout", "SECS", "How long one start may take. Default 120"))
        .arg(file("junit", "Write JUnit XML"))
        .arg(file("json", "Write JSON"))
        .arg(flag("list", "Print every case with the section that demands it, run nothing"))
        .after_help(
            "Exit code: 0 when nothing deviates without a reason, 1 when something does, 2 when nothing could be run.\n\
             \n\
             Examples:\n  \
             kc conformance -- cargo run -p my-service\n  \
             kc conformance -- python app.py\n  \
             kc conformance --only roles --only keys/no-redirect-is-followed -- ./my-service\n  \
             kc conformance --clean-folder --junit conformance.xml -- ./my-service --config /etc/my.toml\n  \
             kc conformance --keycloak http://127.0.0.1:8080 -- ./my-service",
        )
}

/// Runs the command.
pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    if line.has("--list") {
        return written(&list()).map(|()| ExitCode::SUCCESS);
    }
    Arguments::of(line)?.run()
}

fn list() -> String {
    let cases = catalogue();
    let widest = cases.iter().map(|case| case.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    for case in &cases {
        out.push_str(&format!("{:widest$}  {:12}  {}\n", case.id, case.needs.name(), case.spec));
    }
    out + &format!("{} cases\n", cases.len())
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

impl Arguments {
    fn of(line: &Line) -> Result<Self, String> {
        let profile = match line.one("--profile")? {
            None => Profile::default(),
            Some(name) => Profile::from_name(&name)
                .ok_or_else(|| format!("--profile {name:?} is not known; see --help"))?,
        };
        let seconds = |text: String| {
            let secs = text.parse().ok().filter(|secs| *secs > 0).map(Duration::from_secs);
            secs.ok_or_else(|| format!("--start-timeout {text:?} is no number of seconds"))
        };
        let command = line.command();
        if command.is_empty() {
            return Err(
                "the command of the service is missing: kc conformance -- COMMAND; see --help".to_owned()
            );
        }
        let path = |option| line.file(option).map(Path::to_owned);
        Ok(Self {
            keycloak: line.one("--keycloak")?,
            admin_user: line.one("--admin-user")?,
            admin_password_env: line.one("--admin-password-env")?,
            profile,
            only: line.all("--only")?,
            deviations: path("--deviations"),
            clean_folder: line.has("--clean-folder"),
            start_timeout: line.one("--start-timeout")?.map(seconds).transpose()?,
            junit: path("--junit"),
            json: path("--json"),
            command,
        })
    }

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
            complain(
                "note: the service may read the .env of this folder; --clean-folder starts it elsewhere",
            );
        }
        if let Some(path) = self.command.iter().skip(1).find(|argument| is_only_here(argument))
            && self.clean_folder
        {
            complain(&format!(
                "note: --clean-folder starts the command in an empty folder, where {path:?} isn't; write an absolute path"
            ));
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
            complain("");
        }
        let report = report.map_err(|error| error.to_string())?;
        written(&report.to_table().to_string())?;
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

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        let words = ["kc", "conformance"].iter().chain(arguments).map(OsString::from).collect::<Vec<_>>();
        Arguments::of(&command_line::read(&words).map_err(|_| "refused".to_owned())?.line)
    }

    #[test]
    fn options_end_at_two_dashes_and_the_rest_is_the_command() {
        let read =
            parse(&["--only", "bearer", "--only=keys/x", "--clean-folder", "--", "run", "--only", "x"])
                .unwrap();
        assert_eq!(read.only, ["bearer", "keys/x"]);
        assert_eq!(read.command, ["run", "--only", "x"]);
        assert!(read.clean_folder);
    }

    #[test]
    fn a_real_keycloak_is_asked_with_the_password_of_the_variable() {
        let read = parse(&[
            "--keycloak=http://127.0.0.1:1",
            "--admin-user",
            "root",
            "--admin-password-env",
            "PASSWORD",
            "--",
            "x",
        ])
        .unwrap();
        let issuer = read.issuer(|name| (name == "PASSWORD").then(|| "hidden".to_owned()));
        let expected = Keycloak::new("http://127.0.0.1:1").administrator("root", "hidden");
        assert_eq!(issuer, Ok(Issuer::Keycloak(expected)));
        assert!(read.issuer(|_| None).unwrap_err().contains("PASSWORD"));
        let read = parse(&["--admin-user", "root", "--", "x"]).unwrap();
        assert!(read.issuer(|_| None).unwrap_err().contains("--keycloak"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, named) in [
            (&["--start-timeout", "0", "--", "x"][..], "--start-timeout"),
            (&["--"], "COMMAND"),
            (&[], "COMMAND"),
        ] {
            let why = parse(arguments).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn each_profile_is_known_by_its_name() {
        for profile in [Profile::Api, Profile::Authorization, Profile::Full] {
            let read = parse(&["--profile", profile.name(), "--", "x"]).unwrap();
            assert_eq!(read.profile, profile);
        }
    }
}
