//! From the values in force to checked [`Settings`].

use std::time::Duration;

use super::base_url::{self, BaseUrl};
use super::endpoints::Endpoints;
use super::error::{Defect, Problem, SettingsError};
use super::server::{KeycloakServer, Server};
use super::service::{
    AuditLog, AuthorizationMode, OpaqueTokens, SessionKey, SessionStore, TrustedProxy, UsersDatabase,
};
use super::source::Effective;
use super::values::Values;
use super::{Settings, syntax, variables};
use crate::secret::Secret;

impl Settings {
    pub(super) fn assemble(effective: Effective) -> Result<Self, SettingsError> {
        let Effective { values, files, adapter, allow_http, mut warnings } = effective;
        let audiences = audiences(&values)?;
        let server = server(&values, adapter.is_some(), allow_http, audiences.clone(), &mut warnings)?;

        let ca_pem = match values.path(variables::CA_FILE) {
            None => None,
            Some(path) => {
                let pem = files.read_for(&values, variables::CA_FILE, &path)?;
                syntax::certificates(&pem).map_err(|problem| values.error(variables::CA_FILE, problem))?;
                Some(pem)
            }
        };
        let acr_levels = values.list(variables::ACR_LEVELS, syntax::word)?.unwrap_or_default();
        if let Some((_, twice)) =
            acr_levels.iter().enumerate().find(|(at, level)| acr_levels.iter().take(*at).any(|l| l == *level))
        {
            let what = format!("lists {} twice", super::error::quoted(twice));
            let problem = Problem::malformed(what, "list each level once, weakest first");
            return Err(values.error(variables::ACR_LEVELS, problem));
        }
        let session_store =
            values.text(variables::SESSION_STORE, SessionStore::parse)?.unwrap_or(SessionStore::Memory);
        let session_keys = values.list(variables::SESSION_KEYS, SessionKey::parse)?.unwrap_or_default();
        if matches!(session_store, SessionStore::Redis(_)) && session_keys.is_empty() {
            let problem = Problem::new(
                Defect::Missing,
                format!("is missing although {} is Redis", variables::SESSION_STORE),
                "make a key with `openssl rand -base64 32` and give every replica the same",
            );
            return Err(values.error(variables::SESSION_KEYS, problem));
        }
        let (listen, authority) = match values.text(variables::LISTEN, syntax::listen)? {
            Some(listen) => listen,
            None => (DEFAULT_LISTEN, DEFAULT_LISTEN.to_string()),
        };
        let given_public_url = values.text(variables::PUBLIC_URL, |text| BaseUrl::parse(text.trim()))?;
        let public_url = match &given_public_url {
            Some(url) => url.clone(),
            None => default_public_url(&authority)?,
        };
        let whole = |name: &str, range: std::ops::RangeInclusive<u64>, default: u64| {
            let given = values.text(name, |text| syntax::seconds(text, &range))?;
            Ok::<_, SettingsError>(given.unwrap_or(Duration::from_secs(default)))
        };
        let given_cors = values.list(variables::CORS_ALLOWED_ORIGINS, base_url::origin)?;

        let mut settings = Self {
            leeway: whole(variables::LEEWAY_SECONDS, 0..=300, 5)?,
            jwks_ttl: whole(variables::JWKS_TTL_SECONDS, 1..=MONTH, 3600)?,
            jwks_cooldown: whole(variables::JWKS_COOLDOWN_SECONDS, 1..=3600, 10)?,
            jwks_max_stale: whole(variables::JWKS_MAX_STALE_SECONDS, 0..=MONTH, 86_400)?,
            http_timeout: whole(variables::HTTP_TIMEOUT_SECONDS, 1..=300, 5)?,
            opaque_tokens: values
                .text(variables::OPAQUE_TOKENS, OpaqueTokens::parse)?
                .unwrap_or(OpaqueTokens::Refuse),
            introspection_ttl: whole(variables::INTROSPECTION_TTL_SECONDS, 0..=3600, 30)?,
            token_cache_bytes: values
                .text(variables::TOKEN_CACHE_BYTES, |text| syntax::number(text, "bytes", &(0..=GIB)))?
                .unwrap_or(DEFAULT_TOKEN_CACHE_BYTES),
            public_key: values.text(variables::PUBLIC_KEY, syntax::public_key)?,
            authorization: values
                .text(variables::AUTHORIZATION, AuthorizationMode::parse)?
                .unwrap_or(AuthorizationMode::Offline),
            authorization_config: values.path(variables::AUTHORIZATION_CONFIG),
            authorization_time_zone: values
                .text(variables::AUTHORIZATION_TIME_ZONE, syntax::time_zone)?
                .unwrap_or_else(|| "UTC".to_owned()),
            exempt_paths: values.list(variables::EXEMPT_PATHS, syntax::exempt_path)?.unwrap_or_default(),
            create_users: values.text(variables::CREATE_USERS, syntax::flag)?.unwrap_or(true),
            users_database: values.text(variables::USERS_DATABASE, UsersDatabase::parse)?,
            trusted_proxies: values
                .list(variables::TRUSTED_PROXIES, TrustedProxy::parse)?
                .unwrap_or_default(),
            audit_log: values
                .text(variables::AUDIT_LOG, AuditLog::parse)?
                .unwrap_or(AuditLog::StandardOutput),
            server,
            given_audiences: audiences,
            allow_http,
            ca_pem,
            acr_levels,
            session_store,
            session_keys,
            listen,
            public_url,
            public_url_given: given_public_url.is_some(),
            cors_allowed_origins: Vec::new(),
            given_cors,
            adapter,
            warnings,
        };
        settings.derive_cors();
        Ok(settings)
    }

