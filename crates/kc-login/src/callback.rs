//! Back from Keycloak: the authorization response.

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Response, StatusCode};
use kc_core::audit::Party;
use kc_core::token::TokenError;
use kc_core::validator::{ExpectedLogin, IdTokenError, ValidationError};
use kc_core::{AuthError, Principal};

use crate::authenticate::link;
use crate::cookie;
use crate::login::{Login, LoginRequest};
use crate::page::Page;
use crate::parameters::Parameters;
use crate::pending::Pending;
use crate::reply;
use crate::session::{SessionId, StoreUnavailable, StoredSession, Tokens};
use crate::token_endpoint::NoTokens;

/// Between a login at Keycloak and its end here.
const A_MOMENT: Duration = Duration::from_secs(60);

/// Why a browser that came back is not logged in: in words for its user, for the log, and for the audit.
#[derive(Debug)]
struct Failed {
    status: StatusCode,
    code: &'static str,
    words: &'static str,
    log: String,
    /// Where the browser has to go before it can log in again.
    end_session: Option<String>,
}

impl Failed {
    fn new(status: StatusCode, code: &'static str, words: &'static str, log: impl Into<String>) -> Self {
        Self { status, code, words, log: log.into(), end_session: None }
    }

    fn request(words: &'static str, log: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", words, log)
    }

    fn unavailable(log: impl Into<String>) -> Self {
        let words = "The login server cannot be reached. This is not your fault; try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "login_unavailable", words, log)
    }

    fn token(code: &'static str, log: impl Into<String>) -> Self {
        let words = "The login server's answer could not be trusted, so you are not logged in.";
        Self::new(StatusCode::BAD_REQUEST, code, words, log)
    }
}

impl From<StoreUnavailable> for Failed {
    fn from(error: StoreUnavailable) -> Self {
        let words = "Your session could not be stored. This is not your fault; try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "session_store_unavailable", words, error.to_string())
    }
}

impl From<NoTokens> for Failed {
    fn from(error: NoTokens) -> Self {
        match &error {
            NoTokens::Refused => Self::request(
                "The login server does not take this login any more: it took too long, or was used already.",
                error.to_string(),
            ),
            NoTokens::Misconfigured { .. } => Self::request(
                "The login server does not take this service's word. Its operator has to look at the settings.",
                error.to_string(),
            ),
            NoTokens::Nonsense { .. } => Self::token("malformed_token", error.to_string()),
            NoTokens::Unavailable { .. } => Self::unavailable(error.to_string()),
        }
    }
}

impl From<IdTokenError> for Failed {
    fn from(error: IdTokenError) -> Self {
        match &error {
            IdTokenError::Token(ValidationError::Keys(_)) => Self::unavailable(error.to_string()),
            IdTokenError::Token(ValidationError::Token(inner)) => {
                Self::token(inner.code(), error.to_string())
            }
            _ => Self::token("malformed_claim", error.to_string()),
        }
    }
}

impl From<AuthError> for Failed {
    fn from(error: AuthError) -> Self {
        let log = error.to_string();
        match error {
            AuthError::UnknownUser => Self::new(
                StatusCode::FORBIDDEN,
                "user_unknown",
                "You are known to the login server, but have no account here. Ask the operator of this service for one.",
                log,
            ),
            AuthError::Token(error @ TokenError::Audience { .. }) => Self::token(
                error.code(),
                format!(
                    "{log}: give this client an audience mapper, so that its access tokens are for this service"
                ),
            ),
            AuthError::Token(error) => Self::token(error.code(), log),
            AuthError::Users { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "session_store_unavailable",
                "Your account could not be looked up. This is not your fault; try again in a moment.",
                log,
            ),
            _ => Self::unavailable(log),
        }
    }
}

/// A login that has come to its end.
struct Done {
    next: String,
    id: SessionId,
    principal: Principal,
}

