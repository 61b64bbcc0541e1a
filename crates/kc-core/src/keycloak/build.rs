//! A [`Keycloak`] from its settings, and from what a service brings itself.

use std::fmt;
use std::sync::Arc;

use http::Uri;

use super::authorization::{self, Online};
use super::transport::Sender;
use super::{Keycloak, Parts, Remote, ResourceMetadata};
use crate::audit::{AuditSink, JsonLines, NoAudit};
use crate::authenticator::{Authenticator, BearerAuthenticator};
use crate::clock::{Clock, SystemClock};
use crate::guard::Guard;
use crate::introspection::{CachedIntrospector, HttpIntrospector, Introspector};
use crate::issuers::{IssuerList, IssuerRegistry, IssuerRoles, IssuersValidator, TrustedIssuer};
use crate::keys::{KeySource, PinnedKeys, RemoteKeys, RemoteKeysOptions};
use crate::openapi::Completion;
use crate::revocations::{MemoryRevocations, RealmRevocations, Revocations};
use crate::roles::{KeycloakRoles, RoleExtractor};
use crate::rules::AcrLevels;
use crate::service_token::{ServiceTokenOptions, ServiceTokens};
use crate::settings::{AuditLog, OpaqueTokens, Settings, SettingsError};
use crate::telemetry;
use crate::token_exchange::TokenExchange;
use crate::trace_context::TraceContext;
use crate::transport::Transport;
use crate::uma::{ClaimsOf, ProtectionClient, UmaClient};
use crate::users::{Associate, LocalUsers, MemoryUsers, Stage, UserDirectory, UserPipeline};
use crate::validator::{
    IntrospectionValidator, JwtValidator, MixedValidator, TokenValidator, UserinfoEndpoint,
    UserinfoSignature, UserinfoValidator,
};
use crate::wire::{ExemptPaths, cors::CorsPolicy};

/// What is put in the place of a default. Made by [`Keycloak::builder`].
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use kc_core::Keycloak;
/// use kc_core::roles::ClaimPathRoles;
/// use kc_core::settings::Settings;
///
/// # #[cfg(feature = "reqwest")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings::builder("https://kc.example.com", "shop", "orders").build()?;
/// let keycloak = Keycloak::builder().roles(Arc::new(ClaimPathRoles::new(["groups"]))).build(&settings)?;
/// # Ok(()) }
/// # #[cfg(not(feature = "reqwest"))]
/// # fn main() {}
/// ```
#[derive(Default)]
#[must_use]
pub struct KeycloakBuilder {
    audit: Option<Arc<dyn AuditSink>>,
    authenticators: Vec<Arc<dyn Authenticator>>,
    clock: Option<Arc<dyn Clock>>,
    keys: Option<Arc<dyn KeySource>>,
    others: Vec<Settings>,
    permission_tickets: bool,
    push_claims: Option<Arc<ClaimsOf>>,
    revocations: Option<Arc<dyn Revocations>>,
    roles: Option<Arc<dyn RoleExtractor>>,
    trace_context: Option<Arc<dyn TraceContext>>,
    transport: Option<Arc<dyn Transport>>,
    user_pipeline: Option<UserPipeline>,
    userinfo: Option<Userinfo>,
    users: Option<Arc<dyn UserDirectory>>,
}

