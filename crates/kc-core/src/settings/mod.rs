//! What a deployment may set, checked before anything starts.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | read the environment, `.env` and `keycloak.json` | [`Settings::from_env`] |
//! | set everything in code | [`Settings::builder`] |
//! | give the layers in a test | [`Sources`] and [`Settings::load`] |
//!
//! Every variable is described in `docs/configuration.md`.

mod adapter_config;
mod assemble;
mod base_url;
mod builder;
mod client_proof;
mod dotenv;
mod endpoints;
mod error;
mod placeholder;
mod server;
mod service;
mod source;
mod syntax;
#[cfg(test)]
mod tests;
mod values;
mod variables;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::error::Problem;

pub use self::adapter_config::{AdapterConfig, SslRequired};
pub use self::base_url::BaseUrl;
pub(crate) use self::base_url::is_loopback;
pub use self::builder::{DangerousSettings, SettingsBuilder};
pub use self::endpoints::Endpoints;
pub use self::error::{Defect, SettingsError};
pub use self::server::{ClientProof, KeycloakServer, Server};
pub use self::service::{
    AuditLog, AuthorizationMode, OpaqueTokens, SessionKey, SessionStore, TrustedProxy, UsersDatabase,
};
pub use self::source::Sources;
pub use self::variables::VARIABLES;
use crate::secret::Secret;

/// All settings of a service, each checked. `Debug` shows no secret.
///
/// # Example
/// ```
/// use kc_core::settings::Settings;
///
/// let settings = Settings::builder("https://kc.example.com/", "shop", "api").build()?;
/// assert_eq!(settings.keycloak()?.issuer(), "https://kc.example.com/realms/shop");
///
/// let error = Settings::builder("kc.example.com", "shop", "api").build().unwrap_err();
/// assert!(error.to_string().starts_with("KEYCLOAK_URL"), "{error}");
/// # Ok::<(), kc_core::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    server: Server,
    given_audiences: Option<Vec<String>>,
    allow_http: bool,
    public_key: Option<String>,
    authorization: AuthorizationMode,
    authorization_config: Option<PathBuf>,
    authorization_time_zone: String,
    exempt_paths: Vec<String>,
    create_users: bool,
    leeway: Duration,
    jwks_ttl: Duration,
    jwks_cooldown: Duration,
    jwks_max_stale: Duration,
    http_timeout: Duration,
    opaque_tokens: OpaqueTokens,
    introspection_ttl: Duration,
    token_cache_bytes: u64,
    ca_pem: Option<Vec<u8>>,
    acr_levels: Vec<String>,
    listen: SocketAddr,
    public_url: BaseUrl,
    public_url_given: bool,
    cors_allowed_origins: Vec<String>,
    given_cors: Option<Vec<String>>,
    session_store: SessionStore,
    session_keys: Vec<SessionKey>,
    users_database: Option<UsersDatabase>,
    trusted_proxies: Vec<TrustedProxy>,
    audit_log: AuditLog,
    adapter: Option<AdapterConfig>,
    warnings: Vec<String>,
}

