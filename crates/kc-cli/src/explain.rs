//! `kc explain`: why a token is accepted, or not.

mod judge;
mod passes;
mod probe;
mod remedy;
mod show;
mod steps;

use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Command, ValueHint};
use kc_core::clock::{Clock, FakeClock, SystemClock};
use kc_core::rules::{self, Rule};
use kc_core::token::MAX_TOKEN_BYTES;

use self::judge::Judge;
use self::show::Report;
use crate::command_line::{self, Line, arguments, file, flag, value, values};
use crate::progress;
use crate::routes::Service;
use crate::terminal::{Paint, takes_colours, written};
use crate::token::verify;

pub(crate) fn command() -> Command {
    command_line::command("explain", "Says step by step why a token is accepted, or not, and what to do")
        .override_usage(
            "kc explain [OPTIONS] - < TOKEN\n       \
             kc explain [OPTIONS] TOKEN\n       \
             kc explain --jwks FILE --issuer ISSUER --audience AUD [OPTIONS] - < TOKEN",
        )
        .before_help(
            "Run it where the service runs, with the service's settings: the environment, .env of this folder, and the file that\n\
             KEYCLOAK_CONFIG names, as docs/configuration.md says. The verdict is that of the code which decides in the service. The keys come\n\
             from the realm of the settings; nothing that the token says is asked for. With --issuer the settings are not read.\n\
             \n\
             Give the token by standard input, with -: an argument can be seen by others on the machine, and stays in the shell's history.\n\
             The word Bearer before it may stay.",
        )
        .arg(arguments("TOKEN", "The token; - reads it from standard input").value_hint(ValueHint::Other))
        .arg(values("role", "ROLE", "Also says whether the rule role(ROLE) would let it pass; again for more"))
        .arg(values("scope", "SCOPE", "The same for scope(SCOPE)"))
        .arg(value("resource", "NAME", "The same for permission(NAME, SCOPE), with --permission"))
        .arg(value("permission", "SCOPE", "The scope of --resource; alone, scope_permission(SCOPE)"))
        .arg(file(
            "routes",
            "Also says which routes it would pass: what the service's --routes=json or kc routes --json printed.\n\
             - is standard input, if the token is not",
        ))
        .arg(file("jwks", "The keys: a JWK set, a JWK, or PEM. Nobody is asked then"))
        .arg(value("issuer", "ISSUER", "What iss has to be, instead of the settings. Needs --jwks and --audience"))
        .arg(value("audience", "AUD", "With --issuer: one of these, comma separated, has to be in aud"))
        .arg(value(
            "client",
            "ID",
            "With --issuer: the client whose roles are this service's. Default: the first audience",
        ))
        .arg(value("leeway", "SECS", "With --issuer: how far clocks may be apart, 0 to 300. Default 5"))
        .arg(value("at", "UNIX", "The time, in seconds since 1970, at which it is to be good. Default: now"))
        .arg(flag(
            "claims",
            "Also prints all claims, personal ones among them. Otherwise those that nothing depends on are named only",
        ))
        .arg(flag("json", "One object, for programs"))
        .after_help(
            "Not known here, but to the running service: local users in its data base, sessions that it saw ending, rules in its code.\n\
             \n\
             Neither the token nor its signature is ever printed. Marks: ✓ good, ✗ a reason to refuse it, - not looked at or nothing to say,\n\
             ? a route of which that cannot be said here. Colours are for terminals, unless NO_COLOR is set.\n\
             \n\
             Exit code: 0 accepted, and the rules asked for let it pass; 1 not; 2 the command line or the settings are wrong, or it could not\n\
             be found out. Routes of --routes do not count.\n\
             \n\
             Examples:\n  \
             kc token get --user alice | kc explain -\n  \
             kc explain --role orders-read --routes routes.json - < token.txt\n  \
             kc explain --jwks keys.json --issuer https://id.example.com/realms/shop --audience orders --at 1795310500 - < token.txt",
        )
}

/// What only goes with `--issuer`.
const OF_ISSUER: [&str; 3] = ["--audience", "--client", "--leeway"];

/// Runs the command.
pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let rules = asked(line)?;
    let judge = judge(line)?;
    let routes = line.file("--routes").map(|path| routes_of(path, line)).transpose()?;
    let token = token(line)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
    let step = progress::Step::default();
    step.is("the realm's keys");
    let reporting = report(&judge, &token, &rules, routes.as_ref());
    let report = runtime.block_on(progress::shown("kc explain", &step, reporting));
    let claims = line.has("--claims");
    written(&if line.has("--json") {
        format!("{}\n", report.json(claims))
    } else {
        report.text(Paint(takes_colours()), claims)
    })?;
    Ok(ExitCode::from(report.exit_code()))
}

