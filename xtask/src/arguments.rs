//! What was asked for on the command line.

use std::fmt;
use std::time::Duration;

use crate::suites::{self, Choice};

const GENERAL: &str = "\
One entry for everything a contributor or CI does.

Usage: cargo xtask COMMAND

Commands:
  test       every check there is, with counts; `cargo xtask test --help`
  api        write api/*.txt anew: what each library offers; the suite `api` compares
  bench      measure, side by side; `cargo xtask bench --help`
  dist       the static programs of a release; `cargo xtask dist --help`
  keycloak   start, stop or look at the real Keycloak of the tests; `cargo xtask keycloak --help`
  thin       code lines of the adapters and examples against their budget

Exit code: 0 all is well, 1 something failed, 2 the command line is wrong.
";

const BENCH: &str = "\
Measures everything that docs/performance.md tells of, side by side in one run, and prints
tables: a new token and a known one, growth, requests against the same service without
protection, other libraries' services. As root on Debian or Ubuntu it installs what is
missing (a C compiler, wrk, Valgrind), elsewhere it says what to install.

Usage: cargo xtask bench [--quick]

  --quick   fewer rounds, no instruction counts, no clean build

The output is also in target/xtask/bench.log. Compare ratios within a run, never times.
";

const DIST: &str = "\
Builds kc and the example axum-service without any shared library, stripped, and collects in
target/dist what goes with them: licences, lists of crates (CycloneDX), the files of deploy/,
checksums, and an archive of it all. As root on Debian or Ubuntu it installs what is missing
(musl-gcc), elsewhere it says what to install.

Usage: cargo xtask dist [--target TARGET]

  --target TARGET   default: this machine's processor, with musl
";

const KEYCLOAK: &str = "\
The real Keycloak that the tests talk to, on 127.0.0.1, with the realm kc-demo.

Usage: cargo xtask keycloak start|stop|status

  start    fetch and unpack it once, start it, wait until it is ready, print the base URL;
           finds one that runs already. As root on Debian or Ubuntu it installs what is
           missing (curl, unzip, Maven, Java 17 or later), elsewhere it says what to install
  stop     stop the one that `start` started on this port
  status   say whether one answers; exit code 1 when none does

Environment:
  KC_PORT   the port, default 18080; one server per port
  KC_CACHE  where the distribution is kept, default $XDG_CACHE_HOME/kc-tests or ~/.cache/kc-tests
  more      at the top of tests/keycloak/server/start.sh

Every start is the fresh realm. Administrator: admin / admin. Everything about it is public:
never use it for anything but tests.
";

const TEST: &str = "\
Runs every suite in order and prints a table. A suite that fails does not stop the next one;
none is ever left out without a word.

Usage: cargo xtask test [--only SUITE]… [--long] [--fuzz-seconds N] [--list]

  --only SUITE       run this suite only; may be given several times
  --long             also what takes long and is left out otherwise: `api`, `msrv`,
                     `minimal-versions`, `supply-elsewhere`, `dist`, `fuzz`
  --fuzz-seconds N   how long each fuzz target runs, default 60
  --list             name the suites and what each does

The output of each suite is also in target/xtask/SUITE.log. Exit code 1 when any suite fails.
";

const THIN: &str = "\
Counts the code lines (no blanks, comments or tests) of each adapter and example and fails
when one is over its budget: what does not translate a framework belongs in kc-core.

Usage: cargo xtask thin
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Write the lists of what the libraries offer.
    Api,
    /// Measure; quickly, for a first look.
    Bench { quick: bool },
    /// Make a release's programs; for this target, or for this machine.
    Dist(Option<String>),
    /// Print this text.
    Help(&'static str),
    /// Start, stop or look at the real Keycloak.
    Keycloak(KeycloakAction),
    /// Name the suites.
    ListSuites,
    /// Run suites.
    Test(Choice),
    /// Count code lines.
    Thin,
}

/// What to do with the real Keycloak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeycloakAction {
    Start,
    Status,
    Stop,
}

/// A command line that asks for nothing we have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Request, Mistake> {
    let arguments: Vec<String> = arguments.collect();
    let mut rest = arguments.iter().map(String::as_str);
    let command = rest.next();
    let rest: Vec<&str> = rest.collect();
    let help = rest.iter().any(|&a| a == "--help" || a == "-h");
    match command {
        None | Some("--help" | "-h" | "help") => Ok(Request::Help(GENERAL)),
        Some("api") if help => Ok(Request::Help(GENERAL)),
        Some("api") if rest.is_empty() => Ok(Request::Api),
        Some("api") => Err(Mistake(format!("`api` takes no argument, got `{}`", rest.join(" ")))),
        Some("bench") if help => Ok(Request::Help(BENCH)),
        Some("bench") => match rest.as_slice() {
            [] => Ok(Request::Bench { quick: false }),
            ["--quick"] => Ok(Request::Bench { quick: true }),
            _ => Err(Mistake("`bench` takes `--quick` or nothing".to_owned())),
        },
        Some("dist") if help => Ok(Request::Help(DIST)),
        Some("dist") => match rest.as_slice() {
            [] => Ok(Request::Dist(None)),
            ["--target", target] => Ok(Request::Dist(Some((*target).to_owned()))),
            _ => Err(Mistake("`dist` takes `--target TARGET` or nothing".to_owned())),
        },
        Some("keycloak") if help => Ok(Request::Help(KEYCLOAK)),
        Some("keycloak") => keycloak(&rest),
        Some("test") if help => Ok(Request::Help(TEST)),
        Some("test") => test(&rest),
        Some("thin") if help => Ok(Request::Help(THIN)),
        Some("thin") if rest.is_empty() => Ok(Request::Thin),
        Some("thin") => Err(Mistake(format!("`thin` takes no argument, got `{}`", rest.join(" ")))),
        Some(other) => Err(Mistake(format!("no command `{other}`; `cargo xtask --help` lists them"))),
    }
}

fn keycloak(rest: &[&str]) -> Result<Request, Mistake> {
    match rest {
        ["start"] => Ok(Request::Keycloak(KeycloakAction::Start)),
        ["status"] => Ok(Request::Keycloak(KeycloakAction::Status)),
        ["stop"] => Ok(Request::Keycloak(KeycloakAction::Stop)),
        _ => Err(Mistake("`keycloak` takes one of `start`, `stop`, `status`".to_owned())),
    }
}

fn test(rest: &[&str]) -> Result<Request, Mistake> {
    let mut choice = Choice::default();
    let mut list = false;
    let mut rest = rest.iter();
    while let Some(&argument) = rest.next() {
        let (name, value) = argument.split_once('=').map_or((argument, None), |(name, v)| (name, Some(v)));
        let mut value = |of: &str| {
            let missing = || Mistake(format!("`{name}` needs {of}"));
            value.or_else(|| rest.next().copied()).ok_or_else(missing)
        };
        match name {
            "--list" => list = true,
            "--long" => choice.long = true,
            "--only" => choice.only.push(suite(value("a suite")?)?),
            "--fuzz-seconds" => choice.fuzz_for = seconds(value("a number of seconds")?)?,
            _ => return Err(Mistake(format!("`test` has no argument `{argument}`; see `--help`"))),
        }
    }
    Ok(if list { Request::ListSuites } else { Request::Test(choice) })
}

fn suite(name: &str) -> Result<String, Mistake> {
    if suites::names().any(|(known, _)| known == name) {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = suites::names().map(|(name, _)| name).collect();
    Err(Mistake(format!("no suite `{name}`; there are {}", names.join(", "))))
}

fn seconds(number: &str) -> Result<Duration, Mistake> {
    match number.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(Mistake(format!("`{number}` is no number of seconds from 1 to 86400"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, Mistake> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_at_all_prints_the_help() {
        assert_eq!(read(""), Ok(Request::Help(GENERAL)));
    }

    #[test]
    fn each_command_has_its_own_help() {
        assert_eq!(read("bench --help"), Ok(Request::Help(BENCH)));
        assert_eq!(read("dist --help"), Ok(Request::Help(DIST)));
        assert_eq!(read("keycloak --help"), Ok(Request::Help(KEYCLOAK)));
        assert_eq!(read("test --only format -h"), Ok(Request::Help(TEST)));
        assert_eq!(read("thin --help"), Ok(Request::Help(THIN)));
    }

    #[test]
    fn several_suites_are_kept_in_the_order_given() {
        let both = Choice { only: vec!["lint".to_owned(), "format".to_owned()], ..Choice::default() };
        assert_eq!(read("test --only lint --only=format"), Ok(Request::Test(both)));
    }

    #[test]
    fn an_unknown_suite_is_refused_and_the_known_ones_are_named() {
        let mistake = read("test --only lnit").unwrap_err().to_string();
        assert!(mistake.contains("`lnit`") && mistake.contains("lint"), "{mistake}");
    }

    #[test]
    fn only_without_a_suite_is_refused() {
        assert!(read("test --only").is_err());
    }

    #[test]
    fn fuzzing_is_asked_for_by_long_and_takes_a_minute_unless_said_otherwise() {
        let minute = Choice { long: true, fuzz_for: Duration::from_secs(60), ..Choice::default() };
        assert_eq!(read("test --long"), Ok(Request::Test(minute)));
        let short =
            Choice { only: vec!["fuzz".to_owned()], fuzz_for: Duration::from_secs(5), ..Choice::default() };
        assert_eq!(read("test --only fuzz --fuzz-seconds 5"), Ok(Request::Test(short)));
        for wrong in ["0", "-1", "1m", "", "86401"] {
            assert!(read(&format!("test --fuzz-seconds={wrong}")).is_err(), "{wrong}");
        }
        assert!(read("test --fuzz-seconds").is_err());
    }

    #[test]
    fn an_unknown_command_or_argument_is_refused() {
        assert!(read("tset").is_err());
        assert!(read("test --fast").is_err());
        assert!(read("thin now").is_err());
        assert!(read("bench --fast").is_err());
        assert!(read("api all").is_err());
        assert!(read("dist --target").is_err());
        assert!(read("keycloak").is_err());
        assert!(read("keycloak start stop").is_err());
    }

    #[test]
    fn list_names_the_suites_without_running_one() {
        assert_eq!(read("test --list"), Ok(Request::ListSuites));
    }
}
