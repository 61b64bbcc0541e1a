//! `kc routes`: which routes a service has, and who may call them.

mod ask;
mod caller;
mod diff;
mod rule;

use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use kc_core::routes::{AccessKind, ReportFormat, ReportedRoute, RouteReport};
use serde_json::{Value, json};

pub(crate) use self::rule::{Atom, Rule, Truth};
use crate::command_line::{self, Line, arguments, behind_dashes, flag, values};
use crate::input;
use crate::terminal::{Paint, printable, takes_colours, written};

pub(crate) fn command() -> Command {
    command_line::command("routes", "Says which routes a service has and who may call them, and what of that changed")
        .override_usage(
            "kc routes [OPTIONS] FILE\n       \
             kc routes [OPTIONS] -- COMMAND [ARGUMENT]...\n       \
             kc routes --diff [--json] OLD NEW\n       \
             kc routes --diff [--json] OLD -- COMMAND [ARGUMENT]...",
        )
        .before_help(
            "FILE is what a service prints when it is started with --routes=json; - is standard input. COMMAND starts the service:\n\
             --routes=json is added to its arguments, and it has half a minute to print and end. It needs no Keycloak for that. docs/routes.md\n\
             says how a service of yours comes to know --routes. This program itself asks nobody.\n\
             \n\
             With --role each route is marked: ✓ whoever has these roles passes, ✗ they do not, and what is missing, ? it depends on more\n\
             than roles. What a token passes is told by kc explain --routes, which also checks it.",
        )
        .arg(arguments("FILE", "The file, or with --diff the two files; - is standard input"))
        .arg(behind_dashes("What starts the service, behind --"))
        .arg(values("role", "ROLE", "Marks what a caller with this role passes, the realm's or this service's; again for more"))
        .arg(flag("diff", "Says what changed from OLD to NEW, and whether anybody may do more than before"))
        .arg(flag("markdown", "A table for a document"))
        .arg(flag("json", "One object, for programs"))
        .after_help(
            "Wider is: a caller passes who did not; a new route that needs no credentials; a new exempt prefix. A new route with a rule is\n\
             not, unless another one served its paths before with a stricter rule. Where it cannot be told, it counts as wider.\n\
             \n\
             Exit code: 0 good; 1 with --diff, somebody may do more than before; 2 the command line or a file is wrong, or COMMAND did not\n\
             print its routes.\n\
             \n\
             Examples:\n  \
             kc routes -- cargo run -p orders\n  \
             kc routes --json -- ./orders > routes.json\n  \
             kc routes --role clerk routes.json\n  \
             kc routes --diff routes.json -- ./orders",
        )
}

