//! Keycloak's URLs.

mod assertion;
mod auth_request;
mod auth_response;
mod authorize;
mod client_auth;
mod code;
mod control;
mod cors;
mod discovery;
mod end;
mod end_session;
mod introspect;
mod login_action;
mod login_page;
mod page;
mod par;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod token;
mod userinfo;
mod visitor;
mod workbench;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use serde_json::json;

use self::reply::{
    Reply, cached, empty, json_reply, method_not_allowed, not_found, plain_error, server_error,
};
use self::request::Request;
use crate::fault::{Endpoint, Fault};
use crate::state::State;

const LOGOUT_CONFIRM: &str = "protocol/openid-connect/logout/logout-confirm";

const OTHER_CLIENT: &str = "Invalid refresh token. Token client and authorized client don't match";

/// The connection is to be cut instead of an answer.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// Answers one request.
pub(crate) async fn serve(state: &Arc<State>, request: &Request) -> Result<Reply, Cut> {
    let mut reply = route(state, request).await?;
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-robots-tag", "none"),
    ] {
        // The page at `/` is stricter, or has a reason.
        reply.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    Ok(reply)
}

async fn route(state: &Arc<State>, request: &Request) -> Result<Reply, Cut> {
    if let Some(reply) = workbench::serve(state, request).await {
        return Ok(reply);
    }
    let path = request.path.strip_suffix('/').unwrap_or(&request.path);
    if let Some(rest) = path.strip_prefix("/_kc-dev") {
        return Ok(control::serve(state, request, rest).await);
    }
    let alias = path
        .strip_prefix("/.well-known/oauth-authorization-server/realms/")
        .filter(|realm| !realm.contains('/'));
    let (realm, rest) = match alias {
        Some(realm) => (realm, ".well-known/oauth-authorization-server"),
        None => match path.strip_prefix("/realms/") {
            Some(path) if !path.is_empty() => path.split_once('/').unwrap_or((path, "")),
            // Keycloak knows other documents of this kind, but not of its realms.
            _ if path.starts_with("/.well-known/") && path.contains("/realms/") => return Ok(not_found()),
            _ => {
                return Ok(plain_error(
                    StatusCode::NOT_FOUND,
                    "Unable to find matching target resource method",
                ));
            }
        },
    };
    if realm != state.realm.name {
        return Ok(plain_error(StatusCode::NOT_FOUND, "Realm does not exist"));
    }
    let Some((endpoint, methods)) = endpoint(rest) else {
        let protocol = rest.strip_prefix("protocol/").map(|rest| rest.split('/').next().unwrap_or_default());
        return Ok(match protocol {
            Some(protocol) if protocol != "openid-connect" && protocol != "saml" => {
                plain_error(StatusCode::NOT_FOUND, "Protocol not found")
            }
            _ => not_found(),
        });
    };
    if request.method == Method::OPTIONS {
        return Ok(cors::preflight(request, endpoint, empty(StatusCode::OK)));
    }
    let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
    if !methods.contains(method) {
        return Ok(if endpoint == Endpoint::Discovery { not_found() } else { method_not_allowed() });
    }
    if matches!(endpoint, Endpoint::Authorize | Endpoint::LoginAction)
        && let Err(stranger) = visitor::is_no_other_name(state, request)
    {
        return Ok(plain_error(StatusCode::FORBIDDEN, stranger.why()));
    }
    let (delay, fault) = state.faults.hit(endpoint);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match fault {
        Some(fault) => broken(endpoint, &fault),
        None => Ok(cors::finish(request, endpoint, work(state, request, endpoint).await)),
    }
}

