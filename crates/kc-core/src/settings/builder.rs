//! Settings from code.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::error::SettingsError;
use super::source::{Effective, Files};
use super::values::{Provenance, Text};
use super::{AuthorizationMode, OpaqueTokens, Settings, variables};
use crate::secret::Secret;

/// Builds [`Settings`] in code; made by [`Settings::builder`].
///
/// A setter is the variable of the same name: the same syntax, the same default, the same checks, all made by
/// [`build`](Self::build). Nothing is read from the environment.
#[derive(Debug)]
pub struct SettingsBuilder {
    effective: Effective,
}

impl SettingsBuilder {
    pub(super) fn new(keycloak_url: &str, realm: &str, client_id: &str) -> Self {
        let effective = Effective { files: Files::of_the_disk(), ..Effective::default() };
        Self { effective }
            .one(variables::URL, keycloak_url)
            .one(variables::REALM, realm)
            .one(variables::CLIENT_ID, client_id)
    }

    /// The client's secret (`KEYCLOAK_CLIENT_SECRET`). Default: none, a public client.
    #[must_use]
    pub fn client_secret(mut self, secret: Secret) -> Self {
        self.effective.values.set(variables::CLIENT_SECRET, Text::One(secret), Provenance::Code);
        self
    }

    /// Where this process reaches the server (`KEYCLOAK_INTERNAL_URL`). Default: the Keycloak URL.
    #[must_use]
    pub fn internal_url(self, url: &str) -> Self {
        self.one(variables::INTERNAL_URL, url)
    }

    /// Accepted audiences, any of them (`KEYCLOAK_AUDIENCE`). Default: the client id.
    #[must_use]
    pub fn audiences<T: Into<String>>(self, audiences: impl IntoIterator<Item = T>) -> Self {
        self.many(variables::AUDIENCE, audiences)
    }

    /// The expected `iss` (`KEYCLOAK_ISSUER`). Default: the realm's URL.
    #[must_use]
    pub fn issuer(self, issuer: &str) -> Self {
        self.one(variables::ISSUER, issuer)
    }

    /// The pinned realm key (`KEYCLOAK_PUBLIC_KEY`). Default: none, keys are fetched.
    #[must_use]
    pub fn public_key(self, key: &str) -> Self {
        self.one(variables::PUBLIC_KEY, key)
    }

    /// Who decides about permissions (`KEYCLOAK_AUTHORIZATION`). Default: the exported file.
    #[must_use]
    pub fn authorization(self, mode: AuthorizationMode) -> Self {
        let text = match mode {
            AuthorizationMode::Hybrid => "hybrid",
            AuthorizationMode::Offline => "offline",
            AuthorizationMode::Online => "online",
        };
        self.one(variables::AUTHORIZATION, text)
    }

    /// An exported `authorization-config.json` (`KEYCLOAK_AUTHORIZATION_CONFIG`). Default: none.
    #[must_use]
    pub fn authorization_config(self, path: impl Into<PathBuf>) -> Self {
        self.path(variables::AUTHORIZATION_CONFIG, path.into())
    }

    /// The zone of time policies (`KEYCLOAK_AUTHORIZATION_TIME_ZONE`). Default `UTC`.
    #[must_use]
    pub fn authorization_time_zone(self, zone: &str) -> Self {
        self.one(variables::AUTHORIZATION_TIME_ZONE, zone)
    }

    /// Path prefixes that need no token (`KEYCLOAK_EXEMPT_PATHS`). Default: none.
    #[must_use]
    pub fn exempt_paths<T: Into<String>>(self, paths: impl IntoIterator<Item = T>) -> Self {
        self.many(variables::EXEMPT_PATHS, paths)
    }

    /// Whether a local user is made on first sight (`KEYCLOAK_CREATE_USERS`). Default true.
    #[must_use]
    pub fn create_users(self, create: bool) -> Self {
        self.one(variables::CREATE_USERS, if create { "true" } else { "false" })
    }