impl Settings {
    /// Reads the process environment, `.env` of the working folder, and the file that `KEYCLOAK_CONFIG` names.
    ///
    /// # Errors
    /// The first setting that cannot be used. Its text is the one line to print before leaving with exit code 2.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::load(&Sources::process()?)
    }

    /// Reads `sources`.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        Self::assemble(sources.effective()?)
    }

    /// Settings in code: the server's base URL, the realm, and this service's client in it.
    #[must_use]
    pub fn builder(keycloak_url: &str, realm: &str, client_id: &str) -> SettingsBuilder {
        SettingsBuilder::new(keycloak_url, realm, client_id)
    }

    /// The same settings with the embedded issuer at `base_url` as the server. Its client's audience, the issuer and the
    /// default CORS origins follow.
    ///
    /// # Errors
    /// The URL, realm or client id cannot be used.
    pub fn with_embedded(
        mut self,
        base_url: &str,
        realm: &str,
        client_id: &str,
        client_secret: Option<Secret>,
    ) -> Result<Self, SettingsError> {
        let wrong =
            |what: &str, problem: Problem| SettingsError::new(format!("embedded issuer's {what}"), problem);
        let url = BaseUrl::parse_server(base_url, self.allow_http).map_err(|p| wrong("URL", p))?;
        let realm = syntax::realm(realm).map_err(|p| wrong("realm", p))?;
        let client_id = syntax::word(client_id).map_err(|p| wrong("client id", p))?;
        let audiences = self.given_audiences.clone();
        let proof = client_secret.map_or(ClientProof::None, ClientProof::Secret);
        let server = assemble::keycloak(url, None, (realm, client_id), proof, None, audiences);
        self.server = Server::Keycloak(server);
        self.derive_cors();
        Ok(self)
    }

    /// The same settings with the address that was really bound: port 0 lets the system choose one. The default of
    /// [`public_url`](Self::public_url) follows.
    ///
    /// # Errors
    /// The address makes no URL.
    pub fn with_listen(mut self, address: SocketAddr) -> Result<Self, SettingsError> {
        self.listen = address;
        if !self.public_url_given {
            self.public_url = assemble::default_public_url(&address.to_string())?;
        }
        Ok(self)
    }

    /// Where tokens come from (`KEYCLOAK_URL`).
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// The Keycloak server, for programs that need one.
    ///
    /// # Errors
    /// `KEYCLOAK_URL` is unset and [`with_embedded`](Self::with_embedded) was not called.
    pub fn keycloak(&self) -> Result<&KeycloakServer, SettingsError> {
        match &self.server {
            Server::Keycloak(server) => Ok(server),
            Server::Embedded => Err(SettingsError::new(
                variables::URL,
                Problem::new(
                    Defect::Missing,
                    "is missing",
                    "set it to the base URL of your Keycloak, https://keycloak.example.com for one",
                ),
            )),
        }
    }

    /// The pinned realm key as it was given (`KEYCLOAK_PUBLIC_KEY`): PEM whose line ends may be written `\n`, or bare
    /// base64. Default: none, keys are fetched.
    #[must_use]
    pub fn public_key(&self) -> Option<&str> {
        self.public_key.as_deref()
    }

    /// Who decides about permissions (`KEYCLOAK_AUTHORIZATION`). Default: the exported file.
    #[must_use]
    pub const fn authorization(&self) -> AuthorizationMode {
        self.authorization
    }

    /// The exported `authorization-config.json` (`KEYCLOAK_AUTHORIZATION_CONFIG`), not read yet. Default: none.
    #[must_use]
    pub fn authorization_config(&self) -> Option<&Path> {
        self.authorization_config.as_deref()
    }

    /// The IANA name of the zone of time policies (`KEYCLOAK_AUTHORIZATION_TIME_ZONE`); only its form is checked.
    /// Default `UTC`.
    #[must_use]
    pub fn authorization_time_zone(&self) -> &str {
        &self.authorization_time_zone
    }

    /// Path prefixes that need no token, without a trailing slash (`KEYCLOAK_EXEMPT_PATHS`). Default: none.
    #[must_use]
    pub fn exempt_paths(&self) -> &[String] {
        &self.exempt_paths
    }

    /// Whether a local user is made on first sight (`KEYCLOAK_CREATE_USERS`). Default true.
    #[must_use]
    pub const fn create_users(&self) -> bool {
        self.create_users
    }

    /// Clock skew for `exp`, `nbf` and `iat` (`KEYCLOAK_LEEWAY_SECONDS`). 0 to 300 s, default 5 s.
    #[must_use]
    pub const fn leeway(&self) -> Duration {
        self.leeway
    }

    /// How long fetched keys are fresh (`KEYCLOAK_JWKS_TTL_SECONDS`). 1 s to 31 days, default 1 h.
    #[must_use]
    pub const fn jwks_ttl(&self) -> Duration {
        self.jwks_ttl
    }

    /// What becomes of tokens that only Keycloak can read (`KEYCLOAK_OPAQUE_TOKENS`). Default: they are refused.
    #[must_use]
    pub const fn opaque_tokens(&self) -> OpaqueTokens {
        self.opaque_tokens
    }

    /// How long Keycloak's word on such a token is remembered (`KEYCLOAK_INTROSPECTION_TTL_SECONDS`). 0 to 1 h, default
    /// 30 s.
    #[must_use]
    pub const fn introspection_ttl(&self) -> Duration {
        self.introspection_ttl
    }

    /// How many bytes the tokens may take that were found good and are remembered (`KEYCLOAK_TOKEN_CACHE_BYTES`). 0, which
    /// is none, to 1 GiB; default 32 MiB.
    #[must_use]
    pub const fn token_cache_bytes(&self) -> u64 {
        self.token_cache_bytes
    }

    /// Least time between two fetches for unknown key ids (`KEYCLOAK_JWKS_COOLDOWN_SECONDS`). 1 s to 1 h, default 10 s.
    #[must_use]
    pub const fn jwks_cooldown(&self) -> Duration {
        self.jwks_cooldown
    }

    /// How long keys serve after that while the server can't be asked (`KEYCLOAK_JWKS_MAX_STALE_SECONDS`). 0 to 31 days,
    /// default 24 h.
    #[must_use]
    pub const fn jwks_max_stale(&self) -> Duration {
        self.jwks_max_stale
    }

    /// For every request to the server (`KEYCLOAK_HTTP_TIMEOUT_SECONDS`). 1 to 300 s, default 5 s.
    #[must_use]
    pub const fn http_timeout(&self) -> Duration {
        self.http_timeout
    }

    /// What `KEYCLOAK_CA_FILE` holds: PEM certificates. Default: none.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&[u8]> {
        self.ca_pem.as_deref()
    }

    /// Values of `acr`, weakest first (`KEYCLOAK_ACR_LEVELS`). Default: none.
    #[must_use]
    pub fn acr_levels(&self) -> &[String] {
        &self.acr_levels
    }

    /// The service's address (`LISTEN`). Default `127.0.0.1:8000`.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// How browsers reach the service (`PUBLIC_URL`); cookies are `Secure` when it is `https`. Default:
    /// `http://{LISTEN}`.
    #[must_use]
    pub const fn public_url(&self) -> &BaseUrl {
        &self.public_url
    }

    /// Origins whose scripts may call the service (`CORS_ALLOWED_ORIGINS`). Default: `http://localhost:3000` and
    /// `http://localhost:5173` while the Keycloak is on this machine, otherwise none.
    #[must_use]
    pub fn cors_allowed_origins(&self) -> &[String] {
        &self.cors_allowed_origins
    }

    /// Where browser sessions live (`SESSION_STORE`). Default: in memory.
    #[must_use]
    pub const fn session_store(&self) -> &SessionStore {
        &self.session_store
    }

    /// The keys that seal what a shared store holds, newest first (`SESSION_KEYS`); not empty with Redis.
    #[must_use]
    pub fn session_keys(&self) -> &[SessionKey] {
        &self.session_keys
    }

    /// The data base of the local users (`USERS_DATABASE`). Default: none, they live in memory.
    #[must_use]
    pub const fn users_database(&self) -> Option<&UsersDatabase> {
        self.users_database.as_ref()
    }

    /// Whose forwarding headers are believed (`TRUSTED_PROXIES`). Default: nobody's.
    #[must_use]
    pub fn trusted_proxies(&self) -> &[TrustedProxy] {
        &self.trusted_proxies
    }

    /// Where audit events go (`AUDIT_LOG`). Default: to standard output.
    #[must_use]
    pub const fn audit_log(&self) -> &AuditLog {
        &self.audit_log
    }

    /// What the adapter file says beside the settings above (`KEYCLOAK_CONFIG`).
    #[must_use]
    pub const fn adapter_config(&self) -> Option<&AdapterConfig> {
        self.adapter.as_ref()
    }

    /// What was ignored or is risky, a line each: unknown keys, variables that look like typos, plain HTTP.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Lines for a start-up banner, without secrets.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |what: &str, value: &str| lines.push(format!("{what:<13} {value}"));
        match &self.server {
            Server::Embedded => line("issuer", "embedded, for development (KEYCLOAK_URL is unset)"),
            Server::Keycloak(server) => {
                line("issuer", server.issuer());
                line("realm", server.realm());
                line("client id", server.client_id());
                match server.client_proof() {
                    ClientProof::Certificate(_) => line("client cert", "set"),
                    ClientProof::Key(key) => line("client key", key.algorithm().name()),
                    ClientProof::None => line("client secret", "none"),
                    ClientProof::Secret(_) => line("client secret", "set"),
                }
                line("audiences", &server.audiences().join(", "));
                if server.internal_url() != server.url() {
                    line("internal URL", server.internal_url().as_str());
                }
            }
        }
        line("keys", if self.public_key.is_some() { "pinned" } else { "fetched" });
        line("listen", &self.listen.to_string());
        line("public URL", self.public_url.as_str());
        if !self.exempt_paths.is_empty() {
            line("exempt paths", &self.exempt_paths.join(", "));
        }
        lines
    }
}
