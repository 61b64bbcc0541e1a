//! Everything that a service needs of one realm, put together from its settings.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use serde::Serialize;
use serde_json::Value;

use crate::access::RouteTable;
use crate::audit::{AuditSink, JsonLines, NoAudit};
use crate::authenticator::BearerAuthenticator;
use crate::client::ClientAuthentication;
use crate::clock::{Clock, SystemClock};
use crate::discovery;
use crate::error::AuthError;
use crate::guard::Guard;
use crate::introspection::HttpIntrospector;
use crate::keys::{KeyHealth, KeySource, PinnedKeys, RemoteKeys, RemoteKeysOptions};
use crate::openapi::{Completion, OpenApiError};
use crate::roles::KeycloakRoles;
use crate::rules::AcrLevels;
use crate::service_token::{ServiceToken, ServiceTokenOptions, ServiceTokens};
use crate::settings::{AuditLog, Endpoints, KeycloakServer, Settings, SettingsError};
use crate::signature::Algorithm;
use crate::transport::Transport;
#[cfg(feature = "reqwest")]
use crate::transport::{ReqwestTransport, TransportOptions};
use crate::users::{MemoryUsers, User, UserDirectory};
use crate::validator::JwtValidator;
use crate::wire::{ExemptPaths, cors::CorsPolicy};

/// A realm at a Keycloak, as its settings say: the guard, and what belongs to it.
///
/// Nothing is asked of the server until a request needs it, or [`prefetch`](Self::prefetch) is called: a service
/// starts while Keycloak is down.
#[derive(Clone)]
pub struct Keycloak {
    guard: Guard,
    keys: Keys,
    users: Arc<dyn UserDirectory>,
    service_tokens: ServiceTokens,
    cors: CorsPolicy,
    metadata: ResourceMetadata,
    completion: Completion,
    server: KeycloakServer,
    transport: Arc<dyn Transport>,
}

#[derive(Clone)]
enum Keys {
    Pinned,
    Remote(RemoteKeys),
}

/// Protected resource metadata (RFC 9728 §2). Members in this order.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ResourceMetadata {
    resource: String,
    authorization_servers: [String; 1],
    bearer_methods_supported: [&'static str; 1],
}