impl KeycloakBuilder {
    /// Sets where audit events go. Default: what the settings say.
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit = Some(sink);
        self
    }

    /// Adds an authenticator; it is asked after the bearer one and those that were added before.
    pub fn add_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticators.push(authenticator);
        self
    }

    /// Sets the clock. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets where keys come from. Default: what the settings say. With a source of your own the realm's not-before is not
    /// asked for.
    pub fn keys(mut self, keys: Arc<dyn KeySource>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Trusts another realm too: tokens of it are checked by its keys and for its audience, and their roles are read as its
    /// client's. Only what belongs to the realm is taken from these settings; all else, the secret of the service token
    /// and the audit among it, from those that [`build`](Self::build) gets.
    pub fn and(mut self, realm: Settings) -> Self {
        self.others.push(realm);
        self
    }

    /// Gives callers who lack a permission a ticket for it, and accepts the permissions of the RPT that they come back with
    /// ([`OnlinePermissions::tickets`](crate::uma::OnlinePermissions::tickets)). Needs `KEYCLOAK_AUTHORIZATION` to be `online`
    /// or `hybrid`. Default: off.
    pub fn permission_tickets(mut self) -> Self {
        self.permission_tickets = true;
        self
    }

    /// Sets what Keycloak is told about a request beside the caller's token, when it is asked about a permission
    /// ([`OnlinePermissions::push_claims`](crate::uma::OnlinePermissions::push_claims)). Needs the same. Default: nothing.
    pub fn push_claims(mut self, claims: Arc<ClaimsOf>) -> Self {
        self.push_claims = Some(claims);
        self
    }

    /// Sets where revocations are kept. Default: in memory. Unless keys are pinned, the
    /// realm's not-before is asked for and put there too.
    pub fn revocations(mut self, revocations: Arc<dyn Revocations>) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Sets how roles are read, of every realm. Default: [`KeycloakRoles`] of the settings' client.
    pub fn roles(mut self, roles: Arc<dyn RoleExtractor>) -> Self {
        self.roles = Some(roles);
        self
    }

    /// Sets by what a trace's context comes into requests to the server: [`PassOn`](crate::trace_context::PassOn), or one of your
    /// own. Default: none does.
    pub fn trace_context(mut self, context: Arc<dyn TraceContext>) -> Self {
        self.trace_context = Some(context);
        self
    }

    /// Sets what sends requests to the server. Default: an HTTP client of its own.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Asks userinfo about each token that was found good, for claims that the realm puts there and not into its tokens
    /// ([`UserinfoValidator`]). An answer counts as long as one of introspection, `KEYCLOAK_INTROSPECTION_TTL_SECONDS`. The way there is over TLS, or to a Keycloak on this machine. Default: it is not asked.
    pub fn userinfo(mut self) -> Self {
        self.userinfo = Some(Userinfo::Plain);
        self
    }

    /// The same for a client with a "User info signed response algorithm": answers that the realm did not sign are refused.
    pub fn signed_userinfo(mut self) -> Self {
        self.userinfo = Some(Userinfo::Signed);
        self
    }

    /// Sets where local users are kept. Default: in memory. Needed when the settings name a data base of users: `kc-store`
    /// opens it.
    pub fn users(mut self, users: Arc<dyn UserDirectory>) -> Self {
        self.users = Some(users);
        self
    }

    /// Sets the steps by which local users sign in. Default: [`UserPipeline::standard`], where only the settings' own realm
    /// may [associate](Associate) somebody with a user who was there before.
    pub fn user_pipeline(mut self, pipeline: UserPipeline) -> Self {
        self.user_pipeline = Some(pipeline);
        self
    }

    /// Puts it together. Nothing is asked of the server.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting that cannot be used; without the feature `reqwest`, also
    /// `KEYCLOAK_URL` when no transport was given.
    pub fn build(self, settings: &Settings) -> Result<Keycloak, SettingsError> {
        telemetry::describe();
        let server = settings.keycloak()?.clone();
        let endpoints = server.endpoints();
        let sender =
            |settings: &Settings| Sender::new(settings, self.transport.as_ref(), self.trace_context.as_ref());
        let Sender { transport, breaker } = sender(settings)?;
        let mut breakers = Vec::from_iter(breaker);
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let mut revocations = self
            .revocations
            .unwrap_or_else(|| Arc::new(MemoryRevocations::default().clock(Arc::clone(&clock))));
        let (mut remotes, mut given) = (Vec::new(), Vec::new());
        // The first realm is the settings' own.
        let mut own_keys = None;
        let (mut list, mut trusted) = (IssuerList::new(), Vec::new());
        let realms =
            std::iter::once((settings, self.keys)).chain(self.others.iter().map(|other| (other, None)));
        for (n, (settings, keys)) in realms.enumerate() {
            for warning in settings.warnings() {
                tracing::warn!(target: "kc", "{warning}");
            }
            let transport = if n == 0 {
                Arc::clone(&transport)
            } else {
                let other = sender(settings)?;
                breakers.extend(other.breaker);
                other.transport
            };
            let realm = Realm {
                settings,
                transport,
                clock: &clock,
                roles: self.roles.as_ref(),
                userinfo: self.userinfo,
            };
            let issuer = settings.keycloak()?.issuer();
            if list.contains(issuer) {
                let what = format!("names the issuer {issuer} of another realm of this service");
                return Err(SettingsError::unusable("KEYCLOAK_ISSUER", what, "name each realm once"));
            }
            let source = match keys {
                Some(source) => Some(source),
                None => pinned(settings)?,
            };
            let source = match source {
                Some(source) => {
                    given.push((settings.keycloak()?.realm().to_owned(), Arc::clone(&source)));
                    source
                }
                None => {
                    let remote = realm.remote(revocations)?;
                    revocations = Arc::new(remote.not_before.clone());
                    let keys = Arc::new(remote.keys.clone());
                    remotes.push(remote);
                    keys
                }
            };
            own_keys.get_or_insert_with(|| Arc::clone(&source));
            list = list.with(issuer, realm.trusted(source)?);
            trusted.push(issuer.to_owned());
        }
        let users = match self.users {
            Some(users) => users,
            None if settings.users_database().is_none() => Arc::new(MemoryUsers::default()),
            None => {
                let what = "names a data base that nothing opens".to_owned();
                let remedy = "give Keycloak::builder().users(…) kc-store's SqlUsers, or leave it unset";
                return Err(SettingsError::unusable("USERS_DATABASE", what, remedy));
            }
        };
        let pipeline = self.user_pipeline.unwrap_or_else(|| {
            let associate = Associate::by_verified_email().of_issuer(server.issuer());
            UserPipeline::standard().replace(Stage::Associate, Arc::new(associate))
        });
        let users = LocalUsers::new(users).create(settings.create_users()).pipeline(pipeline);
        let issuers = Arc::new(list);
        let bearer = match issuers.find(server.issuer()) {
            // Without a detour.
            Some(only) if self.others.is_empty() => {
                BearerAuthenticator::new(Arc::clone(&only.validator), Arc::clone(&only.roles))
            }
            _ => BearerAuthenticator::new(
                Arc::new(IssuersValidator::new(Arc::clone(&issuers) as Arc<dyn IssuerRegistry>)),
                Arc::new(IssuerRoles::new(Arc::clone(&issuers) as Arc<dyn IssuerRegistry>)),
            ),
        };
        let bearer = bearer
            .local_users(users.clone())
            .revocations(Arc::clone(&revocations))
            .remember(settings.token_cache_bytes())
            .clock(Arc::clone(&clock));
        let bearer = Arc::new(bearer);
        let authentication = server.client_authentication();
        let service_tokens = ServiceTokens::new(
            Arc::clone(&transport),
            uri(&endpoints.token())?,
            authentication.clone(),
            Arc::clone(&clock),
            ServiceTokenOptions::default(),
        );
        let token_exchange = TokenExchange::new(
            Arc::clone(&transport),
            uri(&endpoints.token())?,
            authentication.clone(),
            Arc::clone(&clock),
        )
        .of_issuer(server.issuer());
        let exempt = ExemptPaths::new(settings.exempt_paths()).map_err(|error| {
            SettingsError::unusable("KEYCLOAK_EXEMPT_PATHS", error.to_string(), "correct the path")
        })?;
        let completion =
            Completion::new(endpoints.authorization(), endpoints.public_token()).exempt(exempt.clone());
        let audit = match self.audit {
            Some(audit) => audit,
            None => audit(settings)?,
        };
        let authorization = authorization::file(settings, &clock)?;
        let guard = Guard::builder(server.realm())
            .add_authenticator(Arc::clone(&bearer) as Arc<dyn Authenticator>)
            .issuers(issuers)
            .exempt(exempt)
            .acr_levels(AcrLevels::new(settings.acr_levels()))
            .audit(audit)
            .clock(Arc::clone(&clock))
            .trusted_proxies(settings.trusted_proxies().iter().copied());
        let permissions =
            UmaClient::new(Arc::clone(&transport), uri(&endpoints.token())?, server.client_id());
        let protection = ProtectionClient::new(
            Arc::clone(&transport),
            uri(&endpoints.protection())?,
            service_tokens.clone(),
        );
        let online = Online {
            settings,
            client: permissions.clone(),
            resources: protection.clone(),
            tickets: self.permission_tickets,
            claims: self.push_claims,
        };
        let guard = match online.decider(authorization.as_ref())? {
            Some(decider) => guard.permissions(decider),
            None => guard,
        };
        let guard = self.authenticators.into_iter().fold(guard, |guard, one| guard.add_authenticator(one));
        let metadata = ResourceMetadata {
            resource: settings.public_url().as_str().to_owned(),
            authorization_servers: trusted,
            bearer_methods_supported: ["header"],
        };
        let cors = CorsPolicy::new(settings.cors_allowed_origins());
        let guard = guard.build();
        let no_realm = || SettingsError::unusable("KEYCLOAK_URL", "names no realm".to_owned(), "name one");
        let keys = own_keys.ok_or_else(no_realm)?;
        let revoked = Arc::clone(&revocations);
        let parts = Arc::new(Parts { transport, keys, clock, bearer, revocations: revoked, authentication });
        Ok(Keycloak {
            authorization,
            breakers,
            given,
            guard,
            permissions,
            protection,
            remotes,
            users,
            revocations,
            service_tokens,
            token_exchange,
            cors,
            metadata,
            completion,
            parts,
        })
    }
}

