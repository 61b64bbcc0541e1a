//! The real Keycloak with the realm `kc-demo`: logging in and out, and this service's settings there.

use std::env;
use std::sync::Arc;

use kc_core::settings::{KeycloakServer, Settings};
use kc_core::transport::{ReqwestTransport, TransportOptions};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

/// The server under test.
pub(crate) struct Realm {
    base: String,
    http: Client,
}

/// What the password grant gives; an ID token only with the scope `openid`.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: Option<String>,
    pub(crate) refresh: String,
}

impl Realm {
    /// The server at `KC_TEST_KEYCLOAK_URL`, by default `http://127.0.0.1:18080`. Fails the test if it is not there.
    pub(crate) async fn reached() -> Self {
        let base = env::var("KC_TEST_KEYCLOAK_URL").unwrap_or_else(|_| "http://127.0.0.1:18080".to_owned());
        let base = base.trim_end_matches('/').to_owned();
        let realm = Self { base, http: Client::new() };
        let issuer = realm.server().issuer().to_owned();
        let status = realm.http.get(issuer).send().await.map(|answer| answer.status());
        assert!(
            status.as_ref().is_ok_and(|status| *status == StatusCode::OK),
            "no Keycloak with the realm kc-demo at {} ({status:?}): start it with `cargo xtask keycloak start`",
            realm.base
        );
        realm
    }

    /// The server as a service with the client `api` sees it.
    pub(crate) fn server(&self) -> KeycloakServer {
        server(Settings::builder(&self.base, "kc-demo", "api").build().unwrap())
    }

    /// The same with a name of the same machine as the internal host.
    pub(crate) fn server_by_another_internal_name(&self) -> KeycloakServer {
        let (numbers, name) = ("//127.0.0.1", "//localhost");
        let internal = if self.base.contains(numbers) {
            self.base.replace(numbers, name)
        } else {
            self.base.replace(name, numbers)
        };
        assert_ne!(internal, self.base, "this test needs Keycloak on 127.0.0.1 or localhost");
        server(Settings::builder(&self.base, "kc-demo", "api").internal_url(&internal).build().unwrap())
    }

    /// The server, and a realm that it does not have.
    pub(crate) fn server_of_no_realm(&self) -> KeycloakServer {
        server(Settings::builder(&self.base, "no-such-realm", "api").build().unwrap())
    }

    /// Logs `alice` in at `client` by password. In this realm a password is the user's name and a secret is
    /// `<client>-secret`.
    pub(crate) async fn log_in(&self, client: &str, scope: &str) -> Tokens {
        let secret = format!("{client}-secret");
        let form = [
            ("grant_type", "password"),
            ("client_id", client),
            ("client_secret", &secret),
            ("username", "alice"),
            ("password", "alice"),
            ("scope", scope),
        ];
        let answer: Value =
            serde_json::from_str(&self.post(&self.server().endpoints().token(), &form).await).unwrap();
        let token = |name: &str| answer[name].as_str().map(str::to_owned);
        Tokens {
            access: token("access_token").unwrap(),
            id: token("id_token"),
            refresh: token("refresh_token").unwrap(),
        }
    }

    /// Ends the session that a refresh token of `client` belongs to.
    pub(crate) async fn log_out(&self, client: &str, refresh: &str) {
        let secret = format!("{client}-secret");
        let form = [("client_id", client), ("client_secret", &secret), ("refresh_token", refresh)];
        self.post(&self.server().endpoints().end_session(), &form).await;
    }

    async fn post(&self, url: &str, form: &[(&str, &str)]) -> String {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request =
            self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url} answers {status}: {text}");
        text
    }
}

pub(crate) fn transport() -> Arc<ReqwestTransport> {
    Arc::new(ReqwestTransport::new(TransportOptions::default()).unwrap())
}

fn server(settings: Settings) -> KeycloakServer {
    settings.keycloak().unwrap().clone()
}
