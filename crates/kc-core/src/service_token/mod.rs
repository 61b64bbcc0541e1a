//! This service's own token: the client credentials grant, fetched once and kept fresh.

mod answer;
mod error;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{StatusCode, Uri};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use self::state::{Held, Plan, State};
use crate::client::ClientAuthentication;
use crate::clock::{Clock, UnixTime};
use crate::secret::Secret;
use crate::telemetry;
use crate::trace_context::carried;
use crate::transport::Transport;

pub(crate) use self::answer::Granted;
pub use self::error::ServiceTokenError;

/// A token to call other services with: this service's own, or one that was exchanged for a caller's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceToken {
    access_token: Secret,
    expires_at: UnixTime,
}

impl ServiceToken {
    pub(crate) const fn new(access_token: Secret, expires_at: UnixTime) -> Self {
        Self { access_token, expires_at }
    }

    /// The token, for an `Authorization: Bearer` header: its characters are those of RFC 6750's token68.
    #[must_use]
    pub const fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// When it ends, by this machine's clock, counted from when it was asked for.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// How long it lives at `now`; zero when it has expired.
    #[must_use]
    pub fn expires_in(&self, now: UnixTime) -> Duration {
        self.expires_at.since(now)
    }
}

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct ServiceTokenOptions {
    /// Scopes, separated by blanks. Default none: the client's default scopes.
    pub scope: Option<String>,
}

/// Fetches this service's token when it is first asked for, keeps it, and renews it before it ends.
///
/// 1. Until 75 to 90 % of its life (drawn for each token, so that replicas do not renew all at once) the token kept is
///    the answer.
/// 2. Later, the first call also starts a renewal in the background; the token kept is still the answer. Renewals that
///    fail are spaced from one second, doubling, to 30 seconds.
/// 3. In its last tenth, at most its last five seconds, callers wait for the renewal, so that nobody is given a token
///    that dies on its way. If it fails, the old one is given while it lives.
/// 4. With no token at all, callers wait for one shared request. For one second after a failure they get the same error
///    at once.
///
/// There is no timer: where nobody calls, nothing is fetched. Requests run in tasks of their own. A caller that gives up
/// waiting takes nothing with it, and a task that dies (its runtime was shut down) ends the waiting with an error. How
/// long a request may take is the [`Transport`]'s business.
///
/// Clones share the token.
///
/// # Spec
/// RFC 6749 §4.4.
///
/// # Example
/// ```
/// # #[cfg(feature = "reqwest")]
/// # async fn example(keycloak: &kc_core::Keycloak) -> Result<(), kc_core::service_token::ServiceTokenError> {
/// // Fetched once, and renewed before it ends: ask whenever a token is needed.
/// let token = keycloak.service_tokens().token().await?;
/// println!("it ends at {}", token.expires_at());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ServiceTokens {
    shared: Arc<Shared>,
}

struct Shared {
    transport: Arc<dyn Transport>,
    endpoint: Uri,
    authentication: ClientAuthentication,
    clock: Arc<dyn Clock>,
    options: ServiceTokenOptions,
    state: Mutex<State>,
}

