//! What the server exports now.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kc_core::client::ClientAuthentication;
use kc_core::clock::SystemClock;
use kc_core::secret::Secret;
use kc_core::service_token::{ServiceTokenOptions, ServiceTokens};
use kc_core::settings::{KeycloakServer, Settings};
use kc_core::transport::{ReqwestTransport, Transport, TransportOptions};
use serde_json::Value;

use crate::authz::options::{Line, file};

/// Beyond, it is no authorization configuration.
const MAX_BYTES: usize = 64 << 20;
/// An export of many thousand permissions takes Keycloak its time.
const PATIENCE: Duration = Duration::from_secs(60);

const TOKEN: &str = "KEYCLOAK_ADMIN_TOKEN";
const CLIENT: &str = "KEYCLOAK_ADMIN_CLIENT_ID";
const SECRET: &str = "KEYCLOAK_ADMIN_CLIENT_SECRET";

/// The roles of `realm-management` that reading an export takes.
const ROLES: &str = "manage-authorization and view-clients";

/// Who asks for the export.
enum Access {
    Token(Secret),
    Client { id: String, secret: Secret },
}

/// Fetches the export of the service's client.
pub(super) fn fetch(line: &Line, settings: &Settings) -> Result<Vec<u8>, String> {
    let server = settings.keycloak().map_err(|error| error.to_string())?;
    let access =
        access(line, server, |name| std::env::var_os(name).and_then(|value| value.into_string().ok()))?;
    let transport = ReqwestTransport::new(TransportOptions {
        timeout: settings.http_timeout().max(PATIENCE),
        max_body: MAX_BYTES,
        extra_roots_pem: settings.ca_pem().map(<[u8]>::to_vec),
        ..TransportOptions::default()
    });
    let transport: Arc<dyn Transport> = Arc::new(transport.map_err(|error| error.to_string())?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
    runtime.block_on(async {
        let token = token(&access, server, &transport).await?;
        export(&*transport, server, &access, &token).await
    })
}

/// From the options, else from the environment, else the service's own client.
fn access(
    line: &Line,
    server: &KeycloakServer,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Access, String> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let in_file = |name: &str| -> Result<Option<Secret>, String> {
        line.one(name)?.map(|path| secret_in(name, Path::new(&path))).transpose()
    };
    let client = line.one("--admin-client")?.or_else(|| variable(CLIENT));
    if let Some(token) = in_file("--admin-token-file")? {
        return Ok(Access::Token(token));
    }
    let in_file = in_file("--admin-secret-file")?;
    if client.is_none()
        && in_file.is_none()
        && let Some(token) = variable(TOKEN)
    {
        return Ok(Access::Token(Secret::new(token.trim())));
    }
    let secret = in_file.or_else(|| variable(SECRET).map(|secret| Secret::new(secret.trim())));
    let given = client.is_some() || secret.is_some();
    let id = client.unwrap_or_else(|| server.client_id().to_owned());
    let secret = match secret {
        Some(secret) => Some(secret),
        None if id == server.client_id() => server.client_secret().cloned(),
        None => None,
    };
    match secret {
        Some(secret) => Ok(Access::Client { id, secret }),
        None if given => Err(format!(
            "the secret of the client {id:?} is missing: name its file by --admin-secret-file, or set {SECRET}"
        )),
        None => Err(format!(
            "nobody is named who may read the export: give --admin-token-file, or --admin-client and --admin-secret-file \
             (or {TOKEN}, or {CLIENT} and {SECRET}); see --help"
        )),
    }
}

fn secret_in(option: &str, path: &Path) -> Result<Secret, String> {
    let text = file(path).map_err(|why| format!("{option} {why}"))?;
    let text = String::from_utf8(text).map_err(|_| format!("{option} {} is not UTF-8", path.display()))?;
    match text.trim() {
        "" => Err(format!("{option} {} is empty", path.display())),
        text if text.contains(char::is_whitespace) => Err(format!(
            "{option} {} holds more than one word: put nothing but the secret there",
            path.display()
        )),
        text => Ok(Secret::new(text)),
    }
}

async fn token(
    access: &Access,
    server: &KeycloakServer,
    transport: &Arc<dyn Transport>,
) -> Result<Secret, String> {
    let (id, secret) = match access {
        Access::Token(token) => return Ok(token.clone()),
        Access::Client { id, secret } => (id, secret),
    };
    let endpoint = server.endpoints().token().parse();
    let endpoint = endpoint.map_err(|error| format!("the token endpoint's URL cannot be used: {error}"))?;
    let tokens = ServiceTokens::new(
        Arc::clone(transport),
        endpoint,
        ClientAuthentication::client_secret_basic(id, secret.clone()),
        Arc::new(SystemClock),
        ServiceTokenOptions::default(),
    );
    let token = tokens.token().await.map_err(|error| error.diagnosis(id))?;
    Ok(token.access_token().clone())
}

async fn export(
    transport: &dyn Transport,
    server: &KeycloakServer,
    access: &Access,
    token: &Secret,
) -> Result<Vec<u8>, String> {
    let internal = server.internal_url().as_str();
    let realm = server.endpoints().realm_info().strip_prefix(internal).unwrap_or_default();
    let admin = format!("{internal}/admin{realm}");
    let client = server.client_id();
    let found = get(transport, &format!("{admin}/clients?clientId={}", encoded(client)), token).await?;
    let body = match found {
        Answer { status: StatusCode::OK, body } => body,
        Answer { status: StatusCode::NOT_FOUND, .. } => {
            return Err(format!(
                "Keycloak knows no realm {:?} (404): check KEYCLOAK_REALM, and whether the server has the base path /auth",
                server.realm()
            ));
        }
        Answer { status, .. } => return Err(refused(status, access, "look the client up", "view-clients")),
    };
    let nonsense = || "Keycloak's admin API answers nonsense: is there a proxy in between?".to_owned();
    let found: Value = serde_json::from_slice(&body).map_err(|_| nonsense())?;
    let found = found.as_array().ok_or_else(nonsense)?;
    let Some(id) = found.iter().find(|one| one["clientId"] == client).and_then(|one| one["id"].as_str())
    else {
        return Err(format!(
            "Keycloak shows no client {client:?} in the realm {:?}: check KEYCLOAK_CLIENT_ID; or whoever asks lacks the role \
             view-clients of realm-management, without which others' clients are left out; see kc authz diff --help",
            server.realm()
        ));
    };
    let settings = format!("{admin}/clients/{}/authz/resource-server/settings", encoded(id));
    match get(transport, &settings, token).await? {
        Answer { status: StatusCode::OK, body } => Ok(body.to_vec()),
        Answer { status: StatusCode::NOT_FOUND, .. } => Err(format!(
            "the client {client:?} has no Authorization Services (404): switch Authorization on in Clients > {client} > \
             Settings, or set KEYCLOAK_CLIENT_ID to the client that has them"
        )),
        Answer { status, .. } => Err(refused(status, access, "export", "manage-authorization")),
    }
}

struct Answer {
    status: StatusCode,
    body: Bytes,
}

async fn get(transport: &dyn Transport, url: &str, token: &Secret) -> Result<Answer, String> {
    let bearer = format!("Bearer {}", token.expose());
    let request = Request::get(url).header("accept", "application/json").header("authorization", bearer);
    // The error could show the token.
    let request = request.body(Bytes::new()).map_err(|_| {
        "the request cannot be made: the token has characters that no token has; put nothing else in its file".to_owned()
    })?;
    let answer = transport.send(request).await.map_err(|error| {
        format!("Keycloak's admin API cannot be reached: {error}: is Keycloak running, and can this machine reach it?")
    })?;
    Ok(Answer { status: answer.status(), body: answer.into_body() })
}

/// What to do about an answer that is not what was asked for.
fn refused(status: StatusCode, access: &Access, what: &str, role: &str) -> String {
    let code = status.as_u16();
    match (status, access) {
        (StatusCode::FORBIDDEN, Access::Client { id, .. }) => format!(
            "the service account of {id:?} may not {what} (403): it lacks the role {role} of realm-management. Give it \
             {ROLES}: Clients > {id} > Service accounts roles > Assign role > Client roles"
        ),
        (StatusCode::FORBIDDEN, Access::Token(_)) => format!(
            "whoever the admin token is for may not {what} (403): they lack the role {role} of realm-management. Give them \
             {ROLES}: Users > (their name) > Role mapping > Assign role > Client roles, and get a new token"
        ),
        (StatusCode::UNAUTHORIZED, Access::Token(_)) => {
            "Keycloak does not take the admin token (401): it has expired (they live for a minute or a few), or is of another \
             server, realm or host name; get a new one"
                .to_owned()
        }
        (StatusCode::UNAUTHORIZED, Access::Client { id, .. }) => format!(
            "Keycloak does not take the token that it just issued to {id:?} (401): does KEYCLOAK_INTERNAL_URL or a proxy \
             change the host name on the way?"
        ),
        _ if status.is_redirection() => format!(
            "Keycloak's admin API redirects ({code}), which is not followed: check scheme, host and base path of KEYCLOAK_URL"
        ),
        _ => format!("Keycloak's admin API answers {code} where it was to {what}: see Keycloak's log"),
    }
}

/// `text` for one segment of a path, or a value of a query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests;
