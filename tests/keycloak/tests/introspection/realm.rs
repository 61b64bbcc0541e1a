//! The real Keycloak with the realm `kc-demo`: what a user, another client and the administrator do.

use std::env;
use std::future::Future;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

/// The server under test.
#[derive(Clone)]
pub(crate) struct Realm {
    base: String,
    http: Client,
}

/// What the password grant gives.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: String,
    pub(crate) refresh: String,
}

impl Realm {
    /// The server at `KC_TEST_KEYCLOAK_URL`, by default `http://127.0.0.1:18080`. Fails the test if it is not there.
    pub(crate) async fn reached() -> Self {
        let base = env::var("KC_TEST_KEYCLOAK_URL").unwrap_or_else(|_| "http://127.0.0.1:18080".to_owned());
        let realm = Self { base: base.trim_end_matches('/').to_owned(), http: Client::new() };
        let status = realm.http.get(realm.issuer()).send().await.map(|answer| answer.status());
        assert!(
            status.as_ref().is_ok_and(|status| *status == StatusCode::OK),
            "no Keycloak with the realm kc-demo at {base} ({status:?}): start it with `cargo xtask keycloak start`"
        );
        realm
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}/realms/kc-demo", self.base)
    }

    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("{}/protocol/openid-connect/{name}", self.issuer())
    }

    /// Logs `user` in at `client` by password. In this realm a password is the user's name and a secret is
    /// `<client>-secret`.
    pub(crate) async fn log_in(&self, client: &str, user: &str) -> Tokens {
        let answer = self
            .post(
                &self.endpoint("token"),
                &[
                    ("grant_type", "password"),
                    ("client_id", client),
                    ("client_secret", &format!("{client}-secret")),
                    ("username", user),
                    ("password", user),
                    ("scope", "openid"),
                ],
            )
            .await;
        let token = |name: &str| answer[name].as_str().unwrap().to_owned();
        Tokens { access: token("access_token"), id: token("id_token"), refresh: token("refresh_token") }
    }

    /// Ends the session that a refresh token of `client` belongs to.
    pub(crate) async fn log_out(&self, client: &str, refresh: &str) {
        let secret = format!("{client}-secret");
        let form = [("client_id", client), ("client_secret", &secret), ("refresh_token", refresh)];
        self.post(&self.endpoint("logout"), &form).await;
    }

    /// Runs `test` while a client described by `settings` exists, and removes the client whatever becomes of the test.
    pub(crate) async fn with_client<F>(&self, settings: Value, test: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let created = self.admin(Method::POST, &format!("{}/admin/realms/kc-demo/clients", self.base)).await;
        let created = created
            .header("content-type", "application/json")
            .body(settings.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(created.status(), StatusCode::CREATED, "{settings}: {:?}", created.text().await);
        let location = created.headers()["location"].to_str().unwrap().to_owned();
        let outcome = tokio::spawn(test).await;
        let removed = self.admin(Method::DELETE, &location).await.send().await.unwrap();
        assert_eq!(removed.status(), StatusCode::NO_CONTENT);
        outcome.unwrap();
    }

    async fn admin(&self, method: Method, url: &str) -> RequestBuilder {
        let token = format!("{}/realms/master/protocol/openid-connect/token", self.base);
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        let answer = self.post(&token, &form).await;
        self.http.request(method, url).bearer_auth(answer["access_token"].as_str().unwrap())
    }

    /// The JSON of a good answer; `null` for one without a body.
    async fn post(&self, url: &str, form: &[(&str, &str)]) -> Value {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request =
            self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url} answers {status}: {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }
}

/// A confidential client with a service account whose tokens name the client itself in `aud`.
pub(crate) fn service_client(client_id: &str, more: Value) -> Value {
    let mut settings = json!({
        "clientId": client_id,
        "publicClient": false,
        "serviceAccountsEnabled": true,
        "standardFlowEnabled": false,
        "protocolMappers": [{
            "name": "own audience",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {
                "included.client.audience": client_id,
                "access.token.claim": "true",
                "introspection.token.claim": "true",
            },
        }],
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}
