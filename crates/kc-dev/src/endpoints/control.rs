//! `/_kc-dev/…`: the same levers as the library's, for tests in another process or another language.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::reply::{Reply, empty, json_reply, plain_error};
use super::request::Request;
use super::visitor;
use crate::backchannel;
use crate::fault::{Endpoint, Fault};
use crate::keys::{Alg, KeyError, KeyState, Purpose};
use crate::mint::Mint;
use crate::state::State;

/// Answers a control request; `path` is what follows `/_kc-dev`.
///
/// Only for programs on this machine: a page in a browser is refused, its own one too, see [`visitor`].
pub(super) async fn serve(state: &Arc<State>, request: &Request, path: &str) -> Reply {
    if let Err(stranger) = visitor::is_here(state, request).and_then(|()| visitor::is_program(request)) {
        return plain_error(StatusCode::FORBIDDEN, stranger.why());
    }
    let body = match request.body.as_slice() {
        [] => Map::new(),
        bytes => match serde_json::from_slice(bytes) {
            Ok(Value::Object(body)) => body,
            _ => return plain_error(StatusCode::BAD_REQUEST, "the body must be a JSON object"),
        },
    };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let acted = act(state, &request.method, &segments, &body).await;
    acted.unwrap_or_else(|Refusal(status, why)| plain_error(status, &why))
}

/// Why a control request did nothing.
struct Refusal(StatusCode, String);

async fn act(
    state: &Arc<State>,
    method: &Method,
    path: &[&str],
    body: &Map<String, Value>,
) -> Result<Reply, Refusal> {
    let done = || -> Result<Reply, Refusal> { Ok(empty(StatusCode::NO_CONTENT)) };
    match (path, method.as_str()) {
        ([], "GET") => Ok(json_reply(StatusCode::OK, &overview(state))),
        (["requests"], "GET") => {
            let counts: Map<String, Value> = Endpoint::ALL
                .into_iter()
                .map(|endpoint| (endpoint.name().to_owned(), json!(state.faults.requests(endpoint))))
                .collect();
            Ok(json_reply(StatusCode::OK, &Value::Object(counts)))
        }
        (["requests"], "DELETE") => {
            state.faults.reset_requests();
            done()
        }
        (["faults"], "DELETE") => {
            Endpoint::ALL.into_iter().for_each(|endpoint| state.faults.clear(endpoint));
            done()
        }
        (["faults", name], "PUT") => {
            let endpoint = endpoint(name)?;
            state.faults.clear(endpoint);
            state.faults.add(
                endpoint,
                fault(body)?,
                body.get("times").and_then(Value::as_u64).filter(|times| *times > 0),
            );
            done()
        }
        (["faults", name], "DELETE") => {
            state.faults.clear(endpoint(name)?);
            done()
        }
        (["keys", "rotate"], "POST") => {
            let alg = Alg::from_name(text(body, "alg").unwrap_or("RS256"))
                .ok_or_else(|| bad("alg is not known"))?;
            let key = state.keys().rotate(Purpose::Sign(alg)).await.map_err(|error| key_error(&error))?;
            Ok(json_reply(StatusCode::OK, &json!({ "kid": key.kid() })))
        }
        (["keys", kid], "PUT") => {
            let to = match text(body, "state") {
                Some("active") => KeyState::Active,
                Some("passive") => KeyState::Passive,
                Some("disabled") => KeyState::Disabled,
                _ => return Err(bad("state must be active, passive or disabled")),
            };
            state.keys().set_state(kid, to).map_err(|error| key_error(&error))?;
            done()
        }
        (["clock"], "PUT") => {
            state.set_skew(number(body, "skew_seconds")?);
            done()
        }
        (["not-before"], "PUT") => {
            state.memory().not_before = number(body, "not_before")?;
            done()
        }
        (["refresh-rotation"], "PUT") => {
            let revoke =
                body.get("revoke").and_then(Value::as_bool).ok_or_else(|| bad("revoke must be a boolean"))?;
            let max_reuse =
                body.get("max_reuse").and_then(Value::as_u64).and_then(|most| u32::try_from(most).ok());
            let mut memory = state.memory();
            (memory.revoke_refresh, memory.refresh_max_reuse) = (revoke, max_reuse.unwrap_or(0));
            drop(memory);
            done()
        }
        (["users", name], "PUT") => {
            let user = state.realm.user(name).ok_or_else(not_found)?;
            let enabled = body
                .get("enabled")
                .and_then(Value::as_bool)
                .ok_or_else(|| bad("enabled must be a boolean"))?;
            state.memory().set_enabled(&user.id, enabled);
            done()
        }
        (["users", name, "logout"], "POST") => {
            let ended = state.logout_user(name).ok_or_else(not_found)?;
            backchannel::announce(state, &ended).await;
            done()
        }
        (["sessions", sid], "DELETE") => {
            let ended = state.memory().end(sid).ok_or_else(not_found)?;
            backchannel::announce(state, &[ended]).await;
            done()
        }
        (["sessions"], "DELETE") => {
            state.memory().end_all();
            done()
        }
        (["restart"], "POST") => {
            state.forget(text(body, "keys") == Some("new"));
            done()
        }
        (["tokens"], "POST") => {
            let mint = Mint::from_json(Arc::clone(state), body).map_err(|error| bad(&error))?;
            let token = mint.sign().await.map_err(|error| bad(&error.to_string()))?;
            Ok(json_reply(StatusCode::OK, &json!({ "access_token": token })))
        }
        _ if is_path(path) => {
            Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "this path has other methods".to_owned()))
        }
        _ => Err(not_found()),
    }
}

