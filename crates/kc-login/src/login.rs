//! The one facade that adapters mount.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, Uri};
use kc_core::client::ClientAuthentication;
use kc_core::clock::Clock;
use kc_core::revocations::Revocations;
use kc_core::rules::AcrLevels;
use kc_core::settings::{Endpoints, Settings, SettingsError};
use kc_core::transport::Transport;
use kc_core::validator::{IdTokenValidator, LogoutTokenValidator};
use kc_core::wire::RequestView;
use kc_core::{AuthError, BearerAuthenticator, Guard, Keycloak};

use crate::authenticator::SessionAuthenticator;
use crate::cookie::Names;
use crate::endpoint::Endpoint;
use crate::entrance::Entrance;
use crate::refresh::Refresher;
use crate::reply;
use crate::seal::Seal;
use crate::server::Discovered;
use crate::session::{MemoryReplayCache, MemorySessions, ReplayCache, SessionKey, SessionStore};
use crate::token_endpoint::TokenEndpoint;

/// Browser login at one realm. Cheap to clone.
///
/// An adapter mounts its [endpoints](Endpoint::ALL); [`protect`](Self::protect) makes the guard know its sessions.
///
/// # Example
/// ```
/// use kc_core::Keycloak;
/// use kc_core::secret::Secret;
/// use kc_core::settings::Settings;
/// use kc_login::{Login, LoginOptions, LoginStores, seal};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings::builder("https://kc.example.com", "shop", "web")
///     .client_secret(Secret::new("hunter2"))
///     .public_url("https://shop.example.com")
///     .build()?;
/// let keycloak = Keycloak::new(&settings)?;
/// let login = Login::new(&keycloak, &settings, LoginStores::in_memory(&settings), LoginOptions::default())?;
/// let keycloak = login.protect(keycloak); // its guard takes sessions beside tokens
/// assert_eq!(login.redirect_uri(), "https://shop.example.com/oidc/callback");
/// # let _ = keycloak;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Login {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) guard: Guard,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bearer: Arc<BearerAuthenticator>,
    pub(crate) revocations: Arc<dyn Revocations>,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) endpoints: Endpoints,
    pub(crate) pushed: Uri,
    pub(crate) issuer: String,
    /// How browsers reach this service, without a slash at the end.
    pub(crate) public_url: String,
    pub(crate) acr_levels: AcrLevels,
    /// Whether browsers come by https.
    pub(crate) https: bool,
    pub(crate) cookies: Names,
    pub(crate) seal: Seal,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) replay: Arc<dyn ReplayCache>,
    pub(crate) refresher: Refresher,
    pub(crate) tokens: TokenEndpoint,
    pub(crate) id_tokens: IdTokenValidator,
    pub(crate) logout_tokens: LogoutTokenValidator,
    pub(crate) discovered: Discovered,
    pub(crate) options: LoginOptions,
}

/// Where sessions are kept, and what seals that which leaves this process.
#[derive(Debug)]
pub struct LoginStores {
    /// The sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// What was used once.
    pub replay: Arc<dyn ReplayCache>,
    /// Seals the cookies of logins that are under way. Replicas need the same keys: one ends what another began.
    pub seal: Seal,
}

impl LoginStores {
    /// In this process, sealed under the settings' keys (`SESSION_KEYS`), or under one that dies with the process.
    #[must_use]
    pub fn in_memory(settings: &Settings) -> Self {
        Self {
            sessions: Arc::new(MemorySessions::default()),
            replay: Arc::new(MemoryReplayCache::default()),
            seal: seal(settings).unwrap_or_else(Seal::ephemeral),
        }
    }
}

/// What the settings' keys (`SESSION_KEYS`) seal; `None` when there are none.
#[must_use]
pub fn seal(settings: &Settings) -> Option<Seal> {
    Seal::new(settings.session_keys().iter().map(kc_core::settings::SessionKey::expose))
}

