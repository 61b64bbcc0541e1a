//! From an error to what the caller hears. This is the only place that decides it.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use super::grpc;
use super::problem::Problem;
use super::request::RequestView;
use crate::error::AuthError;
use crate::rules::Denial;
use crate::uma::TicketChallenge;

/// A refusal, ready to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    // Boxed: every decision has room for one, and most allow.
    parts: Box<Parts>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    challenge: Option<Challenge>,
    ticket: Option<TicketChallenge>,
    retry_after: Option<Duration>,
    allow: Option<String>,
}

/// The parameters of a `WWW-Authenticate: Bearer` challenge (RFC 6750 §3, RFC 9470 §3); `realm` is added when it is
/// written, `error_description` is the refusal's detail.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Challenge {
    /// `error`; a challenge to somebody without credentials has none.
    pub error: Option<&'static str>,
    /// `scope`: what is needed.
    pub scope: Option<String>,
    /// `acr_values`: how strong a login is needed.
    pub acr_values: Option<String>,
    /// `max_age` in seconds: how fresh a login is needed.
    pub max_age: Option<u64>,
}

impl Challenge {
    fn error(error: &'static str) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let (detail, challenge, ticket, retry_after, allow) = (detail.into(), None, None, None, None);
        Self { parts: Box::new(Parts { status, code, detail, challenge, ticket, retry_after, allow }) }
    }

    fn with_challenge(mut self, challenge: Challenge) -> Self {
        self.parts.challenge = Some(challenge);
        self
    }

    fn with_ticket(mut self, ticket: TicketChallenge) -> Self {
        self.parts.ticket = Some(ticket);
        self
    }

    fn with_retry_after(mut self, after: Duration) -> Self {
        self.parts.retry_after = Some(after);
        self
    }

    fn with_allow(mut self, methods: String) -> Self {
        self.parts.allow = Some(methods);
        self
    }

