//! The end of a session: by its user, here.

use bytes::Bytes;
use http::{HeaderValue, Response};
use kc_core::AuthError;
use kc_core::revocations::Revocation;
use kc_core::secret::Secret;
use url::form_urlencoded;

use crate::authenticator::{party, unavailable};
use crate::cookie;
use crate::csrf;
use crate::login::{Login, LoginRequest};
use crate::parameters::Parameters;
use crate::random;
use crate::reply;
use crate::session::{SessionId, Tokens};

/// Seconds for which a browser is told that somebody has logged out: it is told by the change, and can forget it.
const FORGET_PAGES: u64 = 60;

impl Login {
    /// Ends the session here, and sends the browser to Keycloak to end it there (OpenID Connect RP-Initiated Logout).
    pub(crate) async fn logout(&self, request: &LoginRequest<'_>) -> Response<Bytes> {
        match self.log_out(request).await {
            Ok(response) => response,
            Err(error) => self.refuse(request, error),
        }
    }

    async fn log_out(&self, request: &LoginRequest<'_>) -> Result<Response<Bytes>, AuthError> {
        let inner = &self.inner;
        let name = inner.cookies.session();
        let clear = self.session_is_over();
        let query = Parameters::read(request.view.query.unwrap_or_default().as_bytes());
        let form = match is_form(request) && request.view.method == "POST" {
            true => Parameters::read(request.body),
            false => Parameters::default(),
        };
        // Where other hosts of the site can plant cookies there may be several: the one that this request means is ended.
        let (mut meant, mut other) = (None, None);
        for id in cookie::values(request.view.headers, &name).into_iter().filter_map(SessionId::from_cookie) {
            let Some(session) = inner.sessions.load(&id.key()).await.map_err(unavailable)? else { continue };
            match was_meant(request, &query, &form, &id) {
                true => meant = Some((id, session)),
                false => other = Some(session),
            }
        }
        let Some((id, session)) = meant else {
            let Some(session) = other else {
                // A second click, or a session that has run out: there is nothing left to end.
                return Ok(reply::redirect("/", clear));
            };
            let ticket = inner.guard.event("logout", &request.view, party(&session), Some("csrf_failed"));
            ticket.finish(403, None);
            return Err(AuthError::Csrf);
        };
        let only_here = form.get("only").or(query.get("only")) == Some("here");
        let ticket = inner.guard.event("logout", &request.view, party(&session), None);
        let to = if only_here { "/".to_owned() } else { self.end_session(&session.tokens) };
        let response = reply::redirect(&to, clear);
        // Done as a whole, also when the browser does not wait for it.
        let (login, status) = (self.clone(), response.status().as_u16());
        let ended = tokio::spawn(async move {
            let removed = login.inner.sessions.remove(&id.key()).await;
            if removed.is_ok()
                && !only_here
                && let Some(session_id) = session.session_id
            {
                login.revoke(&session.issuer, Revocation::Session(session_id)).await;
            }
            match &removed {
                Ok(_) => ticket.finish(status, None),
                Err(_) => ticket.finish(503, Some("session_store_unavailable")),
            }
            removed
        });
        let interrupted = |_| AuthError::Internal { reason: "a logout was interrupted".to_owned() };
        ended.await.map_err(interrupted)?.map_err(unavailable)?;
        Ok(response)
    }

    /// The cookies of a browser whose session is over.
    ///
    /// Chromium keeps pages for its Back button, `no-store` or not, and drops those of a site whose cookies have changed: one
    /// that was taken away is no change to it (seen in version 156), a new one is.
    fn session_is_over(&self) -> Vec<HeaderValue> {
        let cookies = &self.inner.cookies;
        let changed = cookies.set(&cookies.logged_out(), &random::token(), Some(FORGET_PAGES));
        cookies.clear(&cookies.session()).into_iter().chain(changed).collect()
    }

    /// Where a browser goes to end its session at Keycloak.
    pub(crate) fn end_session(&self, tokens: &Tokens) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("id_token_hint", tokens.id_token.expose())
            .append_pair("client_id", self.inner.authentication.client_id())
            .append_pair("post_logout_redirect_uri", &self.post_logout_redirect_uri())
            .append_pair("state", &random::token());
        format!("{}?{}", self.inner.endpoints.end_session(), query.finish())
    }

    /// Bearer tokens of what has ended are refused from now on. The session is gone already: if this cannot be written down,
    /// they end by themselves.
    pub(crate) async fn revoke(&self, issuer: &str, revocation: Revocation) {
        if let Err(error) = self.inner.revocations.revoke(issuer, revocation).await {
            tracing::error!(target: "kc", "after a logout: {error}");
        }
    }
}

pub(crate) fn is_form(request: &LoginRequest<'_>) -> bool {
    let kind = request.view.single("content-type").and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Another site can neither know these values nor make a browser send them.
fn was_meant(request: &LoginRequest<'_>, query: &Parameters, form: &Parameters, id: &SessionId) -> bool {
    let (session, logout) = (csrf::of_session(id), csrf::of_logout(id));
    let good = |value: &[u8], expected: &[&Secret]| expected.iter().any(|expected| csrf::is(value, expected));
    let header = request.view.single(csrf::HEADER);
    let values = [header, form.get(csrf::FIELD), query.get(csrf::FIELD)];
    values.into_iter().flatten().any(|value| good(value.as_bytes(), &[&session, &logout]))
}
