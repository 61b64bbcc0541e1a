//! Who the asking client is (RFC 6749, section 2.3; RFC 7523, section 2.2).

use http::StatusCode;

use super::assertion::{self, JWT_BEARER};
use super::reply::{Reply, oauth_error};
use super::request::{Form, Request};
use crate::realm::Client;
use crate::state::State;

/// Why a client isn't let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ClientRefusal {
    /// The signed assertion has that defect.
    Assertion(&'static str),
    /// No client is named, or none that is known, or not by the means it is registered for.
    Unknown,
    /// The secret is wrong or absent.
    WrongSecret,
}

impl ClientRefusal {
    /// What the token, logout and revocation endpoints answer.
    pub(super) fn reply(self) -> Reply {
        let error = match self {
            Self::Assertion(why) => return oauth_error(StatusCode::BAD_REQUEST, "invalid_client", why),
            Self::Unknown => "invalid_client",
            Self::WrongSecret => "unauthorized_client",
        };
        oauth_error(StatusCode::UNAUTHORIZED, error, "Invalid client or Invalid client credentials")
    }

    /// What the introspection endpoint answers: the other way round.
    pub(super) fn introspection_reply(self) -> Reply {
        let description = match self {
            Self::Assertion(_) => return self.reply(),
            Self::Unknown => "Invalid client or Invalid client credentials",
            Self::WrongSecret => "Client authentication failed.",
        };
        oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }
}

/// Finds and authenticates the client of a request; a public client needs to say its name only.
pub(super) fn authenticate<'a>(
    state: &'a State,
    request: &Request,
    form: &Form,
) -> Result<&'a Client, ClientRefusal> {
    if form.get("client_assertion_type") == Some(JWT_BEARER) {
        return assertion::authenticate(
            state,
            form.get("client_assertion").unwrap_or_default(),
            form.get("client_id"),
        );
    }
    let (basic_id, basic_secret) = request.authorization("Basic").and_then(basic).unzip();
    let id = form.get("client_id").or(basic_id.as_deref()).ok_or(ClientRefusal::Unknown)?;
    let client = state.realm.clients.get(id).filter(|client| client.enabled).ok_or(ClientRefusal::Unknown)?;
    if client.public {
        return Ok(client);
    }
    if client.authenticator.ends_with("-jwt") {
        return Err(ClientRefusal::Assertion("Parameter client_assertion_type is missing"));
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
