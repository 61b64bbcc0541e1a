//! Who decides: the same code as in a service, by the same settings.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response};
use kc_core::audit::NoAudit;
use kc_core::clock::Clock;
use kc_core::keys::{KeySet, KeySource, KeysUnavailable, Refresh};
use kc_core::roles::KeycloakRoles;
use kc_core::rules::Rule;
use kc_core::settings::{OpaqueTokens, Settings, Sources};
use kc_core::transport::{Transport, TransportError};
use kc_core::users::MemoryUsers;
use kc_core::validator::JwtValidator;
use kc_core::wire::{Refusal, RequestView};
use kc_core::{AuthError, Authenticator as _, BearerAuthenticator, Guard, Keycloak, Principal};

/// What a token is held against.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) client_id: String,
    pub(super) leeway: Duration,
    /// Values of `acr`, weakest first.
    pub(super) acr_levels: Vec<String>,
    /// Keycloak is asked about tokens that only it can read.
    pub(super) introspects: bool,
    /// Whoever the realm vouches for is a local user.
    pub(super) creates_users: bool,
}

/// Decides about tokens.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) expected: Expected,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keys: Arc<dyn KeySource>,
    /// Where the keys are from.
    pub(super) source: &'static str,
    bearer: Arc<BearerAuthenticator>,
    guard: Guard,
    /// Only where the realm may be asked.
    keycloak: Option<Keycloak>,
}

impl Judge {
    /// As a service with the settings of this process decides; with `keys`, without asking anybody.
    pub(super) fn of_settings(
        keys: Option<Arc<dyn KeySource>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let without_settings = |why: &dyn std::fmt::Display| {
            format!("{why} (or give --jwks, --issuer and --audience, and the settings are not read)")
        };
        let sources = Sources::process().map_err(|error| error.to_string())?;
        let settings = Settings::load(&sources).map_err(|error| error.to_string())?;
        let creates_users = settings.create_users();
        // Whom the service knows is in its data base, not here: everybody is let in, and the steps say so.
        let settings = Settings::load(&sources.variable("KEYCLOAK_CREATE_USERS", "true"));
        let settings = settings.map_err(|error| error.to_string())?;
        let server = settings.keycloak().map_err(|error| without_settings(&error))?;
        let expected = Expected {
            issuer: server.issuer().to_owned(),
            audiences: server.audiences().to_vec(),
            client_id: server.client_id().to_owned(),
            leeway: settings.leeway(),
            acr_levels: settings.acr_levels().to_vec(),
            introspects: settings.opaque_tokens() == OpaqueTokens::Introspect,
            creates_users,
        };
        let mut builder = Keycloak::builder()
            .clock(Arc::clone(&clock))
            .audit(Arc::new(NoAudit))
            .users(Arc::new(MemoryUsers::default()));
        let source = match (&keys, settings.public_key()) {
            (Some(_), _) => "the file",
            (None, Some(_)) => "KEYCLOAK_PUBLIC_KEY",
            (None, None) => "the realm",
        };
        let asks = keys.is_none();
        if let Some(keys) = keys {
            builder = builder.keys(keys).transport(Arc::new(NobodyIsAsked));
        }
        let keycloak = builder.build(&settings).map_err(|error| error.to_string())?;
        let parts = keycloak.parts();
        Ok(Self {
            expected,
            clock,
            keys: Arc::clone(&parts.keys),
            source,
            bearer: Arc::clone(&parts.bearer),
            guard: keycloak.guard().clone(),
            keycloak: asks.then_some(keycloak),
        })
    }

    /// By what the command line says alone.
    pub(super) fn offline(
        issuer: String,
        audiences: Vec<String>,
        client_id: Option<String>,
        leeway: Duration,
        keys: Arc<dyn KeySource>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let client_id = client_id.or_else(|| audiences.first().cloned()).unwrap_or_default();
        let validator = JwtValidator::builder(&issuer, &audiences, Arc::clone(&keys))
            .leeway(leeway)
            .clock(Arc::clone(&clock))
            .build();
        let roles = Arc::new(KeycloakRoles::new(&client_id));
        let bearer = BearerAuthenticator::new(Arc::new(validator), roles).clock(Arc::clone(&clock));
        let realm = issuer.rsplit('/').next().unwrap_or_default().to_owned();
        let guard = Guard::builder(realm).clock(Arc::clone(&clock)).build();
        let expected = Expected {
            issuer,
            audiences,
            client_id,
            leeway,
            acr_levels: Vec::new(),
            introspects: false,
            creates_users: true,
        };
        Self { expected, clock, keys, source: "the file", bearer: Arc::new(bearer), guard, keycloak: None }
    }

    pub(super) fn asks_the_realm(&self) -> bool {
        self.keycloak.is_some() && self.source == "the realm"
    }

    /// Fetches what a service fetches when it starts.
    pub(super) async fn prepare(&self) {
        if let Some(keycloak) = &self.keycloak {
            keycloak.prefetch().await;
        }
    }

    /// Whom a request with this token comes from, or why it is refused.
    pub(super) async fn outcome(&self, token: &str) -> Result<Principal, AuthError> {
        let headers = headers(token);
        match self.bearer.authenticate(&request(&headers)).await? {
            Some(principal) => Ok(principal),
            None => Err(AuthError::NotAuthenticated),
        }
    }

    /// Whether a rule lets the caller pass.
    pub(super) async fn passes(&self, principal: &Principal, rule: &Rule) -> Result<(), Box<Refusal>> {
        let headers = HeaderMap::new();
        self.guard.authorize(&request(&headers), principal, rule).await.map_err(Box::new)
    }

    /// What the caller is told in `WWW-Authenticate`.
    pub(super) fn challenge(&self, refusal: &Refusal) -> Option<String> {
        let response = self.guard.response(refusal);
        let value = response.headers().get(http::header::WWW_AUTHENTICATE)?;
        value.to_str().ok().map(str::to_owned)
    }

    /// The keys that are there now; they were asked for when the token was judged.
    pub(super) async fn current_keys(&self) -> Result<Arc<KeySet>, KeysUnavailable> {
        match self.keys.current() {
            Some(keys) => Ok(keys),
            None => self.keys.refresh(Refresh::NoKeys).await,
        }
    }
}

fn headers(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Control characters, which no header holds, were refused when the token was read.
    if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}"))
        .or_else(|_| HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()))
    {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    headers
}

fn request(headers: &HeaderMap) -> RequestView<'_> {
    RequestView { method: "GET", path: "/", query: None, route: Some("/"), headers, peer: None }
}

/// With keys from a file, no request leaves this machine.
#[derive(Debug)]
struct NobodyIsAsked;

#[async_trait]
impl Transport for NobodyIsAsked {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        Err(TransportError::Unsendable { reason: "with --jwks nobody is asked".to_owned() })
    }
}