/// How logins and sessions are to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoginOptions {
    /// What is asked for. Default `openid profile email`.
    pub scope: String,
    /// How long a session lives unused. Default 30 minutes, as Keycloak's.
    pub idle: Duration,
    /// How long a session lives at most. Default 10 hours, as Keycloak's.
    pub lifetime: Duration,
    /// How long a login may take, from here to Keycloak and back. Default 30 minutes, as Keycloak gives for its pages.
    pub login_time: Duration,
    /// Whether `/oidc/frontchannel-logout` ends sessions (OpenID Connect Front-Channel Logout). Default no: whoever knows a
    /// session's `sid` can call it, and browsers that keep sites apart do not send it in a frame.
    pub front_channel_logout: bool,
    /// Whether requests that came unencrypted are sent to https ([`Login::to_https`]). Default no: often a proxy does that. It
    /// needs `PUBLIC_URL` with https and `TRUSTED_PROXIES`; without a trusted proxy nothing counts as encrypted.
    pub require_https: bool,
    /// For how long browsers are told to come by https only (RFC 6797). Default: they are not told, since that cannot be
    /// taken back before the time is up.
    pub hsts: Option<Duration>,
}

impl Default for LoginOptions {
    fn default() -> Self {
        Self {
            scope: "openid profile email".to_owned(),
            idle: Duration::from_secs(30 * 60),
            lifetime: Duration::from_secs(10 * 60 * 60),
            login_time: Duration::from_secs(30 * 60),
            front_channel_logout: false,
            require_https: false,
            hsts: None,
        }
    }
}

/// A request to one of the login's endpoints.
#[derive(Clone, Copy)]
pub struct LoginRequest<'a> {
    /// Its head.
    pub view: RequestView<'a>,
    /// Its body, whole; an adapter takes at most [`MAX_FORM_BYTES`].
    pub body: &'a [u8],
}

/// Bytes that the body of a form may have: a logout token, or a button.
pub const MAX_FORM_BYTES: usize = 64 * 1024;

