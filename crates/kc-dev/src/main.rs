//! `kc-dev`: the development issuer as a program.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use kc_dev::{DevIssuer, DevIssuerBuilder};
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "\
kc-dev: a Keycloak-compatible issuer for development and tests

Serves a realm export on Keycloak's URLs. NOT FOR PRODUCTION: whoever reaches it can make any token.

Usage: kc-dev [OPTIONS]

Options:
  --listen ADDRESS              where to listen [default: 127.0.0.1:8080]; port 0 takes any free one
  --realm FILE                  realm export, JSON [default: the built-in realm kc-demo]
  --dangerously-listen-anywhere allow an address that is not loopback
  -h, --help                    print this
  -V, --version                 print the version

Faults, key rotation, logouts and more: http://ADDRESS/_kc-dev/
Ends with code 0 on SIGINT or SIGTERM, with code 2 when it can't start.
";

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Print(text)) => return print(&text),
        Err(error) => return fail(&error),
    };
    // Two threads do: one would make every request wait behind a signature.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(run(options)).map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
        }
        Err(error) => fail(&format!("the runtime can't be started: {error}")),
    }
}

async fn run(options: Options) -> Result<(), String> {
    let mut builder: DevIssuerBuilder = DevIssuer::builder().listen(options.listen);
    if let Some(file) = &options.realm {
        let json = std::fs::read_to_string(file)
            .map_err(|error| format!("--realm {file}: {error}; name a realm export that can be read"))?;
        builder = builder.realm_json(json);
    }
    if options.anywhere {
        builder = builder.dangerously_listen_anywhere();
    }
    let cant_wait = |error| format!("signals can't be waited for: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(cant_wait)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cant_wait)?;
    let issuer = builder.start().await.map_err(|error| error.to_string())?;
    print(&banner(&issuer));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    issuer.stop().await;
    Ok(())
}

fn banner(issuer: &DevIssuer) -> String {
    let mut text = format!(
        "\
*** kc-dev is for DEVELOPMENT ONLY: whoever reaches it can make any token. Never expose it. ***

issuer   {}
control  {}/_kc-dev/
",
        issuer.issuer(),
        issuer.base_url()
    );
    for warning in issuer.warnings() {
        text.push_str(&format!("warning  {warning}\n"));
    }
    if let Some((client, secret, user, password)) = issuer.example_login() {
        text.push_str(&format!(
            "\nA token to try:\n  curl -s {}/protocol/openid-connect/token -d grant_type=password -d client_id={client} \
             -d client_secret={secret} -d username={user} -d password={password} -d scope=openid\n",
            issuer.issuer()
        ));
    }
    text
}

fn print(text: &str) -> ExitCode {
    // A closed pipe is no reason to fail.
    drop(std::io::stdout().write_all(text.as_bytes()));
    drop(std::io::stdout().flush());
    ExitCode::SUCCESS
}

fn fail(error: &str) -> ExitCode {
    drop(writeln!(std::io::stderr(), "kc-dev: {error}"));
    ExitCode::from(2)
}

enum Command {
    Print(String),
    Run(Options),
}

struct Options {
    listen: SocketAddr,
    realm: Option<String>,
    anywhere: bool,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Command, String> {
        let mut options =
            Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), realm: None, anywhere: false };
        while let Some(arg) = args.next() {
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let value = |args: &mut dyn Iterator<Item = String>| {
                inline
                    .clone()
                    .or_else(|| args.next())
                    .ok_or_else(|| format!("{name} needs a value; see --help"))
            };
            match name.as_str() {
                "-h" | "--help" => return Ok(Command::Print(HELP.to_owned())),
                "-V" | "--version" => {
                    return Ok(Command::Print(format!("kc-dev {}\n", env!("CARGO_PKG_VERSION"))));
                }
                "--dangerously-listen-anywhere" => options.anywhere = true,
                "--listen" => {
                    let given = value(&mut args)?;
                    options.listen = given.parse().map_err(|_| {
                        format!("--listen {given:?} is not an address; write one such as 127.0.0.1:8080")
                    })?;
                }
                "--realm" => options.realm = Some(value(&mut args)?),
                other => return Err(format!("the option {other:?} is not known; see --help")),
            }
        }
        Ok(Command::Run(options))
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Options};

    fn parse(args: &[&str]) -> Result<Command, String> {
        Options::parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn options_are_read_in_both_spellings() {
        for args in [
            ["--listen", "127.0.0.1:9", "--realm", "r.json"].as_slice(),
            &["--listen=127.0.0.1:9", "--realm=r.json"],
        ] {
            let Ok(Command::Run(options)) = parse(args) else { panic!("refused {args:?}") };
            assert_eq!(options.listen.port(), 9);
            assert_eq!(options.realm.as_deref(), Some("r.json"));
            assert!(!options.anywhere);
        }
    }

    #[test]
    fn a_bad_option_is_named_with_its_remedy() {
        let error = |args: &[&str]| parse(args).err().expect("refused");
        assert!(error(&["--listen", "nowhere"]).contains("127.0.0.1:8080"));
        assert!(error(&["--listen"]).contains("needs a value"));
        assert!(error(&["--nope"]).contains("--nope"));
    }
}
