//! `kc token verify`.

use std::io::{self, BufRead, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::ValueHint;
use kc_core::clock::{Clock, FakeClock, SystemClock, UnixTime};
use kc_core::keys::{KeySet, KeySource, KeysUnavailable, PinnedKeys, Refresh};
use kc_core::signature::Algorithm;
use kc_core::token::MAX_TOKEN_BYTES;
use kc_core::validator::{JwtValidator, TokenValidator, ValidationError};
use serde::Serialize;
use serde_json::Value;

use crate::command_line::{self, Line, arguments, file, value};
use crate::input;
use crate::terminal::complain;

pub(crate) fn command() -> clap::Command {
    command_line::command("verify", "Says whether access tokens are good, and if not, why. Asks nobody")
        .override_usage("kc token verify --jwks FILE [OPTIONS] TOKEN\n       kc token verify --jwks FILE [OPTIONS] - < TOKENS")
        .before_help(
            "The keys come from a file.\n\
             \n\
             With - it reads one token per line from standard input; a token that is given as an argument can be seen by others on the\n\
             machine. Each token gives a line of JSON on standard output: {\"valid\":true|false,\"code\":…,\"detail\":…}, where code is one\n\
             of docs/errors.md, null for a good token.\n\
             \n\
             Checked in this order: size, structure, header, key, signature, kind of token, issuer, audience, times. A token without the\n\
             claim typ, which Keycloak's always have, counts as an access token unless it has a mark of another kind.",
        )
        .arg(arguments("TOKEN", "The token; - reads one per line from standard input").value_hint(ValueHint::Other))
        .arg(file(
            "jwks",
            "The keys: a JWK set, a JWK, or PEM. A single key without a key id serves every token. Required",
        ))
        .arg(value("issuer", "ISSUER", "What iss has to be. Left out, it is not checked"))
        .arg(value(
            "audience",
            "AUD",
            "One of the token's audiences has to be one of these, comma separated. Left out, not checked",
        ))
        .arg(value("at", "UNIX", "The time, in seconds since 1970, at which it is to be good. Default: now"))
        .arg(value("alg", "ALG", "The algorithms to accept, comma separated. Default: RS, PS and ES 256 to 512, EdDSA"))
        .arg(value("leeway", "SECS", "How far clocks may be apart, 0 to 300. Default 5"))
        .after_help(
            "Exit code: 0 all are good, 1 some are not, 2 nothing could be checked.\n\
             \n\
             Examples:\n  \
             curl -s https://kc.example.com/realms/shop/protocol/openid-connect/certs > keys.json\n  \
             kc token verify --jwks keys.json --issuer https://kc.example.com/realms/shop --audience api - < token.txt",
        )
}

/// Runs the command.
pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let all_good = Command::of(line)?.run(&mut io::stdout().lock())?;
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

#[derive(Debug)]
struct Command {
    jwks: PathBuf,
    issuer: Option<String>,
    audience: Option<Vec<String>>,
    at: Option<UnixTime>,
    algorithms: Option<Vec<Algorithm>>,
    leeway: Duration,
    token: Given,
}

/// Where tokens come from. Not printable.
enum Given {
    Argument(Vec<u8>),
    StandardInput,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Argument(_) => "Argument([redacted])",
            Self::StandardInput => "StandardInput",
        })
    }
}

/// What is said of a token. Members in this order.
#[derive(Debug, Serialize)]
struct Verdict {
    valid: bool,
    code: Option<&'static str>,
    detail: Option<String>,
}

impl Command {
    fn of(line: &Line) -> Result<Self, String> {
        let token = match line.rest().as_slice() {
            [] => {
                return Err(
                    "the token is missing: give it, or - to read standard input; see --help".to_owned()
                );
            }
            [one] if *one == "-" => Given::StandardInput,
            [one] => Given::Argument(one.as_encoded_bytes().to_vec()),
            _ => {
                return Err(
                    "more than one token is given: write one per line, and - for the argument".to_owned()
                );
            }
        };
        let jwks = line.file("--jwks").ok_or("--jwks is missing: name the file with the keys; see --help")?;
        Ok(Self {
            jwks: jwks.to_owned(),
            issuer: line.one("--issuer")?,
            audience: line.one("--audience")?.map(|text| list(&text, "--audience")).transpose()?,
            at: line.one("--at")?.map(|text| time(&text)).transpose()?,
            algorithms: line.one("--alg")?.map(|text| list_of_algorithms(&text)).transpose()?,
            leeway: line.one("--leeway")?.map_or(Ok(Duration::from_secs(5)), |text| seconds(&text))?,
            token,
        })
    }