fn routes_of(path: &Path, line: &Line) -> Result<Service, String> {
    if path.as_os_str() == "-" && line.rest().iter().any(|token| *token == "-") {
        return Err("standard input (-) is named twice; name a file for --routes".to_owned());
    }
    Service::in_file(path).map_err(|why| format!("--routes {why}"))
}

async fn report<'s>(judge: &Judge, token: &str, rules: &[Rule], routes: Option<&'s Service>) -> Report<'s> {
    judge.prepare().await;
    let outcome = judge.outcome(token).await;
    let mut answers = Vec::new();
    if let Ok(principal) = &outcome {
        for rule in rules {
            answers.push((rule.to_string(), Some(judge.passes(principal, rule).await)));
        }
    } else {
        answers.extend(rules.iter().map(|rule| (rule.to_string(), None)));
    }
    let routes = match routes {
        Some(service) => Some(passes::of(judge, outcome.as_ref().ok(), service).await),
        None => None,
    };
    let looked = steps::looked_at(judge, token, &outcome).await;
    Report::new(judge, looked, outcome.map(|_| ()), answers, routes)
}

/// Who decides, by the options or by the settings.
fn judge(line: &Line) -> Result<Judge, String> {
    let clock: Arc<dyn Clock> = match line.one("--at")? {
        Some(at) => Arc::new(FakeClock::at(verify::time(&at)?)),
        None => Arc::new(SystemClock),
    };
    let keys = match line.one("--jwks")? {
        Some(_) => Some(verify::keys(line.path("--jwks")?, "kc explain")?),
        None => None,
    };
    let Some(issuer) = line.one("--issuer")? else {
        for option in OF_ISSUER {
            if line.one(option)?.is_some() {
                return Err(format!("{option} goes with --issuer, else the settings say it; see --help"));
            }
        }
        return Judge::of_settings(keys, clock);
    };
    let keys = keys.ok_or("--issuer needs --jwks: nobody is asked for the keys; see --help")?;
    let audiences = line.one("--audience")?.ok_or("--issuer needs --audience; see --help")?;
    let audiences = verify::list(&audiences, "--audience")?;
    let leeway = verify::seconds(&line.one("--leeway")?.unwrap_or_else(|| "5".to_owned()))?;
    Ok(Judge::offline(issuer, audiences, line.one("--client")?, leeway, keys, clock))
}

fn asked(line: &Line) -> Result<Vec<Rule>, String> {
    // A rule keeps some names for the life of the program, and this one lives no longer than its answer.
    let kept = |text: String| -> &'static str { text.leak() };
    let mut asked: Vec<Rule> = line.all("--role")?.into_iter().map(rules::role).collect();
    asked.extend(line.all("--scope")?.into_iter().map(|scope| rules::scope(kept(scope))));
    match (line.one("--resource")?, line.one("--permission")?) {
        (Some(resource), Some(scope)) => asked.push(Rule::permission_of(resource, scope)),
        (None, Some(scope)) => asked.push(rules::scope_permission(kept(scope))),
        (Some(_), None) => return Err("--resource needs --permission, the scope; see --help".to_owned()),
        (None, None) => {}
    }
    Ok(asked)
}

/// The text after `Bearer`.
fn token(line: &Line) -> Result<String, String> {
    let text = match line.rest().as_slice() {
        [] => return Err("the token is missing: - reads it from standard input; see --help".to_owned()),
        [one] if *one == "-" => {
            // One byte more than is accepted is enough to know.
            let mut text = Vec::new();
            let limit = 2 * MAX_TOKEN_BYTES as u64;
            let read = io::stdin().take(limit).read_to_end(&mut text);
            read.map_err(|error| format!("standard input: {error}"))?;
            text
        }
        [one] => one.as_encoded_bytes().to_vec(),
        _ => return Err("more than one token is given: give one, without blanks; see --help".to_owned()),
    };
    // What is not UTF-8 is no token: nothing but ASCII is in one.
    let text = String::from_utf8_lossy(&text);
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").map_or(text, str::trim_start);
    if text.is_empty() {
        return Err("there is no token on standard input".to_owned());
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err("there is more than one word where the token should be: give the token alone".to_owned());
    }
    Ok(text.to_owned())
}
