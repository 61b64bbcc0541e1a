//! Everything that a service needs of one realm, put together from its settings.

mod authorization;
mod build;
mod transport;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

pub use self::build::KeycloakBuilder;
use crate::access::RouteTable;
use crate::authenticator::BearerAuthenticator;
use crate::client::ClientAuthentication;
use crate::clock::Clock;
use crate::discovery;
use crate::error::AuthError;
use crate::guard::Guard;
use crate::health::{HealthReport, RealmReport, ServiceTokenReport};
use crate::keys::{KeyHealth, KeySource, RemoteKeys};
use crate::openapi::{Completion, OpenApiError};
use crate::policy::{AuthorizationFile, AuthorizationStatus};
use crate::revocations::{RealmRevocations, Revocations};
use crate::service_token::{ServiceToken, ServiceTokens};
use crate::settings::KeycloakServer;
#[cfg(feature = "reqwest")]
use crate::settings::{Settings, SettingsError};
use crate::signature::Algorithm;
use crate::token_exchange::TokenExchange;
use crate::transport::{CircuitBreaker, Transport};
use crate::uma::{ProtectionClient, UmaClient};
use crate::users::{LocalUsers, User};
use crate::wire::cors::CorsPolicy;

/// A realm at a Keycloak, as its settings say: the guard, and what belongs to it.
///
/// Nothing is asked of the server until a request needs it, or [`prefetch`](Self::prefetch) is called: a service
/// starts while Keycloak is down.
///
/// # Example
/// ```
/// # #[cfg(feature = "reqwest")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use kc_core::Keycloak;
/// use kc_core::secret::Secret;
/// use kc_core::settings::Settings;
///
/// // Or `Settings::from_env()?`. Nothing is asked of the server yet.
/// let settings = Settings::builder("https://kc.example.com", "shop", "api")
///     .client_secret(Secret::new("hunter2"))
///     .build()?;
/// let keycloak = Keycloak::new(&settings)?;
/// assert_eq!(keycloak.guard().realm(), "shop");
/// # Ok(()) }
/// # #[cfg(not(feature = "reqwest"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Keycloak {
    authorization: Option<AuthorizationFile>,
    breakers: Vec<CircuitBreaker>,
    /// Realms whose keys are not fetched, and what has them.
    given: Vec<(String, Arc<dyn KeySource>)>,
    guard: Guard,
    permissions: UmaClient,
    protection: ProtectionClient,
    remotes: Vec<Remote>,
    users: LocalUsers,
    revocations: Arc<dyn Revocations>,
    service_tokens: ServiceTokens,
    token_exchange: TokenExchange,
    cors: CorsPolicy,
    metadata: ResourceMetadata,
    completion: Completion,
    parts: Arc<Parts>,
}

/// What else is spoken with a realm is made of these: `kc-login` is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parts {
    /// Who sends requests to Keycloak.
    pub transport: Arc<dyn Transport>,
    /// The keys of the settings' realm.
    pub keys: Arc<dyn KeySource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Checks access tokens, keeps local users and remembers both.
    pub bearer: Arc<BearerAuthenticator>,
    /// What is revoked.
    pub revocations: Arc<dyn Revocations>,
    /// This service as a client of the realm.
    pub authentication: ClientAuthentication,
}

/// A realm whose keys and not-before are asked for. One with a pinned key, or with a key source of the user's own, is asked
/// for nothing.
#[derive(Clone)]
struct Remote {
    keys: RemoteKeys,
    not_before: RealmRevocations,
    server: KeycloakServer,
    transport: Arc<dyn Transport>,
}

impl Remote {
    async fn prefetch(&self) {
        tokio::join!(self.prefetch_keys(), self.not_before.ask());
    }

    async fn prefetch_keys(&self) {
        // A request may have been faster.
        if self.keys.health() != KeyHealth::Fresh
            && let Err(error) = self.keys.prefetch().await
        {
            tracing::warn!(target: "kc", "{error}. The service runs; it will ask again when a token comes");
            return;
        }
        match discovery::cross_check(&*self.transport, self.server.endpoints(), self.server.issuer()).await {
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
}

/// Protected resource metadata (RFC 9728 §2). Members in this order.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ResourceMetadata {
    resource: String,
    authorization_servers: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
}

impl Keycloak {
    /// Puts it together, with an HTTP client of its own.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting that cannot be used.
    #[cfg(feature = "reqwest")]
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Self::builder().build(settings)
    }

