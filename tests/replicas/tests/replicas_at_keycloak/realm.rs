//! A realm of a test's own, at a real Keycloak.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use replicas_tests::{PATIENCE, demo_realm};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

/// Deleted when dropped.
pub(crate) struct Realm {
    base: String,
    name: String,
    http: Client,
}

impl Realm {
    /// The demo realm under another name, with access tokens of so many seconds, telling of logouts at this port.
    pub(crate) async fn create(seconds: u64, back_channel: u16) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let base = std::env::var("KC_TEST_KEYCLOAK_URL");
        let base = base.unwrap_or_else(|_| "http://127.0.0.1:18080".to_owned());
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kc-test-replicas-{}-{number}", std::process::id());
        let mut settings = demo_realm(seconds, back_channel);
        without_ids(&mut settings);
        settings["realm"] = json!(name);
        settings["eventsEnabled"] = json!(true);
        settings["enabledEventTypes"] = json!(["REFRESH_TOKEN"]);
        let base = base.trim_end_matches('/').to_owned();
        let realm = Self { base, name, http: client() };
        realm.administer(&realm.http, Method::POST, "/admin/realms", Some(&settings)).await;
        realm
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How often tokens have been renewed.
    pub(crate) async fn refreshes(&self) -> usize {
        let path = format!("/admin/realms/{}/events?type=REFRESH_TOKEN", self.name);
        self.administer(&self.http, Method::GET, &path, None).await.as_array().unwrap().len()
    }

    /// An access token of a session of its own.
    pub(crate) async fn token(&self, user: &str) -> String {
        let form = [
            ("grant_type", "password"),
            ("client_id", "api"),
            ("client_secret", "api-secret"),
            ("username", user),
            ("password", user),
        ];
        token(&self.http, &format!("{}/realms/{}", self.base, self.name), &form).await
    }

    /// Ends all sessions of a user.
    pub(crate) async fn log_out_everywhere(&self, user: &str) {
        let users = format!("/admin/realms/{}/users", self.name);
        let path = format!("{users}?exact=true&username={user}");
        let found = self.administer(&self.http, Method::GET, &path, None).await;
        let path = format!("{users}/{}/logout", found[0]["id"].as_str().unwrap());
        self.administer(&self.http, Method::POST, &path, None).await;
    }

    /// Sends what the administrator sends: the JSON of the answer, or `null`.
    async fn administer(&self, http: &Client, method: Method, path: &str, body: Option<&Value>) -> Value {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        let administrator = token(http, &format!("{}/realms/master", self.base), &form).await;
        let mut request = http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.bearer_auth(administrator).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{method} {path} answers {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        // On a thread and a runtime of its own: the test's runtime cannot be waited for from within.
        let deleted = std::thread::scope(|scope| {
            let deleting = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let path = format!("/admin/realms/{}", self.name);
                runtime.block_on(self.administer(&client(), Method::DELETE, &path, None));
            });
            deleting.join().is_ok()
        });
        if !deleted && !std::thread::panicking() {
            panic!("the realm {} is still there: delete it", self.name);
        }
    }
}

fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE + Duration::from_secs(60)).build().unwrap()
}

async fn token(http: &Client, realm: &str, form: &[(&str, &str)]) -> String {
    let url = format!("{realm}/protocol/openid-connect/token");
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = http.post(&url).header("content-type", "application/x-www-form-urlencoded").body(body);
    let answer = request.send().await.unwrap_or_else(|error| {
        panic!("no Keycloak at {url} ({error}): start it: cargo xtask keycloak start")
    });
    assert_eq!(answer.status(), StatusCode::OK, "{url}");
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Another realm of the same server has these.
fn without_ids(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, value| !(["id", "containerId"].contains(&&**name) && value.is_string()));
            members.values_mut().for_each(without_ids);
        }
        Value::Array(items) => items.iter_mut().for_each(without_ids),
        _ => {}
    }
}
