//! `kc dev`: the embedded issuer as a program.

mod options;
mod show;

use std::convert::Infallible;
use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Command;
use kc_dev::{DevIssuer, RealmError, StartError};

use self::options::Options;
use crate::command_line::{self, Line, file, flag, value, values};
use crate::interrupt;
use crate::terminal::{shown, written};

pub(crate) fn command() -> Command {
    command_line::command("dev", "Runs an issuer that answers as Keycloak does, for development")
        .override_usage("kc dev [OPTIONS]")
        .before_help(
            "Nothing has to be installed, and it starts at once. Serves the realm kc-demo, whose users, passwords and secrets are public, or a\n\
             realm of yours. It says at start what to open, what to set, and what to paste. Its page makes any token, good or broken, and\n\
             rotates keys.\n\
             \n\
             NOT FOR PRODUCTION: whoever reaches it can make any token. It listens on loopback only.",
        )
        .arg(file("realm", "A realm as Keycloak exports it: kc.sh export --realm NAME --file FILE. At most 32 MiB"))
        .arg(value("port", "PORT", "Default 8080; 0 is any free one"))
        .arg(value("listen", "ADDRESS", "A loopback address, with a port or without. Default 127.0.0.1"))
        .arg(value("client", "ID", "The client that your service is. Default: api, else the realm's first with a secret"))
        .arg(value("token-lifespan", "SECS", "How long access tokens live. Default: as the realm says"))
        .arg(
            value("clock-skew", "SECS", "How far this issuer's clock is ahead; behind with a minus")
                .allow_negative_numbers(true),
        )
        .arg(values("fault", "ENDPOINT=KIND", "What fails from the start; again for more"))
        .arg(flag("json", "At start one line, an object for programs: issuer, endpoints, users, clients"))
        .after_help(
            "KIND is a status such as 503, slow:MS, cut, empty, garbage or html. ENDPOINT is one of authorize, certs, discovery,\n\
             introspect, login-action, logout, par, realm, revoke, token, userinfo.\n\
             \n\
             Of a realm of yours neither the text nor --json has secrets or passwords. docs/dev-server.md says how it differs from Keycloak.\n\
             \n\
             Exit code: 0 when Ctrl-C or SIGTERM ended it; 2 when it can't start.\n\
             \n\
             Examples:\n  \
             kc dev\n  \
             kc dev --realm shop.json --client orders --port 9000\n  \
             kc dev --token-lifespan 10 --fault introspect=503\n  \
             kc dev --port 0 --json",
        )
}

/// Runs the command.
pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let options = Options::read(line)?;
    // Two threads do: one would make every request wait behind a signature.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
    match runtime.block_on(interrupt::or_done(serve(&options))) {
        // That is how it is meant to end.
        Err(interrupt::Interrupted) => Ok(ExitCode::SUCCESS),
        Ok(Err(why)) => Err(why),
        Ok(Ok(never)) => match never {},
    }
}

async fn serve(options: &Options) -> Result<Infallible, String> {
    let mut builder = DevIssuer::builder().listen(options.listen);
    if let Some(file) = &options.realm {
        builder = builder.realm_file(file);
    }
    let issuer = builder.start().await.map_err(|error| cant_start(&error, options))?;
    if let Some(client) = &options.client
        && !issuer.has_client(client)
    {
        let known: Vec<String> = issuer.client_ids().into_iter().map(shown).collect();
        return Err(format!("--client {client:?} is no client of the realm; it has {}", known.join(", ")));
    }
    issuer.set_clock_skew(options.clock_skew);
    if let Some(secs) = options.token_lifespan {
        issuer.set_access_token_lifespan(secs);
    }
    for (endpoint, fault) in &options.faults {
        issuer.fault(*endpoint, fault.clone());
    }
    written(&if options.json { show::json(&issuer, options) } else { show::text(&issuer, options) })?;
    // Until it is dropped, which closes the port.
    std::future::pending().await
}

fn cant_start(error: &StartError, options: &Options) -> String {
    match error {
        StartError::Listen { address, source } if source.kind() == ErrorKind::AddrInUse => format!(
            "{address} is taken by another program: choose another port with --port, or any free one with --port 0"
        ),
        StartError::Realm(error) => {
            let file =
                options.realm.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
            // Names out of the file may be in it.
            let hint = match error {
                RealmError::Missing { .. } | RealmError::Shape { .. } | RealmError::Unknown { .. } => {
                    "; mend it there, or export the realm again"
                }
                _ => "",
            };
            format!("{file}{}{hint}", one_line(&error.to_string()))
        }
        other => one_line(&other.to_string()),
    }
}

/// Without what a terminal would take as a command.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
