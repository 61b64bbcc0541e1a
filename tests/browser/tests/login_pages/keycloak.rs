//! A realm of a real Keycloak, as its administrator sees it.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::realm::{Client, export};

/// Realms are made and deleted one at a time: where two change at once Keycloak answers 500.
static MAKING: Mutex<()> = Mutex::new(());

/// The scopes that the account console needs and that it has in a realm whose scopes are not imported.
const CONSOLE_SCOPES: [&str; 6] = ["acr", "basic", "email", "profile", "roles", "web-origins"];

/// The realm; deleted when dropped.
#[derive(Debug)]
pub(crate) struct Keycloak {
    base: String,
    realm: String,
    runtime: Handle,
    http: reqwest::Client,
    token: Mutex<Option<(String, Instant)>>,
}

impl Keycloak {
    /// Makes the realm at the server that `KC_TEST_KEYCLOAK_URL` names.
    pub(crate) fn make(runtime: &Handle, clients: &[Client]) -> Self {
        let base =
            std::env::var("KC_TEST_KEYCLOAK_URL").unwrap_or_else(|_| "http://127.0.0.1:18080".to_owned());
        let keycloak = Self {
            base: base.trim_end_matches('/').to_owned(),
            realm: format!("kc-browser-{:016x}", RandomState::new().hash_one(std::process::id())),
            runtime: runtime.clone(),
            http: reqwest::Client::new(),
            token: Mutex::default(),
        };
        let making = MAKING.lock().unwrap();
        keycloak.administer(Method::POST, "", Some(&export(&keycloak.realm, clients)));
        drop(making);
        let console = keycloak.id_of("clients?clientId=account-console");
        for scope in keycloak.in_realm(Method::GET, "/client-scopes", None).as_array().unwrap() {
            if CONSOLE_SCOPES.iter().any(|name| scope["name"] == *name) {
                let id = scope["id"].as_str().unwrap();
                keycloak.in_realm(
                    Method::PUT,
                    &format!("/clients/{console}/default-client-scopes/{id}"),
                    None,
                );
            }
        }
        keycloak
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn realm(&self) -> &str {
        &self.realm
    }

    /// Ends every session of a user.
    pub(crate) fn log_out(&self, user: &str) {
        let id = self.id_of(&format!("users?exact=true&username={user}"));
        self.in_realm(Method::POST, &format!("/users/{id}/logout"), None);
    }

    /// Sets how long somebody may take to log in.
    pub(crate) fn login_pages_live(&self, seconds: u32) {
        // The longest of them counts.
        let settings = json!({
            "accessCodeLifespan": seconds,
            "accessCodeLifespanLogin": seconds,
            "accessCodeLifespanUserAction": seconds,
        });
        self.in_realm(Method::PUT, "", Some(&settings));
    }

    fn id_of(&self, query: &str) -> String {
        let found = self.in_realm(Method::GET, &format!("/{query}"), None);
        found[0]["id"].as_str().unwrap_or_else(|| panic!("{query}: {found}")).to_owned()
    }

    fn in_realm(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.administer(method, &format!("/{}{path}", self.realm), body)
    }

    /// What it answers, `null` if that is nothing. Fails unless it is content.
    fn administer(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let (status, text) = self.ask(method.clone(), path, body);
        assert!(status.is_success(), "{method} {path} answers {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, String) {
        let token = self.administrator();
        let mut request =
            self.http.request(method, format!("{}/admin/realms{path}", self.base)).bearer_auth(token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.send(request)
    }

    fn administrator(&self) -> String {
        let mut token = self.token.lock().unwrap();
        if let Some((token, since)) = &*token
            && since.elapsed() < Duration::from_secs(30)
        {
            return token.clone();
        }
        let since = Instant::now();
        let login = self
            .http
            .post(format!("{}/realms/master/protocol/openid-connect/token", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=password&client_id=admin-cli&username=admin&password=admin");
        let (status, text) = self.send(login);
        assert_eq!(status, StatusCode::OK, "the administrator cannot log in: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let fresh = answer["access_token"].as_str().unwrap().to_owned();
        *token = Some((fresh.clone(), since));
        fresh
    }

    fn send(&self, request: reqwest::RequestBuilder) -> (StatusCode, String) {
        let answered = self.runtime.block_on(async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
        });
        answered.unwrap_or_else(|error| {
            panic!("no Keycloak at {} ({error}): start it: cargo xtask keycloak start", self.base)
        })
    }
}

impl Drop for Keycloak {
    fn drop(&mut self) {
        let _making = MAKING.lock();
        let (status, text) = self.ask(Method::DELETE, &format!("/{}", self.realm), None);
        if !status.is_success() && status != StatusCode::NOT_FOUND {
            eprintln!("the realm {} is left behind: {status} {text}", self.realm);
        }
    }
}
