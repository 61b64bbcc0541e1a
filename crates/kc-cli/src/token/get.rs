//! `kc token get`.

mod device;
mod grant;
mod password;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Command;
use kc_core::Keycloak;
use kc_core::audit::NoAudit;
use kc_core::client::ClientAuthentication;
use kc_core::secret::Secret;
use kc_core::settings::{KeycloakServer, Settings};
use kc_core::users::MemoryUsers;
use serde_json::Value;

use self::device::Device;
use self::grant::{Failure, Tokens, Way};
use crate::command_line::{self, Line, choice, file, flag, value};
use crate::terminal::{complain, written};
use crate::{interrupt, progress};

pub(crate) fn command() -> Command {
    command_line::command("get", "Gets an access token from the realm of the settings, for curl for one")
        .override_usage(
            "kc token get [OPTIONS]                    the client's own token (client credentials, RFC 6749 §4.4)\n       \
             kc token get --device [OPTIONS]           a person's, who logs in with any browser (RFC 8628)\n       \
             kc token get --user NAME [OPTIONS]        a user's, by their password (RFC 6749 §4.3)",
        )
        .before_help(
            "Prints the token and nothing else. Server and realm are those of the service: the environment, .env of this folder, and the file\n\
             that KEYCLOAK_CONFIG names, as docs/configuration.md says. So is the client, with its secret, key or certificate, unless --client\n\
             names another.\n\
             \n\
             A password is asked for at the terminal, or read from a file; it is no option, because others on the machine would see it. That\n\
             way of logging in is for development: it passes by the login page and its second factor, and RFC 9700 forbids it. The client\n\
             needs \"Direct access grants\" for it, which should be off at every client of a realm in production.",
        )
        .arg(value("client", "ID", "Another client: a public one, unless its secret is given"))
        .arg(file("secret-file", "The secret of --client; - is standard input"))
        .arg(value("scope", "SCOPE", "More scopes, with blanks between them"))
        .arg(choice(
            "grant",
            "GRANT",
            ["client-credentials", "device", "password"],
            "client-credentials, device or password. Default: by --device and --user, else client-credentials",
        ))
        .arg(flag("device", "Prints where to log in, on standard error, and waits until that is done"))
        .arg(value("user", "NAME", "The user's name"))
        .arg(file("password-file", "Their password; - is standard input. Default: it is asked for"))
        .arg(flag("json", "The whole answer of the token endpoint, without the refresh token"))
        .arg(flag(
            "with-refresh-token",
            "With it. Whoever has it gets tokens without logging in: keep it as a password",
        ))
        .after_help(
            "Exit code: 0 there is a token, 1 Keycloak refused it, or nobody logged in in time; 2 the command line or the settings are wrong,\n\
             or Keycloak gave no answer; 130 after Ctrl-C.\n\
             \n\
             Examples:\n  \
             curl -H \"Authorization: Bearer $(kc token get)\" http://localhost:8000/orders\n  \
             kc token get --device --client shop-cli --scope orders > token.txt\n  \
             kc token get --user alice | kc explain --role clerk -",
        )
}

/// Runs the command.
pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    Ok(got(line).unwrap_or_else(|failure| {
        complain(&format!("kc token get: {failure}"));
        ExitCode::from(failure.exit_code())
    }))
}

