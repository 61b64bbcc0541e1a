//! The end of a session: Keycloak tells.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use kc_core::audit::Party;
use kc_core::keys::KeysUnavailable;
use kc_core::revocations::Revocation;
use kc_core::validator::{LogoutToken, LogoutTokenError, ValidationError};
use kc_core::{AuthError, Guard};

use crate::authenticator::unavailable;
use crate::login::{Login, LoginRequest};
use crate::logout::is_form;
use crate::page::Page;
use crate::parameters::Parameters;
use crate::reply;
use crate::session::Ended;

/// Why a logout is not taken.
enum NotTaken {
    /// 400 (OpenID Connect Back-Channel Logout §2.8).
    Bad(String),
    /// It may be good: whoever sent it may try again.
    Later(AuthError),
}

impl From<LogoutTokenError> for NotTaken {
    fn from(error: LogoutTokenError) -> Self {
        match error {
            LogoutTokenError::Token(ValidationError::Keys(error)) => Self::Later(keys(error)),
            error => Self::Bad(error.to_string()),
        }
    }
}

fn keys(error: KeysUnavailable) -> AuthError {
    AuthError::Keys(error)
}

impl Login {
    /// OpenID Connect Back-Channel Logout: Keycloak says that a session, or all of a user, are over.
    pub(crate) async fn back_channel_logout(&self, request: &LoginRequest<'_>) -> Response<Bytes> {
        let guard: &Guard = &self.inner.guard;
        match self.take(request).await {
            Ok(party) => {
                guard.event("logout", &request.view, party, None).finish(200, None);
                reply::empty(StatusCode::OK)
            }
            Err(NotTaken::Bad(why)) => {
                tracing::warn!(target: "kc", "a logout token is not taken: {why:?}");
                let event = guard.event("logout", &request.view, Party::default(), Some("invalid_request"));
                event.finish(400, None);
                let body =
                    r#"{"error":"invalid_request","error_description":"The logout token is not accepted"}"#;
                let mut response = reply::empty(StatusCode::BAD_REQUEST);
                *response.body_mut() = Bytes::from_static(body.as_bytes());
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(NotTaken::Later(error)) => {
                let refusal = guard.refuse(error);
                let event = guard.event("logout", &request.view, Party::default(), Some(refusal.code()));
                event.finish(refusal.status().as_u16(), None);
                reply::no_store(guard.response_to(&request.view, &refusal))
            }
        }
    }

    async fn take(&self, request: &LoginRequest<'_>) -> Result<Party, NotTaken> {
        let inner = &self.inner;
        let form = match is_form(request) {
            true => Parameters::read(request.body),
            false => return Err(NotTaken::Bad("it is no form".to_owned())),
        };
        let token =
            form.get("logout_token").ok_or_else(|| NotTaken::Bad("there is none, or several".to_owned()))?;
        let token = inner.logout_tokens.validate(token).await?;
        // Done as a whole, also when Keycloak does not wait for it.
        let login = self.clone();
        let taken = tokio::spawn(async move { login.take_once(&token).await });
        let interrupted =
            |_| NotTaken::Later(AuthError::Internal { reason: "a logout was interrupted".to_owned() });
        taken.await.map_err(interrupted)?
    }

    async fn take_once(&self, token: &LogoutToken) -> Result<Party, NotTaken> {
        let inner = &self.inner;
        let id = format!("jti {}", token.id);
        let store = |error| NotTaken::Later(unavailable(error));
        if !inner.replay.first_use(&id, token.expires_at).await.map_err(store)? {
            return Err(NotTaken::Bad("it has been taken before".to_owned()));
        }
        if let Err(error) = self.end(token).await {
            // Whatever was not done is done when it comes again.
            if let Err(error) = inner.replay.forget(&id).await {
                tracing::error!(target: "kc", "a logout was not done and cannot be repeated: {error}");
            }
            return Err(NotTaken::Later(error));
        }
        Ok(Party { sub: token.subject.clone(), sid: token.session_id.clone(), ..Party::default() })
    }

    async fn end(&self, token: &LogoutToken) -> Result<(), AuthError> {
        let inner = &self.inner;
        let (ended, revocation) = match (&token.session_id, &token.subject) {
            (Some(session), _) => (Ended::Session(session.clone()), Revocation::Session(session.clone())),
            (None, Some(subject)) => {
                let revocation = Revocation::Subject { subject: subject.clone(), until: token.issued_at };
                (Ended::Subject(subject.clone()), revocation)
            }
            // The validator lets none such through.
            (None, None) => return Ok(()),
        };
        inner.sessions.remove_all(&token.issuer, &ended).await.map_err(unavailable)?;
        self.revoke(&token.issuer, revocation).await;
        Ok(())
    }

    /// OpenID Connect Front-Channel Logout: the same, by a frame in the browser.
    pub(crate) async fn front_channel_logout(&self, request: &LoginRequest<'_>) -> Response<Bytes> {
        if !self.inner.options.front_channel_logout {
            return self.refuse(request, AuthError::NotFound);
        }
        let query = Parameters::read(request.view.query.unwrap_or_default().as_bytes());
        let (Some(issuer), Some(session)) = (query.get("iss"), query.get("sid")) else {
            return self.bad_front_channel("There is no iss, or no sid.");
        };
        if issuer != self.inner.issuer {
            return self.bad_front_channel("It is of another issuer.");
        }
        let ended = Ended::Session(session.to_owned());
        if let Err(error) = self.inner.sessions.remove_all(issuer, &ended).await {
            return self.refuse(request, unavailable(error));
        }
        self.revoke(issuer, Revocation::Session(session.to_owned())).await;
        let party = Party { sid: Some(session.to_owned()), ..Party::default() };
        self.inner.guard.event("logout", &request.view, party, None).finish(200, None);
        reply::empty(StatusCode::OK)
    }

    fn bad_front_channel(&self, words: &str) -> Response<Bytes> {
        Page::new(StatusCode::BAD_REQUEST, "This logout is not taken").paragraph(words).into_response()
    }
}
