//! The session as credentials.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kc_core::audit::Party;
use kc_core::clock::{Clock, UnixTime};
use kc_core::session::{Session, SessionFacts};
use kc_core::token::TokenError;
use kc_core::wire::RequestView;
use kc_core::{AuthError, Authenticator, BearerAuthenticator, Guard, Principal};

use crate::cookie::{self, Names};
use crate::csrf;
use crate::refresh::{NotRenewed, Refresher};
use crate::session::{SessionId, SessionKey, SessionStore, StoreUnavailable, StoredSession};

/// Knows callers by the cookie of their session. Its access token is checked as one that came in a request: the same keys,
/// revocations, roles and local user.
#[derive(Debug)]
pub(crate) struct SessionAuthenticator {
    pub(crate) cookies: Names,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) refresher: Refresher,
    pub(crate) bearer: Arc<BearerAuthenticator>,
    pub(crate) idle: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// For the audit only.
    pub(crate) guard: Guard,
}

/// The longest that a request waits for a renewal while the token it has is still good.
const WAIT: Duration = Duration::from_secs(2);
/// That a session was used is written down once in this time, or in a tenth of the time that it may be idle.
const TOUCH: Duration = Duration::from_secs(60);

#[async_trait]
impl Authenticator for SessionAuthenticator {
    async fn authenticate(&self, request: &RequestView<'_>) -> Result<Option<Principal>, AuthError> {
        let id = match cookie::single(request.headers, &self.cookies.session()) {
            None => return Ok(None),
            Some(value) => value.ok().and_then(SessionId::from_cookie).ok_or(AuthError::SessionExpired)?,
        };
        let key = id.key();
        let session = self.sessions.load(&key).await.map_err(unavailable)?;
        let session = session.ok_or(AuthError::SessionExpired)?;
        if changes_something(request.method) && !self.was_meant(request, &id) {
            return Err(AuthError::Csrf);
        }
        let session = self.in_force(request, &key, session, false).await?;
        let mut caller = self.bearer.caller(session.tokens.access_token.expose()).await;
        let mut session = session;
        if matches!(caller, Err(AuthError::Token(TokenError::UnknownKey | TokenError::Expired { .. }))) {
            // The realm's key is gone, or the token is over by Keycloak's clock, which may be behind ours: its session need not
            // be. Keycloak has a new token for it.
            session = self.in_force(request, &key, session, true).await?;
            caller = self.bearer.caller(session.tokens.access_token.expose()).await;
        }
        let principal = match caller {
            Ok(principal) => principal,
            // Nothing that a browser does makes this token good again.
            Err(AuthError::Token(error)) => {
                tracing::info!(target: "kc", "a session is ended, its access token is good no more: {error}");
                self.sessions.remove(&key).await.map_err(unavailable)?;
                return Err(AuthError::SessionExpired);
            }
            Err(error) => return Err(error),
        };
        let idle_until = self.touched(&key, &session).await?;
        Ok(Some(principal.with_session(facts(&id, &session, idle_until))))
    }
}

impl SessionAuthenticator {
    /// Other sites can make a browser send a request, and its cookies with it; they cannot make it send this.
    fn was_meant(&self, request: &RequestView<'_>, id: &SessionId) -> bool {
        let headers = request.headers;
        let once = headers.value(csrf::HEADER, 1).is_none();
        once && headers.value(csrf::HEADER, 0).is_some_and(|value| csrf::is(value, &csrf::of_session(id)))
    }

    /// The session with an access token that has not run out; `anew`: with another one, for the one it has is no good.
    async fn in_force(
        &self,
        request: &RequestView<'_>,
        key: &SessionKey,
        session: StoredSession,
        anew: bool,
    ) -> Result<StoredSession, AuthError> {
        let now = self.clock.now();
        if now < session.tokens.refresh_from && !anew {
            return Ok(session);
        }
        let alive = !anew && now < session.tokens.access_ends_at;
        if alive && self.refresher.is_paused(key) {
            return Ok(session);
        }
        let renewal = self.refresher.renew(*key, session.clone());
        let begun_here = renewal.begun_here;
        let landed = match alive {
            // It is good for this request: no reason to let it wait for a server that hangs.
            true => match tokio::time::timeout(WAIT, renewal.landed()).await {
                Ok(landed) => landed,
                Err(_) => return Ok(session),
            },
            false => renewal.landed().await,
        };
        if begun_here {
            self.record(request, &session, &landed);
        }
        match landed {
            Ok(session) => Ok(session),
            Err(NotRenewed::Over) => Err(AuthError::SessionExpired),
            Err(NotRenewed::Unavailable { .. })
                if !anew && self.clock.now() < session.tokens.access_ends_at =>
            {
                Ok(session)
            }
            Err(NotRenewed::Unavailable { reason }) => Err(AuthError::Login { reason }),
            Err(NotRenewed::Store(error)) => Err(unavailable(error)),
        }
    }

    fn record(
        &self,
        request: &RequestView<'_>,
        session: &StoredSession,
        landed: &Result<StoredSession, NotRenewed>,
    ) {
        let code = match landed {
            Ok(_) => None,
            Err(NotRenewed::Over) => Some("session_expired"),
            Err(NotRenewed::Unavailable { .. }) => Some("login_unavailable"),
            Err(NotRenewed::Store(_)) => Some("session_store_unavailable"),
        };
        // It has no response of its own, and so no status: the event is recorded when it is dropped.
        drop(self.guard.event("refresh", request, party(session), code));
    }

    /// Until when the session lives unused, after this use.
    async fn touched(&self, key: &SessionKey, session: &StoredSession) -> Result<UnixTime, AuthError> {
        let idle_until = self.clock.now().plus(self.idle);
        if idle_until.since(session.idle_until) < TOUCH.min(self.idle / 10) {
            return Ok(session.idle_until);
        }
        self.sessions.touch(key, idle_until).await.map_err(unavailable)?;
        Ok(idle_until)
    }
}

/// Whom a session is of, for the audit.
pub(crate) fn party(session: &StoredSession) -> Party {
    Party {
        sub: session.subject.clone(),
        username: session.username.clone(),
        client: None,
        sid: session.session_id.clone(),
    }
}

pub(crate) fn unavailable(error: StoreUnavailable) -> AuthError {
    AuthError::SessionStore { reason: error.reason }
}

/// RFC 9110 §9.2.1.
fn changes_something(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

fn facts(id: &SessionId, session: &StoredSession, idle_until: UnixTime) -> Session {
    Session::new(SessionFacts {
        access_token: session.tokens.access_token.clone(),
        csrf_token: csrf::of_session(id),
        logout_token: csrf::of_logout(id),
        started_at: session.started_at,
        ends_at: session.ends_at,
        idle_until,
    })
}