/// Runs the command.
pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let (files, command) = (line.rest(), line.command());
    let format = match (line.has("--json"), line.has("--markdown")) {
        (true, true) => {
            return Err("--json and --markdown are two formats: choose one; see --help".to_owned());
        }
        (true, false) => ReportFormat::Json,
        (false, true) => ReportFormat::Markdown,
        (false, false) => ReportFormat::Text,
    };
    let roles = line.all("--role")?;
    if line.has("--diff") {
        if !roles.is_empty() || format == ReportFormat::Markdown {
            return Err("--diff goes with --json alone; see --help".to_owned());
        }
        let (old, new) = match (files.as_slice(), command.as_slice()) {
            ([old, new], []) if *old == "-" && *new == "-" => {
                return Err("standard input (-) is named twice; name a file".to_owned());
            }
            ([old, new], []) => (Service::in_file(Path::new(old))?, Service::in_file(Path::new(new))?),
            ([old], [_, ..]) => (Service::in_file(Path::new(old))?, Service::of_command(&command)?),
            _ => {
                return Err(
                    "--diff needs OLD and NEW, two files or a file and a command; see --help".to_owned()
                );
            }
        };
        return diff::run(&old, &new, format == ReportFormat::Json);
    }
    let service = match (files.as_slice(), command.as_slice()) {
        ([file], []) => Service::in_file(Path::new(file))?,
        ([], [_, ..]) => Service::of_command(&command)?,
        ([], []) => {
            return Err("a file is missing, or -- and the command of the service; see --help".to_owned());
        }
        _ => return Err("there is more than one file or command; see --help".to_owned()),
    };
    written(&match (roles.as_slice(), format) {
        ([], ReportFormat::Json) => printable(&service.report.to(format)),
        ([], _) => service.report.to(format),
        (_, ReportFormat::Markdown) => {
            return Err("--role does not go with --markdown; see --help".to_owned());
        }
        (roles, format) => {
            let passing = service.passing(|atom| caller::with_roles(roles, atom));
            match format {
                ReportFormat::Json => {
                    printable(&format!("{:#}\n", json!({ "roles": roles, "routes": in_json(&passing) })))
                }
                _ => table(&passing, Paint(takes_colours())),
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A service, as it says of itself.
#[derive(Debug)]
pub(crate) struct Service {
    report: RouteReport,
}

impl Service {
    pub(crate) fn in_file(path: &Path) -> Result<Self, String> {
        let name =
            if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
        Self::read(&input::file(path)?).map_err(|why| format!("{name}: {why}"))
    }

    fn of_command(command: &[std::ffi::OsString]) -> Result<Self, String> {
        let text = ask::routes_of(command)?;
        Self::read(&text).map_err(|why| {
            format!("what the command printed cannot be read: {why}; docs/routes.md says how a service comes to print it")
        })
    }

    fn read(text: &[u8]) -> Result<Self, String> {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let report = RouteReport::from_json(text).map_err(|error| printable(&error.to_string()))?;
        Ok(Self { report })
    }

    /// What the rules ask of a caller, each once.
    pub(crate) fn atoms(&self) -> Vec<Atom> {
        let mut atoms = Vec::new();
        for route in self.report.routes() {
            of_route(route).iter().for_each(|rule| rule.atoms(&mut atoms));
        }
        atoms
    }

    /// What a caller with good credentials passes, of whom is known what `truth` says.
    pub(crate) fn passing(&self, truth: impl Fn(&Atom) -> Truth) -> Vec<Passing<'_>> {
        let each = self.report.routes().iter().map(|route| match of_route(route) {
            None => Passing::without_rule(route, Truth::Yes),
            Some(rule) => {
                let passes = rule.truth(&truth);
                let (lacking, missing_roles) = match passes {
                    Truth::Yes => Default::default(),
                    _ => (rule.lacking(&truth), rule.missing_roles(&truth)),
                };
                Passing { route, passes, lacking, missing_roles }
            }
        });
        each.collect()
    }

    /// What passes of a caller whose credentials are refused.
    pub(crate) fn passing_of_refused(&self) -> Vec<Passing<'_>> {
        let each = self.report.routes().iter().map(|route| match is_open(route) {
            true => Passing::without_rule(route, Truth::Yes),
            false => Passing {
                lacking: vec!["a token that is accepted".to_owned()],
                ..Passing::without_rule(route, Truth::No)
            },
        });
        each.collect()
    }
}

/// Credentials are not looked at.
fn is_open(route: &ReportedRoute) -> bool {
    route.exempt || route.access == AccessKind::Public
}

/// The rule of a route; none where everybody with good credentials passes.
fn of_route(route: &ReportedRoute) -> Option<Rule> {
    if is_open(route) || route.access == AccessKind::Optional {
        return None;
    }
    Some(route.rule.as_ref().map_or(Rule::Atom(Atom::Other(route.text.clone())), Rule::read))
}

/// Whether a caller passes a route.
#[derive(Debug)]
pub(crate) struct Passing<'s> {
    route: &'s ReportedRoute,
    passes: Truth,
    /// What is missing, or not known.
    lacking: Vec<String>,
    missing_roles: Vec<String>,
}

impl<'s> Passing<'s> {
    fn without_rule(route: &'s ReportedRoute, passes: Truth) -> Self {
        Self { route, passes, lacking: Vec::new(), missing_roles: Vec::new() }
    }
}

/// A line for each route: mark, methods, pattern, who passes and what is missing.
pub(crate) fn table(passing: &[Passing<'_>], paint: Paint) -> String {
    let lines: Vec<_> = passing
        .iter()
        .map(|one| (one, printable(&one.route.method_list()), printable(&one.route.pattern)))
        .collect();
    let longest =
        |text: fn(&(&Passing<'_>, String, String)) -> usize| lines.iter().map(text).max().unwrap_or(0);
    let methods = longest(|(_, method, _)| method.chars().count());
    let patterns = longest(|(_, _, pattern)| pattern.chars().count());
    let mut out = String::new();
    for (one, method, pattern) in &lines {
        let (mark, of_lacking) = match one.passes {
            Truth::Yes => (paint.green("✓"), ""),
            Truth::No => (paint.red("✗"), "missing"),
            Truth::Unknown => (paint.yellow("?"), "depends on"),
        };
        out.push_str(&format!(
            "{mark} {method:methods$}  {pattern:patterns$}  {}",
            printable(&one.route.who())
        ));
        if !one.lacking.is_empty() {
            out.push_str(&format!("   {of_lacking}: {}", printable(&one.lacking.join("; "))));
        }
        out.push('\n');
    }
    out
}

pub(crate) fn in_json(passing: &[Passing<'_>]) -> Value {
    let each = passing.iter().map(|one| {
        json!({
            "methods": one.route.methods,
            "pattern": one.route.pattern,
            "access": one.route.access,
            "who": one.route.who(),
            "passes": match one.passes {
                Truth::Yes => Some(true),
                Truth::No => Some(false),
                Truth::Unknown => None,
            },
            "missing": if one.passes == Truth::No { one.lacking.as_slice() } else { &[] },
            "depends_on": if one.passes == Truth::Unknown { one.lacking.as_slice() } else { &[] },
            "missing_roles": one.missing_roles,
        })
    });
    each.collect()
}