    /// Puts it together with parts of your own.
    pub fn builder() -> KeycloakBuilder {
        KeycloakBuilder::default()
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

    /// What clients may know of this service (RFC 9728).
    #[must_use]
    pub fn resource_metadata(&self) -> &ResourceMetadata {
        &self.metadata
    }

    /// Completes an OpenAPI document with what the routes of the table ask of their callers: see
    /// [`Completion::complete`]. Browsers log in at the public URL of the settings' realm.
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

    /// Which authorization configuration rules decide by; `None` when the settings name none.
    #[must_use]
    pub fn authorization_status(&self) -> Option<AuthorizationStatus> {
        self.authorization.as_ref().map(AuthorizationFile::status)
    }

    /// Asks what the holder of a token may do with the resources of this service's client, whatever the settings say that
    /// rules are decided by.
    #[must_use]
    pub fn permissions(&self) -> &UmaClient {
        &self.permissions
    }

    /// Registers resources in the name of this service. Needs a confidential client.
    #[must_use]
    pub fn protection(&self) -> &ProtectionClient {
        &self.protection
    }

    /// The algorithms that tokens may be signed with.
    #[must_use]
    pub fn algorithms(&self) -> &'static [Algorithm] {
        &Algorithm::ALL
    }

    /// How good the realm's keys are; of several realms, the worst of them. A pinned key is always fresh, and so is what a
    /// key source of your own gives.
    #[must_use]
    pub fn key_health(&self) -> KeyHealth {
        self.remotes.iter().map(|remote| remote.keys.health()).max().unwrap_or(KeyHealth::Fresh)
    }

    /// How it is doing: for a readiness probe, on a port that is not for everybody. Nothing is asked of Keycloak.
    #[must_use]
    pub fn health(&self) -> HealthReport {
        let remote = |remote: &Remote| {
            RealmReport::remote(remote.server.realm(), &remote.keys.holding(), remote.not_before.age())
        };
        let given = self.given.iter().map(|(realm, source)| RealmReport::given(realm, &**source));
        let mut realms: Vec<_> = self.remotes.iter().map(remote).chain(given).collect();
        // Stable: the others stay in their order.
        realms.sort_by_key(|realm| realm.realm != self.guard.realm());
        let mut circuits_open: Vec<_> = self.breakers.iter().flat_map(CircuitBreaker::open).collect();
        circuits_open.sort_unstable();
        circuits_open.dedup();
        let (lives_for, last_error) = self.service_tokens.holding();
        HealthReport {
            ready: realms.iter().any(|realm| realm.ready),
            realms,
            circuits_open,
            service_token: ServiceTokenReport::new(lives_for, last_error),
            checks: Vec::new(),
        }
    }

    /// Fetches the keys now, so that the first request need not wait, and compares what the server says of itself with
    /// what the settings say; and asks for the realm's not-before. Whatever is wrong is a warning in the log; requests
    /// will ask again. With a pinned key nothing is asked.
    pub async fn prefetch(&self) {
        let realms = self.remotes.iter().cloned().map(|realm| async move { realm.prefetch().await });
        let realms: Vec<_> = realms.map(tokio::spawn).collect();
        for realm in realms {
            // A task that panics has said so.
            let _ = realm.await;
        }
    }

    /// The parts it is made of.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The same realm under another guard, which was made [of this one](Guard::to_builder).
    #[must_use]
    pub fn with_guard(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }

    /// The local users, at most `limit`, the oldest first.
    ///
    /// # Errors
    /// [`AuthError::Users`] when their store does not answer.
    pub async fn users(&self, limit: usize) -> Result<Vec<User>, AuthError> {
        self.users.directory().list(limit).await.map_err(|error| AuthError::Users { reason: error.reason })
    }

    /// The local users, to sign somebody in by other means than a bearer token, or to change what is kept.
    #[must_use]
    pub fn local_users(&self) -> &LocalUsers {
        &self.users
    }

    /// What is revoked: to revoke more.
    #[must_use]
    pub fn revocations(&self) -> &dyn Revocations {
        &*self.revocations
    }

    /// This service's own tokens, to call other services with: see [`outbound`](crate::outbound).
    #[must_use]
    pub fn service_tokens(&self) -> &ServiceTokens {
        &self.service_tokens
    }

    /// Exchanges callers' tokens for those of other services: see [`token_exchange`](crate::token_exchange).
    #[must_use]
    pub fn token_exchange(&self) -> &TokenExchange {
        &self.token_exchange
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

impl fmt::Debug for Keycloak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keycloak").field("guard", &self.guard).finish_non_exhaustive()
    }
}
