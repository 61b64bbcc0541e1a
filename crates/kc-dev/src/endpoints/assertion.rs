//! A client that proves itself by a signed JWT (RFC 7523, sections 2.2 and 3; OpenID Connect Core, section 9).

use serde_json::{Map, Value};

use super::client_auth::ClientRefusal;
use crate::claims::audiences;
use crate::jws::Unverified;
use crate::keys::{Alg, Key, jwk_verifies};
use crate::realm::Client;
use crate::state::State;

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Finds the client that the assertion speaks for and checks the assertion, with Keycloak's answers for each defect.
///
/// `claimed` is the `client_id` of the form, which wins where it differs.
pub(super) fn authenticate<'a>(
    state: &'a State,
    assertion: &str,
    claimed: Option<&str>,
) -> Result<&'a Client, ClientRefusal> {
    let assertion = Unverified::parse(assertion).ok_or(ClientRefusal::Unknown)?;
    let text = |name: &str| assertion.claims.get(name).and_then(Value::as_str);
    let subject = text("sub").filter(|sub| text("iss") == Some(*sub)).ok_or(ClientRefusal::Unknown)?;
    let id = claimed.unwrap_or(subject);
    let client = state.realm.clients.get(id).filter(|client| client.enabled).ok_or(ClientRefusal::Unknown)?;
    if id != subject {
        return Err(ClientRefusal::WrongSecret);
    }
    check_signature(client, &assertion)?;

    let refused = |why| Err(ClientRefusal::Assertion(why));
    let token_endpoint = format!("{}/protocol/openid-connect/token", state.issuer);
    let introspection_endpoint = format!("{token_endpoint}/introspect");
    match audiences(&assertion.claims).as_slice() {
        [one] if [&state.issuer, &token_endpoint, &introspection_endpoint].contains(&one) => {}
        [] | [_] => return refused("Invalid token audience"),
        _ => return refused("Multiple audiences not allowed"),
    }
    let now = state.now();
    let exp = match assertion.claims.get("exp").and_then(Value::as_i64) {
        None => return refused("Token exp claim is required"),
        Some(exp) if exp <= now => return refused("Token is not active"),
        Some(exp) => exp,
    };
    let Some(jti) = text("jti") else { return refused("Token jti claim is required") };
    if !state.memory().use_assertion(&client.id, jti, exp, now) {
        return refused("Token reuse detected");
    }
    Ok(client)
}

fn check_signature(client: &Client, assertion: &Unverified<'_>) -> Result<(), ClientRefusal> {
    const FAILED: &str =
        "Client authentication with signed JWT failed: Signature on JWT token failed validation";
    let message = assertion.signing_input.as_bytes();
    let alg = assertion.header_text("alg").and_then(Alg::from_name);
    let genuine = match client.authenticator.as_str() {
        "client-jwt" => {
            let jwk = key(client, assertion.header_text("kid"));
            let jwk = jwk.ok_or(ClientRefusal::Assertion("Unable to load public key"))?;
            alg.is_some_and(|alg| jwk_verifies(&jwk, alg, message, &assertion.signature))
        }
        "client-secret-jwt" => match (alg.filter(|alg| alg.is_symmetric()), &client.secret) {
            (Some(alg), Some(secret)) => {
                Key::from_secret(alg, secret.as_bytes()).verifies(message, &assertion.signature)
            }
            _ => false,
        },
        _ => return Err(ClientRefusal::Unknown),
    };
    if genuine { Ok(()) } else { Err(ClientRefusal::Assertion(FAILED)) }
}

/// The client's key of that id, out of the JWK set that its attribute `jwks.string` holds.
fn key(client: &Client, kid: Option<&str>) -> Option<Map<String, Value>> {
    let set: Value = serde_json::from_str(client.attributes.get("jwks.string")?).ok()?;
    let keys = set.get("keys")?.as_array()?.iter().filter_map(Value::as_object);
    let fits = |jwk: &&Map<String, Value>| kid.is_none() || jwk.get("kid").and_then(Value::as_str) == kid;
    keys.into_iter().find(fits).cloned()
}
