//! `…/login-actions/authenticate`: what the form of the login page is sent to; `…/login-actions/restart`: its way to begin as
//! somebody else.

use http::{Method, StatusCode};

use super::auth_response::{self, redirect};
use super::end_session::browser_sid;
use super::login_page::{self, NEVER_KEPT};
use super::page::{
    clear_identity_cookie, error_page, identity_cookie, sent_browser_cookie, set_identity_cookie,
};
use super::reply::{Reply, cached};
use super::request::Request;
use crate::backchannel;
use crate::signin::{self, Advanced, Denied};
use crate::state::State;

const NO_COOKIE: &str = "Restart login cookie not found. It may have expired; it may have been deleted or cookies are \
                         disabled in your browser. If cookies are disabled then enable them. Click Back to Application \
                         to login again.";

/// The end of the path that begins a login again.
const RESTART: &str = "/restart";
const TRY_AGAIN: &str = "An error occurred, please login again through your application.";
const TOO_LATE: &str = "Your login attempt timed out. Login will start from the beginning.";

pub(super) async fn serve(state: &State, request: &Request) -> Reply {
    let failed = |message: &str| error_page(state, StatusCode::BAD_REQUEST, message);
    let query = request.query();
    let Some(browser) = sent_browser_cookie(request) else { return failed(NO_COOKIE) };
    let tab = query.get("tab_id").unwrap_or_default();
    let found = state.memory().logins.attempt_or_late(tab).cloned();
    // A page that another browser got is none of this browser's business.
    let Some(attempt) = found.filter(|attempt| attempt.browser == browser) else {
        return failed(TRY_AGAIN);
    };
    if attempt.expires <= state.now() && !attempt.done {
        let attempt = signin::restart(state, tab, attempt);
        return login_page::form(state, tab, &attempt, "", Some(TOO_LATE));
    }
    let to = attempt.request.to.clone();
    if attempt.done {
        let late = Some("authentication_expired");
        return auth_response::refused(state, &to, "temporarily_unavailable", late).await;
    }
    if request.path.ends_with(RESTART) {
        // Whoever is logged in makes room for somebody else.
        let ended = browser_sid(state, request).and_then(|sid| state.memory().end_browser(&sid));
        backchannel::announce(state, ended.as_slice()).await;
        signin::restart(state, tab, attempt);
        let page = redirect(&login_page::address(state, &to.client_id, tab));
        let mut reply = cached(page, NEVER_KEPT);
        clear_identity_cookie(state, &mut reply);
        return reply;
    }
    if request.method != Method::POST {
        let hint = attempt.request.login_hint.clone().unwrap_or_default();
        return login_page::form(state, tab, &attempt, &hint, None);
    }
    if query.get("session_code") != Some(&attempt.session_code) {
        // An older page of this login: show the current one.
        return cached(redirect(&login_page::address(state, &to.client_id, tab)), NEVER_KEPT);
    }
    let form = request.form();
    let name = form.get("username").unwrap_or_default();
    let user_id = match signin::check(state, &attempt, name, form.get("password").unwrap_or_default()) {
        Ok(user_id) => user_id,
        Err(denied) => {
            let message = match denied {
                Denied::Disabled => "Account is disabled, contact your administrator.",
                Denied::WrongPassword if !attempt.reached.is_empty() => "Invalid password.",
                Denied::WrongPassword => "Invalid username or password.",
            };
            let attempt = signin::renew(state, tab, attempt);
            return login_page::form(state, tab, &attempt, name, Some(message));
        }
    };
    match signin::advance(state, tab, attempt, user_id, identity_cookie(request)) {
        Advanced::Done(done) => {
            let mut reply = auth_response::logged_in(state, &to, &done).await;
            set_identity_cookie(state, &mut reply, &done.cookie);
            reply
        }
        Advanced::More => {
            let next = state.memory().logins.attempt(tab, state.now()).cloned();
            next.map_or_else(|| failed(NO_COOKIE), |next| login_page::form(state, tab, &next, "", None))
        }
        Advanced::NotReached => failed("Authentication requirements not fulfilled"),
        Advanced::OtherUser(name) => failed(&format!(
            "You are already authenticated as different user '{name}' in this session. Please sign out first."
        )),
    }
}
