//! `kc token verify`.

use std::ffi::OsString;
use std::io::{self, BufRead, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kc_core::clock::{Clock, FakeClock, SystemClock, UnixTime};
use kc_core::keys::{KeySet, KeySource, KeysUnavailable, PinnedKeys, Refresh};
use kc_core::signature::Algorithm;
use kc_core::token::MAX_TOKEN_BYTES;
use kc_core::validator::{JwtValidator, TokenValidator, ValidationError};
use serde::Serialize;
use serde_json::Value;

const HELP: &str = "\
Says whether access tokens are good, and if not, why. Asks nobody: the keys come from a file.

Usage: kc token verify --jwks FILE [OPTIONS] TOKEN
       kc token verify --jwks FILE [OPTIONS] - < TOKENS

With - it reads one token per line from standard input; a token that is given as an argument can be seen by others on the
machine. Each token gives a line of JSON on standard output: {\"valid\":true|false,\"code\":…,\"detail\":…}, where code is one
of docs/errors.md, null for a good token.

Checked in this order: size, structure, header, key, signature, kind of token, issuer, audience, times. A token without the
claim typ, which Keycloak's always have, counts as an access token unless it has a mark of another kind.

Options:
      --jwks FILE       The keys: a JWK set, a JWK, or PEM. A single key without a key id serves every token. Required
      --issuer ISSUER   What iss has to be. Left out, it is not checked
      --audience AUD    One of the token's audiences has to be one of these, comma separated. Left out, not checked
      --at UNIX         The time, in seconds since 1970, at which it is to be good. Default: now
      --alg ALG         The algorithms to accept, comma separated. Default: RS, PS and ES 256 to 512, EdDSA
      --leeway SECS     How far clocks may be apart, 0 to 300. Default 5
  -h, --help            This text

Exit code: 0 all are good, 1 some are not, 2 nothing could be checked.

Examples:
  curl -s https://kc.example.com/realms/shop/protocol/openid-connect/certs > keys.json
  kc token verify --jwks keys.json --issuer https://kc.example.com/realms/shop --audience api - < token.txt
";

/// Runs the command; `arguments` are those after its name.
pub(super) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let command = match Command::parse(arguments) {
        Ok(Some(command)) => command,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => return unusable(&why),
    };
    match command.run(&mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => unusable(&why),
    }
}

fn unusable(why: &str) -> ExitCode {
    eprintln!("kc token verify: {why}");
    ExitCode::from(2)
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
    /// `None` when help is asked for.
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let (mut jwks, mut issuer, mut audience, mut at) = (None, None, None, None);
        let (mut algorithms, mut leeway, mut token) = (None, Duration::from_secs(5), None);
        while let Some(argument) = arguments.next() {
            let text = argument.to_str().map(str::to_owned);
            let (name, inline) = match text.as_deref() {
                Some(option) if option.starts_with("--") => match option.split_once('=') {
                    Some((name, value)) => (name, Some(OsString::from(value))),
                    None => (option, None),
                },
                Some("-h") => ("--help", None),
                Some(option) if option.starts_with('-') && option != "-" => {
                    return Err(format!("the option {option:?} is not known; see --help"));
                }
                _ if token.is_some() => {
                    return Err(
                        "more than one token is given: write one per line, and - for the argument".to_owned()
                    );
                }
                Some("-") => {
                    token = Some(Given::StandardInput);
                    continue;
                }
                _ => {
                    token = Some(Given::Argument(argument.into_encoded_bytes()));
                    continue;
                }
            };
            let mut value =
                || inline.clone().or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"));
            let mut word =
                || value()?.into_string().map_err(|value| format!("{name} {value:?} is not UTF-8"));
            match name {
                "--help" => return Ok(None),
                "--jwks" => jwks = Some(PathBuf::from(value()?)),
                "--issuer" => issuer = Some(word()?),
                "--audience" => audience = Some(list(&word()?, name)?),
                "--at" => at = Some(time(&word()?)?),
                "--alg" => algorithms = Some(list_of_algorithms(&word()?)?),
                "--leeway" => leeway = seconds(&word()?)?,
                other => return Err(format!("the option {other:?} is not known; see --help")),
            }
        }
        let jwks = jwks.ok_or("--jwks is missing: name the file with the keys; see --help")?;
        let token = token.ok_or("the token is missing: give it, or - to read standard input; see --help")?;
        Ok(Some(Self { jwks, issuer, audience, at, algorithms, leeway, token }))
    }

    /// Whether all are good.
    fn run(&self, output: &mut impl Write) -> Result<bool, String> {
        let validator = self.validator()?;
        for (option, given) in [("issuer", self.issuer.is_some()), ("audience", self.audience.is_some())] {
            if !given {
                eprintln!("kc token verify: --{option} is left out: the {option} is not checked");
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
        let mut all_good = true;
        let mut judge = |token: &[u8]| {
            let verdict = runtime.block_on(judge(&validator, token));
            all_good &= verdict.valid;
            let line = serde_json::to_string(&verdict).map_err(|error| error.to_string())?;
            writeln!(output, "{line}").map_err(|error| format!("standard output: {error}"))
        };
        match &self.token {
            Given::Argument(token) => judge(token)?,
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

/// Gives each line without its end; an endless one is cut where no token is as long any more.
fn each_line(
    input: &mut impl BufRead,
    each: &mut impl FnMut(&[u8]) -> Result<(), String>,
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
        each(token.strip_suffix(b"\r").unwrap_or(token))?;
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
    let document = std::fs::read(file).map_err(|error| named(error.to_string()))?;
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
            eprintln!("{command}: {}: no token can be good", named(why.to_string()));
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
