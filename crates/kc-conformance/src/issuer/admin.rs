//! The administrator's side of a real Keycloak, as much of it as the suite needs.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::lookup_host;

use super::Keycloak;
use crate::case::Failure;
use crate::http::{Connection, Request};
use crate::query::encoded;
use crate::reply::Reply;

/// Importing a realm may take a busy server that long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Every realm has a role in the realm `master`. Where two change at once, also for another suite, Keycloak answers 500
/// and has done nothing.
const RETRIES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// Keycloak's administrators get tokens of a minute.
const TOKEN_AGE: Duration = Duration::from_secs(40);

#[derive(Debug)]
pub(super) struct Admin {
    keycloak: Keycloak,
    address: SocketAddr,
    path: String,
    token: RefCell<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    text: String,
    since: Instant,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("since", &self.since).finish_non_exhaustive()
    }
}

impl Admin {
    pub(super) async fn new(keycloak: &Keycloak) -> Result<Self, Failure> {
        let (host, path) = keycloak.place().map_err(Failure::new)?;
        let path = path.to_owned();
        let mut found = lookup_host(&host)
            .await
            .map_err(|error| Failure::new(format!("the host of {:?} is not known: {error}", keycloak.url)))?;
        // Passwords go over plain HTTP, and the service is told an address of this machine.
        let address = found.find(|address| address.ip().is_loopback());
        let address =
            address.ok_or_else(|| Failure::new(format!("{:?} is not on this machine", keycloak.url)))?;
        Ok(Self { keycloak: keycloak.clone(), address, path, token: RefCell::default() })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base path, without a slash at the end.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Asks the server under that name, or under its own.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        host: Option<&str>,
        form: &[(&str, &str)],
    ) -> Result<Reply, Failure> {
        let mut request = Request::new(method, format!("{}{path}", self.path));
        if let Some(host) = host {
            request = request.host(host);
        }
        if !form.is_empty() {
            request = request.body("application/x-www-form-urlencoded", encoded(form));
        }
        self.send(&request).await
    }

    /// The version, for the report.
    pub(super) async fn version(&self) -> Result<String, Failure> {
        let info = self.get("/serverinfo").await?;
        Ok(info.pointer("/systemInfo/version").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    pub(super) async fn create_realm(&self, realm: &Value) -> Result<(), Failure> {
        // Nobody else has the name: where it is taken, an attempt before was better than its answer.
        self.change("POST", "/realms", Some(realm), &[201, 409]).await
    }

    /// Deletes a realm; one that isn't there is as good.
    pub(super) async fn delete_realm(&self, realm: &str) -> Result<(), Failure> {
        self.change("DELETE", &format!("/realms/{realm}"), None, &[204, 404]).await
    }

    pub(super) async fn add_key(&self, realm: &str, provider: Value) -> Result<(), Failure> {
        let provider = component(provider, realm, None);
        self.change("POST", &format!("/realms/{realm}/components"), Some(&provider), &[201]).await
    }

    /// Replaces the key that is named after its id.
    pub(super) async fn set_key(&self, realm: &str, kid: &str, provider: Value) -> Result<(), Failure> {
        let found = self.get(&format!("/realms/{realm}/components?name={kid}")).await?;
        let id = found.pointer("/0/id").and_then(Value::as_str);
        let id = id.ok_or_else(|| Failure::new(format!("the real Keycloak has no key provider {kid}")))?;
        let provider = component(provider, realm, Some(id));
        self.change("PUT", &format!("/realms/{realm}/components/{id}"), Some(&provider), &[204]).await
    }

    pub(super) async fn logout(&self, realm: &str, user_id: &str) -> Result<(), Failure> {
        self.change("POST", &format!("/realms/{realm}/users/{user_id}/logout"), None, &[204]).await
    }

    pub(super) async fn set_user_enabled(
        &self,
        realm: &str,
        user_id: &str,
        enabled: bool,
    ) -> Result<(), Failure> {
        let mut user = self.get(&format!("/realms/{realm}/users/{user_id}")).await?;
        if let Some(user) = user.as_object_mut() {
            user.insert("enabled".to_owned(), enabled.into());
        }
        self.change("PUT", &format!("/realms/{realm}/users/{user_id}"), Some(&user), &[204]).await
    }

    /// Sets how long access tokens live that are issued from now on, in seconds.
    pub(super) async fn set_token_lifespan(&self, realm: &str, secs: u32) -> Result<(), Failure> {
        let change = serde_json::json!({ "accessTokenLifespan": secs });
        self.change("PUT", &format!("/realms/{realm}"), Some(&change), &[204]).await
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        let reply = self.administer("GET", path, None).await?;
        if reply.status != 200 {
            return Err(unexpected(&reply));
        }
        reply.json()
    }

    async fn change(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        good: &[u16],
    ) -> Result<(), Failure> {
        let mut reply = self.administer(method, path, body).await?;
        for pause in RETRIES {
            if reply.status < 500 {
                break;
            }
            tokio::time::sleep(pause).await;
            reply = self.administer(method, path, body).await?;
        }
        if good.contains(&reply.status) { Ok(()) } else { Err(unexpected(&reply)) }
    }

    async fn administer(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply, Failure> {
        let token = self.token().await?;
        let mut request = Request::new(method, format!("{}/admin{path}", self.path)).bearer(&token);
        if let Some(body) = body {
            request = request.body("application/json", body.to_string());
        }
        self.send(&request).await
    }

    async fn token(&self) -> Result<String, Failure> {
        let known = self.token.borrow().clone();
        if let Some(token) = known.filter(|token| token.since.elapsed() < TOKEN_AGE) {
            return Ok(token.text);
        }
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", self.keycloak.user.as_str()),
            ("password", self.keycloak.password.as_str()),
        ];
        let since = Instant::now();
        let reply = self.ask("POST", "/realms/master/protocol/openid-connect/token", None, &form).await?;
        let text = reply.json().ok().and_then(|body| Some(body.get("access_token")?.as_str()?.to_owned()));
        let Some(text) = text else {
            return Err(Failure::new(format!(
                "the administrator {:?} can't log in: {} {}",
                self.keycloak.user,
                reply.status,
                error_of(&reply)
            )));
        };
        self.token.replace(Some(Token { text: text.clone(), since }));
        Ok(text)
    }

    async fn send(&self, request: &Request) -> Result<Reply, Failure> {
        Connection::open(self.address).await?.patient(PATIENCE).send(request).await
    }
}

/// A member of a realm export as the administrator's side takes it alone. A realm of ours has its name for an id.
fn component(mut provider: Value, realm: &str, id: Option<&str>) -> Value {
    if let Some(members) = provider.as_object_mut() {
        members.remove("subComponents");
        members.insert("providerType".to_owned(), "org.keycloak.keys.KeyProvider".into());
        members.insert("parentId".to_owned(), realm.into());
        if let Some(id) = id {
            members.insert("id".to_owned(), id.into());
        }
    }
    provider
}

fn unexpected(reply: &Reply) -> Failure {
    Failure::new(format!(
        "the real Keycloak, asked for {}: {} {}",
        reply.request,
        reply.status,
        error_of(reply)
    ))
}

/// What it says is wrong; nothing else of an answer that may hold a token.
pub(super) fn error_of(reply: &Reply) -> String {
    let body = reply.json().unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let words = [text("error"), text("error_description"), text("errorMessage")];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(": ")
}
