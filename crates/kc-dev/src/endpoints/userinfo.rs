//! `…/userinfo` (OpenID Connect Core, section 5.3).

use std::collections::BTreeMap;

use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::cors;
use super::reply::{Reply, challenge, json_reply, no_store, server_error, with_type};
use super::request::Request;
use crate::claims::Target;
use crate::jws;
use crate::scope;
use crate::state::{State, Verified};

pub(super) async fn serve(state: &State, request: &Request) -> Reply {
    let bearer = |rest: &str| format!("Bearer realm=\"{}\"{rest}", state.realm.name);
    let challenge = |status, text: &str| cors::for_anybody(challenge(status, text));
    let refused = |error: &str, description: &str| {
        let status = match error {
            "insufficient_scope" => StatusCode::FORBIDDEN,
            "invalid_request" => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNAUTHORIZED,
        };
        challenge(status, &bearer(&format!(", error=\"{error}\", error_description=\"{description}\"")))
    };
    let form = request.form();
    let in_form = form.get("access_token").filter(|_| request.method == Method::POST);
    let in_header = request.authorization("Bearer").filter(|token| !token.is_empty() && !token.contains(' '));
    let token = match (in_header, in_form) {
        (Some(_), Some(_)) => {
            return refused("invalid_request", "More than one method used for including an access token");
        }
        (Some(token), None) | (None, Some(token)) => token,
        (None, None) if request.authorization("DPoP").is_some() => {
            let scheme = "DPoP algs=\"PS384 RS384 EdDSA ES384 ES256 RS256 ES512 PS256 PS512 RS512\"";
            return challenge(
                StatusCode::UNAUTHORIZED,
                &format!(
                    "{scheme}, realm=\"{}\", error=\"invalid_token\", error_description=\"Token verification failed\"",
                    state.realm.name
                ),
            );
        }
        (None, None) => return challenge(StatusCode::UNAUTHORIZED, &bearer("")),
    };
    let verified =
        state.verify(token).filter(|token| token.is_kind("Bearer") && !token.claims.contains_key("cnf"));
    let Some(token) = verified.filter(|token| !state.is_revoked(token)) else {
        return refused("invalid_token", "Token verification failed");
    };
    match claims(state, &token) {
        Ok(claims) => answer(state, &token, claims).await,
        Err(Refusal(error, description)) => refused(error, description),
    }
}

struct Refusal(&'static str, &'static str);

fn claims(state: &State, token: &Verified) -> Result<Map<String, Value>, Refusal> {
    let invalid = |description| Refusal("invalid_token", description);
    let client = token.text("azp").and_then(|azp| state.realm.clients.get(azp));
    let client = client.ok_or_else(|| invalid("Token verification failed"))?;
    let scope_text = token.text("scope").unwrap_or_default();
    if !scope_text.split_whitespace().any(|word| word == "openid") {
        return Err(Refusal("insufficient_scope", "Missing openid scope"));
    }
    if token.text("sub").is_none() {
        return Err(invalid("Lightweight access token not allowed for userinfo endpoint"));
    }
    if !state.has_session(token) {
        return Err(invalid("user_session_not_found"));
    }
    let user = state.user_of(token).ok_or_else(|| invalid("Token verification failed"))?;
    if state.is_stale(token, user) {
        return Err(invalid("Token verification failed"));
    }
    if !state.is_enabled(user) {
        return Err(invalid("User disabled"));
    }
    let scope = scope::narrowed(&state.realm, client, user, scope_text, None);
    let mut claims = Map::from_iter([("sub".to_owned(), json!(user.id))]);
    state
        .subject(client, user, &scope, token.text("sid"), BTreeMap::new())
        .map_into(&mut claims, Target::Userinfo);
    Ok(claims)
}

async fn answer(state: &State, token: &Verified, mut claims: Map<String, Value>) -> Reply {
    let client = token.text("azp").and_then(|azp| state.realm.clients.get(azp));
    let reply =
        match client.and_then(|client| Some((client, client.alg("user.info.response.signature.alg")?))) {
            None => json_reply(StatusCode::OK, &Value::Object(claims)),
            Some((client, alg)) => {
                claims.insert("iss".to_owned(), json!(state.issuer));
                claims.insert("aud".to_owned(), json!(client.id));
                let signed = match state.keys().signer(alg).await {
                    Ok(key) => jws::sign(&key, &claims),
                    Err(error) => Err(error),
                };
                match signed {
                    Ok(jwt) => with_type(StatusCode::OK, "application/jwt", jwt),
                    Err(_) => return server_error(),
                }
            }
        };
    let reply = no_store(reply);
    let mut reply = match client {
        Some(client) => cors::for_client(reply, client),
        None => reply,
    };
    // Keycloak sends the header twice.
    reply.headers_mut().append(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
