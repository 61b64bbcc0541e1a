//! The document: its endpoints, and what the server can do.

use super::error::DiscoveryError;
use crate::client;
use crate::json::{Object, Value};

/// What a server says it can do. Absent members are `false` or empty, as the standards have it.
///
/// # Spec
/// OpenID Connect Discovery §3, RFC 8414 §2, and the extensions that are named at each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// `acr_values_supported`: how strongly users can be authenticated, in the order of the document.
    pub acr_values: Vec<String>,
    /// `authorization_response_iss_parameter_supported`: the redirect back to us names the issuer (RFC 9207 §3).
    pub authorization_response_iss: bool,
    /// `backchannel_logout_supported` (OpenID Connect Back-Channel Logout §2.1).
    pub backchannel_logout: bool,
    /// `backchannel_logout_session_supported`: logout tokens name the session.
    pub backchannel_logout_session: bool,
    /// `claims_parameter_supported`: `acr` can be asked for as essential.
    pub claims_parameter: bool,
    /// `code_challenge_methods_supported` (RFC 7636).
    pub code_challenge_methods: Vec<String>,
    /// Whether there is a `device_authorization_endpoint` (RFC 8628 §4).
    pub device_authorization: bool,
    /// `dpop_signing_alg_values_supported` (RFC 9449 §5.1).
    pub dpop_signing_algorithms: Vec<String>,
    /// `grant_types_supported`.
    pub grant_types: Vec<String>,
    /// `id_token_signing_alg_values_supported`. Keycloak lists symmetric ones too: **not** a list of what to accept.
    pub id_token_signing_algorithms: Vec<String>,
    /// Whether there is a `pushed_authorization_request_endpoint` (RFC 9126 §5).
    pub pushed_authorization_requests: bool,
    /// `require_pushed_authorization_requests` (RFC 9126 §5).
    pub pushed_authorization_requests_required: bool,
    /// `scopes_supported`.
    pub scopes: Vec<String>,
    /// `tls_client_certificate_bound_access_tokens` (RFC 8705 §3.3).
    pub tls_bound_tokens: bool,
    /// `token_endpoint_auth_methods_supported`.
    pub token_endpoint_auth_methods: Vec<String>,
}

/// A discovery document.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) issuer: String,
    /// The URLs under [`ENDPOINTS`], by name.
    pub(super) endpoints: Vec<(&'static str, String)>,
    pub(super) capabilities: Capabilities,
}

/// The members that are compared with what is derived from settings.
pub(super) const ENDPOINTS: [&str; 8] = [
    "authorization_endpoint",
    "end_session_endpoint",
    "introspection_endpoint",
    "jwks_uri",
    PUSHED_AUTHORIZATION,
    "revocation_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
];

/// The only one that a Keycloak can do without: PAR is a feature that can be switched off.
pub(super) const PUSHED_AUTHORIZATION: &str = "pushed_authorization_request_endpoint";

impl Document {
    pub(super) fn read(body: &[u8]) -> Result<Self, DiscoveryError> {
        let object = client::object(body).map_err(|what| DiscoveryError::Nonsense { what })?;
        let issuer = string(&object, "issuer")?;
        let issuer = issuer.ok_or(DiscoveryError::Member { name: "issuer", expected: A_STRING })?;
        let mut endpoints = Vec::new();
        for name in ENDPOINTS {
            endpoints.extend(string(&object, name)?.map(|url| (name, url)));
        }
        Ok(Self { issuer, endpoints, capabilities: capabilities(&object)? })
    }

    pub(super) fn endpoint(&self, member: &str) -> Option<&str> {
        self.endpoints.iter().find(|(name, _)| *name == member).map(|(_, url)| url.as_str())
    }
}

const A_STRING: &str = "a string";

fn capabilities(object: &Object<'_>) -> Result<Capabilities, DiscoveryError> {
    let yes = |name| boolean(object, name);
    let list = |name| strings(object, name);
    let there = |name| string(object, name).map(|url| url.is_some());
    Ok(Capabilities {
        acr_values: list("acr_values_supported")?,
        authorization_response_iss: yes("authorization_response_iss_parameter_supported")?,
        backchannel_logout: yes("backchannel_logout_supported")?,
        backchannel_logout_session: yes("backchannel_logout_session_supported")?,
        claims_parameter: yes("claims_parameter_supported")?,
        code_challenge_methods: list("code_challenge_methods_supported")?,
        device_authorization: there("device_authorization_endpoint")?,
        dpop_signing_algorithms: list("dpop_signing_alg_values_supported")?,
        grant_types: list("grant_types_supported")?,
        id_token_signing_algorithms: list("id_token_signing_alg_values_supported")?,
        pushed_authorization_requests: there(PUSHED_AUTHORIZATION)?,
        pushed_authorization_requests_required: yes("require_pushed_authorization_requests")?,
        scopes: list("scopes_supported")?,
        tls_bound_tokens: yes("tls_client_certificate_bound_access_tokens")?,
        token_endpoint_auth_methods: list("token_endpoint_auth_methods_supported")?,
    })
}

fn string(object: &Object<'_>, name: &'static str) -> Result<Option<String>, DiscoveryError> {
    client::optional_string(object, name)
        .map(|text| text.map(str::to_owned))
        .map_err(|name| DiscoveryError::Member { name, expected: A_STRING })
}

fn boolean(object: &Object<'_>, name: &'static str) -> Result<bool, DiscoveryError> {
    match object.get(name) {
        None => Ok(false),
        Some(Value::Bool(yes)) => Ok(*yes),
        Some(_) => Err(DiscoveryError::Member { name, expected: "a boolean" }),
    }
}

fn strings(object: &Object<'_>, name: &'static str) -> Result<Vec<String>, DiscoveryError> {
    let wrong = DiscoveryError::Member { name, expected: "an array of strings" };
    let items = match object.get(name) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(wrong),
    };
    let text = |item: &Value<'_>| match item {
        Value::String(text) => Some(text.as_ref().to_owned()),
        _ => None,
    };
    items.iter().map(text).collect::<Option<_>>().ok_or(wrong)
}
