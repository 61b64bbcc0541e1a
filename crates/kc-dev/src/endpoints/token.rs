//! `POST …/token` (RFC 6749, sections 4.1.3, 4.3, 4.4 and 6; OpenID Connect Core, section 12).

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use super::client_auth::authenticate;
use super::reply::{Reply, json_reply, no_store, oauth_error, server_error};
use super::request::{Form, Request};
use super::{code, cors};
use crate::issue::{Grant, Issue};
use crate::random::session_id;
use crate::realm::Client;
use crate::scope::{self, GrantedScope};
use crate::session::RefreshRefusal;
use crate::state::State;

pub(super) async fn post(state: &State, request: &Request) -> Reply {
    no_store(answer(state, request).await.unwrap_or_else(|refusal| refusal))
}

fn bad(error: &str, description: &str) -> Reply {
    oauth_error(StatusCode::BAD_REQUEST, error, description)
}

fn invalid_scope(form: &Form) -> Reply {
    bad("invalid_scope", &format!("Invalid scopes: {}", form.get("scope").unwrap_or_default()))
}

async fn answer(state: &State, request: &Request) -> Result<Reply, Reply> {
    let form = request.form();
    let grant =
        form.get("grant_type").ok_or_else(|| bad("invalid_request", "Missing form parameter: grant_type"))?;
    if !matches!(grant, "authorization_code" | "password" | "client_credentials" | "refresh_token") {
        return Err(bad("unsupported_grant_type", "Unsupported grant_type"));
    }
    let client = authenticate(state, request, &form).map_err(|refusal| cors::for_anybody(refusal.reply()))?;
    let granted = grant_to(state, request, client, grant, &form).await;
    granted.map(|reply| cors::for_client(reply, client)).map_err(|reply| cors::for_client(reply, client))
}

async fn grant_to(
    state: &State,
    request: &Request,
    client: &Client,
    grant: &str,
    form: &Form,
) -> Result<Reply, Reply> {
    if form.has_duplicates() {
        return Err(bad("invalid_request", "duplicated parameter"));
    }
    if client.is_on("dpop.bound.access.tokens") {
        // Proofs are not checked here yet, so a proof that is there is refused too rather than believed.
        let description = match request.header("dpop") {
            Some(_) => "DPoP header verification failure",
            None => "DPoP proof is missing",
        };
        return Err(bad("invalid_request", description));
    }
    match grant {
        "authorization_code" => code::exchange(state, client, form).await,
        "password" => password(state, client, form).await,
        "client_credentials" => client_credentials(state, request, client, form).await,
        _ => refresh(state, client, form).await,
    }
}

async fn password(state: &State, client: &Client, form: &Form) -> Result<Reply, Reply> {
    if !client.direct_access {
        return Err(bad("unauthorized_client", "Client not allowed for direct access grants"));
    }
    scope::check(&state.realm, client, form.get("scope")).map_err(|_| invalid_scope(form))?;
    let login = form.get("username").ok_or_else(|| {
        oauth_error(StatusCode::UNAUTHORIZED, "invalid_request", "Missing parameter: username")
    })?;
    let wrong = || bad("invalid_grant", "Invalid user credentials");
    let user = state.realm.user(login).ok_or_else(wrong)?;
    let given = form.get("password").ok_or_else(wrong)?;
    if user.password.as_deref() != Some(given) {
        return Err(wrong());
    }
    if !state.is_enabled(user) {
        return Err(bad("invalid_grant", "Account disabled"));
    }
    let scope =
        scope::resolve(&state.realm, client, user, form.get("scope")).map_err(|_| invalid_scope(form))?;
    let offline_role = crate::realm::Role::realm("offline_access");
    if scope.offline && !user.roles.contains(&offline_role) {
        return Err(bad("not_allowed", "Offline tokens not allowed for the user or client"));
    }
    let (sid, now) = (session_id(), state.now());
    state.memory().start(&sid, &user.id, &client.id, scope.offline, now);
    let issue = Issue {
        state,
        client,
        user,
        scope: &scope,
        grant: Grant::Password,
        sid: Some(&sid),
        offline: scope.offline,
        nonce: None,
        notes: BTreeMap::new(),
        now,
    };
    finish(&issue, scope.openid, Some(&scope)).await
}