    /// Whether all are good.
    fn run(&self, output: &mut impl Write) -> Result<bool, String> {
        let validator = self.validator()?;
        for (option, given) in [("issuer", self.issuer.is_some()), ("audience", self.audience.is_some())] {
            if !given {
                complain(&format!("kc token verify: --{option} is left out: the {option} is not checked"));
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
        let mut all_good = true;
        let mut judge = |token: &[u8]| {
            let verdict = runtime.block_on(judge(&validator, token));
            all_good &= verdict.valid;
            let line = serde_json::to_string(&verdict).map_err(|error| error.to_string())?;
            match writeln!(output, "{line}").and_then(|()| output.flush()) {
                // Whoever reads has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
                result => result.map(|()| true).map_err(|error| format!("standard output: {error}")),
            }
        };
        match &self.token {
            Given::Argument(token) => {
                judge(token)?;
            }
            Given::StandardInput => each_line(&mut io::stdin().lock(), &mut judge)?,
        }
        Ok(all_good)
    }

    fn validator(&self) -> Result<JwtValidator, String> {
        let clock: Arc<dyn Clock> = match self.at {
            Some(at) => Arc::new(FakeClock::at(at)),
            None => Arc::new(SystemClock),
        };
        let issuer = self.issuer.clone().unwrap_or_default();
        let audience = self.audience.clone().unwrap_or_default();
        let mut builder = JwtValidator::builder(issuer, audience, keys(&self.jwks, "kc token verify")?)
            .leeway(self.leeway)
            .clock(clock);
        if let Some(algorithms) = &self.algorithms {
            builder = builder.algorithms(algorithms.iter().copied());
        }
        let mut dangerous = builder.dangerous().untyped();
        if self.issuer.is_none() {
            dangerous = dangerous.any_issuer();
        }
        if self.audience.is_none() {
            dangerous = dangerous.any_audience();
        }
        Ok(dangerous.build())
    }
}

/// Gives each line without its end, until one is answered by `false`; an endless one is cut where no token is as long any more.
fn each_line(
    input: &mut impl BufRead,
    each: &mut impl FnMut(&[u8]) -> Result<bool, String>,
) -> Result<(), String> {
    const LONGER: u64 = MAX_TOKEN_BYTES as u64 + 3;
    let failed = |error: io::Error| format!("standard input: {error}");
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LONGER).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        if line.len() as u64 == LONGER && !line.ends_with(b"\n") {
            input.skip_until(b'\n').map_err(failed)?;
        }
        let token = line.strip_suffix(b"\n").unwrap_or(&line);
        if !each(token.strip_suffix(b"\r").unwrap_or(token))? {
            return Ok(());
        }
    }
}

async fn judge(validator: &JwtValidator, token: &[u8]) -> Verdict {
    let bad = |code, detail| Verdict { valid: false, code: Some(code), detail: Some(detail) };
    // What is not UTF-8 is no token: nothing but ASCII is in one.
    let text = String::from_utf8_lossy(token);
    match validator.validate(&text).await {
        Ok(_) => Verdict { valid: true, code: None, detail: None },
        Err(ValidationError::Token(error)) => bad(error.code(), error.to_string()),
        // A validator with keys from a file has no other.
        Err(other) => bad("keys_unavailable", other.to_string()),
    }
}

pub(crate) fn keys(file: &Path, command: &str) -> Result<Arc<dyn KeySource>, String> {
    let named = |why: String| format!("--jwks {}: {why}", file.display());
    let document = input::file(file).map_err(|why| format!("--jwks {why}"))?;
    let Ok(json) = serde_json::from_slice::<Value>(&document) else {
        let text = String::from_utf8(document).map_err(|_| named("it is neither JSON nor PEM".to_owned()))?;
        let pinned =
            PinnedKeys::from_pem(&text).map_err(|error| named(format!("it is no JSON, and {error}")))?;
        return Ok(Arc::new(pinned));
    };
    let keys = json.get("keys").and_then(Value::as_array);
    if keys.is_none() && json.get("kty").is_none() {
        return Err(named(
            "it is neither a JWK set nor a JWK: give what the realm's certs endpoint answers".to_owned(),
        ));
    }
    let set = match KeySet::from_jwks(&document, 0) {
        Ok(set) => set,
        Err(why) => {
            complain(&format!("{command}: {}: no token can be good", named(why.to_string())));
            KeySet::new(Vec::new(), 0)
        }
    };
    // There is nothing to choose from, and nothing to choose by.
    let only_one = keys.is_none_or(|keys| matches!(keys.as_slice(), [key] if key.get("kid").is_none()));
    Ok(Arc::new(FileKeys(Arc::new(if only_one { set.for_any_kid() } else { set }))))
}

/// What was in the file, and nobody to ask for more.
#[derive(Debug)]
pub(crate) struct FileKeys(pub(crate) Arc<KeySet>);

#[async_trait]
impl KeySource for FileKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        Some(Arc::clone(&self.0))
    }

    async fn refresh(&self, _: Refresh<'_>) -> Result<Arc<KeySet>, KeysUnavailable> {
        Ok(Arc::clone(&self.0))
    }
}

pub(crate) fn list(text: &str, option: &str) -> Result<Vec<String>, String> {
    let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
    if items.iter().any(String::is_empty) {
        return Err(format!(
            "{option} {text:?} has an empty item: separate them by one comma, or leave it out"
        ));
    }
    Ok(items)
}

fn list_of_algorithms(text: &str) -> Result<Vec<Algorithm>, String> {
    let known = || Algorithm::ALL.map(Algorithm::name).join(", ");
    list(text, "--alg")?
        .iter()
        .map(|name| {
            Algorithm::from_name(name).ok_or_else(|| format!("--alg {name:?} is not one of {}", known()))
        })
        .collect()
}

pub(crate) fn time(text: &str) -> Result<UnixTime, String> {
    let secs = text.parse().ok().and_then(UnixTime::from_secs_f64);
    secs.ok_or_else(|| format!("--at {text:?} is no number of seconds since 1970"))
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let secs = text.parse().ok().filter(|secs| *secs <= 300);
    secs.map(Duration::from_secs).ok_or_else(|| format!("--leeway {text:?} is no whole number from 0 to 300"))
}
