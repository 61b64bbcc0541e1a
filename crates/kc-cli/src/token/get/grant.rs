//! Asking the token endpoint, and what its refusals mean.

use std::fmt;
use std::sync::Arc;

use http::{StatusCode, Uri};
use kc_core::client::ClientAuthentication;
use kc_core::clock::{Clock as _, SystemClock};
use kc_core::secret::Secret;
use kc_core::settings::KeycloakServer;
use kc_core::transport::Transport;
use serde_json::Value;

use crate::terminal::shown;

/// Parameters that are for the server alone.
const SECRETS: [&str; 3] = ["code_verifier", "device_code", "password"];

/// How a token is got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    ClientCredentials,
    Device,
    Password,
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Failure {
    /// Keycloak said no, or nobody came.
    Refused(String),
    /// The command line or the settings are wrong, or there was no answer.
    Trouble(String),
}

impl Failure {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Trouble(_) => 2,
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Trouble(why)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Trouble(why) => f.write_str(why),
        }
    }
}

/// A refusal as RFC 6749 §5.2 writes it. The description is Keycloak's own words.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) code: String,
    description: String,
}

/// The token endpoint, and whoever asks it.
#[derive(Debug)]
pub(super) struct Tokens {
    transport: Arc<dyn Transport>,
    endpoint: String,
    client: ClientAuthentication,
    realm: String,
    way: Way,
    /// What a server that repeats its questions must not bring to the screen.
    secret: Option<Secret>,
}

impl Tokens {
    pub(super) fn new(
        transport: Arc<dyn Transport>,
        server: &KeycloakServer,
        (client, secret): (ClientAuthentication, Option<Secret>),
        way: Way,
    ) -> Self {
        let realm = server.realm().to_owned();
        Self { transport, endpoint: server.endpoints().token(), client, realm, way, secret }
    }

    #[cfg(test)]
    pub(super) fn at(transport: Arc<dyn Transport>, way: Way) -> Self {
        let (endpoint, realm) = ("http://kc.test/realms/shop/protocol/openid-connect/token", "shop");
        let client = ClientAuthentication::public("cli");
        Self { transport, endpoint: endpoint.to_owned(), client, realm: realm.to_owned(), way, secret: None }
    }

    pub(super) async fn of_the_client(&self, scope: Option<&str>) -> Result<Value, Failure> {
        self.granted(&[("grant_type", "client_credentials")], scope).await
    }

    pub(super) async fn by_password(
        &self,
        user: &str,
        password: &Secret,
        scope: Option<&str>,
    ) -> Result<Value, Failure> {
        let form = [("grant_type", "password"), ("username", user), ("password", password.expose())];
        self.granted(&form, scope).await
    }

    async fn granted(&self, form: &[(&str, &str)], scope: Option<&str>) -> Result<Value, Failure> {
        let mut form = form.to_vec();
        form.extend(scope.map(|scope| ("scope", scope)));
        self.ask(&form).await?.map_err(|refusal| self.explained(&refusal))
    }

    /// Where a login at another device begins: beside the token endpoint, and as reachable as that.
    pub(super) async fn begin(&self, form: &[(&str, &str)]) -> Result<Value, Failure> {
        let base = self.endpoint.strip_suffix("/token").unwrap_or(&self.endpoint);
        let answer = self.post(&format!("{base}/auth/device"), form).await?;
        answer.map_err(|refusal| self.explained(&refusal))
    }

    /// What the token endpoint answers: an answer, or a refusal that may not be the last word.
    pub(super) async fn ask(&self, form: &[(&str, &str)]) -> Result<Result<Value, Refusal>, Failure> {
        self.post(&self.endpoint, form).await
    }

