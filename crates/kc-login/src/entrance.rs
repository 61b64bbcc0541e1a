//! Browsers that may not see a page are shown the way.

use bytes::Bytes;
use http::{Response, StatusCode};
use kc_core::Pages;
use kc_core::wire::{Refusal, RequestView};
use url::form_urlencoded;

use crate::endpoint::Endpoint;
use crate::page::Page;
use crate::page_load::is_page_load;
use crate::reply;

/// Sends browsers without a session to the login, and back to where they were.
#[derive(Debug)]
pub(crate) struct Entrance;

impl Pages for Entrance {
    fn refused(&self, request: &RequestView<'_>, refusal: &Refusal) -> Option<Response<Bytes>> {
        // Whoever brings a token of their own is no browser that needs a login.
        if !is_page_load(request) || request.headers.value("authorization", 0).is_some() {
            return None;
        }
        match (refusal.status(), refusal.code()) {
            (_, "not_authenticated" | "session_expired" | "step_up_required") => {
                Some(reply::redirect(&login(request, refusal), []))
            }
            // Another login brings the same again, and would go on for ever.
            (StatusCode::UNAUTHORIZED, _) => Some(forbidden(request, refusal)),
            (StatusCode::FORBIDDEN, code) if code != "csrf_failed" => Some(forbidden(request, refusal)),
            (StatusCode::SERVICE_UNAVAILABLE, _) => Some(unavailable(refusal)),
            _ => None,
        }
    }
}

fn login(request: &RequestView<'_>, refusal: &Refusal) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", &asked_for(request));
    if let Some(challenge) = refusal.challenge() {
        if let Some(acr_values) = &challenge.acr_values {
            query.append_pair("acr_values", acr_values);
        }
        if let Some(max_age) = challenge.max_age {
            query.append_pair("max_age", &max_age.to_string());
        }
    }
    format!("{}?{}", Endpoint::Authenticate.path(), readable(&query.finish()))
}

/// Where the browser wanted to go.
fn asked_for(request: &RequestView<'_>) -> String {
    match request.query {
        Some(query) => format!("{}?{query}", request.path),
        None => request.path.to_owned(),
    }
}

/// A slash may stand in a query as it is (RFC 3986 §3.4), and is easier to read.
fn readable(query: &str) -> String {
    query.replace("%2F", "/")
}

fn forbidden(request: &RequestView<'_>, refusal: &Refusal) -> Response<Bytes> {
    let mut again = form_urlencoded::Serializer::new(String::new());
    again.append_pair("prompt", "login").append_pair("next", &asked_for(request));
    let again = format!("{}?{}", Endpoint::Authenticate.path(), readable(&again.finish()));
    Page::new(refusal.status(), "This page is not for you")
        .paragraph(&format!("{}.", refusal.detail()))
        .paragraph("You are logged in, but not as somebody who may see it.")
        .action(&again, "Log in as somebody else")
        .link("/", "Home")
        .into_response()
}

fn unavailable(refusal: &Refusal) -> Response<Bytes> {
    Page::new(StatusCode::SERVICE_UNAVAILABLE, "Not available at the moment")
        .paragraph(&format!("{}. Try again in a moment: you need not log in again.", refusal.detail()))
        .into_response()
}