fn is_path(path: &[&str]) -> bool {
    matches!(
        path,
        [] | ["requests"
            | "faults"
            | "clock"
            | "not-before"
            | "refresh-rotation"
            | "sessions"
            | "restart"
            | "tokens"]
            | ["faults" | "keys" | "users" | "sessions", _]
            | ["users", _, "logout"]
    )
}

fn overview(state: &State) -> Value {
    let users: Vec<&str> = state
        .realm
        .users
        .values()
        .filter(|user| user.password.is_some())
        .map(|user| user.username.as_str())
        .collect();
    json!({
        "issuer": state.issuer,
        "users": users,
        "clients": state.realm.clients.keys().collect::<Vec<_>>(),
        "sessions": state.memory().session_count(),
        "warnings": state.realm.warnings,
        "now": state.now(),
    })
}

fn fault(body: &Map<String, Value>) -> Result<Fault, Refusal> {
    Ok(match text(body, "kind") {
        Some("cut") => Fault::Cut,
        Some("empty") => Fault::Empty,
        Some("garbage") => Fault::Garbage,
        Some("html") => Fault::Html,
        Some("huge") => Fault::Huge(
            usize::try_from(number(body, "bytes")?).map_err(|_| bad("bytes must not be negative"))?,
        ),
        Some("redirect") => {
            Fault::Redirect(text(body, "to").ok_or_else(|| bad("to must be a URL"))?.to_owned())
        }
        Some("slow") => {
            let delay =
                u64::try_from(number(body, "delay_ms")?).map_err(|_| bad("delay_ms must not be negative"))?;
            Fault::Slow(Duration::from_millis(delay))
        }
        Some("status") => {
            let status =
                u16::try_from(number(body, "status")?).ok().filter(|status| (200..600).contains(status));
            Fault::Status(status.ok_or_else(|| bad("status must be from 200 to 599"))?)
        }
        _ => return Err(bad("kind must be cut, empty, garbage, html, huge, redirect, slow or status")),
    })
}

fn endpoint(name: &str) -> Result<Endpoint, Refusal> {
    Endpoint::from_name(name).ok_or_else(not_found)
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}

fn number(body: &Map<String, Value>, name: &str) -> Result<i64, Refusal> {
    body.get(name).and_then(Value::as_i64).ok_or_else(|| bad(&format!("{name} must be a whole number")))
}

fn bad(why: &str) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why.to_owned())
}

fn not_found() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "there is no such thing".to_owned())
}

fn key_error(error: &KeyError) -> Refusal {
    let status = match error {
        KeyError::UnknownKid { .. } => StatusCode::NOT_FOUND,
        KeyError::Export { .. } | KeyError::Generate { .. } | KeyError::Sign { .. } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    Refusal(status, error.to_string())
}