fn got(line: &Line) -> Result<ExitCode, Failure> {
    if line.has("--with-refresh-token") && !line.has("--json") {
        return Err("--with-refresh-token goes with --json; see --help".to_owned().into());
    }
    let user = line.one("--user")?;
    let way = way(line, user.is_some())?;
    if user.is_none() && line.one("--password-file")?.is_some() {
        return Err("--password-file needs --user; see --help".to_owned().into());
    }
    let settings = Settings::from_env().map_err(|error| error.to_string())?;
    let server = settings.keycloak().map_err(|error| error.to_string())?;
    let client = client(line, server, way)?;
    let scope = line.one("--scope")?;

    // For its transport, which is set up as a service's.
    let keycloak = Keycloak::builder().audit(Arc::new(NoAudit)).users(Arc::new(MemoryUsers::default()));
    let keycloak = keycloak.build(&settings).map_err(|error| error.to_string())?;
    let tokens = Tokens::new(Arc::clone(&keycloak.parts().transport), server, client, way);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
    let step = progress::Step::default();
    step.is("a token");
    let asking = async {
        match &user {
            Some(user) => {
                let password = password::of(user, line).await?;
                let asking = tokens.by_password(user, &password, scope.as_deref());
                progress::shown("kc token get", &step, asking).await
            }
            None if way == Way::Device => {
                let beginning = Device::begin(&tokens, scope.as_deref());
                let device = progress::shown("kc token get", &step, beginning).await?;
                device.wait(&tokens, &mut std::io::stderr()).await
            }
            None => progress::shown("kc token get", &step, tokens.of_the_client(scope.as_deref())).await,
        }
    };
    let answer = match runtime.block_on(interrupt::or_done(asking)) {
        Ok(answer) => answer?,
        Err(interrupted) => return Ok(interrupted.exit_code()),
    };
    written(&printed(answer, line)?)?;
    Ok(ExitCode::SUCCESS)
}

/// By `--grant`, or by the options that only one of the ways has.
fn way(line: &Line, user: bool) -> Result<Way, Failure> {
    let way = match (user, line.has("--device")) {
        (true, true) => {
            return Err("--device and --user are two ways to log in: choose one; see --help"
                .to_owned()
                .into());
        }
        (true, false) => Way::Password,
        (false, true) => Way::Device,
        (false, false) => Way::ClientCredentials,
    };
    match (line.one("--grant")?.as_deref(), way) {
        (None, way)
        | (Some("client-credentials"), way @ Way::ClientCredentials)
        | (Some("device"), way @ Way::Device)
        | (Some("password"), way @ Way::Password) => Ok(way),
        (Some("device"), Way::ClientCredentials) => Ok(Way::Device),
        (Some("password"), _) => Err("--grant password needs --user; see --help".to_owned().into()),
        (Some(known @ ("client-credentials" | "device")), _) => {
            Err(format!("--grant {known} goes with neither --user nor another way; see --help").into())
        }
        (Some(other), _) => {
            Err(format!("--grant {other:?} is none of client-credentials, device, password; see --help")
                .into())
        }
    }
}

/// The token, or the answer that it is in.
fn printed(mut answer: Value, line: &Line) -> Result<String, Failure> {
    let token = answer.get("access_token").and_then(Value::as_str);
    let token = token.ok_or_else(|| grant::nonsense("there is no access_token in it"))?.to_owned();
    if !line.has("--json") {
        return Ok(format!("{token}\n"));
    }
    if let Some(members) = answer.as_object_mut()
        && !line.has("--with-refresh-token")
    {
        members.remove("refresh_token");
    }
    Ok(format!("{answer:#}\n"))
}

/// Who asks, and their secret if they have one.
fn client(
    line: &Line,
    server: &KeycloakServer,
    way: Way,
) -> Result<(ClientAuthentication, Option<Secret>), Failure> {
    let own = || (server.client_authentication(), server.client_secret().cloned());
    let secret = line.one("--secret-file")?;
    let (client, secret) = match (line.one("--client")?, secret) {
        (None, None) => own(),
        (None, Some(_)) => return Err("--secret-file needs --client; see --help".to_owned().into()),
        (Some(id), Some(path)) => {
            let secret = crate::admin::secret_in("--secret-file", path.as_ref())?;
            (ClientAuthentication::client_secret_post(id, secret.clone()), Some(secret))
        }
        (Some(id), None) if id == server.client_id() => own(),
        (Some(id), None) => (ClientAuthentication::public(id), None),
    };
    if way == Way::ClientCredentials && !client.is_confidential() {
        let id = client.client_id();
        let why = format!(
            "the client {id:?} has no secret, no key and no certificate in the settings, so it gets no token of its own: set \
             KEYCLOAK_CLIENT_SECRET (Clients > {id} > Credentials > Client Secret), or let a person log in: --device"
        );
        return Err(why.into());
    }
    Ok((client, secret))
}
