//! Who the asking client is (RFC 6749, section 2.3; RFC 7523, section 2.2).

use http::StatusCode;
use serde_json::{Map, Value};

use super::reply::{Reply, oauth_error};
use super::request::{Form, Request};
use crate::jws::Unverified;
use crate::keys::{Alg, Key, jwk_verifies};
use crate::realm::Client;
use crate::state::State;

/// Why a client isn't let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ClientRefusal {
    /// No client is named, or none that is known, or not by the means it is registered for.
    Unknown,
    /// The secret is wrong or absent.
    WrongSecret,
}

impl ClientRefusal {
    /// What the token, logout and revocation endpoints answer.
    pub(super) fn reply(self) -> Reply {
        let error = match self {
            Self::Unknown => "invalid_client",
            Self::WrongSecret => "unauthorized_client",
        };
        oauth_error(StatusCode::UNAUTHORIZED, error, "Invalid client or Invalid client credentials")
    }

    /// What the introspection endpoint answers: the other way round.
    pub(super) fn introspection_reply(self) -> Reply {
        let description = match self {
            Self::Unknown => "Invalid client or Invalid client credentials",
            Self::WrongSecret => "Client authentication failed.",
        };
        oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Finds and authenticates the client of a request; a public client needs to say its name only.
pub(super) fn authenticate<'a>(
    state: &'a State,
    request: &Request,
    form: &Form,
) -> Result<&'a Client, ClientRefusal> {
    if form.get("client_assertion_type") == Some(JWT_BEARER) {
        return by_assertion(state, form.get("client_assertion").unwrap_or_default());
    }
    let (basic_id, basic_secret) = request.authorization("Basic").and_then(basic).unzip();
    let id = form.get("client_id").or(basic_id.as_deref()).ok_or(ClientRefusal::Unknown)?;
    let client = state.realm.clients.get(id).filter(|client| client.enabled).ok_or(ClientRefusal::Unknown)?;
    if client.public {
        return Ok(client);
    }
    let secret = form.get("client_secret").or(basic_secret.as_deref());
    match (secret, client.secret.as_deref()) {
        (Some(given), Some(right)) if given == right && client.authenticator == "client-secret" => Ok(client),
        _ => Err(ClientRefusal::WrongSecret),
    }
}

/// Name and secret of Basic credentials, each form-encoded (RFC 6749, section 2.3.1).
fn basic(credentials: &str) -> Option<(String, String)> {
    let decoded = base64_simd::STANDARD.decode_to_vec(credentials.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((percent_decoded(id), percent_decoded(secret)))
}

fn percent_decoded(text: &str) -> String {
    // A plus stays: Keycloak decodes percent signs only.
    let field = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(field.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn by_assertion<'a>(state: &'a State, assertion: &str) -> Result<&'a Client, ClientRefusal> {
    let assertion = Unverified::parse(assertion).ok_or(ClientRefusal::Unknown)?;
    let text = |name: &str| assertion.claims.get(name).and_then(Value::as_str);
    let id = text("sub").filter(|sub| text("iss") == Some(*sub)).ok_or(ClientRefusal::Unknown)?;
    let client = state.realm.clients.get(id).filter(|client| client.enabled).ok_or(ClientRefusal::Unknown)?;
    let genuine = match client.authenticator.as_str() {
        "client-jwt" => signed_by_key(client, &assertion),
        "client-secret-jwt" => signed_by_secret(client, &assertion),
        _ => return Err(ClientRefusal::Unknown),
    };
    let token_endpoint = format!("{}/protocol/openid-connect/token", state.issuer);
    let introspection_endpoint = format!("{token_endpoint}/introspect");
    let audiences = crate::claims::audiences(&assertion.claims);
    let for_us = [&state.issuer, &token_endpoint, &introspection_endpoint];
    let is_for_us = audiences.iter().any(|audience| for_us.contains(&audience));
    let in_time = assertion.claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| state.now() < exp);
    if genuine && is_for_us && in_time { Ok(client) } else { Err(ClientRefusal::WrongSecret) }
}

fn signed_by_key(client: &Client, assertion: &Unverified<'_>) -> bool {
    let Some(alg) = assertion.header_text("alg").and_then(Alg::from_name) else { return false };
    let Some(keys) = client.attributes.get("jwks.string") else { return false };
    let Ok(Value::Object(set)) = serde_json::from_str(keys) else { return false };
    let none = Vec::new();
    let keys = set.get("keys").and_then(Value::as_array).unwrap_or(&none);
    let fits = |jwk: &&Map<String, Value>| match assertion.header_text("kid") {
        Some(kid) => jwk.get("kid").and_then(Value::as_str) == Some(kid),
        None => true,
    };
    keys.iter()
        .filter_map(Value::as_object)
        .filter(fits)
        .any(|jwk| jwk_verifies(jwk, alg, assertion.signing_input.as_bytes(), &assertion.signature))
}

fn signed_by_secret(client: &Client, assertion: &Unverified<'_>) -> bool {
    let alg = assertion.header_text("alg").and_then(Alg::from_name).filter(|alg| alg.is_symmetric());
    let (Some(alg), Some(secret)) = (alg, &client.secret) else { return false };
    Key::from_secret(alg, secret.as_bytes())
        .verifies(assertion.signing_input.as_bytes(), &assertion.signature)
}
