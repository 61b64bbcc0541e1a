//! What ends things: `POST …/logout` with a refresh token, and `POST …/revoke` (RFC 7009).

use http::StatusCode;

use super::client_auth::{ClientRefusal, authenticate};
use super::cors;
use super::reply::{Reply, cached, empty, json_reply, oauth_error};
use super::request::{Form, Request};
use crate::backchannel;
use crate::realm::Client;
use crate::state::State;

fn bad(error: &str, description: &str) -> Reply {
    oauth_error(StatusCode::BAD_REQUEST, error, description)
}

/// Ends the session of a refresh token, and tells its clients.
pub(super) async fn logout(state: &State, request: &Request) -> Reply {
    let form = request.form();
    let client = match authenticate(state, request, &form) {
        Ok(client) => client,
        Err(refusal) => return cors::for_anybody(ClientRefusal::reply(refusal)),
    };
    let reply = end_by(state, client, form.get("refresh_token").unwrap_or_default()).await;
    cors::for_client(reply, client)
}

async fn end_by(state: &State, client: &Client, refresh_token: &str) -> Reply {
    let Some(token) = state.verify_refresh(refresh_token) else {
        return bad("invalid_grant", "Invalid refresh token");
    };
    if token.text("azp") != Some(&client.id) {
        return bad("invalid_grant", super::OTHER_CLIENT);
    }
    let ended = token.text("sid").and_then(|sid| state.memory().end(sid));
    backchannel::announce(state, ended.as_slice()).await;
    cached(empty(StatusCode::NO_CONTENT), "no-cache")
}

/// Revokes an access token, or takes the client of a refresh token out of its session; other clients go on in it.
pub(super) fn revoke(state: &State, request: &Request) -> Reply {
    let form = request.form();
    let client = match authenticate(state, request, &form) {
        Ok(client) => client,
        Err(refusal) => return cors::for_anybody(ClientRefusal::reply(refusal)),
    };
    cors::for_client(revoke_by(state, client, &form), client)
}

fn revoke_by(state: &State, client: &Client, form: &Form) -> Reply {
    if form.has_duplicates() {
        return bad("invalid_request", "duplicated parameter");
    }
    let Some(token) = form.get("token") else { return bad("invalid_request", "Token not provided") };
    // A refresh token whose session has ended is worth nothing, so there is nothing to revoke.
    let refresh = state.verify_refresh(token).filter(|token| state.has_session(token));
    let is_refresh = refresh.is_some();
    let Some(token) = refresh.or_else(|| state.verify(token)) else {
        // RFC 7009, section 2.2: an invalid token is a 200. Keycloak says why all the same.
        let body = serde_json::json!({ "error": "invalid_token", "error_description": "Invalid token" });
        return json_reply(StatusCode::OK, &body);
    };
    if !is_refresh && !token.is_kind("Bearer") {
        return bad("unsupported_token_type", "Unsupported token type");
    }
    if token.text("azp") != Some(&client.id) {
        return bad("invalid_request", "Unmatching clients");
    }
    let mut memory = state.memory();
    match (is_refresh, token.text("sid"), token.text("jti")) {
        (true, Some(sid), _) => memory.detach(sid, &client.id),
        (false, _, Some(jti)) => memory.revoke(jti),
        _ => {}
    }
    drop(memory);
    empty(StatusCode::OK)
}
