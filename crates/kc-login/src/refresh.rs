//! A session's tokens are renewed by one, however many requests come at that moment, to however many replicas.
//!
//! In this process one task does it and the others wait for what it brings. Among replicas whoever has the session's lease
//! does it; who does not get it looks until the session has other tokens. Whoever gets the lease first looks whether somebody
//! else was faster. The task goes on when its request is given up: with rotation on, a refresh token that was sent is used up,
//! and what came back for it must be written down.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kc_core::audit::AuditTicket;
use kc_core::clock::Clock;
use kc_core::token::TokenError;
use kc_core::validator::{ExpectedLogin, IdTokenError, IdTokenValidator, ValidationError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::random;
use crate::session::{SessionKey, SessionStore, StoreUnavailable, StoredSession};
use crate::token_endpoint::{NoTokens, TokenEndpoint};

/// For how long a lease is taken; it is renewed in a third of that.
const LEASE: Duration = Duration::from_secs(10);
/// How often who waits for another replica looks.
const LOOK: Duration = Duration::from_millis(50);
/// How long a replica waits for another one before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often new tokens are tried to be written down after that has failed: for about a minute, beside the time that the store
/// takes to say so. With rotation on, a session whose tokens are lost is lost.
const TRIES: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How long those who wait are left waiting for that; then they hear that the store is gone, while the trying goes on.
const WAIT_FOR_STORE: Duration = Duration::from_secs(1);
/// How long a session is left alone after Keycloak did not answer, while its token lives.
const PAUSE: Duration = Duration::from_secs(2);

/// Why there are no new tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NotRenewed {
    /// The session is over: Keycloak says so, or it is not in the store any more.
    Over,
    /// The store does not answer.
    Store(StoreUnavailable),
    /// Keycloak does not answer, or not as it should.
    Unavailable { reason: String },
}

impl NotRenewed {
    /// As in the audit.
    fn code(&self) -> &'static str {
        match self {
            Self::Over => "session_expired",
            Self::Store(_) => "session_store_unavailable",
            Self::Unavailable { .. } => "login_unavailable",
        }
    }
}

impl From<StoreUnavailable> for NotRenewed {
    fn from(error: StoreUnavailable) -> Self {
        Self::Store(error)
    }
}

type Landed = Result<StoredSession, NotRenewed>;
type Tell = watch::Sender<Option<Landed>>;

/// Renews the tokens of sessions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Refresher {
    shared: Arc<Shared>,
}

struct Shared {
    sessions: Arc<dyn SessionStore>,
    endpoint: TokenEndpoint,
    id_tokens: IdTokenValidator,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    flights: HashMap<SessionKey, watch::Receiver<Option<Landed>>>,
    /// Until when a session is left alone.
    paused: HashMap<SessionKey, Instant>,
}

/// A renewal under way.
pub(crate) struct Renewal {
    landing: watch::Receiver<Option<Landed>>,
}

impl Renewal {
    /// What it brought.
    pub(crate) async fn landed(mut self) -> Landed {
        let interrupted = || NotRenewed::Unavailable { reason: "the renewal was interrupted".to_owned() };
        match self.landing.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone().unwrap_or_else(|| Err(interrupted())),
            Err(_) => Err(interrupted()),
        }
    }
}

impl Refresher {
    pub(crate) fn new(
        sessions: Arc<dyn SessionStore>,
        endpoint: TokenEndpoint,
        id_tokens: IdTokenValidator,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let state = Mutex::default();
        Self { shared: Arc::new(Shared { sessions, endpoint, id_tokens, clock, state }) }
    }

    /// Whether Keycloak did not answer a moment ago.
    pub(crate) fn is_paused(&self, key: &SessionKey) -> bool {
        self.shared.state().paused.get(key).is_some_and(|until| Instant::now() < *until)
    }

    /// Joins the renewal of this session, or begins it. `seen`: the session as the caller knows it; `ticket`: the audit's, for
    /// whoever begins it.
    pub(crate) fn renew(
        &self,
        key: SessionKey,
        seen: StoredSession,
        ticket: impl FnOnce() -> AuditTicket,
    ) -> Renewal {
        let mut state = self.shared.state();
        if let Some(landing) = state.flights.get(&key) {
            return Renewal { landing: landing.clone() };
        }
        let (tell, landing) = watch::channel(None);
        state.flights.insert(key, landing.clone());
        drop(state);
        let flight = Flight { shared: Arc::clone(&self.shared), key, tell, ticket: Some(ticket()) };
        // Without a runtime the flight is dropped here, which tells those who wait.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(flight.fly(seen));
        }
        Renewal { landing }
    }
}

struct Flight {
    shared: Arc<Shared>,
    key: SessionKey,
    tell: Tell,
    /// Until it has landed.
    ticket: Option<AuditTicket>,
}

impl Flight {
    async fn fly(mut self, seen: StoredSession) {
        let landed = self.shared.renewed(&self.key, seen, &self.tell).await;
        self.land(landed);
    }

    fn land(&mut self, landed: Landed) {
        if let Some(ticket) = self.ticket.take() {
            ticket.end(landed.as_ref().err().map(NotRenewed::code));
        }
        let mut state = self.shared.state();
        state.flights.remove(&self.key);
        let now = Instant::now();
        state.paused.retain(|_, until| now < *until);
        if let Err(NotRenewed::Unavailable { reason }) = &landed {
            state.paused.insert(self.key, now + PAUSE);
            tracing::warn!(target: "kc", "a session could not be renewed: {reason}");
        }
        drop(state);
        self.tell.send_replace(Some(landed));
    }
}