/// The endpoint at that path below the realm, with its methods.
fn endpoint(rest: &str) -> Option<(Endpoint, &'static [Method])> {
    const GET: &[Method] = &[Method::GET];
    const POST: &[Method] = &[Method::POST];
    const BOTH: &[Method] = &[Method::GET, Method::POST];
    Some(match rest {
        "" => (Endpoint::Realm, GET),
        ".well-known/openid-configuration" | ".well-known/oauth-authorization-server" => {
            (Endpoint::Discovery, GET)
        }
        "login-actions/authenticate" => (Endpoint::LoginAction, BOTH),
        "login-actions/restart" => (Endpoint::LoginAction, GET),
        "protocol/openid-connect/auth" => (Endpoint::Authorize, BOTH),
        "protocol/openid-connect/certs" => (Endpoint::Certs, GET),
        "protocol/openid-connect/ext/par/request" => (Endpoint::Par, POST),
        "protocol/openid-connect/logout" => (Endpoint::Logout, BOTH),
        LOGOUT_CONFIRM => (Endpoint::Logout, POST),
        "protocol/openid-connect/revoke" => (Endpoint::Revoke, POST),
        "protocol/openid-connect/token" => (Endpoint::Token, POST),
        "protocol/openid-connect/token/introspect" => (Endpoint::Introspect, POST),
        "protocol/openid-connect/userinfo" => (Endpoint::Userinfo, BOTH),
        _ => return None,
    })
}

async fn work(state: &State, request: &Request, endpoint: Endpoint) -> Reply {
    match endpoint {
        Endpoint::Authorize => authorize::serve(state, request).await,
        Endpoint::Certs => match state.keys().jwks().await {
            Ok(jwks) => cached(json_reply(StatusCode::OK, &jwks), "no-cache"),
            Err(_) => server_error(),
        },
        Endpoint::Discovery => {
            let document = discovery::document(state);
            cached(json_reply(StatusCode::OK, &document), "no-cache, must-revalidate, no-transform, no-store")
        }
        Endpoint::Introspect => introspect::post(state, request).await,
        Endpoint::LoginAction => login_action::serve(state, request).await,
        Endpoint::Logout if request.path.ends_with(LOGOUT_CONFIRM) => {
            end_session::confirmed(state, request).await
        }
        Endpoint::Logout if request.form().get("refresh_token").is_some() => {
            end::logout(state, request).await
        }
        Endpoint::Logout => end_session::serve(state, request).await,
        Endpoint::Par => par::post(state, request),
        Endpoint::Realm => realm(state).await,
        Endpoint::Revoke => end::revoke(state, request),
        Endpoint::Token => token::post(state, request).await,
        Endpoint::Userinfo => userinfo::serve(state, request).await,
    }
}

async fn realm(state: &State) -> Reply {
    let key = state.keys().signer(crate::keys::Alg::Rs256).await;
    let Some(spki) = key.as_ref().ok().and_then(|key| key.spki()) else { return server_error() };
    let mut reply = cached(json_reply(StatusCode::OK, &state.realm_document(spki)), "no-cache");
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    reply
}

const MOST_BYTES: usize = 64 * 1024 * 1024;

fn broken(endpoint: Endpoint, fault: &Fault) -> Result<Reply, Cut> {
    Ok(match fault {
        Fault::Cut => return Err(Cut),
        Fault::Empty if endpoint == Endpoint::Certs => json_reply(StatusCode::OK, &json!({ "keys": [] })),
        // A delay has been served already; what is left of it is nothing.
        Fault::Empty | Fault::Slow(_) => json_reply(StatusCode::OK, &json!({})),
        Fault::Garbage => reply::with_type(StatusCode::OK, "application/json", "\u{1}{\"keys\":[{]"),
        Fault::Html => reply::with_type(
            StatusCode::OK,
            "text/html;charset=utf-8",
            "<!DOCTYPE html><title>Welcome</title><h1>Welcome</h1>",
        ),
        Fault::Huge(bytes) => {
            let mut body = b"{\"keys\":[],\"padding\":\"".to_vec();
            body.resize((*bytes).clamp(body.len(), MOST_BYTES).saturating_sub(2).max(body.len()), b'x');
            body.extend_from_slice(b"\"}");
            let mut reply = reply::with_type(StatusCode::OK, "application/json", "");
            *reply.body_mut() = Full::new(Bytes::from(body));
            reply
        }
        Fault::Redirect(to) => {
            let mut reply = empty(StatusCode::FOUND);
            if let Ok(to) = HeaderValue::from_str(to) {
                reply.headers_mut().insert(LOCATION, to);
            }
            reply
        }
        Fault::Status(status) => {
            empty(StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        }
    })
}