    fn invalid_token(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail).with_challenge(Challenge::error("invalid_token"))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.parts.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.parts.code
    }

    /// What the response asks the caller for, if it asks for credentials.
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        self.parts.challenge.as_ref()
    }

    /// What the caller is told to take to Keycloak for a permission, if they are.
    #[must_use]
    pub fn ticket(&self) -> Option<&TicketChallenge> {
        self.parts.ticket.as_ref()
    }

    /// What the caller is told.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.parts.detail
    }

    /// Whether it asks for credentials, or for other ones.
    pub(super) fn is_challenge(&self) -> bool {
        self.parts.challenge.is_some() || self.parts.ticket.is_some()
    }

    /// The response to this request: as [`to_response`](Self::to_response), or to a gRPC call one that gRPC clients
    /// understand, with status `UNAUTHENTICATED`, `PERMISSION_DENIED`, `UNAVAILABLE` and so on, and the challenge and the
    /// code (`problem-code`) in its metadata.
    #[must_use]
    pub fn to_response_to(&self, request: &RequestView<'_>, realm: &str) -> Response<Bytes> {
        let response = self.to_response(realm);
        if grpc::is_call(request) { grpc::trailers_only(self, response) } else { response }
    }

    /// The response: `application/problem+json`, with the challenge in the name of `realm`.
    #[must_use]
    pub fn to_response(&self, realm: &str) -> Response<Bytes> {
        let problem = Problem::new(self.parts.status.as_u16(), self.parts.code, self.parts.detail.as_ref());
        // A struct of strings and a number always serialises.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.parts.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) =
            self.parts.challenge.as_ref().and_then(|challenge| self.header(challenge, realm))
        {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(challenge) = self.parts.ticket.as_ref().and_then(|ticket| uma(ticket, realm)) {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        if let Some(after) = self.parts.retry_after {
            // Whole seconds (RFC 9110 §10.2.3), rounded up: never too early.
            headers.insert(
                RETRY_AFTER,
                HeaderValue::from(after.as_secs() + u64::from(after.subsec_nanos() > 0)),
            );
        }
        if let Some(allow) = self
            .parts
            .allow
            .as_deref()
            .filter(|allow| !allow.is_empty())
            .and_then(|allow| HeaderValue::from_str(allow).ok())
        {
            headers.insert(ALLOW, allow);
        }
        response
    }

    fn header(&self, challenge: &Challenge, realm: &str) -> Option<HeaderValue> {
        let mut text = format!("Bearer realm={}", Quoted(realm));
        let mut parameter = |name: &str, value: &str| write!(text, ", {name}={}", Quoted(value));
        // Writing into a string does not fail; if it did, there would be no challenge rather than half of one.
        if let Some(error) = challenge.error {
            parameter("error", error).ok()?;
            parameter("error_description", &self.parts.detail).ok()?;
        }
        if let Some(scope) = &challenge.scope {
            parameter("scope", scope).ok()?;
        }
        if let Some(acr_values) = &challenge.acr_values {
            parameter("acr_values", acr_values).ok()?;
        }
        if let Some(max_age) = challenge.max_age {
            parameter("max_age", &max_age.to_string()).ok()?;
        }
        HeaderValue::from_str(&text).ok()
    }
}

/// The challenge of UMA 2.0 Grant §3.2.2.
fn uma(challenge: &TicketChallenge, realm: &str) -> Option<HeaderValue> {
    let (as_uri, ticket) = (Quoted(&challenge.as_uri), Quoted(challenge.ticket.expose()));
    HeaderValue::from_str(&format!("UMA realm={}, as_uri={as_uri}, ticket={ticket}", Quoted(realm))).ok()
}

/// A quoted-string (RFC 9110 §5.6.4) of visible ASCII: `"` and `\` escaped, anything else replaced by `?`.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                ' '..='~' => f.write_char(letter)?,
                _ => f.write_char('?')?,
            }
        }
        f.write_char('"')
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Authorization { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "authorization_unavailable",
                "Keycloak cannot be asked about a permission",
            )
            .with_retry_after(Duration::from_secs(1)),
            AuthError::BadParameter { detail } => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
            }
            AuthError::Credentials(error) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_request", error.to_string())
                    .with_challenge(Challenge::error("invalid_request"))
            }
            AuthError::Csrf => Self::new(
                StatusCode::FORBIDDEN,
                "csrf_failed",
                "The session's CSRF value is missing or wrong",
            ),
            AuthError::Denied(denial) => Self::from(denial),
            AuthError::Internal { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Internal error")
            }
            AuthError::Introspection { .. } => Self::new(
                StatusCode::BAD_GATEWAY,
                "introspection_unavailable",
                "Failed to reach Keycloak introspection endpoint",
            ),
            AuthError::Keys(error) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "keys_unavailable",
                "Keycloak's keys are not available",
            )
            .with_retry_after(error.retry_after),
            AuthError::Login { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "login_unavailable",
                "Keycloak cannot be reached to renew the session",
            )
            .with_retry_after(Duration::from_secs(1)),
            AuthError::MethodNotAllowed { allow } => {
                Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
                    .with_allow(allow)
            }
            AuthError::NotAuthenticated => {
                Self::new(StatusCode::UNAUTHORIZED, "not_authenticated", "Not authenticated")
                    .with_challenge(Challenge::default())
            }
            AuthError::NotFound => Self::new(StatusCode::NOT_FOUND, "not_found", "Not found"),
            AuthError::PermissionTicket(ticket) => Self::new(
                StatusCode::UNAUTHORIZED,
                "permission_required",
                "A permission is missing: take the ticket to Keycloak",
            )
            .with_ticket(ticket),
            AuthError::ServiceToken { .. } => Self::new(
                StatusCode::BAD_GATEWAY,
                "service_token_unavailable",
                "Failed to get a service token from Keycloak",
            ),
            AuthError::SessionExpired => {
                Self::new(StatusCode::UNAUTHORIZED, "session_expired", "The session is over")
                    .with_challenge(Challenge::default())
            }
            AuthError::SessionStore { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "session_store_unavailable",
                "The store of sessions is not available",
            )
            .with_retry_after(Duration::from_secs(1)),
            AuthError::Token(error) => Self::invalid_token(error.code(), error.public_detail()),
            AuthError::UnknownUser => Self::invalid_token("user_unknown", "User does not exist"),
            AuthError::Users { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "session_store_unavailable",
                "The store of local users is not available",
            )
            .with_retry_after(Duration::from_secs(1)),
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Permission { scope, .. } => Self::from(Denial::Insufficient { scope: Some(scope) }),
            Denial::Insufficient { scope } => {
                Self::new(StatusCode::FORBIDDEN, "insufficient_permissions", "Insufficient permissions")
                    .with_challenge(Challenge { scope, ..Challenge::error("insufficient_scope") })
            }
            Denial::MissingRoles(mut roles) => {
                roles.sort_unstable();
                roles.dedup();
                let detail = format!("Missing required roles: {}", roles.join(", "));
                Self::new(StatusCode::FORBIDDEN, "missing_roles", detail)
                    .with_challenge(Challenge::error("insufficient_scope"))
            }
            Denial::StepUp { acr, max_age } => {
                Self::new(StatusCode::UNAUTHORIZED, "step_up_required", "A stronger login is required")
                    .with_challenge(Challenge {
                        acr_values: acr,
                        max_age: max_age.map(|age| age.as_secs()),
                        ..Challenge::error("insufficient_user_authentication")
                    })
            }
        }
    }
}

#[cfg(test)]
mod tests;
