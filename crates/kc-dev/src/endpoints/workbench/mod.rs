//! The page at `/`: makes tokens, good and broken ones, shows what is in them, and rotates keys.
//!
//! For the person at this machine only, see [`visitor`](super::visitor). What it shows may come out of a realm file or a form: all of
//! it is text, and everything is escaped. It works without its script, which copies.

mod order;
mod show;
mod token;

use std::sync::Arc;

use http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use http::{HeaderValue, Method, StatusCode};

use self::order::Order;
use self::token::Shown;
use super::reply::{Reply, cached, empty, method_not_allowed, with_type};
use super::request::Request;
use super::visitor;
use crate::keys::{Alg, KeyState, Purpose};
use crate::mint::Mint;
use crate::state::State;

/// Where its style and its script are, below the control paths.
pub(super) const STYLE: &str = "/_kc-dev/page.css";
pub(super) const SCRIPT: &str = "/_kc-dev/page.js";

/// Nothing but what this issuer serves itself, and no frame around it (CSP 3).
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Answers for the page's paths; `None` for every other one.
pub(super) async fn serve(state: &Arc<State>, request: &Request) -> Option<Reply> {
    let asset = match request.path.as_str() {
        STYLE => Some(("text/css;charset=utf-8", include_str!("page.css"))),
        SCRIPT => Some(("text/javascript;charset=utf-8", include_str!("page.js"))),
        "/" => None,
        _ => return None,
    };
    if let Err(stranger) = visitor::is_here(state, request) {
        return Some(refused(stranger));
    }
    let is_get = request.method == Method::GET || request.method == Method::HEAD;
    Some(match asset {
        Some((content_type, text)) if is_get => closed(with_type(StatusCode::OK, content_type, text)),
        None if is_get => {
            let order = Order::first(state);
            closed(show::page(state, &order, None, StatusCode::OK).await)
        }
        None if request.method == Method::POST => match visitor::is_own_page(request) {
            Ok(()) => closed(posted(state, request).await),
            Err(stranger) => refused(stranger),
        },
        _ => method_not_allowed(),
    })
}

async fn posted(state: &Arc<State>, request: &Request) -> Reply {
    let form = request.form();
    let keys = state.keys();
    match form.get("do") {
        Some("rotate") => {
            let rotated = keys.rotate(Purpose::Sign(Alg::Rs256)).await;
            back(rotated.map(|_| ()))
        }
        Some("replace") => {
            let old = keys.signer(Alg::Rs256).await;
            match (old, keys.rotate(Purpose::Sign(Alg::Rs256)).await) {
                (Ok(old), Ok(_)) => back(keys.set_state(old.kid(), KeyState::Disabled)),
                (Err(error), _) | (_, Err(error)) => back(Err(error)),
            }
        }
        _ => {
            let order = Order::read(&form);
            let made = match order.to_json(state) {
                Ok(json) => made(state, &json).await.map(|token| Shown::new(state, &order, &json, token)),
                Err(why) => Err(why),
            };
            let status = if made.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
            show::page(state, &order, Some(made), status).await
        }
    }
}

async fn made(
    state: &Arc<State>,
    json: &serde_json::Map<String, serde_json::Value>,
) -> Result<String, String> {
    let mint = Mint::from_json(Arc::clone(state), json)?;
    mint.sign().await.map_err(|error| error.to_string())
}

/// To the page again, by GET, so that reloading does nothing twice.
fn back(done: Result<(), crate::keys::KeyError>) -> Reply {
    match done {
        Ok(()) => {
            let mut reply = empty(StatusCode::SEE_OTHER);
            reply.headers_mut().insert(LOCATION, HeaderValue::from_static("/#keys"));
            reply
        }
        Err(error) => {
            with_type(StatusCode::INTERNAL_SERVER_ERROR, "text/plain;charset=utf-8", error.to_string())
        }
    }
}

fn refused(stranger: visitor::Stranger) -> Reply {
    closed(with_type(StatusCode::FORBIDDEN, "text/plain;charset=utf-8", format!("{}\n", stranger.why())))
}

/// Nobody keeps it, frames it, or reads it from another origin.
fn closed(reply: Reply) -> Reply {
    let mut reply = cached(reply, "no-store");
    for (name, value) in [
        (CONTENT_SECURITY_POLICY.as_str(), POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        // With `no-referrer`, a browser says `Origin: null` of the page's own forms.
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        if let Ok(name) = http::HeaderName::from_bytes(name.as_bytes()) {
            reply.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    reply
}
