//! `kc explain`: why a token is accepted, or not.

mod judge;
mod probe;
mod remedy;
mod show;
mod steps;

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::process::ExitCode;
use std::sync::Arc;

use kc_core::clock::{Clock, FakeClock, SystemClock};
use kc_core::rules::{self, Rule};
use kc_core::token::MAX_TOKEN_BYTES;

use self::judge::Judge;
use self::show::Report;
use crate::authz::options::Line;
use crate::progress;
use crate::terminal::{Paint, takes_colours, written};
use crate::token::verify;

const HELP: &str = "\
Says step by step why a token is accepted, or not, and what to do.

Usage: kc explain [OPTIONS] - < TOKEN
       kc explain [OPTIONS] TOKEN
       kc explain --jwks FILE --issuer ISSUER --audience AUD [OPTIONS] - < TOKEN

Run it where the service runs, with the service's settings: the environment, .env of this folder, and the file that
KEYCLOAK_CONFIG names, as docs/configuration.md says. The verdict is that of the code which decides in the service. The keys come
from the realm of the settings; nothing that the token says is asked for. With --issuer the settings are not read.

Give the token by standard input, with -: an argument can be seen by others on the machine, and stays in the shell's history.
The word Bearer before it may stay.

Options:
      --role ROLE         Also says whether the rule role(ROLE) would let it pass; again for more
      --scope SCOPE       The same for scope(SCOPE)
      --resource NAME     The same for permission(NAME, SCOPE), with --permission
      --permission SCOPE  The scope of --resource; alone, scope_permission(SCOPE)
      --jwks FILE         The keys: a JWK set, a JWK, or PEM. Nobody is asked then
      --issuer ISSUER     What iss has to be, instead of the settings. Needs --jwks and --audience
      --audience AUD      With --issuer: one of these, comma separated, has to be in aud
      --client ID         With --issuer: the client whose roles are this service's. Default: the first audience
      --leeway SECS       With --issuer: how far clocks may be apart, 0 to 300. Default 5
      --at UNIX           The time, in seconds since 1970, at which it is to be good. Default: now
      --claims            Also prints all claims, personal ones among them. Otherwise those that nothing depends on are named only
      --json              One object, for programs
  -h, --help              This text

Not known here, but to the running service: local users in its data base, sessions that it saw ending, rules in its code.

Neither the token nor its signature is ever printed. Marks: ✓ good, ✗ a reason to refuse it, - not looked at or nothing to say.
Colours are for terminals, unless NO_COLOR is set.

Exit code: 0 accepted, and the rules asked for let it pass; 1 not; 2 the command line or the settings are wrong, or it could not
be found out.

Examples:
  kc token get --user alice | kc explain -
  kc explain --role orders-read - < token.txt
  kc explain --jwks keys.json --issuer https://id.example.com/realms/shop --audience orders --at 1795310500 - < token.txt
";

const WITH_VALUE: [&str; 10] = [
    "--role",
    "--scope",
    "--resource",
    "--permission",
    "--jwks",
    "--issuer",
    "--audience",
    "--client",
    "--leeway",
    "--at",
];

/// What only goes with `--issuer`.
const OF_ISSUER: [&str; 3] = ["--audience", "--client", "--leeway"];

/// Runs the command; `arguments` are those after its name.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    run(&mut arguments).unwrap_or_else(|why| {
        eprintln!("kc explain: {why}");
        ExitCode::from(2)
    })
}

fn run(arguments: &mut dyn Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let Some(line) = Line::read(arguments, &WITH_VALUE, &["--claims", "--json"])? else {
        return written(HELP).map(|()| ExitCode::SUCCESS);
    };
    let rules = asked(&line)?;
    let judge = judge(&line)?;
    let token = token(&line)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
    let step = progress::Step::default();
    step.is("the realm's keys");
    let report = runtime.block_on(progress::shown("kc explain", &step, report(&judge, &token, &rules)));
    let claims = line.has("--claims");
    written(&if line.has("--json") {
        format!("{}\n", report.json(claims))
    } else {
        report.text(Paint(takes_colours()), claims)
    })?;
    Ok(ExitCode::from(report.exit_code()))
}

async fn report(judge: &Judge, token: &str, rules: &[Rule]) -> Report {
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
    let looked = steps::looked_at(judge, token, &outcome).await;
    Report::new(judge, looked, outcome.map(|_| ()), answers)
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
    let text = match line.rest() {
        [] => return Err("the token is missing: - reads it from standard input; see --help".to_owned()),
        [one] if one == "-" => {
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