/// The realm's key from the settings, if it is there.
fn pinned(settings: &Settings) -> Result<Option<Arc<dyn KeySource>>, SettingsError> {
    let Some(text) = settings.public_key() else { return Ok(None) };
    // A value of `.env` or of a shell often has its line ends written out.
    let pinned = PinnedKeys::from_pem(&text.replace("\\n", "\n")).map_err(|error| {
        let remedy = "give the realm's public key, from `public_key` of the realm's page at \
                      {KEYCLOAK_URL}/realms/{KEYCLOAK_REALM}";
        SettingsError::unusable("KEYCLOAK_PUBLIC_KEY", error.to_string(), remedy)
    })?;
    Ok(Some(Arc::new(pinned)))
}

/// Bytes that the remembered answers about opaque tokens may take, for each realm.
const REMEMBERED_ANSWERS: u64 = 8 << 20;

/// What userinfo answers with.
#[derive(Clone, Copy)]
enum Userinfo {
    Plain,
    Signed,
}

/// A realm, and what it is made with.
struct Realm<'a> {
    settings: &'a Settings,
    transport: Arc<dyn Transport>,
    clock: &'a Arc<dyn Clock>,
    roles: Option<&'a Arc<dyn RoleExtractor>>,
    userinfo: Option<Userinfo>,
}