impl ServiceTokens {
    /// Fetches at `endpoint`, the absolute URI of the token endpoint (Keycloak's is
    /// `{realm URL}/protocol/openid-connect/token`), as the client of `authentication`. Nothing is fetched yet.
    ///
    /// `clock` dates what is shown ([`ServiceToken::expires_at`]) and signed; how old a token is, is measured by the
    /// monotonic clock.
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        endpoint: Uri,
        authentication: ClientAuthentication,
        clock: Arc<dyn Clock>,
        options: ServiceTokenOptions,
    ) -> Self {
        let state = Mutex::default();
        Self { shared: Arc::new(Shared { transport, endpoint, authentication, clock, options, state }) }
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// [`ServiceTokenError`] when there is none and none can be had.
    ///
    /// # Cancellation
    /// Dropping the future leaves the request to Keycloak running for the others, and for the next call.
    pub async fn token(&self) -> Result<ServiceToken, ServiceTokenError> {
        let plan = self.shared.state().plan(Instant::now());
        match plan {
            Plan::Give(token) => Ok(token),
            Plan::GiveAndRenew(token, flight) => {
                self.take_off(flight);
                Ok(token)
            }
            Plan::Fail(error) => Err(error),
            Plan::Fetch(flight, landing) => {
                self.take_off(flight);
                self.wait(landing).await
            }
            Plan::Wait(landing) => self.wait(landing).await,
        }
    }

    /// Another token than `refused`, which somebody would not take although it has not expired: the realm's not-before was
    /// moved, the service account's session ended, or a key was withdrawn.
    ///
    /// `None` if there is no other one to be had: somebody who takes no token of this service at all must not have Keycloak
    /// asked for each request, so that a new one is fetched for this reason at most once in ten seconds.
    ///
    /// # Errors
    /// As [`token`](Self::token), if `refused` has ended meanwhile.
    ///
    /// # Cancellation
    /// As [`token`](Self::token).
    pub async fn other_than(
        &self,
        refused: &ServiceToken,
    ) -> Result<Option<ServiceToken>, ServiceTokenError> {
        self.shared.state().distrust(refused, Instant::now());
        let token = self.token().await?;
        Ok((token.access_token != refused.access_token).then_some(token))
    }

    /// The client that the token is for.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.shared.authentication.client_id()
    }

    /// The not-before of the last answer (Keycloak's `not-before-policy`): tokens issued earlier are no longer good.
    ///
    /// It is the realm's, or this client's service account's own if that is later; 1970 when none is set, `None` before
    /// the first answer or from a server that is not Keycloak.
    #[must_use]
    pub fn not_before(&self) -> Option<UnixTime> {
        self.shared.state().not_before
    }

    /// Until when the token lives that is kept, and a word for why the last request brought none: for a health report.
    pub(crate) fn holding(&self) -> (Option<Duration>, Option<&'static str>) {
        let (now, state) = (Instant::now(), self.shared.state());
        (state.lives_for(now), state.last_error().map(ServiceTokenError::code))
    }

    async fn wait(
        &self,
        mut landing: watch::Receiver<Option<Landed>>,
    ) -> Result<ServiceToken, ServiceTokenError> {
        let landed = match landing.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone().unwrap_or(Err(ServiceTokenError::Interrupted)),
            Err(_) => Err(ServiceTokenError::Interrupted),
        };
        landed.or_else(|error| self.shared.state().still_good(Instant::now()).ok_or(error))
    }

    /// Sends the request in a task of its own. The state is not locked here: a runtime that is shutting down drops the
    /// task, and with it the [`Flight`], inside `spawn`.
    fn take_off(&self, landing: watch::Sender<Option<Landed>>) {
        let flight = Flight { shared: Arc::clone(&self.shared), landing, landed: false };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(carried(flight.fly()));
        }
    }
}

impl fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceTokens")
            .field("endpoint", &self.shared.endpoint.path())
            .field("authentication", &self.shared.authentication)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

type Landed = Result<ServiceToken, ServiceTokenError>;

/// One request on its way. Dropped before it has landed, it counts as a failure: nobody waits for what no longer runs.
struct Flight {
    shared: Arc<Shared>,
    landing: watch::Sender<Option<Landed>>,
    landed: bool,
}

impl Flight {
    async fn fly(mut self) {
        let outcome = self.shared.fetch().await;
        self.land(outcome);
    }

    fn land(&mut self, outcome: Result<Held, ServiceTokenError>) {
        self.landed = true;
        telemetry::service_token(outcome.as_ref().err().map_or("ok", ServiceTokenError::code));
        let landed = self.shared.state().land(outcome, Instant::now());
        if let Err(error) = &landed {
            tracing::warn!(
                target: "kc",
                "no service token: {}",
                error.diagnosis(self.shared.authentication.client_id())
            );
        }
        self.landing.send_replace(Some(landed));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.landed {
            self.land(Err(ServiceTokenError::Interrupted));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self) -> Result<Held, ServiceTokenError> {
        // Counted from before the request, the token is never thought to live longer than it does.
        let asked = Instant::now();
        let asked_at = self.clock.now();
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.options.scope.as_deref().map(|scope| ("scope", scope)));
        let request =
            self.authentication.post(&self.endpoint, &form, asked_at).map_err(ServiceTokenError::Unsigned)?;
        let answer = self.transport.send(request).await.map_err(ServiceTokenError::Unreachable)?;
        if answer.status() != StatusCode::OK {
            let code = self.authentication.error_code(answer.body(), "");
            return Err(ServiceTokenError::Refused { status: answer.status(), code });
        }
        let Granted { access_token, lifetime, not_before } =
            Granted::read(answer.body()).map_err(|what| ServiceTokenError::Nonsense { what })?;
        let token = ServiceToken { access_token, expires_at: asked_at.plus(lifetime) };
        Ok(Held::new(token, asked, lifetime, not_before))
    }
}
