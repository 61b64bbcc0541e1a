//! `grant_type=authorization_code` (RFC 6749, section 4.1.3; RFC 7636, section 4.6; OpenID Connect Core, section 3.1.3).

use http::StatusCode;

use super::auth_request::is_verifier;
use super::reply::{Reply, json_reply, oauth_error, server_error};
use super::request::Form;
use crate::issue::{Grant, Issue};
use crate::login::Code;
use crate::realm::{Client, Role};
use crate::scope;
use crate::signin::client_uuid;
use crate::state::State;

fn refused(why: &str) -> Reply {
    oauth_error(StatusCode::BAD_REQUEST, "invalid_grant", why)
}

/// Exchanges a code. It is used up by the first try, good or bad; another try costs the client its part in the session.
pub(super) async fn exchange(state: &State, client: &Client, form: &Form) -> Result<Reply, Reply> {
    let missing = || oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "Missing parameter: code");
    let given = form.get("code").ok_or_else(missing)?;
    let now = state.now();
    let code = taken(state, client, given).ok_or_else(|| refused("Code not valid"))?;
    if code.expires <= now {
        return Err(refused("Code is expired"));
    }
    let session = state.memory().browser_session(&code.sid, now).map(|session| session.user_id.clone());
    let user_id = session.ok_or_else(|| refused("Code not valid"))?;
    let user = state.realm.user_by_id(&user_id).ok_or_else(|| refused("Code not valid"))?;
    if !state.is_enabled(user) {
        return Err(refused("User disabled"));
    }
    if code.redirect_param.as_deref().is_some_and(|uri| form.get("redirect_uri") != Some(uri)) {
        return Err(refused("Incorrect redirect_uri"));
    }
    if code.client_id != client.id {
        return Err(refused("Auth error: Found different client_id in clientSession"));
    }
    if !client.standard_flow {
        return Err(refused("Client not allowed to exchange code"));
    }
    check_verifier(&code, form.get("code_verifier")).map_err(refused)?;

    let scope = scope::resolve(&state.realm, client, user, code.scope.as_deref()).map_err(|_| {
        oauth_error(StatusCode::BAD_REQUEST, "invalid_scope", "Client no longer has requested consent")
    })?;
    if scope.offline {
        if !user.roles.contains(&Role::realm("offline_access")) {
            let why = "Offline tokens not allowed for the user or client";
            return Err(oauth_error(StatusCode::BAD_REQUEST, "not_allowed", why));
        }
        state.memory().start_offline(&code.sid, &client.id, now);
    }
    let issue = Issue {
        state,
        client,
        user,
        scope: &scope,
        grant: Grant::Code,
        sid: Some(&code.sid),
        offline: scope.offline,
        nonce: code.nonce.as_deref(),
        notes: std::collections::BTreeMap::new(),
        now,
    };
    let answer = issue.answer(scope.openid, Some(&scope)).await.map_err(|_| server_error())?;
    Ok(json_reply(StatusCode::OK, &answer))
}

/// Takes the code out of the memory. One that isn't there was used: whoever got tokens by it must not keep them
/// (RFC 6749, section 4.1.2).
fn taken(state: &State, client: &Client, given: &str) -> Option<Code> {
    let mut parts = given.split('.');
    let (id, sid, owner) = (parts.next()?, parts.next()?, parts.next()?);
    let mut memory = state.memory();
    let code = memory.logins.take_code(id);
    if code.is_none() && owner == client_uuid(state, &client.id) {
        memory.distrust(sid, &client.id);
    }
    code.filter(|code| code.sid == sid)
}

fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), &'static str> {
    match (&code.challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err("PKCE code verifier specified but challenge not present in authorization"),
        (Some(_), None) => Err("PKCE code verifier not specified"),
        (Some(_), Some(verifier)) if !is_verifier(verifier) => {
            Err("PKCE verification failed: Invalid code verifier")
        }
        (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => Ok(()),
        (Some(_), Some(_)) => Err("PKCE verification failed: Code mismatch"),
    }
}
