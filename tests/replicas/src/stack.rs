//! What replicas stand on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kc_dev::{DEMO_REALM, DevIssuer, Endpoint};
use serde_json::{Value, json};

use test_servers::{PATIENCE, Postgres, Redis, free_port};

use crate::{PUBLIC_URL, Replica};

/// The environment of a replica.
pub type Settings = BTreeMap<&'static str, String>;

/// The embedded issuer, a Redis of its own, and a data base of users.
#[derive(Debug)]
pub struct Stack {
    /// Tells its logouts to [`Stack::first`].
    pub issuer: DevIssuer,
    /// The sessions.
    pub redis: Redis,
    _postgres: Arc<Postgres>,
    settings: Settings,
    first: u16,
}

impl Stack {
    /// With access tokens that live so many seconds; they are renewed in the last quarter of that.
    pub async fn with_tokens_of(seconds: u64) -> Self {
        let postgres = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
        let first = free_port();
        let realm = demo_realm(seconds, first).to_string();
        let issuer = DevIssuer::builder().realm_json(realm).shared_keys().start().await.unwrap();
        let redis = Redis::durable();
        let settings = settings(issuer.base_url(), issuer.realm(), &redis, &postgres.database());
        Self { issuer, redis, _postgres: postgres, settings, first }
    }

    /// With tokens that no test sees the end of.
    pub async fn start() -> Self {
        Self::with_tokens_of(300).await
    }

    /// What every replica is told.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// With one setting more, or another.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.insert(name, value.into());
        self
    }

    /// The replica to which the issuer tells of logouts: `axum-service`.
    pub async fn first(&self) -> Replica {
        let mut settings = self.settings();
        settings.insert("LISTEN", format!("127.0.0.1:{}", self.first));
        Replica::start("axum-service", &settings).await
    }

    /// Another one: `actix-service`.
    pub async fn second(&self) -> Replica {
        Replica::start("actix-service", &self.settings).await
    }

    /// One more: `poem-service`.
    pub async fn third(&self) -> Replica {
        Replica::start("poem-service", &self.settings).await
    }

    /// How often tokens have been asked for, logins included.
    #[must_use]
    pub fn asked_for_tokens(&self) -> u64 {
        self.issuer.requests(Endpoint::Token)
    }

    /// Waits until tokens have been asked for so often.
    pub async fn is_asked_for_tokens(&self, times: u64) {
        let patience = Instant::now() + PATIENCE;
        while self.asked_for_tokens() < times {
            assert!(Instant::now() < patience, "nobody has asked for tokens");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends a session at the issuer, and waits until the first replica has been told.
    pub async fn end_session(&self, sid: &str) {
        let url = format!("{}/_kc-dev/sessions/{sid}", self.issuer.base_url());
        let answer = reqwest::Client::new().delete(url).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

/// The settings of a replica, which chooses its port itself.
#[must_use]
pub fn settings(keycloak: &str, realm: &str, redis: &Redis, users: &str) -> Settings {
    let settings = [
        ("KEYCLOAK_URL", keycloak),
        ("KEYCLOAK_REALM", realm),
        ("KEYCLOAK_CLIENT_ID", "api"),
        ("KEYCLOAK_CLIENT_SECRET", "api-secret"),
        ("PUBLIC_URL", PUBLIC_URL),
        ("LISTEN", "127.0.0.1:0"),
        ("SESSION_STORE", &redis.url()),
        // 32 times 0x2a.
        ("SESSION_KEYS", "KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio="),
        ("USERS_DATABASE", users),
    ];
    settings.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// The demo realm with access tokens of so many seconds, whose client `api` hears of logouts on this port.
#[must_use]
pub fn demo_realm(seconds: u64, back_channel: u16) -> Value {
    let mut realm: Value = serde_json::from_str(DEMO_REALM).unwrap();
    realm["accessTokenLifespan"] = json!(seconds);
    let clients = realm["clients"].as_array_mut().unwrap();
    let api = clients.iter_mut().find(|client| client["clientId"] == "api").unwrap();
    api["attributes"]["backchannel.logout.url"] =
        json!(format!("http://127.0.0.1:{back_channel}/oidc/backchannel-logout"));
    realm
}