    async fn post(&self, url: &str, form: &[(&str, &str)]) -> Result<Result<Value, Refusal>, Failure> {
        let url: Uri = url.parse().map_err(|error| format!("the endpoint's URL cannot be used: {error}"))?;
        let request = self.client.post(&url, form, SystemClock.now()).map_err(|error| error.to_string())?;
        let answer = self.transport.send(request).await.map_err(|error| {
            format!(
                "Keycloak cannot be reached: {error}: is it running, and can this machine reach KEYCLOAK_URL?"
            )
        })?;
        let status = answer.status();
        let body: Option<Value> = serde_json::from_slice(answer.body()).ok();
        if status == StatusCode::OK {
            return body.filter(Value::is_object).map(Ok).ok_or_else(|| nonsense("it is no JSON object"));
        }
        let sent = form.iter().filter(|(name, _)| SECRETS.contains(name)).map(|(_, value)| *value);
        let secrets: Vec<&str> = sent.chain(self.secret.as_ref().map(Secret::expose)).collect();
        let text = |name: &str| -> String {
            let text = body.as_ref().and_then(|body| body.get(name)?.as_str());
            let text = text.filter(|text| !secrets.iter().any(|secret| text.contains(secret)));
            text.map(shown).unwrap_or_default()
        };
        Ok(Err(Refusal { status, code: text("error"), description: text("error_description") }))
    }

    /// A refusal, and what to do about it in the admin console.
    pub(super) fn explained(&self, refusal: &Refusal) -> Failure {
        let Refusal { status, code, description } = refusal;
        let remedy = self.remedy(refusal);
        let said = match (code.as_str(), description.as_str()) {
            ("", _) => String::new(),
            (code, "") => format!(" {code}"),
            (code, description) => format!(" {code}, {description}"),
        };
        let text = format!("Keycloak gives no token ({}{said}): {remedy}", status.as_u16());
        if status.is_server_error() || status.is_redirection() || *status == StatusCode::NOT_FOUND {
            Failure::Trouble(text)
        } else {
            Failure::Refused(text)
        }
    }

    fn remedy(&self, refusal: &Refusal) -> String {
        let id = shown(self.client.client_id());
        let about = |words: &str| refusal.description.contains(words);
        let capability = format!("Clients > {id} > Settings > Capability config");
        match refusal.code.as_str() {
            _ if refusal.status.is_redirection() => {
                "redirects are not followed: check scheme, host and base path of KEYCLOAK_URL".to_owned()
            }
            _ if refusal.status == StatusCode::NOT_FOUND => format!(
                "there is no realm {:?}: check KEYCLOAK_REALM, and whether the server has the base path /auth",
                self.realm
            ),
            _ if refusal.status.is_server_error() => "see Keycloak's log".to_owned(),
            "unauthorized_client" if about("Device Authorization Grant") => {
                format!("{capability}: OAuth 2.0 Device Authorization Grant on, then Save")
            }
            "unauthorized_client" if about("direct access grants") => format!(
                "{capability}: Direct access grants on, for development only; or let the person log in: --device"
            ),
            "unauthorized_client" if about("Public client") => {
                format!("{capability}: Client authentication and Service account roles on, or log in: --device")
            }
            "unauthorized_client" if about("service account") => format!("{capability}: Service account roles on"),
            "unauthorized_client" => format!(
                "the secret is not that of Clients > {id} > Credentials > Client Secret, or the client proves itself otherwise \
                 (Client Authenticator, there)"
            ),
            "invalid_client" => format!(
                "is there a client {id} under Clients, and is it enabled (the switch at the top right)? If Clients > {id} > \
                 Settings > Client authentication is on, it needs its secret: --secret-file, or KEYCLOAK_CLIENT_SECRET"
            ),
            "invalid_grant" if about("not fully set up") => {
                "Users > the user > Details > Required user actions: the user has to do these at the login page first".to_owned()
            }
            "invalid_grant" if about("disabled") => "Users > the user > Enabled".to_owned(),
            "invalid_grant" if self.way == Way::Password => {
                "name or password are wrong, or the user is locked for a while (Users > the user > Details > Temporarily locked)"
                    .to_owned()
            }
            "invalid_grant" => "the code is not good any more: begin again".to_owned(),
            "invalid_scope" => format!(
                "Clients > {id} > Client scopes > Add client scope: one that was asked for is not there"
            ),
            "invalid_request" if about("code_challenge") => format!(
                "Clients > {id} > Advanced > Proof Key for Code Exchange Code Challenge Method: S256"
            ),
            "access_denied" => "it was refused at the login page".to_owned(),
            "expired_token" => "nobody logged in in time: begin again".to_owned(),
            _ => format!("check the settings of the client {id}"),
        }
    }
}

/// An answer that is none.
pub(super) fn nonsense(what: &str) -> Failure {
    Failure::Trouble(format!("Keycloak answers nonsense: {what}; is there a proxy in between?"))
}
