//! `kc dev`: the embedded issuer as a program.

mod options;
mod show;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

use kc_dev::{DevIssuer, RealmError, StartError};
use tokio::signal::unix::{SignalKind, signal};

use self::options::Options;
use crate::authz::options::Line;
use crate::terminal::{shown, written};

const HELP: &str = "\
Runs an issuer that answers as Keycloak does, for development. Nothing has to be installed, and it starts at once.

Usage: kc dev [OPTIONS]

Serves the realm kc-demo, whose users, passwords and secrets are public, or a realm of yours. It says at start what to open, what to
set, and what to paste. Its page makes any token, good or broken, and rotates keys.

NOT FOR PRODUCTION: whoever reaches it can make any token. It listens on loopback only.

Options:
      --realm FILE          A realm as Keycloak exports it: kc.sh export --realm NAME --file FILE. At most 32 MiB
      --port PORT           Default 8080; 0 is any free one
      --listen ADDRESS      A loopback address, with a port or without. Default 127.0.0.1
      --client ID           The client that your service is. Default: api, else the realm's first with a secret
      --token-lifespan SECS How long access tokens live. Default: as the realm says
      --clock-skew SECS     How far this issuer's clock is ahead; behind with a minus
      --fault ENDPOINT=KIND What fails from the start; again for more. KIND is a status such as 503, slow:MS, cut, empty, garbage or
                            html. ENDPOINT is one of authorize, certs, discovery, introspect, login-action, logout, par, realm,
                            revoke, token, userinfo
      --json                At start one line, an object for programs: issuer, endpoints, users, clients. Of a realm of yours it has
                            neither secrets nor passwords
  -h, --help                This text

Exit code: 0 when it was ended by SIGINT (Ctrl-C) or SIGTERM; 2 when it can't start.

Examples:
  kc dev
  kc dev --realm shop.json --client orders --port 9000
  kc dev --token-lifespan 10 --fault introspect=503
  kc dev --port 0 --json | head -1
";

const WITH_VALUE: [&str; 7] =
    ["--realm", "--port", "--listen", "--client", "--token-lifespan", "--clock-skew", "--fault"];

/// Runs the command; `arguments` are those after its name.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match run(&mut arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("kc dev: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &mut dyn Iterator<Item = OsString>) -> Result<(), String> {
    let Some(line) = Line::read(arguments, &WITH_VALUE, &["--json"])? else {
        return written(HELP);
    };
    line.nothing_else()?;
    let options = Options::read(&line)?;
    // Two threads do: one would make every request wait behind a signature.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
    runtime.block_on(serve(&options))
}

async fn serve(options: &Options) -> Result<(), String> {
    let cant_wait = |error| format!("signals can't be waited for: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(cant_wait)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cant_wait)?;
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
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    issuer.stop().await;
    Ok(())
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