impl Login {
    /// The login of the realm and the client of these settings, which `keycloak` was made of.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting that cannot be used.
    pub fn new(
        keycloak: &Keycloak,
        settings: &Settings,
        stores: LoginStores,
        options: LoginOptions,
    ) -> Result<Self, SettingsError> {
        let server = settings.keycloak()?;
        if url::Url::parse(settings.public_url().as_str()).is_ok_and(|url| url.path() != "/") {
            let what = "has a path, and browsers log in at the root of a host only".to_owned();
            return Err(SettingsError::unusable(
                "PUBLIC_URL",
                what,
                "give the service a host name of its own",
            ));
        }
        let parts = keycloak.parts();
        let endpoints = server.endpoints().clone();
        let (issuer, client_id) = (server.issuer(), server.client_id());
        let id_tokens = || {
            IdTokenValidator::new(issuer, client_id, Arc::clone(&parts.keys))
                .leeway(settings.leeway())
                .clock(Arc::clone(&parts.clock))
        };
        let tokens = || -> Result<TokenEndpoint, SettingsError> {
            Ok(TokenEndpoint {
                transport: Arc::clone(&parts.transport),
                uri: uri(&endpoints.token())?,
                authentication: parts.authentication.clone(),
                clock: Arc::clone(&parts.clock),
            })
        };
        let LoginStores { sessions, replay, seal } = stores;
        let refresher =
            Refresher::new(Arc::clone(&sessions), tokens()?, id_tokens(), Arc::clone(&parts.clock));
        let logout_tokens = LogoutTokenValidator::new(issuer, client_id, Arc::clone(&parts.keys))
            .leeway(settings.leeway())
            .clock(Arc::clone(&parts.clock));
        let discovered = Discovered {
            transport: Arc::clone(&parts.transport),
            endpoints: endpoints.clone(),
            issuer: issuer.to_owned(),
            clock: Arc::clone(&parts.clock),
            last: Mutex::default(),
        };
        let inner = Inner {
            guard: keycloak.guard().clone(),
            transport: Arc::clone(&parts.transport),
            clock: Arc::clone(&parts.clock),
            bearer: Arc::clone(&parts.bearer),
            revocations: Arc::clone(&parts.revocations),
            authentication: parts.authentication.clone(),
            pushed: uri(&endpoints.pushed_authorization_request())?,
            issuer: issuer.to_owned(),
            public_url: settings.public_url().as_str().trim_end_matches('/').to_owned(),
            acr_levels: AcrLevels::new(settings.acr_levels()),
            https: settings.public_url().is_https(),
            cookies: Names::new(settings.public_url().is_https()),
            tokens: tokens()?,
            id_tokens: id_tokens(),
            endpoints,
            seal,
            sessions,
            replay,
            refresher,
            logout_tokens,
            discovered,
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same realm, whose guard knows this login's sessions too, and sends browsers to it from
    /// [pages](kc_core::Access::Page).
    #[must_use]
    pub fn protect(&self, keycloak: Keycloak) -> Keycloak {
        let inner = &self.inner;
        let authenticator = SessionAuthenticator {
            cookies: inner.cookies.clone(),
            sessions: Arc::clone(&inner.sessions),
            refresher: inner.refresher.clone(),
            bearer: Arc::clone(&inner.bearer),
            idle: inner.options.idle,
            clock: Arc::clone(&inner.clock),
            guard: inner.guard.clone(),
        };
        let guard = keycloak.guard().to_builder();
        let guard = guard.add_authenticator(Arc::new(authenticator)).pages(Arc::new(Entrance)).build();
        keycloak.with_guard(guard)
    }

    /// Answers a request to one of the endpoints. Every response says that nobody is to keep it.
    ///
    /// # Cancellation
    /// Dropping the future may leave a login half done: a code is used up, and there is no session. Nobody is logged in by
    /// half.
    pub async fn serve(&self, endpoint: Endpoint, request: &LoginRequest<'_>) -> Response<Bytes> {
        if !endpoint.methods().contains(&request.view.method) {
            let allow = endpoint.methods().join(",");
            return self.refuse(request, AuthError::MethodNotAllowed { allow });
        }
        let response = match endpoint {
            Endpoint::Authenticate => self.authenticate(request).await,
            Endpoint::BackchannelLogout => self.back_channel_logout(request).await,
            Endpoint::Callback => self.callback(request).await,
            Endpoint::FrontchannelLogout => self.front_channel_logout(request).await,
            Endpoint::Logout => self.logout(request).await,
        };
        reply::no_store(response)
    }

    /// Whether the store of the sessions answers: for a health report. As long as it does not, browsers are answered 503; bearer
    /// tokens go on.
    pub async fn reaches_sessions(&self) -> bool {
        // No session's: it would be the hash of an id that nobody can find.
        self.inner.sessions.load(&SessionKey::from_bytes([0; 32])).await.is_ok()
    }

    pub(crate) fn refuse(&self, request: &LoginRequest<'_>, error: AuthError) -> Response<Bytes> {
        let guard = &self.inner.guard;
        reply::no_store(guard.response_to(&request.view, &guard.refuse(error)))
    }

    /// Where Keycloak sends browsers back to. It has to be among the client's valid redirect URIs.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("{}{}", self.inner.public_url, Endpoint::Callback.path())
    }

    /// Where Keycloak sends browsers after a logout. It has to be among the client's valid post logout redirect URIs.
    #[must_use]
    pub fn post_logout_redirect_uri(&self) -> String {
        format!("{}/", self.inner.public_url)
    }

    /// Scheme, host and port of Keycloak, as browsers see it: forms that log out end up there.
    #[must_use]
    pub fn keycloak_origin(&self) -> String {
        url::Url::parse(self.inner.endpoints.realm())
            .map(|url| url.origin().ascii_serialization())
            .unwrap_or_default()
    }
}

fn uri(text: &str) -> Result<Uri, SettingsError> {
    text.parse().map_err(|_| {
        let what = "makes no valid URL".to_owned();
        SettingsError::unusable("KEYCLOAK_URL", what, "check the URL and the realm's name")
    })
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("issuer", &self.inner.issuer)
            .field("sessions", &self.inner.sessions)
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

/// The request line only: the rest holds credentials.
impl fmt::Debug for LoginRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest").field("view", &self.view).finish_non_exhaustive()
    }
}
