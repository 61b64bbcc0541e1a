//! `kc-dev`: the issuer as a bare program, for tests that kill it. For people there is `kc dev`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use kc_dev::DevIssuer;
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "\
kc-dev: a Keycloak-compatible issuer for development and tests, as a bare program

Usage: kc-dev [--listen ADDRESS] [--realm FILE]

Listens on 127.0.0.1:8080, or on that loopback address; port 0 is any free one. Serves the realm kc-demo, or that realm
export. `kc dev` can more and says more. Ends with code 0 on SIGINT or SIGTERM, with code 2 when it can't start.
";

fn main() -> ExitCode {
    let done = match options(std::env::args().skip(1)) {
        Ok(Some((listen, realm))) => run(listen, realm),
        Ok(None) => {
            print(HELP);
            Ok(())
        }
        Err(error) => Err(error),
    };
    done.map_or_else(
        |error| {
            drop(writeln!(std::io::stderr(), "kc-dev: {error}"));
            ExitCode::from(2)
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Where to listen, and the realm's file; `None` when help is asked for.
fn options(mut args: impl Iterator<Item = String>) -> Result<Option<(SocketAddr, Option<String>)>, String> {
    let (mut listen, mut realm) = (SocketAddr::from(([127, 0, 0, 1], 8080)), None);
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{name} needs a value; see --help"));
        match name.as_str() {
            "-h" | "--help" => return Ok(None),
            "--listen" => {
                let given = value()?;
                listen = given.parse().map_err(|_| {
                    format!("--listen {given:?} is not an address; write one such as 127.0.0.1:8080")
                })?;
            }
            "--realm" => realm = Some(value()?),
            other => return Err(format!("the option {other:?} is not known; see --help")),
        }
    }
    Ok(Some((listen, realm)))
}

// Two threads do: one would make every request wait behind a signature.
#[tokio::main(worker_threads = 2)]
async fn run(listen: SocketAddr, realm: Option<String>) -> Result<(), String> {
    let mut builder = DevIssuer::builder().listen(listen);
    if let Some(file) = realm {
        builder = builder.realm_file(file);
    }
    let cant_wait = |error| format!("signals can't be waited for: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(cant_wait)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cant_wait)?;
    let issuer = builder.start().await.map_err(|error| error.to_string())?;
    print(&format!(
        "*** kc-dev is for DEVELOPMENT ONLY: whoever reaches it can make any token. Never expose it. ***\n\n\
         issuer   {}\ncontrol  {base}/_kc-dev/\npage     {base}/\n",
        issuer.issuer(),
        base = issuer.base_url()
    ));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    issuer.stop().await;
    Ok(())
}

fn print(text: &str) {
    // A closed pipe is no reason to fail.
    drop(std::io::stdout().write_all(text.as_bytes()));
    drop(std::io::stdout().flush());
}
