//! `POST …/token/introspect` (RFC 7662).

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::client_auth::{ClientRefusal, authenticate};
use super::reply::{Reply, cached, json_reply, oauth_error, server_error};
use super::request::{Form, Request};
use crate::issue::introspected;
use crate::jws;
use crate::realm::Client;
use crate::scope;
use crate::state::{State, Verified};

pub(super) async fn post(state: &State, request: &Request) -> Reply {
    let form = request.form();
    let client = match authenticate(state, request, &form) {
        Ok(client) if client.public => {
            return oauth_error(StatusCode::FORBIDDEN, "invalid_request", "Client not allowed.");
        }
        Ok(client) => client,
        Err(refusal) => return ClientRefusal::introspection_reply(refusal),
    };
    if form.has_duplicates() {
        return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "duplicated parameter");
    }
    let Some(token) = form.get("token") else {
        return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "Token not provided.");
    };
    let verified = match form.get("token_type_hint") {
        None | Some("access_token") => state.verify(token),
        Some("refresh_token") => state.verify_refresh(token),
        Some(_) => return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "Unsupported token type."),
    };
    let with_jwt = request.header("accept") == Some("application/jwt")
        && client.is_on("client.introspection.response.allow.jwt.claim.enabled");
    let answer = match verified {
        Some(token) => told(state, client, &token, &form, with_jwt).await,
        None => Ok(json!({ "active": false })),
    };
    answer.map_or_else(|_| server_error(), |answer| cached(json_reply(StatusCode::OK, &answer), "no-cache"))
}

async fn told(
    state: &State,
    asking: &Client,
    token: &Verified,
    form: &Form,
    with_jwt: bool,
) -> Result<Value, crate::keys::KeyError> {
    let inactive = json!({ "active": false });
    let Some(mut claims) = active_claims(state, token) else { return Ok(inactive) };
    let is_refresh = form.get("token_type_hint") == Some("refresh_token");
    // The token's own audience counts. Only where it has none (lightweight) does the one that mappers would give.
    let own = token.audiences();
    let audience = if own.is_empty() { crate::claims::audiences(&claims) } else { own };
    let may_know =
        if is_refresh { token.text("azp") == Some(&asking.id) } else { audience.contains(&asking.id) };
    let jwt = match with_jwt {
        true => Some(jws::sign(&*state.keys().signer(state.realm.default_alg).await?, &claims)?),
        false => None,
    };
    let mut answer = Map::new();
    if may_know {
        let copied = [("azp", "client_id"), ("preferred_username", "username"), ("typ", "token_type")];
        for (from, to) in copied {
            if let Some(value) = claims.get(from).cloned() {
                claims.insert(to.to_owned(), value);
            }
        }
        answer = claims;
    }
    answer.insert("active".to_owned(), json!(may_know));
    if let Some(jwt) = jwt {
        answer.insert("jwt".to_owned(), json!(jwt));
    }
    Ok(Value::Object(answer))
}

/// Everything about the token, if it is active.
fn active_claims(state: &State, token: &Verified) -> Option<Map<String, Value>> {
    let client = state.realm.clients.get(token.text("azp")?).filter(|client| client.enabled)?;
    let user = state.user_of(token)?;
    let expired = token.number("exp").is_some_and(|exp| exp <= state.now());
    let alive = !expired
        && state.has_session(token)
        && state.is_enabled(user)
        && !state.is_stale(token, user)
        && !state.is_revoked(token);
    if !alive {
        return None;
    }
    let scope = scope::narrowed(&state.realm, client, user, token.text("scope").unwrap_or_default(), None);
    let sid = token.text("sid");
    let logged_in = sid.is_some_and(|sid| state.login_of(sid, &client.id).0.is_some());
    Some(introspected(&state.subject(client, user, &scope, sid, BTreeMap::new()), &token.claims, logged_in))
}
