//! `application/problem+json` (RFC 9457).

use serde::Serialize;

/// The body of every refusal. Members in this order.
///
/// # Example
/// ```
/// use kc_core::wire::Problem;
///
/// let problem = Problem::new(409, "already_shipped", "The order has been shipped");
/// assert_eq!(serde_json::to_value(&problem).unwrap()["status"], 409);
/// assert!(Problem::codes().any(|code| code == "token_expired"), "the codes of kc-core's own refusals");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// `urn:kc:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// One fixed phrase for each code.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong, for a person. Our own words: nothing of the request, let alone of a token.
    pub detail: String,
    /// Stable, for a program.
    pub code: &'static str,
}

impl Problem {
    /// A problem of a known code.
    #[must_use]
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:kc:problem:{code}"),
            title: title(code),
            status,
            detail: detail.into(),
            code,
        }
    }

    /// Every code there is, in no particular order; `docs/errors.md` has a section for each. Codes of parts that are not
    /// there yet are among them: a code keeps its meaning for ever.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        CODES.iter().map(|(code, _)| *code)
    }
}

fn title(code: &str) -> &'static str {
    CODES.iter().find(|(known, _)| *known == code).map_or("Refused", |(_, title)| title)
}

/// Every code with its title.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("not_authenticated", "Authentication required"),
    ("invalid_request", "Invalid request"),
    ("malformed_token", "Malformed token"),
    ("token_too_large", "Token too large"),
    ("unsupported_algorithm", "Unsupported signature algorithm"),
    ("unknown_key", "Unknown signing key"),
    ("invalid_signature", "Invalid signature"),
    ("token_expired", "Token expired"),
    ("token_not_yet_valid", "Token not yet valid"),
    ("invalid_issuer", "Invalid issuer"),
    ("invalid_audience", "Invalid audience"),
    ("wrong_token_type", "Wrong type of token"),
    ("missing_claim", "Missing claim"),
    ("malformed_claim", "Malformed claim"),
    ("bound_token", "Bound token"),
    ("token_revoked", "Token revoked"),
    ("token_inactive", "Token inactive"),
    ("user_unknown", "Unknown user"),
    ("missing_roles", "Missing roles"),
    ("insufficient_permissions", "Insufficient permissions"),
    ("permission_required", "Permission required"),
    ("step_up_required", "Stronger authentication required"),
    ("csrf_failed", "Cross-site request refused"),
    ("not_found", "Not found"),
    ("method_not_allowed", "Method not allowed"),
    ("keys_unavailable", "Signing keys unavailable"),
    ("introspection_unavailable", "Introspection unavailable"),
    ("authorization_unavailable", "Authorization unavailable"),
    ("service_token_unavailable", "Service token unavailable"),
    ("session_store_unavailable", "Session store unavailable"),
    ("session_expired", "Session expired"),
    ("login_unavailable", "Login unavailable"),
    ("internal_error", "Internal error"),
];