impl Keycloak {
    /// Puts it together, with an HTTP client of its own.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting that cannot be used.
    #[cfg(feature = "reqwest")]
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let options = TransportOptions {
            timeout: settings.http_timeout(),
            extra_roots_pem: settings.ca_pem().map(<[u8]>::to_vec),
            ..TransportOptions::default()
        };
        let transport = ReqwestTransport::new(options).map_err(|error| {
            let remedy = "give PEM certificates, or leave it unset to trust the system's";
            SettingsError::unusable("KEYCLOAK_CA_FILE", error.to_string(), remedy)
        })?;
        Self::with_transport(settings, Arc::new(transport))
    }

    /// Puts it together; whatever is asked of the server goes through `transport`.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting that cannot be used.
    pub fn with_transport(settings: &Settings, transport: Arc<dyn Transport>) -> Result<Self, SettingsError> {
        let server = settings.keycloak()?;
        let endpoints = server.endpoints();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (keys, source) = Self::keys(settings, &transport)?;
        let validator = JwtValidator::builder(server.issuer(), server.audiences(), source)
            .leeway(settings.leeway())
            .clock(Arc::clone(&clock))
            .build();
        let users: Arc<dyn UserDirectory> = Arc::new(MemoryUsers::default());
        let bearer =
            BearerAuthenticator::new(Arc::new(validator), Arc::new(KeycloakRoles::new(server.client_id())))
                .users(Arc::clone(&users), settings.create_users())
                .clock(Arc::clone(&clock));
        let authentication = match server.client_secret() {
            Some(secret) => ClientAuthentication::client_secret_post(server.client_id(), secret.clone()),
            None => ClientAuthentication::public(server.client_id()),
        };
        let introspector = HttpIntrospector::new(
            Arc::clone(&transport),
            uri(&endpoints.introspection())?,
            authentication.clone(),
            Arc::clone(&clock),
        );
        let service_tokens = ServiceTokens::new(
            Arc::clone(&transport),
            uri(&endpoints.token())?,
            authentication,
            Arc::clone(&clock),
            ServiceTokenOptions::default(),
        );
        let exempt = ExemptPaths::new(settings.exempt_paths()).map_err(|error| {
            SettingsError::unusable("KEYCLOAK_EXEMPT_PATHS", error.to_string(), "correct the path")
        })?;
        let completion =
            Completion::new(endpoints.authorization(), endpoints.public_token()).exempt(exempt.clone());
        let guard = Guard::builder(server.realm())
            .add_authenticator(Arc::new(bearer))
            .introspector(Arc::new(introspector))
            .exempt(exempt)
            .acr_levels(AcrLevels::new(settings.acr_levels()))
            .audit(Self::audit(settings)?)
            .clock(clock)
            .trusted_proxies(settings.trusted_proxies().iter().copied())
            .build();
        let metadata = ResourceMetadata {
            resource: settings.public_url().as_str().to_owned(),
            authorization_servers: [server.issuer().to_owned()],
            bearer_methods_supported: ["header"],
        };
        let cors = CorsPolicy::new(settings.cors_allowed_origins());
        let server = server.clone();
        Ok(Self { guard, keys, users, service_tokens, cors, metadata, completion, server, transport })
    }

    fn keys(
        settings: &Settings,
        transport: &Arc<dyn Transport>,
    ) -> Result<(Keys, Arc<dyn KeySource>), SettingsError> {
        if let Some(text) = settings.public_key() {
            // A value of `.env` or of a shell often has its line ends written out.
            let pinned = PinnedKeys::from_pem(&text.replace("\\n", "\n")).map_err(|error| {
                let remedy = "give the realm's public key, from `public_key` of the realm's page at \
                              {KEYCLOAK_URL}/realms/{KEYCLOAK_REALM}";
                SettingsError::unusable("KEYCLOAK_PUBLIC_KEY", error.to_string(), remedy)
            })?;
            return Ok((Keys::Pinned, Arc::new(pinned)));
        }
        let options = RemoteKeysOptions {
            ttl: settings.jwks_ttl(),
            max_stale: settings.jwks_max_stale(),
            cooldown: settings.jwks_cooldown(),
            timeout: settings.http_timeout(),
        };
        let certs = uri(&settings.keycloak()?.endpoints().certs())?;
        let remote = RemoteKeys::new(Arc::clone(transport), certs, options);
        Ok((Keys::Remote(remote.clone()), Arc::new(remote)))
    }

    fn audit(settings: &Settings) -> Result<Arc<dyn AuditSink>, SettingsError> {
        let sink = match settings.audit_log() {
            AuditLog::Off => return Ok(Arc::new(NoAudit)),
            AuditLog::StandardOutput => JsonLines::stdout(),
            AuditLog::File(path) => JsonLines::append(path),
        };
        let sink = sink.map_err(|error| {
            let remedy = "name a file in a folder that exists and that this process may write to, - or off";
            SettingsError::unusable("AUDIT_LOG", error.to_string(), remedy)
        })?;
        Ok(Arc::new(sink))
    }

    /// What decides about requests.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Which web pages may call this service.
    #[must_use]
    pub fn cors(&self) -> &CorsPolicy {
        &self.cors
    }

    /// Where the realm's endpoints are.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        self.server.endpoints()
    }

    /// What clients may know of this service (RFC 9728).
    #[must_use]
    pub fn resource_metadata(&self) -> &ResourceMetadata {
        &self.metadata
    }

    /// Completes an OpenAPI document with what the routes of the table ask of their callers: see
    /// [`Completion::complete`]. Browsers log in at the public URL of Keycloak.
    ///
    /// # Errors
    /// [`OpenApiError`] names each difference between document and routes.
    pub fn openapi(&self, document: Value, table: &RouteTable) -> Result<Value, OpenApiError> {
        self.completion.complete(document, table)
    }

    /// What [`openapi`](Self::openapi) does it with, to be told more.
    pub fn openapi_completion(&self) -> Completion {
        self.completion.clone()
    }

    /// The algorithms that tokens may be signed with.
    #[must_use]
    pub fn algorithms(&self) -> &'static [Algorithm] {
        &Algorithm::ALL
    }

    /// How good the realm's keys are. A pinned key is always fresh.
    #[must_use]
    pub fn key_health(&self) -> KeyHealth {
        match &self.keys {
            Keys::Pinned => KeyHealth::Fresh,
            Keys::Remote(remote) => remote.health(),
        }
    }

    /// Fetches the keys now, so that the first request need not wait, and compares what the server says of itself with
    /// what the settings say. Whatever is wrong is a warning in the log; requests will ask again. With a pinned key
    /// nothing is asked.
    pub async fn prefetch(&self) {
        let Keys::Remote(remote) = &self.keys else { return };
        if let Err(error) = remote.prefetch().await {
            tracing::warn!(target: "kc", "{error}. The service runs; it will ask again when a token comes");
            return;
        }
        let server = &self.server;
        match discovery::cross_check(&*self.transport, server.endpoints(), server.issuer()).await {
            Ok(discovery) => {
                for difference in discovery.differences() {
                    tracing::warn!(target: "kc", "{difference}");
                }
            }
            Err(error) => {
                tracing::warn!(target: "kc", "the settings could not be compared with the server: {error}")
            }
        }
    }

    /// The local users, at most `limit`, the oldest first.
    ///
    /// # Errors
    /// [`AuthError::Users`] when their store does not answer.
    pub async fn users(&self, limit: usize) -> Result<Vec<User>, AuthError> {
        self.users.list(limit).await.map_err(|error| AuthError::Users { reason: error.reason })
    }

    /// This service's own token, fetched by client credentials (RFC 6749 §4.4) and kept.
    ///
    /// # Errors
    /// [`AuthError::ServiceToken`] when Keycloak refuses it or does not answer.
    pub async fn service_token(&self) -> Result<ServiceToken, AuthError> {
        self.service_tokens.token().await.map_err(|error| AuthError::ServiceToken {
            reason: error.diagnosis(self.service_tokens.client_id()),
        })
    }
}

fn uri(text: &str) -> Result<Uri, SettingsError> {
    text.parse().map_err(|_| {
        SettingsError::unusable(
            "KEYCLOAK_URL",
            "makes no valid URL".to_owned(),
            "check the URL and the realm's name",
        )
    })
}

impl fmt::Debug for Keycloak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keycloak").field("guard", &self.guard).finish_non_exhaustive()
    }
}