impl Login {
    /// Ends a login: with a session, or with a page that says why not.
    pub(crate) async fn callback(&self, request: &LoginRequest<'_>) -> Response<Bytes> {
        let query = Parameters::read(request.view.query.unwrap_or_default().as_bytes());
        let found = query.get("state").and_then(|state| self.pending(state, request));
        let Some((pending, over)) = found else {
            let failed = Failed::request(
                "This login was not begun in this browser, has been used already, or took too long.",
                "a callback with a state that this browser did not begin, or no more",
            );
            return self.failed(request, "/", failed, None);
        };
        if query.get("error") == Some("temporarily_unavailable") && !pending.again {
            // Keycloak's login page had run out, and it is told by this (Keycloak, `authentication_expired`).
            let again = pending.once_more(self.inner.clock.now());
            let response = self.begin(request, &again, Vec::new()).await;
            return reply::with_cookies(response, over);
        }
        match self.finish(request, &query, &pending).await {
            Ok(Done { next, id, principal }) => {
                let session = self.inner.cookies.set(&self.inner.cookies.session(), id.expose(), None);
                let response = reply::redirect(&next, session.into_iter().chain(over));
                let ticket = self.inner.guard.event("login", &request.view, Party::from(&principal), None);
                ticket.finish(response.status().as_u16(), None);
                response
            }
            Err(failed) => self.failed(request, &pending.next, failed, over),
        }
    }

    fn pending(&self, state: &str, request: &LoginRequest<'_>) -> Option<(Pending, Option<HeaderValue>)> {
        let inner = &self.inner;
        let (headers, time) = (request.view.headers, inner.options.login_time);
        Pending::find(state, &inner.seal, &inner.cookies, headers, inner.clock.now(), time)
    }

    async fn finish(
        &self,
        request: &LoginRequest<'_>,
        query: &Parameters,
        pending: &Pending,
    ) -> Result<Done, Failed> {
        let inner = &self.inner;
        self.check_issuer(query).await?;
        if let Some(error) = query.get("error") {
            return Err(refused_by_keycloak(error));
        }
        let code = query.get("code").ok_or_else(|| {
            let words = "The login server's answer is incomplete.";
            Failed::request(words, "a callback without a code, or with several")
        })?;
        let tokens = self.redeem(code, pending).await?;
        let access_token = tokens.access_token.expose();
        let expected = ExpectedLogin {
            nonce: Some(&pending.nonce()),
            access_token,
            max_age: pending.max_age.map(Duration::from_secs),
        };
        let id_token = inner.id_tokens.validate(tokens.id_token.expose(), &expected).await?;
        let principal = match inner.bearer.caller(access_token).await {
            Err(AuthError::Token(error @ TokenError::Revoked)) => {
                return Err(self.half_logged_out(&tokens, &error));
            }
            caller => caller?,
        };
        let (login, caller) = (id_token.claims(), principal.claims());
        // An access token of Keycloak's may lack `sub`, never name another.
        if caller.subject.is_some() && caller.subject != login.subject {
            return Err(Failed::token(
                "malformed_claim",
                "the ID token and the access token are of different users",
            ));
        }
        if let Some(needed) = &pending.acr_values {
            // The rules of routes look at the access token: what it does not say would be asked for again and again.
            let got = caller.acr.as_deref().unwrap_or_default();
            if !needed.split(' ').any(|needed| inner.acr_levels.reaches(got, needed)) {
                let words = "A stronger login was asked for than you have made.";
                let log = "Keycloak did not authenticate as strongly as acr_values asked for: is the level in the realm's \
                           ACR to LoA mapping, and in the browser flow?";
                return Err(Failed::new(StatusCode::FORBIDDEN, "step_up_required", words, log));
            }
        }
        let now = inner.clock.now();
        if let Some(max_age) = pending.max_age
            && caller
                .authenticated_at
                .is_none_or(|at| now.since(at) > Duration::from_secs(max_age) + A_MOMENT)
        {
            let words = "A fresher login was asked for than you have made.";
            let log = "the access token does not say that the user was authenticated as lately as max_age asked for (auth_time)";
            return Err(Failed::new(StatusCode::FORBIDDEN, "step_up_required", words, log));
        }
        let session = StoredSession {
            issuer: inner.issuer.clone(),
            subject: login.subject.clone(),
            username: caller.username.clone().or_else(|| login.username.clone()),
            session_id: login.session_id.clone().or_else(|| caller.session_id.clone()),
            tokens,
            started_at: now,
            ends_at: now.plus(inner.options.lifetime),
            idle_until: now.plus(inner.options.idle),
            version: 0,
        };
        // A new id: whoever knew the one before, or planted it, knows nothing of this one.
        let id = SessionId::random();
        inner.sessions.insert(&id.key(), &session).await?;
        // Keycloak may have ended it while it was being made, and found no session of it here.
        if inner.revocations.is_revoked(login) {
            inner.sessions.remove(&id.key()).await?;
            return Err(self.half_logged_out(&session.tokens, &TokenError::Revoked));
        }
        self.forget_the_one_before(request).await;
        Ok(Done { next: pending.next.clone(), id, principal })
    }