    /// Clock skew, whole seconds up to 300 (`KEYCLOAK_LEEWAY_SECONDS`). Default 5 s.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        self.seconds(variables::LEEWAY_SECONDS, leeway)
    }

    /// How long fetched keys are fresh (`KEYCLOAK_JWKS_TTL_SECONDS`). Default 3600 s.
    #[must_use]
    pub fn jwks_ttl(self, ttl: Duration) -> Self {
        self.seconds(variables::JWKS_TTL_SECONDS, ttl)
    }

    /// Least time between two fetches for unknown key ids (`KEYCLOAK_JWKS_COOLDOWN_SECONDS`). Default 10 s.
    #[must_use]
    pub fn jwks_cooldown(self, cooldown: Duration) -> Self {
        self.seconds(variables::JWKS_COOLDOWN_SECONDS, cooldown)
    }

    /// How long stale keys serve (`KEYCLOAK_JWKS_MAX_STALE_SECONDS`). Default 86 400 s.
    #[must_use]
    pub fn jwks_max_stale(self, stale: Duration) -> Self {
        self.seconds(variables::JWKS_MAX_STALE_SECONDS, stale)
    }

    /// For every request to the server (`KEYCLOAK_HTTP_TIMEOUT_SECONDS`). Default 5 s.
    #[must_use]
    pub fn http_timeout(self, timeout: Duration) -> Self {
        self.seconds(variables::HTTP_TIMEOUT_SECONDS, timeout)
    }

    /// What becomes of tokens that only Keycloak can read (`KEYCLOAK_OPAQUE_TOKENS`). Default: refused.
    #[must_use]
    pub fn opaque_tokens(self, opaque: OpaqueTokens) -> Self {
        let text = match opaque {
            OpaqueTokens::Refuse => "refuse",
            OpaqueTokens::Introspect => "introspect",
        };
        self.one(variables::OPAQUE_TOKENS, text)
    }

    /// How long Keycloak's word on such a token is remembered (`KEYCLOAK_INTROSPECTION_TTL_SECONDS`). Default 30 s.
    #[must_use]
    pub fn introspection_ttl(self, ttl: Duration) -> Self {
        self.seconds(variables::INTROSPECTION_TTL_SECONDS, ttl)
    }

    /// How many bytes remembered tokens may take, 0 for none (`KEYCLOAK_TOKEN_CACHE_BYTES`). Default 32 MiB.
    #[must_use]
    pub fn token_cache_bytes(self, bytes: u64) -> Self {
        self.one(variables::TOKEN_CACHE_BYTES, &bytes.to_string())
    }

    /// A file of extra PEM roots (`KEYCLOAK_CA_FILE`), read by [`build`](Self::build). Default: none.
    #[must_use]
    pub fn ca_file(self, path: impl Into<PathBuf>) -> Self {
        self.path(variables::CA_FILE, path.into())
    }

    /// Values of `acr`, weakest first (`KEYCLOAK_ACR_LEVELS`). Default: none.
    #[must_use]
    pub fn acr_levels<T: Into<String>>(self, levels: impl IntoIterator<Item = T>) -> Self {
        self.many(variables::ACR_LEVELS, levels)
    }

    /// The service's address (`LISTEN`). Default `127.0.0.1:8000`.
    #[must_use]
    pub fn listen(self, address: SocketAddr) -> Self {
        self.one(variables::LISTEN, &address.to_string())
    }

    /// How browsers reach the service (`PUBLIC_URL`). Default: `http://` and the address.
    #[must_use]
    pub fn public_url(self, url: &str) -> Self {
        self.one(variables::PUBLIC_URL, url)
    }

    /// Origins whose scripts may call the service (`CORS_ALLOWED_ORIGINS`); an empty list allows none.
    #[must_use]
    pub fn cors_allowed_origins<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.many(variables::CORS_ALLOWED_ORIGINS, origins)
    }

    /// `memory` or a Redis URL (`SESSION_STORE`). Default `memory`.
    #[must_use]
    pub fn session_store(self, store: &str) -> Self {
        self.one(variables::SESSION_STORE, store)
    }

    /// Base64 of 32 bytes each, newest first (`SESSION_KEYS`). Required with Redis.
    #[must_use]
    pub fn session_keys(mut self, keys: impl IntoIterator<Item = Secret>) -> Self {
        let keys = Text::Many(keys.into_iter().collect());
        self.effective.values.set(variables::SESSION_KEYS, keys, Provenance::Code);
        self
    }

    /// The URL of the users' data base (`USERS_DATABASE`). Default: none, users live in memory.
    #[must_use]
    pub fn users_database(mut self, url: Secret) -> Self {
        self.effective.values.set(variables::USERS_DATABASE, Text::One(url), Provenance::Code);
        self
    }

    /// Addresses or blocks whose forwarding headers are believed (`TRUSTED_PROXIES`). Default: none.
    #[must_use]
    pub fn trusted_proxies<T: Into<String>>(self, proxies: impl IntoIterator<Item = T>) -> Self {
        self.many(variables::TRUSTED_PROXIES, proxies)
    }

    /// A path, `-` or `off` (`AUDIT_LOG`). Default `-`.
    #[must_use]
    pub fn audit_log(self, log: &str) -> Self {
        self.one(variables::AUDIT_LOG, log)
    }

    /// Choices that give protection away.
    #[must_use]
    pub fn dangerous(self) -> DangerousSettings {
        DangerousSettings { builder: self }
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn build(self) -> Result<Settings, SettingsError> {
        Settings::assemble(self.effective)
    }

    fn one(mut self, name: &'static str, text: &str) -> Self {
        self.effective.values.set(name, Text::One(Secret::new(text)), Provenance::Code);
        self
    }

    fn many<T: Into<String>>(mut self, name: &'static str, items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(Secret::new).collect();
        self.effective.values.set(name, Text::Many(items), Provenance::Code);
        self
    }

    fn path(mut self, name: &'static str, path: PathBuf) -> Self {
        self.effective.values.set(name, Text::Path(path), Provenance::Code);
        self
    }

    /// A part of a second is left standing, for the check to refuse.
    fn seconds(self, name: &'static str, duration: Duration) -> Self {
        let text = match duration.subsec_nanos() {
            0 => duration.as_secs().to_string(),
            _ => duration.as_secs_f64().to_string(),
        };
        self.one(name, &text)
    }
}

/// Choices that give protection away; made by [`SettingsBuilder::dangerous`].
#[derive(Debug)]
pub struct DangerousSettings {
    builder: SettingsBuilder,
}

impl DangerousSettings {
    /// Lets a Keycloak that is not on this machine be reached without TLS (`KEYCLOAK_DANGEROUSLY_ALLOW_HTTP`): who is on
    /// the way can read tokens and the client secret, and hand out keys of their own.
    #[must_use]
    pub fn allow_plain_http(mut self) -> SettingsBuilder {
        self.builder.effective.allow_http = true;
        self.builder
    }
}
