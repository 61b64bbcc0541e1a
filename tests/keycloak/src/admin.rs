//! The realm as its administrator sees it. What a test changes is undone when its guard is dropped, by a panic too.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::realm::{Administrator, Realm};

/// Something that was created for one test, and is deleted when this is dropped.
#[derive(Debug)]
#[must_use = "it is deleted when this is dropped"]
pub struct Temporary {
    name: String,
    id: String,
    _undo: Undo,
}

impl Temporary {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id in the admin API.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A request of the administrator that is sent when this is dropped.
#[derive(Debug)]
#[must_use = "it is sent when this is dropped"]
pub struct Undo {
    realm: Realm,
    method: Method,
    path: String,
    body: Option<Value>,
}

/// A name that nothing else in the realm has: two runs, and two tests of one run, stay apart.
#[must_use]
pub fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("kc-test-{what}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Realm {
    /// A client whose secret is `<name>-secret`, for logins by password, with these attributes. Its tokens have what
    /// those of `api` have: full scope, and `api` in their audience.
    pub async fn temporary_client(&self, what: &str, attributes: Value) -> Temporary {
        let name = unique(what);
        let settings = json!({
            "clientId": name,
            "secret": format!("{name}-secret"),
            "publicClient": false,
            "directAccessGrantsEnabled": true,
            "standardFlowEnabled": false,
            "fullScopeAllowed": true,
            "attributes": attributes,
            "defaultClientScopes": ["basic", "acr", "roles", "profile", "email"],
            "protocolMappers": [audience_mapper("api")],
        });
        self.temporary("clients", name, &settings).await
    }

    /// A client as its settings in the admin API describe it.
    pub async fn temporary_client_of(&self, settings: &Value) -> Temporary {
        let name = settings["clientId"].as_str().unwrap().to_owned();
        self.temporary("clients", name, settings).await
    }

    /// A user, the password the name, with roles of client `api` and none else.
    pub async fn temporary_user(&self, what: &str, roles: &[&str]) -> Temporary {
        let name = unique(what);
        let settings = json!({
            "username": name,
            "enabled": true,
            "email": format!("{name}@example.test"),
            "emailVerified": true,
            "firstName": "Temporary",
            "lastName": "Test",
            "credentials": [{ "type": "password", "value": name, "temporary": false }],
        });
        let user = self.temporary("users", name, &settings).await;
        let api = self.client_id("api").await;
        let mut granted = Vec::new();
        for role in roles {
            granted.push(self.read(&format!("clients/{api}/roles/{role}")).await);
        }
        let path = format!("users/{}/role-mappings/clients/{api}", user.id());
        self.administer(Method::POST, &path, Some(&Value::Array(granted))).await;
        user
    }

    /// A key that the realm makes for itself, of a provider such as `rsa-generated`. Needs the realm
    /// [alone](Realm::alone).
    pub async fn temporary_key(&self, provider: &str, priority: u32, config: Value) -> Temporary {
        let name = unique(provider);
        let settings = key_provider(&name, provider, priority, config);
        self.temporary("components", name, &settings).await
    }

    /// Says again what a key is like; `state` is merged into what it was created with.
    pub async fn set_key(&self, key: &Temporary, state: &[(&str, bool)]) {
        let path = format!("components/{}", key.id());
        let mut settings = self.read(&path).await;
        for (name, value) in state {
            settings["config"][*name] = json!([value.to_string()]);
        }
        self.administer(Method::PUT, &path, Some(&settings)).await;
    }

    /// Enables or disables a user.
    pub async fn set_enabled(&self, user: &Temporary, enabled: bool) {
        let path = format!("users/{}", user.id());
        self.administer(Method::PUT, &path, Some(&json!({ "enabled": enabled }))).await;
    }

    /// Declares every token issued before `at`, in seconds since 1970, to be stale, until this is dropped. Needs the
    /// realm [alone](Realm::alone).
    pub async fn not_before(&self, at: i64) -> Undo {
        let undo = self.undo(Method::PUT, "", Some(json!({ "notBefore": 0 })));
        self.administer(Method::PUT, "", Some(&json!({ "notBefore": at }))).await;
        undo
    }

    /// Deletes the realm when this is dropped; for one that is not `kc-demo`.
    pub fn deleted_at_the_end(&self) -> Undo {
        assert!(self.name != "kc-demo", "the other tests need it");
        self.undo(Method::DELETE, "", None)
    }

    /// Sends what the administrator sends; `path` is below the realm's own. Fails the test unless it succeeds.
    pub async fn administer(&self, method: Method, path: &str, body: Option<&Value>) {
        self.as_administrator(&self.http, method, path, body).await;
    }

    /// What the administrator sees at `path`.
    pub async fn read(&self, path: &str) -> Value {
        let answer = self.as_administrator(&self.http, Method::GET, path, None).await;
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// The id by which the admin API knows a client.
    pub async fn client_id(&self, name: &str) -> String {
        let found = self.read(&format!("clients?clientId={name}")).await;
        found[0]["id"].as_str().unwrap().to_owned()
    }

    async fn temporary(&self, kind: &str, name: String, settings: &Value) -> Temporary {
        let answer = self.as_administrator(&self.http, Method::POST, kind, Some(settings)).await;
        let location = answer.headers()["location"].to_str().unwrap();
        let id = location.rsplit('/').next().unwrap().to_owned();
        let undo = self.undo(Method::DELETE, &format!("{kind}/{id}"), None);
        Temporary { name, id, _undo: undo }
    }

    fn undo(&self, method: Method, path: &str, body: Option<Value>) -> Undo {
        Undo { realm: self.clone(), method, path: path.to_owned(), body }
    }

    async fn as_administrator(
        &self,
        http: &Client,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Response {
        let token = self.administrator_token(http).await;
        let url = format!("{}/admin/realms/{}/{path}", self.base(), self.name);
        let mut request = http.request(method.clone(), url.trim_end_matches('/')).bearer_auth(token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let gone_already = method == Method::DELETE && status == StatusCode::NOT_FOUND;
        if !status.is_success() && !gone_already {
            panic!("{method} {path} answers {status}: {:?}", answer.text().await);
        }
        answer
    }

    async fn administrator_token(&self, http: &Client) -> String {
        if let Some(held) = &*self.administrator.lock().unwrap()
            && held.since.elapsed() < Duration::from_secs(30)
        {
            return held.token.clone();
        }
        let since = Instant::now();
        let answer = http
            .post(format!("{}/realms/master/protocol/openid-connect/token", self.base()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=password&client_id=admin-cli&username=admin&password=admin")
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        *self.administrator.lock().unwrap() = Some(Administrator { token: token.clone(), since });
        token
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        // On a thread and a runtime of its own: the test's runtime cannot be waited for from within.
        let undone = thread::scope(|scope| {
            let undoing = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let (http, method) = (Client::new(), self.method.clone());
                    self.realm.as_administrator(&http, method, &self.path, self.body.as_ref()).await.status()
                })
            });
            undoing.join().is_ok()
        });
        if !undone && !thread::panicking() {
            panic!(
                "`{} {}` was not undone: restart Keycloak, which brings the fresh realm",
                self.method, self.path
            );
        }
    }
}

/// A confidential client with a service account whose tokens name the client itself in `aud`.
#[must_use]
pub fn service_client(client_id: &str, more: &Value) -> Value {
    let mut settings = json!({
        "clientId": client_id,
        "publicClient": false,
        "serviceAccountsEnabled": true,
        "standardFlowEnabled": false,
        "protocolMappers": [audience_mapper(client_id)],
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

fn audience_mapper(client_id: &str) -> Value {
    json!({
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {
            "included.client.audience": client_id,
            "access.token.claim": "true",
            "introspection.token.claim": "true",
        },
    })
}

fn key_provider(name: &str, provider: &str, priority: u32, config: Value) -> Value {
    let mut settings = json!({
        "name": name,
        "providerId": provider,
        "providerType": "org.keycloak.keys.KeyProvider",
        "config": { "priority": [priority.to_string()], "enabled": ["true"], "active": ["true"] },
    });
    for (key, value) in config.as_object().unwrap() {
        settings["config"][key] = json!([value]);
    }
    settings
}