    /// A login to a session that was logged out here and not at Keycloak, because the browser did not go there: Keycloak goes on
    /// giving the same one until it has ended it.
    fn half_logged_out(&self, tokens: &Tokens, error: &TokenError) -> Failed {
        let words = "You have logged out of this session. It has to be ended at the login server, too, before you can log in again.";
        let failed = Failed::token(
            error.code(),
            format!("Keycloak gives a session that was logged out here: {error}"),
        );
        Failed { words, end_session: Some(self.end_session(tokens)), ..failed }
    }

    /// Redeems a code, once for each login: Keycloak ends the session of whoever brings one twice. What it does not take is
    /// forgotten, so that nobody can fill the store with logins that never were.
    async fn redeem(&self, code: &str, pending: &Pending) -> Result<Tokens, Failed> {
        let inner = &self.inner;
        let id = format!("state {}", pending.state());
        if !inner.replay.first_use(&id, pending.ends_at(inner.options.login_time)).await? {
            return Err(Failed::request("This login has been used already.", "a callback that came before"));
        }
        match inner.tokens.redeem(code, &pending.verifier(), &self.redirect_uri()).await {
            Ok(granted) => Ok(granted.tokens),
            Err(error) => {
                if let Err(error) = inner.replay.forget(&id).await {
                    tracing::debug!(target: "kc", "{error}");
                }
                Err(error.into())
            }
        }
    }

    /// RFC 9207 §2.4: the answer is from whom we asked.
    async fn check_issuer(&self, query: &Parameters) -> Result<(), Failed> {
        let words = "The answer came from another login server.";
        match query.get("iss") {
            Some(issuer) if issuer == self.inner.issuer => Ok(()),
            Some(_) => Err(Failed::request(words, "a callback that names another issuer (iss)")),
            None if query.came_twice("iss") => Err(Failed::request(words, "a callback with several iss")),
            None => {
                let server = self.inner.discovered.server().await.map_err(Failed::unavailable)?;
                match server.names_itself {
                    true => {
                        Err(Failed::request(words, "a callback without iss, which this server says it sends"))
                    }
                    false => Ok(()),
                }
            }
        }
    }

    /// Of what this browser had before nothing is kept. If it cannot be removed now, it ends by itself.
    async fn forget_the_one_before(&self, request: &LoginRequest<'_>) {
        let before = cookie::values(request.view.headers, &self.inner.cookies.session());
        for id in before.into_iter().filter_map(SessionId::from_cookie) {
            if let Err(error) = self.inner.sessions.remove(&id.key()).await {
                tracing::warn!(target: "kc", "the session before a login is left to its end: {error}");
            }
        }
    }

    fn failed(
        &self,
        request: &LoginRequest<'_>,
        next: &str,
        failed: Failed,
        over: Option<HeaderValue>,
    ) -> Response<Bytes> {
        let Failed { status, code, words, log, end_session } = failed;
        if status.is_server_error() {
            tracing::error!(target: "kc", "a login failed: {log:?}");
        } else {
            tracing::warn!(target: "kc", "a login failed: {log:?}");
        }
        let ticket = self.inner.guard.event("login", &request.view, Party::default(), Some(code));
        ticket.finish(status.as_u16(), None);
        let page = Page::new(status, "This login did not succeed").paragraph(words);
        let page = match &end_session {
            Some(end) => page.action(end, "Finish logging out, then log in again"),
            None => page.action(&link(next), "Try again"),
        };
        let page = page.link("/", "Home");
        reply::with_cookies(page.into_response(), over)
    }
}

/// What Keycloak says instead of a code (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6). Its own text is not shown: it is
/// from elsewhere.
fn refused_by_keycloak(error: &str) -> Failed {
    let words = match error {
        "access_denied" => "The login was cancelled, or the login server did not allow it.",
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            "The login server has to ask you something first."
        }
        "temporarily_unavailable" => "The login page was open for too long.",
        "server_error" => "The login server has a problem.",
        _ => {
            "The login server did not take the login. The operator of this service has to look at its settings."
        }
    };
    let known = error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let log = format!("Keycloak answers with the error {}", if known { error } else { "(unreadable)" });
    let status =
        if error == "server_error" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
    let code = if error == "server_error" { "login_unavailable" } else { "not_authenticated" };
    Failed::new(status, code, words, log)
}
