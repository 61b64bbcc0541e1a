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
use crate::refresh::{NotRenewed, Refresher, Renewal};
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
        let values = cookie::values(request.headers, &self.cookies.session());
        if values.is_empty() {
            return Ok(None);
        }
        let (id, session) = self.only_one_of(&values).await?;
        let key = id.key();
        if changes_something(request.method) && !self.was_meant(request, &id) {
            return Err(AuthError::Csrf);
        }
        let (session, principal) = self.caller(request, &key, session).await?;
        // An access token of Keycloak's may lack `sub`, never name another.
        if principal
            .subject()
            .is_some_and(|subject| session.subject.as_deref().is_some_and(|own| own != subject))
        {
            tracing::error!(target: "kc", "a session's access token is of somebody else: the session is ended");
            self.sessions.remove(&key).await.map_err(unavailable)?;
            return Err(AuthError::SessionExpired);
        }
        let idle_until = self.touched(&key, &session).await?;
        Ok(Some(principal.with_session(facts(&id, &session, idle_until))))
    }
}

impl SessionAuthenticator {
    /// The session that the cookie names. Of several cookies the one that names one; of several that do, nobody can say which
    /// was planted.
    async fn only_one_of(&self, values: &[&str]) -> Result<(SessionId, StoredSession), AuthError> {
        let mut found = None;
        for id in values.iter().filter_map(|value| SessionId::from_cookie(value)) {
            let Some(session) = self.sessions.load(&id.key()).await.map_err(unavailable)? else { continue };
            if found.replace((id, session)).is_some() {
                return Err(AuthError::SessionExpired);
            }
        }
        found.ok_or(AuthError::SessionExpired)
    }

    /// Other sites can make a browser send a request, and its cookies with it; they cannot make it send this.
    fn was_meant(&self, request: &RequestView<'_>, id: &SessionId) -> bool {
        let headers = request.headers;
        let once = headers.value(csrf::HEADER, 1).is_none();
        once && headers.value(csrf::HEADER, 0).is_some_and(|value| csrf::is(value, &csrf::of_session(id)))
    }

    /// Whom the session's access token names, after a renewal if it needs one.
    async fn caller(
        &self,
        request: &RequestView<'_>,
        key: &SessionKey,
        session: StoredSession,
    ) -> Result<(StoredSession, Principal), AuthError> {
        let session = self.in_force(request, key, session).await?;
        match self.bearer.caller(session.tokens.access_token.expose()).await {
            Ok(principal) => return Ok((session, principal)),
            // The realm's key is gone, or the clocks differ: the session need not be over, Keycloak gives another token.
            Err(AuthError::Token(TokenError::UnknownKey | TokenError::Expired { .. })) => {}
            Err(error) => return Err(self.ended(key, error).await),
        }
        let session = self.renewed(request, key, session).await?;
        match self.bearer.caller(session.tokens.access_token.expose()).await {
            Ok(principal) => Ok((session, principal)),
            // Keycloak has just signed it: it is our list of keys that lags behind, while it may not be asked again. Whoever keeps it
            // so by made-up key ids must not log others out.
            Err(AuthError::Token(TokenError::UnknownKey)) => {
                let reason = "Keycloak signs with a key that is not known here yet".to_owned();
                Err(AuthError::Login { reason })
            }
            Err(error) => Err(self.ended(key, error).await),
        }
    }

    /// What a token that is not accepted means for its session.
    async fn ended(&self, key: &SessionKey, error: AuthError) -> AuthError {
        // Whatever else it is has nothing to do with the token.
        let AuthError::Token(error) = error else { return error };
        tracing::info!(target: "kc", "a session is ended, its access token is good no more: {error}");
        match self.sessions.remove(key).await {
            Ok(_) => AuthError::SessionExpired,
            Err(error) => unavailable(error),
        }
    }

    /// The session with an access token that has not run out.
    async fn in_force(
        &self,
        request: &RequestView<'_>,
        key: &SessionKey,
        session: StoredSession,
    ) -> Result<StoredSession, AuthError> {
        let alive = || self.clock.now() < session.tokens.access_ends_at;
        if self.clock.now() < session.tokens.refresh_from || (alive() && self.refresher.is_paused(key)) {
            return Ok(session);
        }
        if !alive() {
            return self.renewed(request, key, session).await;
        }
        // It is good for this request: no reason to let it wait for a server that hangs.
        let renewal = self.renewal(request, key, &session);
        match tokio::time::timeout(WAIT, renewal.landed()).await {
            Err(_) if alive() => Ok(session),
            Ok(Err(NotRenewed::Store(_) | NotRenewed::Unavailable { .. })) if alive() => Ok(session),
            Ok(landed) => landed.map_err(not_renewed),
            Err(_) => self.renewed(request, key, session).await,
        }
    }

    /// The session with another access token.
    async fn renewed(
        &self,
        request: &RequestView<'_>,
        key: &SessionKey,
        session: StoredSession,
    ) -> Result<StoredSession, AuthError> {
        self.renewal(request, key, &session).landed().await.map_err(not_renewed)
    }

    fn renewal(&self, request: &RequestView<'_>, key: &SessionKey, session: &StoredSession) -> Renewal {
        // Whatever comes of it is an event, also when this request has gone by then.
        self.refresher
            .renew(*key, session.clone(), || self.guard.event("refresh", request, party(session), None))
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

fn not_renewed(error: NotRenewed) -> AuthError {
    match error {
        NotRenewed::Over => AuthError::SessionExpired,
        NotRenewed::Store(error) => unavailable(error),
        NotRenewed::Unavailable { reason } => AuthError::Login { reason },
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
