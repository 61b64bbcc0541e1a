//! Puts load on services and prints what a request costs them, protected against not protected.
//!
//! `bench-load [--rounds N] [--seconds N] [--without-logging | --flood | --instructions [--keep FOLDER]] NAME=PROGRAM…`: each
//! program is called with `me` and with `plain`, as the crate's own are; without any, those are measured. `wrk` makes the
//! load, or with `--instructions` a counted number of requests under callgrind does. With `--flood` bad tokens come beside
//! good ones.

mod flood;
mod instructions;
mod load;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use bench_services::Failed;
use kc_dev::DevIssuer;

/// A service to measure.
#[derive(Debug)]
struct Subject {
    name: String,
    program: PathBuf,
}

impl Subject {
    fn command(&self) -> Command {
        Command::new(&self.program)
    }
}

/// What all of them are measured with.
#[derive(Debug)]
struct Setting {
    /// The realm, as the environment says it.
    keycloak: Vec<(String, String)>,
    folder: tempfile::TempDir,
    tokens: Vec<String>,
    /// The files that hold one token, and all of them.
    one: PathBuf,
    all: PathBuf,
}

/// How long it takes, and whether the services keep an audit log.
#[derive(Debug)]
struct Effort {
    rounds: u32,
    seconds: u32,
    logging: bool,
}

const TOKENS: usize = 2_000;

impl Setting {
    async fn new(issuer: &DevIssuer) -> Result<Self, Failed> {
        let mut tokens = Vec::with_capacity(TOKENS);
        for _ in 0..TOKENS {
            // Each has a `jti` and a `sid` of its own.
            tokens.push(issuer.mint().user("alice").expires_in(86_400).sign().await?);
        }
        let folder = tempfile::tempdir()?;
        let (one, all) = (folder.path().join("one"), folder.path().join("all"));
        std::fs::write(&one, tokens.first().map_or("", String::as_str))?;
        std::fs::write(&all, tokens.join("\n"))?;
        let keycloak = [
            ("KEYCLOAK_URL", issuer.base_url()),
            ("KEYCLOAK_REALM", issuer.realm()),
            ("KEYCLOAK_CLIENT_ID", "api"),
        ];
        let keycloak = keycloak.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Ok(Self { keycloak, folder, tokens, one, all })
    }

    fn tokens(&self) -> impl Iterator<Item = &str> + Clone {
        self.tokens.iter().map(String::as_str)
    }

    /// The realm, and where the audit goes: a path or `off`.
    fn guarded<'a>(&'a self, audit: &'a str) -> Vec<(&'a str, &'a str)> {
        let keycloak = self.keycloak.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        keycloak.chain([("AUDIT_LOG", audit)]).collect()
    }

    /// The realm, and about whom the service without protection speaks: the owners of the tokens in a file.
    fn plain<'a>(&'a self, tokens: &'a Path) -> Vec<(&'a str, &'a str)> {
        let mut environment = self.guarded("off");
        environment.extend(tokens.to_str().map(|tokens| ("BENCH_TOKENS", tokens)));
        environment
    }

    fn audit_log(&self, subject: &Subject) -> String {
        self.folder.path().join(format!("{}.jsonl", subject.name)).display().to_string()
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failed> {
    let mut arguments = std::env::args().skip(1);
    let mut effort = Effort { rounds: 8, seconds: 3, logging: true };
    let (mut counting, mut flooding) = (false, false);
    let (mut subjects, mut keep) = (Vec::new(), None);
    while let Some(argument) = arguments.next() {
        let mut number =
            || arguments.next().ok_or("a number is missing")?.parse::<u32>().map_err(Failed::from);
        match argument.as_str() {
            "--rounds" => effort.rounds = number()?,
            "--seconds" => effort.seconds = number()?,
            "--without-logging" => effort.logging = false,
            "--flood" => flooding = true,
            "--instructions" => counting = true,
            "--keep" => keep = Some(PathBuf::from(arguments.next().ok_or("a folder is missing")?)),
            subject => {
                let (name, program) = subject.split_once('=').ok_or("an argument is NAME=PROGRAM")?;
                subjects.push(Subject { name: name.to_owned(), program: PathBuf::from(program) });
            }
        }
    }
    if subjects.is_empty() {
        let here = std::env::current_exe()?;
        let beside = |name: &str| here.parent().unwrap_or(Path::new("")).join(format!("bench-{name}"));
        let own = ["axum", "actix", "poem"];
        subjects = own.map(|name| Subject { name: name.to_owned(), program: beside(name) }).into();
    }
    let issuer = DevIssuer::start().await?;
    let setting = Setting::new(&issuer).await?;
    let floods = if flooding { Some(flood::floods(&issuer).await?) } else { None };
    // The issuer goes on answering meanwhile.
    tokio::task::block_in_place(|| {
        if let Some(floods) = &floods {
            flood::measure(&setting, &subjects, &effort, &issuer, floods)
        } else if counting {
            instructions::measure(&setting, &subjects, keep.as_deref())
        } else {
            load::measure(&setting, &subjects, &effort)
        }
    })?;
    issuer.stop().await;
    Ok(ExitCode::SUCCESS)
}
