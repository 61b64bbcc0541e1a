//! `POST …/ext/par/request`: pushed authorization requests (RFC 9126).

use http::StatusCode;
use serde_json::json;

use super::auth_request::{self, Fault, PUSHED};
use super::client_auth::authenticate;
use super::cors;
use super::reply::{Reply, json_reply, oauth_error};
use super::request::{Form, Request};
use crate::login::Pushed;
use crate::random::uuid;
use crate::state::State;

pub(super) fn post(state: &State, request: &Request) -> Reply {
    let form = request.form();
    let Ok(client) = authenticate(state, request, &form) else {
        let why = "Authentication failed.";
        return cors::for_anybody(oauth_error(StatusCode::UNAUTHORIZED, "invalid_request", why));
    };
    let bad =
        |error: &str, why: &str| cors::for_client(oauth_error(StatusCode::BAD_REQUEST, error, why), client);
    if form.get("request_uri").is_some() {
        return bad("invalid_request", "It is not allowed to include request_uri to PAR.");
    }
    if form.get("request").is_some() {
        return bad("invalid_request_object", "invalidRequestMessage");
    }
    // What only proves who the client is isn't part of the request.
    let proof = ["client_secret", "client_assertion", "client_assertion_type"];
    let fields: Vec<(String, String)> =
        form.fields().iter().filter(|(name, _)| !proof.contains(&name.as_str())).cloned().collect();
    let uri = format!("{PUSHED}{}", uuid());
    match auth_request::parameters(state, client, &Form::of(fields.clone()), Some(&uri)) {
        Ok(_) => {}
        Err(Fault::Page(_, message)) if message == "Invalid Request" => {
            return bad("invalid_request", "invalidRequestMessage");
        }
        Err(Fault::Page(_, message)) => return bad("invalid_request", &message),
        Err(Fault::Back(_, "unauthorized_client", why)) => {
            let why = why.unwrap_or_default();
            let reply = oauth_error(StatusCode::UNAUTHORIZED, "unauthorized_client", &why);
            return cors::for_client(reply, client);
        }
        Err(Fault::Back(_, "unsupported_response_type", _)) => {
            return bad("invalid_request", "Unsupported response type");
        }
        Err(Fault::Back(_, _, why)) => return bad("invalid_request", &why.unwrap_or_default()),
    }
    let (now, lifespan) = (state.now(), state.realm.code_lifespan_secs);
    let pushed = Pushed { client_id: client.id.clone(), fields, expires: now + lifespan };
    state.memory().logins.put_pushed(&uri, pushed, now);
    let answer = json!({ "request_uri": uri, "expires_in": lifespan });
    cors::for_client(json_reply(StatusCode::CREATED, &answer), client)
}
