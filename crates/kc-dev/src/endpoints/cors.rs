//! Which pages of other origins may read an answer (Fetch, section 3.3), by Keycloak's rules.
//!
//! A preflight is answered with yes to everybody: it is the answer itself that a foreign origin doesn't get.

use std::collections::BTreeSet;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL,
    ORIGIN, PRAGMA,
};
use http::{HeaderValue, StatusCode};

use super::reply::{Reply, plain_error};
use super::request::Request;
use crate::fault::Endpoint;
use crate::realm::Client;

const HEADERS: &str = "Origin, Accept, X-Requested-With, Access-Control-Request-Method, \
                       Access-Control-Request-Headers, DPoP, Content-Type, Authorization";

/// Who may read an answer; it goes along with the answer until that is sent.
#[derive(Clone)]
enum Readers {
    Anybody,
    Origins(BTreeSet<String>),
}

/// An answer for pages of the client's web origins.
pub(super) fn for_client(mut reply: Reply, client: &Client) -> Reply {
    reply.extensions_mut().insert(Readers::Origins(client.allowed_origins.clone()));
    reply
}

/// An answer for every page, such as the refusal of a client whose origins nobody knows.
pub(super) fn for_anybody(mut reply: Reply) -> Reply {
    reply.extensions_mut().insert(Readers::Anybody);
    reply
}

/// Answers the question that a browser asks before it sends a request for a page of another origin.
pub(super) fn preflight(request: &Request, endpoint: Endpoint, mut reply: Reply) -> Reply {
    let methods = match endpoint {
        Endpoint::Certs | Endpoint::Discovery => "GET",
        Endpoint::Logout | Endpoint::Realm | Endpoint::Userinfo => "GET, HEAD, OPTIONS",
        Endpoint::Revoke | Endpoint::Token => "POST, OPTIONS",
        Endpoint::Authorize | Endpoint::Introspect | Endpoint::LoginAction | Endpoint::Par => return reply,
    };
    let Some(origin) = request.headers.get(ORIGIN) else { return reply };
    allow(&mut reply, origin);
    let headers = reply.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    reply
}

/// Lets a page of another origin read the answer, or gives it another one that it can't read.
pub(super) fn finish(request: &Request, endpoint: Endpoint, mut reply: Reply) -> Reply {
    let Some(origin) = request.headers.get(ORIGIN) else { return reply };
    let exposed = match endpoint {
        Endpoint::Certs | Endpoint::Discovery | Endpoint::Realm => {
            allow(&mut reply, origin);
            return reply;
        }
        Endpoint::Userinfo if reply.status() != StatusCode::OK => {
            "Access-Control-Allow-Methods, WWW-Authenticate"
        }
        _ => "Access-Control-Allow-Methods",
    };
    let may_read = match reply.extensions().get::<Readers>() {
        None => return reply,
        Some(Readers::Anybody) => true,
        Some(Readers::Origins(origins)) => {
            origins.contains("*") || origin.to_str().is_ok_and(|origin| origins.contains(origin))
        }
    };
    if may_read {
        allow(&mut reply, origin);
        reply.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
        return reply;
    }
    let mut refusal = plain_error(StatusCode::FORBIDDEN, "Invalid origin");
    if matches!(endpoint, Endpoint::Token | Endpoint::Userinfo) {
        refusal.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        refusal.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
    refusal
}

fn allow(reply: &mut Reply, origin: &HeaderValue) {
    reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}