    /// The default origins hold only while the Keycloak is on this machine: in production a list is written down.
    pub(super) fn derive_cors(&mut self) {
        let local = match &self.server {
            Server::Embedded => true,
            Server::Keycloak(server) => server.url.is_loopback(),
        };
        self.cors_allowed_origins = match &self.given_cors {
            Some(given) => given.clone(),
            None if local => DEFAULT_ORIGINS.map(str::to_owned).into(),
            None => Vec::new(),
        };
    }
}

/// `http://` and the address.
pub(super) fn default_public_url(authority: &str) -> Result<BaseUrl, SettingsError> {
    BaseUrl::parse(&format!("http://{authority}"))
        .map_err(|problem| SettingsError::new(variables::PUBLIC_URL, problem))
}

/// A realm of a server and this service's client in it, with all that is derived from them.
pub(super) fn keycloak(
    url: BaseUrl,
    internal_url: Option<BaseUrl>,
    (realm, client_id): (String, String),
    client_secret: Option<Secret>,
    issuer: Option<String>,
    audiences: Option<Vec<String>>,
) -> KeycloakServer {
    let internal_url = internal_url.unwrap_or_else(|| url.clone());
    let endpoints = Endpoints::new(&url, &internal_url, &realm);
    KeycloakServer {
        issuer: issuer.unwrap_or_else(|| endpoints.realm().to_owned()),
        audiences: audiences.unwrap_or_else(|| vec![client_id.clone()]),
        url,
        internal_url,
        realm,
        client_id,
        client_secret,
        endpoints,
    }
}

fn audiences(values: &Values) -> Result<Option<Vec<String>>, SettingsError> {
    let audiences = values.list(variables::AUDIENCE, syntax::word)?;
    if audiences.as_ref().is_some_and(Vec::is_empty) {
        let problem = Problem::malformed("is a list without an item", "name at least one, or unset it");
        return Err(values.error(variables::AUDIENCE, problem));
    }
    Ok(audiences)
}

fn server(
    values: &Values,
    has_adapter_file: bool,
    allow_http: bool,
    audiences: Option<Vec<String>>,
    warnings: &mut Vec<String>,
) -> Result<Server, SettingsError> {
    let server_url = |text: &str| BaseUrl::parse_server(text.trim(), allow_http);
    // All are looked at, so that a bad one is found also while the embedded issuer is used.
    let url = values.text(variables::URL, server_url)?;
    let internal_url = values.text(variables::INTERNAL_URL, server_url)?;
    let realm = values.text(variables::REALM, syntax::realm)?;
    let client_id = values.text(variables::CLIENT_ID, syntax::word)?;
    let client_secret = values.text(variables::CLIENT_SECRET, |text| syntax::word(text).map(Secret::new))?;
    let issuer = values.text(variables::ISSUER, |text| base_url::issuer(text.trim()))?;

    let Some(url) = url else {
        refuse_half_a_server(values, has_adapter_file)?;
        for name in [variables::REALM, variables::CLIENT_ID, variables::CLIENT_SECRET] {
            if values.has(name) {
                warnings.push(format!(
                    "{} has no effect while {} is unset: the embedded development issuer has its own",
                    values.name(name),
                    variables::URL
                ));
            }
        }
        return Ok(Server::Embedded);
    };
    let realm =
        realm.ok_or_else(|| missing(variables::REALM, "the realm's name, as in {URL}/realms/{name}"))?;
    let client_id = client_id
        .ok_or_else(|| missing(variables::CLIENT_ID, "the client id that this service has in the realm"))?;
    for (name, base) in [(variables::URL, Some(&url)), (variables::INTERNAL_URL, internal_url.as_ref())] {
        if base.is_some_and(BaseUrl::needs_tls) {
            warnings.push(format!(
                "{} is plain HTTP to another host: tokens and the client secret can be read on the way",
                values.name(name)
            ));
        }
    }
    Ok(Server::Keycloak(keycloak(url, internal_url, (realm, client_id), client_secret, issuer, audiences)))
}

/// Without a URL the embedded issuer would be started. Settings that only a real server has mean that the URL was
/// forgotten, and development tokens must not be let in by an oversight.
fn refuse_half_a_server(values: &Values, has_adapter_file: bool) -> Result<(), SettingsError> {
    let real = [variables::INTERNAL_URL, variables::ISSUER, variables::PUBLIC_KEY];
    let because = match real.into_iter().find(|name| values.has(name)) {
        Some(name) => name,
        None if has_adapter_file => variables::CONFIG,
        None => return Ok(()),
    };
    let what = format!("is missing although {} is set", values.name(because));
    let remedy = format!("set it to the server's base URL, or unset {because} for the embedded issuer");
    Err(SettingsError::new(variables::URL, Problem::new(Defect::Missing, what, remedy)))
}

fn missing(name: &str, meaning: &str) -> SettingsError {
    let what = format!("is missing although {} is set", variables::URL);
    SettingsError::new(name, Problem::new(Defect::Missing, what, format!("set it to {meaning}")))
}

const DEFAULT_LISTEN: std::net::SocketAddr =
    std::net::SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 8000));
const DEFAULT_ORIGINS: [&str; 2] = ["http://localhost:3000", "http://localhost:5173"];
/// In seconds: 31 days.
/// The largest cache that is no slip of the hand.
const GIB: u64 = 1 << 30;
const DEFAULT_TOKEN_CACHE_BYTES: u64 = 32 << 20;
const MONTH: u64 = 31 * 86_400;
