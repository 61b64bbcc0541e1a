//! `GET` and `POST …/logout` of a browser (OpenID Connect RP-Initiated Logout 1.0).

use http::StatusCode;

use super::auth_response::{redirect, with_query};
use super::page::{
    browser_cookie, clear_identity_cookie, error_page, escaped, identity_cookie, page, sent_browser_cookie,
    set_browser_cookie,
};
use super::reply::{Reply, cached};
use super::request::{Form, Request};
use crate::backchannel;
use crate::login::PendingLogout;
use crate::random::{base64url, bytes};
use crate::redirect;
use crate::signin::secret;
use crate::state::{State, Verified};

/// What a logout asks for, checked.
struct Asked {
    /// The session that the hint names.
    sid: Option<String>,
    hinted: bool,
    /// Where the browser goes afterwards.
    redirect: Option<String>,
}

pub(super) async fn serve(state: &State, request: &Request) -> Reply {
    let params = request.params();
    let asked = match check(state, &params) {
        Ok(asked) => asked,
        Err(message) => return error_page(state, StatusCode::BAD_REQUEST, &message),
    };
    let browser_sid = browser_sid(state, request);
    let sure = match (&browser_sid, asked.hinted) {
        // Somebody else's session may be at stake: only the user can say so.
        (Some(sid), true) => asked.sid.as_ref() == Some(sid),
        (None, true) => true,
        // Nothing to end here, and the address is registered.
        (None, false) => asked.redirect.is_some(),
        (Some(_), false) => false,
    };
    if sure {
        let sid = asked.sid.or(browser_sid);
        return done(state, sid.as_deref(), asked.redirect.as_deref()).await;
    }
    confirmation(state, request, asked.redirect)
}

/// `POST …/logout/logout-confirm`: the user's yes.
pub(super) async fn confirmed(state: &State, request: &Request) -> Reply {
    let query = request.query();
    let tab = query.get("tab_id").unwrap_or_default();
    let pending = state.memory().logins.take_logout(tab, state.now());
    let form = request.form();
    let Some(pending) = pending.filter(|pending| {
        sent_browser_cookie(request) == Some(pending.browser.as_str())
            && form.get("session_code") == Some(pending.session_code.as_str())
    }) else {
        return error_page(state, StatusCode::BAD_REQUEST, "Logout failed");
    };
    let sid = browser_sid(state, request);
    done(state, sid.as_deref(), pending.redirect.as_deref()).await
}

fn check(state: &State, params: &Form) -> Result<Asked, String> {
    let given = |name: &str| params.get(name).filter(|value| !value.is_empty());
    let hint = match given("id_token_hint") {
        None => None,
        Some(token) => {
            let token = state.verify_expired(token).filter(|token| token.is_kind("ID"));
            let fits = |token: &Verified| {
                let own = token.text("azp").is_some_and(|azp| state.realm.clients.contains_key(azp));
                own && given("client_id").is_none_or(|client| token.text("azp") == Some(client))
            };
            Some(token.filter(fits).ok_or("Invalid parameter: id_token_hint")?)
        }
    };
    let client_id = hint.as_ref().and_then(|token| token.text("azp")).or(given("client_id"));
    let uri = given("post_logout_redirect_uri");
    let redirect = match (uri, client_id) {
        (None, _) => None,
        (Some(_), None) => return Err("Missing parameters: id_token_hint".to_owned()),
        (Some(uri), Some(client)) => {
            let client = state.realm.clients.get(client);
            let allowed = client.map(|client| redirect::after_logout(client, &state.base_url));
            if !allowed.is_some_and(|allowed| redirect::is_covered(uri, &allowed)) {
                return Err("Invalid redirect uri".to_owned());
            }
            let state_param = given("state").map(|value| {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.append_pair("state", value).finish()
            });
            Some(state_param.map_or_else(|| uri.to_owned(), |query| with_query(uri, &query)))
        }
    };
    let sid = hint.as_ref().and_then(|token| token.text("sid")).map(str::to_owned);
    Ok(Asked { sid, hinted: hint.is_some(), redirect })
}

/// The session that the browser is in.
pub(super) fn browser_sid(state: &State, request: &Request) -> Option<String> {
    let memory = state.memory();
    let sid = memory.logins.sid_of(identity_cookie(request)?)?.to_owned();
    memory.browser_session(&sid, state.now()).is_some().then_some(sid)
}

async fn done(state: &State, sid: Option<&str>, to: Option<&str>) -> Reply {
    let ended = sid.and_then(|sid| state.memory().end_browser(sid));
    backchannel::announce(state, ended.as_slice()).await;
    let mut reply = match to {
        Some(to) => redirect(to),
        None => page(
            state,
            StatusCode::OK,
            "You are logged out",
            "<p class=\"instruction\">You are logged out</p>",
        ),
    };
    clear_identity_cookie(state, &mut reply);
    cached(reply, "no-cache")
}

fn confirmation(state: &State, request: &Request, redirect: Option<String>) -> Reply {
    let browser = browser_cookie(request);
    let (tab, code) = (base64url(&bytes::<8>()), secret());
    let now = state.now();
    let pending = PendingLogout {
        browser: browser.clone(),
        session_code: code.clone(),
        redirect,
        expires: now + state.realm.login_lifespan_secs,
    };
    state.memory().logins.put_logout(&tab, pending, now);
    let path = format!("/realms/{}/protocol/openid-connect/logout/logout-confirm", state.realm.name);
    let body = format!(
        "<p class=\"instruction\">Do you want to log out?</p>\n<form method=\"post\" action=\"{}?tab_id={tab}\">\n\
         <input type=\"hidden\" name=\"session_code\" value=\"{code}\">\n\
         <button type=\"submit\" name=\"confirmLogout\" value=\"Logout\">Logout</button>\n</form>",
        escaped(&path)
    );
    let mut reply = cached(page(state, StatusCode::OK, "Logging out", &body), "no-cache");
    set_browser_cookie(state, &mut reply, &browser);
    reply
}
