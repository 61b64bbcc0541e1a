//! The realm as users and other clients see it.

use std::env;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use url::form_urlencoded;

/// Tests that change what concerns everybody (keys, not-before) run alone, the others together.
static REALM: RwLock<()> = RwLock::const_new(());

/// A realm of a Keycloak, `kc-demo` unless [another](Realm::called) is named. Cheap to clone.
#[derive(Clone)]
pub struct Realm {
    base: String,
    pub(crate) name: String,
    pub(crate) http: Client,
    pub(crate) administrator: Arc<Mutex<Option<Administrator>>>,
    _turn: Arc<Turn>,
}

/// The administrator's token, which lives for a minute.
pub(crate) struct Administrator {
    pub(crate) token: String,
    pub(crate) since: Instant,
}

/// Held until the test and everything that it undoes are through.
#[expect(dead_code, reason = "held for its drop")]
enum Turn {
    Alone(RwLockWriteGuard<'static, ()>),
    Elsewhere,
    WithOthers(RwLockReadGuard<'static, ()>),
}

/// What a login gives.
#[derive(Clone)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The ID token.
    pub id: String,
    /// The refresh token, or the offline token.
    pub refresh: String,
}

impl Realm {
    /// The realm, for a test that disturbs no other one. Fails the test if there is no server.
    pub async fn reached() -> Self {
        Self::found(Turn::WithOthers(REALM.read().await)).await
    }

    /// The realm, for a test that changes what others depend on: no other one runs at the same time.
    pub async fn alone() -> Self {
        Self::found(Turn::Alone(REALM.write().await)).await
    }

    async fn found(turn: Turn) -> Self {
        let base = env::var("KC_TEST_KEYCLOAK_URL").unwrap_or_else(|_| "http://127.0.0.1:18080".to_owned());
        let realm = Self::new(base.trim_end_matches('/'), turn);
        let answer = realm.http.get(realm.issuer()).timeout(Duration::from_secs(10)).send().await;
        let status = answer.map(|answer| answer.status());
        assert!(
            status.as_ref().is_ok_and(|status| *status == StatusCode::OK),
            "no Keycloak with the realm kc-demo at {base} ({status:?}): start it: cargo xtask keycloak start"
        );
        realm
    }

    /// The realm of another server.
    pub(crate) fn elsewhere(base: &str) -> Self {
        Self::new(base, Turn::Elsewhere)
    }

    /// The same realm of the same server by another host name.
    #[must_use]
    pub fn under(&self, host: &str) -> Self {
        let mut base = url::Url::parse(&self.base).unwrap();
        base.set_host(Some(host)).unwrap();
        let base = base.as_str().trim_end_matches('/').to_owned();
        Self { base, administrator: Arc::default(), ..self.clone() }
    }

    /// Another realm of the same server, for one who has just made it.
    #[must_use]
    pub fn called(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    fn new(base: &str, turn: Turn) -> Self {
        Self {
            base: base.to_owned(),
            name: "kc-demo".to_owned(),
            http: Client::new(),
            administrator: Arc::default(),
            _turn: Arc::new(turn),
        }
    }

    /// The server's base URL, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What its tokens have as `iss`.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}/realms/{}", self.base, self.name)
    }

    /// An endpoint by its last segments, such as `token/introspect`.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/protocol/openid-connect/{name}", self.issuer())
    }

    /// Logs `user` in at `client` by password. In this realm a password is the user's name and a secret is
    /// `<client>-secret`.
    pub async fn log_in(&self, client: &str, user: &str) -> Tokens {
        self.log_in_for(client, user, "openid").await
    }

    /// The same with another scope.
    pub async fn log_in_for(&self, client: &str, user: &str, scope: &str) -> Tokens {
        self.log_in_with(client, user, scope, &[]).await
    }

    /// The same with headers.
    pub async fn log_in_with(
        &self,
        client: &str,
        user: &str,
        scope: &str,
        headers: &[(&str, &str)],
    ) -> Tokens {
        let form = [
            ("grant_type", "password"),
            ("client_id", client),
            ("client_secret", &format!("{client}-secret")),
            ("username", user),
            ("password", user),
            ("scope", scope),
        ];
        let answer = self.post(&self.endpoint("token"), &form, headers).await;
        let token = |name: &str| answer[name].as_str().unwrap().to_owned();
        Tokens { access: token("access_token"), id: token("id_token"), refresh: token("refresh_token") }
    }

    /// The access token of a client's service account.
    pub async fn service_account(&self, client: &str) -> String {
        let secret = format!("{client}-secret");
        let form =
            [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret.as_str())];
        let answer = self.post(&self.endpoint("token"), &form, &[]).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Ends the session that a refresh token of `client` belongs to.
    pub async fn log_out(&self, client: &str, refresh: &str) {
        let secret = format!("{client}-secret");
        let form = [("client_id", client), ("client_secret", &secret), ("refresh_token", refresh)];
        self.post(&self.endpoint("logout"), &form, &[]).await;
    }

    /// Revokes a token of `client` (RFC 7009).
    pub async fn revoke(&self, client: &str, token: &str) {
        let secret = format!("{client}-secret");
        let form = [("client_id", client), ("client_secret", &secret), ("token", token)];
        self.post(&self.endpoint("revoke"), &form, &[]).await;
    }

    /// The realm's RS256 key as its page shows it: base64 without anything around it.
    pub async fn public_key(&self) -> String {
        let page = self.http.get(self.issuer()).send().await.unwrap().text().await.unwrap();
        let page: Value = serde_json::from_str(&page).unwrap();
        page["public_key"].as_str().unwrap().to_owned()
    }

    /// The text of `GET userinfo`.
    pub async fn userinfo(&self, access: &str) -> String {
        let answer = self.http.get(self.endpoint("userinfo")).bearer_auth(access).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap()
    }

    /// The JSON of a good answer; `null` for one without a body.
    pub(crate) async fn post(&self, url: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Value {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request =
            self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url} answers {status}: {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Realm").field("base", &self.base).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}