impl Realm<'_> {
    /// What it is asked for again and again: its keys, and its not-before.
    fn remote(&self, revocations: Arc<dyn Revocations>) -> Result<Remote, SettingsError> {
        let settings = self.settings;
        let options = RemoteKeysOptions {
            ttl: settings.jwks_ttl(),
            max_stale: settings.jwks_max_stale(),
            cooldown: settings.jwks_cooldown(),
            timeout: settings.http_timeout(),
        };
        let server = settings.keycloak()?.clone();
        let transport = Arc::clone(&self.transport);
        let keys = RemoteKeys::new(Arc::clone(&transport), uri(&server.endpoints().certs())?, options);
        let not_before = RealmRevocations::new(
            revocations,
            Arc::clone(&transport),
            uri(server.endpoints().realm_info())?,
            server.issuer().to_owned(),
            settings.http_timeout(),
        );
        Ok(Remote { keys, not_before, server, transport })
    }

    fn trusted(&self, source: Arc<dyn KeySource>) -> Result<TrustedIssuer, SettingsError> {
        let server = self.settings.keycloak()?;
        let keys = Arc::clone(&source);
        let validator = JwtValidator::builder(server.issuer(), server.audiences(), source)
            .leeway(self.settings.leeway())
            .clock(Arc::clone(self.clock))
            .build();
        let roles = self.roles.cloned().unwrap_or_else(|| Arc::new(KeycloakRoles::new(server.client_id())));
        let introspector = HttpIntrospector::new(
            Arc::clone(&self.transport),
            uri(&server.endpoints().introspection())?,
            server.client_authentication(),
            Arc::clone(self.clock),
        );
        let introspector: Arc<dyn Introspector> = Arc::new(introspector);
        let validator: Arc<dyn TokenValidator> = match self.settings.opaque_tokens() {
            OpaqueTokens::Refuse => Arc::new(validator),
            OpaqueTokens::Introspect => {
                let (live, clock) = (Arc::clone(&introspector), Arc::clone(self.clock));
                let cached = CachedIntrospector::new(
                    live,
                    self.settings.introspection_ttl(),
                    REMEMBERED_ANSWERS,
                    clock,
                );
                let (issuer, audiences) = (server.issuer(), server.audiences());
                let introspected = IntrospectionValidator::builder(issuer, audiences, Arc::new(cached))
                    .leeway(self.settings.leeway())
                    .clock(Arc::clone(self.clock))
                    .build();
                Arc::new(MixedValidator::new(Arc::new(validator), Arc::new(introspected)))
            }
        };
        let validator = match self.userinfo {
            None => validator,
            Some(answers) => {
                let endpoint = uri(&server.endpoints().userinfo())?;
                let endpoint = UserinfoEndpoint::new(Arc::clone(&self.transport), endpoint);
                let endpoint = match answers {
                    Userinfo::Plain => endpoint,
                    Userinfo::Signed => {
                        let signature = UserinfoSignature::new(server.issuer(), [server.client_id()], keys)
                            .leeway(self.settings.leeway())
                            .clock(Arc::clone(self.clock));
                        endpoint.signed(signature)
                    }
                };
                let (ttl, clock) = (self.settings.introspection_ttl(), Arc::clone(self.clock));
                Arc::new(UserinfoValidator::after(validator, endpoint).remembered_for(ttl, clock))
            }
        };
        Ok(TrustedIssuer::new(server.realm(), validator, roles).introspector(introspector))
    }
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

fn uri(text: &str) -> Result<Uri, SettingsError> {
    text.parse().map_err(|_| {
        SettingsError::unusable(
            "KEYCLOAK_URL",
            "makes no valid URL".to_owned(),
            "check the URL and the realm's name",
        )
    })
}

/// Which parts were given.
impl fmt::Debug for KeycloakBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeycloakBuilder")
            .field("authenticators", &self.authenticators)
            .finish_non_exhaustive()
    }
}