/// A task that dies leaves nobody waiting.
impl Drop for Flight {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.land(Err(NotRenewed::Unavailable { reason: "the renewal was interrupted".to_owned() }));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renewed(&self, key: &SessionKey, seen: StoredSession, tell: &Tell) -> Landed {
        let holder = random::token();
        let give_up = Instant::now() + PATIENCE;
        while !self.sessions.lease(key, &holder, LEASE).await? {
            if give_up <= Instant::now() {
                let reason = "another replica has been at it for too long".to_owned();
                return Err(NotRenewed::Unavailable { reason });
            }
            tokio::time::sleep(LOOK).await;
            let now = self.sessions.load(key).await?.ok_or(NotRenewed::Over)?;
            if now.version != seen.version {
                return Ok(now);
            }
        }
        let landed = tokio::select! {
            landed = self.renewed_by_us(key, &seen, tell) => landed,
            never = self.keep_lease(key, &holder) => match never {},
        };
        // It ends by itself, too.
        if let Err(error) = self.sessions.release(key, &holder).await {
            tracing::debug!(target: "kc", "{error}");
        }
        landed
    }

    /// Renews the lease again and again. If that fails, what was begun is brought to its end all the same: tokens that have come
    /// must be written down, and of two who write one is told that the session has changed.
    async fn keep_lease(&self, key: &SessionKey, holder: &str) -> Infallible {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            if let Err(error) = self.sessions.lease(key, holder, LEASE).await {
                tracing::debug!(target: "kc", "{error}");
            }
        }
    }

    /// With the lease in hand.
    async fn renewed_by_us(&self, key: &SessionKey, seen: &StoredSession, tell: &Tell) -> Landed {
        let session = self.sessions.load(key).await?.ok_or(NotRenewed::Over)?;
        if session.version != seen.version {
            return Ok(session);
        }
        let Some(refresh_token) = &session.tokens.refresh_token else {
            return Err(self.over_when_its_token_is(key, &session).await?);
        };
        let granted = match self.endpoint.refresh(refresh_token, &session.tokens).await {
            Ok(granted) => granted,
            Err(NoTokens::Refused) => {
                // Whoever does not know leases may have been faster.
                return match self.sessions.load(key).await? {
                    Some(now) if now.version != session.version => Ok(now),
                    _ => {
                        self.sessions.remove(key).await?;
                        Err(NotRenewed::Over)
                    }
                };
            }
            Err(error) => return Err(NotRenewed::Unavailable { reason: error.to_string() }),
        };
        if granted.with_id_token {
            let expected = ExpectedLogin {
                nonce: None,
                access_token: granted.tokens.access_token.expose(),
                max_age: None,
            };
            let checked = self.id_tokens.validate(granted.tokens.id_token.expose(), &expected).await;
            let same = checked.map(|token| token.claims().subject == session.subject);
            match same {
                Ok(true) => {}
                Ok(false) => {
                    // OpenID Connect Core §12.2: it is somebody else's.
                    tracing::error!(target: "kc", "a refresh brought the ID token of somebody else: the session is ended");
                    self.sessions.remove(key).await?;
                    return Err(NotRenewed::Over);
                }
                // That its key is not at hand now is no reason to lose the refresh token that came with it; the access token is
                // checked when it is used.
                Err(
                    error @ IdTokenError::Token(
                        ValidationError::Keys(_) | ValidationError::Token(TokenError::UnknownKey),
                    ),
                ) => {
                    tracing::warn!(target: "kc", "after a refresh: {error}");
                }
                Err(error) => {
                    tracing::error!(target: "kc", "a refresh brought an ID token that is not taken, the session is ended: {error}");
                    self.sessions.remove(key).await?;
                    return Err(NotRenewed::Over);
                }
            }
        }
        let version = session.version.wrapping_add(1);
        self.write(key, StoredSession { tokens: granted.tokens, version, ..session }, tell).await
    }

    /// Tries for long: the refresh token before this one may be worth nothing any more.
    async fn write(&self, key: &SessionKey, session: StoredSession, tell: &Tell) -> Landed {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut failures = 0;
        loop {
            match self.sessions.replace(key, &session).await {
                Ok(true) => return Ok(session),
                // Of an earlier try only the answer may have been lost.
                Ok(false) if failures > 0 => {
                    let there = self.sessions.load(key).await?.ok_or(NotRenewed::Over)?;
                    return if there.tokens == session.tokens { Ok(there) } else { Err(NotRenewed::Over) };
                }
                // It was logged out meanwhile.
                Ok(false) => return Err(NotRenewed::Over),
                Err(error) if failures == TRIES => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(target: "kc", "renewed tokens are not written down yet: {error}");
                    if begun.elapsed() >= WAIT_FOR_STORE {
                        tell.send_replace(Some(Err(error.into())));
                    }
                }
            }
            failures += 1;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A session without a refresh token lives as long as its access token.
    async fn over_when_its_token_is(
        &self,
        key: &SessionKey,
        session: &StoredSession,
    ) -> Result<NotRenewed, StoreUnavailable> {
        if self.clock.now() < session.tokens.access_ends_at {
            let reason = "Keycloak gave no refresh token with this session".to_owned();
            return Ok(NotRenewed::Unavailable { reason });
        }
        self.sessions.remove(key).await?;
        Ok(NotRenewed::Over)
    }
}

impl fmt::Debug for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresher").field("sessions", &self.shared.sessions).finish_non_exhaustive()
    }
}
