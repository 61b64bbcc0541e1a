//! The discovery document (OpenID Connect Discovery 1.0, section 3; RFC 8414).

use serde_json::{Value, json};

use crate::state::State;

/// What Keycloak signs tokens and answers with, symmetric algorithms included.
const SIGNING: [&str; 13] = [
    "PS384", "RS384", "EdDSA", "ES384", "HS256", "HS512", "ES256", "RS256", "HS384", "ES512", "PS256",
    "PS512", "RS512",
];

const CLIENT_AUTH: [&str; 5] =
    ["private_key_jwt", "client_secret_basic", "client_secret_post", "tls_client_auth", "client_secret_jwt"];

/// Only members that are the same as Keycloak's: what isn't served here isn't announced, save what the standard requires.
pub(super) fn document(state: &State) -> Value {
    let issuer = &state.issuer;
    let protocol = format!("{issuer}/protocol/openid-connect");
    let realm = &state.realm;
    let named = realm.acr_levels.iter().map(|(name, _)| name.clone());
    let numbered = realm.acr_levels.iter().map(|(_, level)| level.to_string());
    let acr: Vec<String> = if realm.acr_levels.is_empty() {
        vec!["0".to_owned(), "1".to_owned()]
    } else {
        named.chain(["0".to_owned()]).chain(numbered).collect()
    };
    let scopes: Vec<&str> =
        std::iter::once("openid").chain(realm.scopes.keys().map(String::as_str)).collect();
    let userinfo: Vec<&str> = SIGNING.into_iter().chain(["none"]).collect();
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{protocol}/auth"),
        "token_endpoint": format!("{protocol}/token"),
        "introspection_endpoint": format!("{protocol}/token/introspect"),
        "userinfo_endpoint": format!("{protocol}/userinfo"),
        "end_session_endpoint": format!("{protocol}/logout"),
        "revocation_endpoint": format!("{protocol}/revoke"),
        "jwks_uri": format!("{protocol}/certs"),
        "pushed_authorization_request_endpoint": format!("{protocol}/ext/par/request"),
        "require_pushed_authorization_requests": false,
        "authorization_response_iss_parameter_supported": true,
        "authorization_signing_alg_values_supported": SIGNING,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "claims_parameter_supported": true,
        "code_challenge_methods_supported": ["plain", "S256"],
        "prompt_values_supported": ["none", "login", "consent"],
        "response_modes_supported": [
            "query", "fragment", "form_post", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt",
        ],
        "acr_values_supported": acr,
        "response_types_supported": [
            "code", "none", "id_token", "token", "id_token token", "code id_token", "code token", "code id_token token",
        ],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": SIGNING,
        "userinfo_signing_alg_values_supported": userinfo,
        "token_endpoint_auth_methods_supported": CLIENT_AUTH,
        "token_endpoint_auth_signing_alg_values_supported": SIGNING,
        "introspection_endpoint_auth_methods_supported": CLIENT_AUTH,
        "introspection_endpoint_auth_signing_alg_values_supported": SIGNING,
        "revocation_endpoint_auth_methods_supported": CLIENT_AUTH,
        "revocation_endpoint_auth_signing_alg_values_supported": SIGNING,
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "name", "given_name", "family_name", "preferred_username",
            "email", "acr", "azp", "nonce",
        ],
        "claim_types_supported": ["normal"],
        "scopes_supported": scopes,
    })
}
