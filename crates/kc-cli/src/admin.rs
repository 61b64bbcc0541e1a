//! Keycloak's admin API, as far as it is read: who asks, and what the answers mean.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clap::Arg;
use http::{Request, StatusCode};
use kc_core::client::ClientAuthentication;
use kc_core::clock::SystemClock;
use kc_core::secret::Secret;
use kc_core::service_token::{ServiceTokenOptions, ServiceTokens};
use kc_core::settings::KeycloakServer;
use kc_core::transport::Transport;
use serde_json::Value;

use crate::command_line::{Line, file as file_option, value};
use crate::input::file;

/// The variable with an administrator's access token.
pub(crate) const TOKEN: &str = "KEYCLOAK_ADMIN_TOKEN";
/// The variable with the client that asks.
pub(crate) const CLIENT: &str = "KEYCLOAK_ADMIN_CLIENT_ID";
/// The variable with its secret.
pub(crate) const SECRET: &str = "KEYCLOAK_ADMIN_CLIENT_SECRET";

/// The options that say who asks.
pub(crate) fn options() -> [Arg; 3] {
    [
        file_option(
            "admin-token-file",
            "The access token of an administrator; - is standard input. Or KEYCLOAK_ADMIN_TOKEN",
        ),
        value("admin-client", "ID", "The client of the realm that asks. Or KEYCLOAK_ADMIN_CLIENT_ID"),
        file_option("admin-secret-file", "Its secret; - is standard input. Or KEYCLOAK_ADMIN_CLIENT_SECRET"),
    ]
}

/// The value of a variable of this process.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).and_then(|value| value.into_string().ok())
}

/// Whether anybody is named by an option or a variable.
pub(crate) fn is_named(line: &Line, variable: impl Fn(&str) -> Option<String>) -> Result<bool, String> {
    for option in ["--admin-token-file", "--admin-client", "--admin-secret-file"] {
        if line.one(option)?.is_some() {
            return Ok(true);
        }
    }
    Ok([TOKEN, CLIENT, SECRET].into_iter().any(|name| variable(name).is_some_and(|value| !value.is_empty())))
}

/// Who asks.
pub(crate) enum Access {
    Token(Secret),
    Client { id: String, secret: Secret },
}

/// From the options, else from the environment, else the service's own client.
pub(crate) fn access(
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

pub(crate) fn secret_in(option: &str, path: &Path) -> Result<Secret, String> {
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

/// The access token to ask with.
pub(crate) async fn token(
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

/// The admin API of the realm, asked by somebody.
pub(crate) struct Admin<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) server: &'a KeycloakServer,
    pub(crate) access: &'a Access,
    pub(crate) token: &'a Secret,
    /// The roles of `realm-management` to give to who lacks one.
    pub(crate) roles: &'static str,
}

impl Admin<'_> {
    /// The realm itself. Who lacks the role `view-realm` gets but a part of it.
    pub(crate) async fn realm(&self) -> Result<Value, String> {
        let body = self.found("", "look at the realm", "view-realm").await?;
        let realm: Value = serde_json::from_slice(&body).map_err(|_| nonsense())?;
        if realm.get("sslRequired").is_none() {
            return Err(self.refused(StatusCode::FORBIDDEN, "look at the realm", "view-realm"));
        }
        Ok(realm)
    }

    /// The service's client.
    pub(crate) async fn client(&self) -> Result<Value, String> {
        let (client, realm) = (self.server.client_id(), self.server.realm());
        let path = format!("/clients?clientId={}", encoded(client));
        let body = self.found(&path, "look the client up", "view-clients").await?;
        let found: Value = serde_json::from_slice(&body).map_err(|_| nonsense())?;
        let found = found.as_array().ok_or_else(nonsense)?;
        let ours = found.iter().find(|one| one["clientId"] == client && one["id"].is_string());
        ours.cloned().ok_or_else(|| {
            format!(
                "Keycloak shows no client {client:?} in the realm {realm:?}: check KEYCLOAK_CLIENT_ID; or whoever asks lacks \
                 the role view-clients of realm-management, without which others' clients are left out; see --help"
            )
        })
    }

    /// All client scopes of the realm, with their mappers.
    pub(crate) async fn client_scopes(&self) -> Result<Value, String> {
        let body = self.found("/client-scopes", "look at client scopes", "view-clients").await?;
        serde_json::from_slice(&body).map_err(|_| nonsense())
    }

    /// The authorization configuration of a client, as the console exports it.
    pub(crate) async fn export(&self, client: &Value) -> Result<Vec<u8>, String> {
        let id = encoded(client["id"].as_str().unwrap_or_default());
        let client = self.server.client_id();
        match self.get(&format!("/clients/{id}/authz/resource-server/settings")).await? {
            Answer { status: StatusCode::OK, body } => Ok(body.to_vec()),
            Answer { status: StatusCode::NOT_FOUND, .. } => Err(format!(
                "the client {client:?} has no Authorization Services (404): switch Authorization on in Clients > {client} > \
                 Settings, or set KEYCLOAK_CLIENT_ID to the client that has them"
            )),
            Answer { status, .. } => Err(self.refused(status, "export", "manage-authorization")),
        }
    }

    async fn found(&self, path: &str, what: &str, role: &str) -> Result<Bytes, String> {
        match self.get(path).await? {
            Answer { status: StatusCode::OK, body } => Ok(body),
            Answer { status: StatusCode::NOT_FOUND, .. } => Err(format!(
                "Keycloak knows no realm {:?} (404): check KEYCLOAK_REALM, and whether the server has the base path /auth",
                self.server.realm()
            )),
            Answer { status, .. } => Err(self.refused(status, what, role)),
        }
    }

    async fn get(&self, path: &str) -> Result<Answer, String> {
        let internal = self.server.internal_url().as_str();
        let realm = self.server.endpoints().realm_info().strip_prefix(internal).unwrap_or_default();
        let url = format!("{internal}/admin{realm}{path}");
        let bearer = format!("Bearer {}", self.token.expose());
        let request = Request::get(url).header("accept", "application/json").header("authorization", bearer);
        // The error could show the token.
        let request = request.body(Bytes::new()).map_err(|_| {
        "the request cannot be made: the token has characters that no token has; put nothing else in its file".to_owned()
    })?;
        let answer = self.transport.send(request).await.map_err(|error| {
        format!("Keycloak's admin API cannot be reached: {error}: is Keycloak running, and can this machine reach it?")
    })?;
        Ok(Answer { status: answer.status(), body: answer.into_body() })
    }

    /// What to do about an answer that is not what was asked for.
    fn refused(&self, status: StatusCode, what: &str, role: &str) -> String {
        let code = status.as_u16();
        let roles = self.roles;
        match (status, self.access) {
        (StatusCode::FORBIDDEN, Access::Client { id, .. }) => format!(
            "the service account of {id:?} may not {what} (403): it lacks the role {role} of realm-management. Give it \
             {roles}: Clients > {id} > Service account roles > Assign role > Client roles"
        ),
        (StatusCode::FORBIDDEN, Access::Token(_)) => format!(
            "whoever the admin token is for may not {what} (403): they lack the role {role} of realm-management. Give them \
             {roles}: Users > (their name) > Role mapping > Assign role > Client roles, and get a new token"
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
}

struct Answer {
    status: StatusCode,
    body: Bytes,
}

fn nonsense() -> String {
    "Keycloak's admin API answers nonsense: is there a proxy in between?".to_owned()
}

/// `text` for one segment of a path, or a value of a query.
pub(crate) fn encoded(text: &str) -> String {
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
