//! `GET` and `POST …/auth`: a browser asks for a login (RFC 6749, section 4.1.1; OpenID Connect Core, section 3.1.2).

use http::StatusCode;

use super::auth_request::{self, Checked, Fault};
use super::auth_response::{self, redirect};
use super::login_page::{self, NEVER_KEPT};
use super::page::{browser_cookie, error_page, identity_cookie, set_browser_cookie, set_identity_cookie};
use super::reply::{Reply, cached, server_error};
use super::request::Request;
use crate::signin::{self, Begun};
use crate::state::State;

pub(super) async fn serve(state: &State, request: &Request) -> Reply {
    let Checked { request: login, asking, registration } = match auth_request::check(state, &request.params())
    {
        Ok(checked) => checked,
        Err(Fault::Page(status, message)) => return error_page(state, status, &message),
        Err(Fault::Back(to, error, description)) => {
            return auth_response::refused(state, &to, error, description.as_deref()).await;
        }
    };
    if registration {
        return error_page(state, StatusCode::BAD_REQUEST, "Registration not allowed");
    }
    let to = login.to.clone();
    let hint = login.login_hint.clone().unwrap_or_default();
    let pushed = login.pushed.is_some();
    let browser = browser_cookie(request);
    match signin::begin(state, login, asking, &browser, identity_cookie(request)) {
        Begun::LoginRequired => auth_response::refused(state, &to, "login_required", None).await,
        Begun::Done(done) => {
            let mut reply = auth_response::logged_in(state, &to, &done).await;
            set_identity_cookie(state, &mut reply, &done.cookie);
            reply
        }
        // A pushed request counts once: its page has an address that can be gone back to.
        Begun::Ask { tab } if pushed => {
            let mut reply = cached(redirect(&login_page::address(state, &to.client_id, &tab)), NEVER_KEPT);
            set_browser_cookie(state, &mut reply, &browser);
            reply
        }
        Begun::Ask { tab } => {
            let attempt = state.memory().logins.attempt(&tab, state.now()).cloned();
            attempt.map_or_else(server_error, |attempt| login_page::form(state, &tab, &attempt, &hint, None))
        }
    }
}