async fn client_credentials(
    state: &State,
    request: &Request,
    client: &Client,
    form: &Form,
) -> Result<Reply, Reply> {
    let refused = |why| oauth_error(StatusCode::UNAUTHORIZED, "unauthorized_client", why);
    if client.public {
        return Err(refused("Public client not allowed to retrieve service account"));
    }
    let user = state.realm.service_account(&client.id).filter(|_| client.service_account);
    let user = user.ok_or_else(|| refused("Client not enabled to retrieve service account"))?;
    let scope =
        scope::resolve(&state.realm, client, user, form.get("scope")).map_err(|_| invalid_scope(form))?;
    let peer = request.peer.to_string();
    let issue = Issue {
        state,
        client,
        user,
        scope: &scope,
        grant: Grant::ClientCredentials,
        sid: None,
        offline: false,
        nonce: None,
        notes: service_account_notes(client, &peer),
        now: state.now(),
    };
    finish(&issue, scope.openid, None).await
}

/// What a service account's session notes: the scope `service_account` makes claims of it.
pub(crate) fn service_account_notes(
    client: &Client,
    peer: &str,
) -> BTreeMap<&'static str, serde_json::Value> {
    BTreeMap::from([
        ("clientHost", json!(peer)),
        ("clientAddress", json!(peer)),
        ("client_id", json!(client.id)),
    ])
}

async fn refresh(state: &State, client: &Client, form: &Form) -> Result<Reply, Reply> {
    let given = form.get("refresh_token").ok_or_else(|| bad("invalid_request", "No refresh token"))?;
    scope::check(&state.realm, client, form.get("scope")).map_err(|_| invalid_scope(form))?;
    let refused = |why| bad("invalid_grant", why);
    let token = state.verify_refresh(given).ok_or_else(|| refused("Invalid refresh token"))?;
    if token.text("azp") != Some(&client.id) {
        return Err(refused(super::OTHER_CLIENT));
    }
    let now = state.now();
    let offline = token.is_kind("Offline");
    let gone = || refused(if offline { "Offline user session not found" } else { "Session not active" });
    if token.number("exp").is_some_and(|exp| exp <= now) {
        return Err(refused("Token is not active"));
    }
    let sid = token.text("sid").ok_or_else(gone)?;
    let user = state.user_of(&token).ok_or_else(gone)?;
    if state.memory().session(sid, now).is_none() {
        return Err(gone());
    }
    if !state.is_enabled(user) {
        return Err(refused("User disabled"));
    }
    if state.is_stale(&token, user) {
        return Err(refused("Stale token"));
    }
    let jti = token.text("jti").unwrap_or_default();
    if let Err(refusal) = state.memory().use_refresh(sid, offline, &client.id, jti, now) {
        return Err(refused(match refusal {
            RefreshRefusal::NoClient => "Session doesn't have required client",
            RefreshRefusal::Reused => "Maximum allowed refresh token reuse exceeded",
        }));
    }
    let first = token.text("scope").unwrap_or_default();
    let scope = scope::narrowed(&state.realm, client, user, first, form.get("scope"));
    let first = scope::narrowed(&state.realm, client, user, first, None);
    let issue = Issue {
        state,
        client,
        user,
        scope: &scope,
        grant: Grant::Refresh,
        sid: Some(sid),
        offline,
        nonce: None,
        notes: BTreeMap::new(),
        now,
    };
    finish(&issue, first.openid, Some(&first)).await
}

async fn finish(issue: &Issue<'_>, with_id: bool, first: Option<&GrantedScope<'_>>) -> Result<Reply, Reply> {
    let answer = issue.answer(with_id, first).await.map_err(|_| server_error())?;
    Ok(json_reply(StatusCode::OK, &answer))
}
