//! Why a token was not exchanged.

use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};

use super::ExchangeTarget;
use crate::client::{self, ClientAuthentication, ErrorCode};
use crate::json::Value;
use crate::signature::signer::SigningError;
use crate::transport::TransportError;

/// Why there is no token for another service. Holds neither secret nor token, nor text from a body except a code.
///
/// `Display` says what happened; [`diagnosis`](Self::diagnosis) also says what to do, in the clicks of Keycloak's console.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenExchangeError {
    /// The caller's token is of another issuer, which it was not shown to.
    AnotherIssuer,
    /// The audience exists, and a token of this user at this client cannot be for it.
    AudienceNotAvailable {
        /// What was asked for.
        target: ExchangeTarget,
    },
    /// No client of the realm is called so.
    AudienceUnknown {
        /// What was asked for.
        target: ExchangeTarget,
    },
    /// Keycloak does not take this service's own credentials.
    ClientRefused {
        /// The status.
        status: StatusCode,
        /// What the server calls it.
        code: Option<ErrorCode>,
    },
    /// 200, but not a token answer of RFC 8693 §2.2 with a bearer token.
    Nonsense {
        /// What is wrong with the body.
        what: &'static str,
    },
    /// *Standard Token Exchange* is off at this client, or the client is a public one.
    NotEnabled,
    /// This client is not in the `aud` of the caller's token: it was not given to it.
    NotInAudience,
    /// Another status than 200; redirects are not followed.
    Refused {
        /// The status.
        status: StatusCode,
        /// What the server calls it.
        code: Option<ErrorCode>,
    },
    /// A scope that was asked for does not exist, or this client may not have it.
    ScopeRefused {
        /// What was asked for.
        target: ExchangeTarget,
    },
    /// The caller's token is no longer good: it has expired, the user has logged out or is disabled; or it never was an access
    /// token of this realm. Whoever called should be answered with 401.
    SubjectRefused,
    /// No whole answer came.
    Unreachable(TransportError),
    /// The client assertion could not be signed.
    Unsigned(SigningError),
}

impl TokenExchangeError {
    /// One word for it, as in metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AnotherIssuer => "another_issuer",
            Self::AudienceNotAvailable { .. } => "audience_not_available",
            Self::AudienceUnknown { .. } => "audience_unknown",
            Self::ClientRefused { .. } => "client_refused",
            Self::Nonsense { .. } => "nonsense",
            Self::NotEnabled => "not_enabled",
            Self::NotInAudience => "not_in_audience",
            Self::Refused { .. } => "refused",
            Self::ScopeRefused { .. } => "scope_refused",
            Self::SubjectRefused => "subject_refused",
            Self::Unreachable(error) => error.code(),
            Self::Unsigned(_) => "unsigned",
        }
    }

    /// Whether it is the caller's token that is no longer good, so that they should log in again.
    #[must_use]
    pub const fn is_about_the_caller(&self) -> bool {
        matches!(self, Self::SubjectRefused)
    }

    /// For the log: what happened, and what to do about it, when `client_id` asked. Wording may change.
    #[must_use]
    pub fn diagnosis(&self, client_id: &str) -> String {
        let client = client_id.escape_debug();
        let remedy = match self {
            Self::AnotherIssuer => {
                "only this realm's tokens can be exchanged here: answer 403, or call in this service's own name".to_owned()
            }
            Self::AudienceNotAvailable { target } => format!(
                "a token for `{client}` must be able to have that audience: Clients > `{client}` > Client scopes > \
                 `{client}-dedicated` > Add mapper > By configuration > Audience, with {target} as \"Included Client \
                 Audience\"; or give the user a role of that client that `{client}` has in its scope"
            ),
            Self::AudienceUnknown { .. } => {
                "an audience is a client id of this realm: compare it with the list under Clients".to_owned()
            }
            Self::ClientRefused { .. } => format!(
                "check the secret, key or certificate of client `{client}`: Clients > `{client}` > Credentials"
            ),
            Self::Nonsense { .. } => "is there a proxy between this service and Keycloak?".to_owned(),
            Self::NotEnabled => format!(
                "Clients > `{client}` > Settings > Capability config: switch \"Client authentication\" and \"Standard \
                 Token Exchange\" on"
            ),
            Self::NotInAudience => format!(
                "the token was given to another client, say web: Clients > `web` > Client scopes > `web-dedicated` > Add \
                 mapper > By configuration > Audience, with `{client}` as \"Included Client Audience\""
            ),
            Self::Refused { status, .. } if *status == StatusCode::NOT_FOUND => {
                "no such realm or path: check the realm's name, and whether the server has the base path `/auth`"
                    .to_owned()
            }
            Self::Refused { status, .. } if status.is_server_error() => "see Keycloak's log".to_owned(),
            Self::Refused { status, .. } if status.is_redirection() => {
                "redirects are not followed: check scheme, host and base path of the Keycloak URL".to_owned()
            }
            Self::Refused { .. } => format!("check the settings of client `{client}`"),
            Self::ScopeRefused { .. } => format!(
                "Clients > `{client}` > Client scopes > Add client scope: add each scope that is asked for as Optional"
            ),
            Self::SubjectRefused => {
                "answer 401, so that the caller gets a new token; only access tokens of this realm can be exchanged"
                    .to_owned()
            }
            Self::Unreachable(_) => "is Keycloak running, and can this machine reach it?".to_owned(),
            Self::Unsigned(_) => "check the client's private key".to_owned(),
        };
        format!("{self}: {remedy}")
    }
}

/// What a refusal of the token endpoint means. Keycloak tells its reasons apart by the description alone, which is compared,
/// never kept.
pub(super) fn refused(
    authentication: &ClientAuthentication,
    subject: &str,
    target: &ExchangeTarget,
    answer: &Response<Bytes>,
) -> TokenExchangeError {
    let (status, body) = (answer.status(), answer.body());
    let code = authentication.error_code(body, subject);
    let said = client::object(body).ok();
    let said = said.as_ref().and_then(|said| match said.get("error_description") {
        Some(Value::String(text)) => Some(text.as_ref()),
        _ => None,
    });
    let target = || target.clone();
    match (status, code.as_ref().map(ErrorCode::as_str), said.unwrap_or_default()) {
        (StatusCode::FORBIDDEN, Some("access_denied"), "Client is not within the token audience") => {
            TokenExchangeError::NotInAudience
        }
        (StatusCode::BAD_REQUEST, Some("invalid_request"), said)
            if said.starts_with("Standard token exchange is not enabled") =>
        {
            TokenExchangeError::NotEnabled
        }
        (StatusCode::BAD_REQUEST, Some("invalid_request"), said)
            if said.starts_with("Requested audience not available") =>
        {
            TokenExchangeError::AudienceNotAvailable { target: target() }
        }
        (StatusCode::BAD_REQUEST, Some("invalid_client"), "Audience not found") => {
            TokenExchangeError::AudienceUnknown { target: target() }
        }
        (StatusCode::BAD_REQUEST, Some("invalid_request"), said)
            if said == "Invalid token" || said.contains("supports access tokens only") =>
        {
            TokenExchangeError::SubjectRefused
        }
        // RFC 8693 §2.2.2, of another server or of a Keycloak to come.
        (StatusCode::BAD_REQUEST, Some("invalid_target"), _) => {
            TokenExchangeError::AudienceNotAvailable { target: target() }
        }
        (StatusCode::BAD_REQUEST, Some("invalid_grant"), _) => TokenExchangeError::SubjectRefused,
        (StatusCode::BAD_REQUEST, Some("invalid_scope"), _) => {
            TokenExchangeError::ScopeRefused { target: target() }
        }
        (
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED,
            Some("invalid_client" | "unauthorized_client"),
            _,
        ) => TokenExchangeError::ClientRefused { status, code },
        _ => TokenExchangeError::Refused { status, code },
    }
}

impl fmt::Display for TokenExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_code =
            |f: &mut fmt::Formatter<'_>, what: &str, status: &StatusCode, code: &Option<ErrorCode>| {
                write!(f, "{what} ({}", status.as_u16())?;
                match code {
                    Some(code) => write!(f, " {code})"),
                    None => f.write_str(")"),
                }
            };
        match self {
            Self::AnotherIssuer => f.write_str("the caller's token is of another issuer, and was not sent"),
            Self::AudienceNotAvailable { target } => {
                write!(f, "Keycloak exchanges the token, but not for {target}")
            }
            Self::AudienceUnknown { target } => write!(f, "Keycloak knows no client for {target}"),
            Self::ClientRefused { status, code } => {
                with_code(f, "Keycloak does not take this service's credentials", status, code)
            }
            Self::Nonsense { what } => write!(f, "Keycloak's token endpoint answers nonsense: {what}"),
            Self::NotEnabled => f.write_str("token exchange is not enabled for this service's client"),
            Self::NotInAudience => {
                f.write_str("the caller's token is not for this service's client, which may not exchange it")
            }
            Self::Refused { status, code } => {
                with_code(f, "Keycloak refuses to exchange the token", status, code)
            }
            Self::ScopeRefused { target } => {
                write!(f, "Keycloak refuses a scope that was asked for with {target}")
            }
            Self::SubjectRefused => f.write_str("Keycloak does not take the caller's token (any more)"),
            Self::Unreachable(error) => write!(f, "Keycloak's token endpoint cannot be reached: {error}"),
            Self::Unsigned(error) => write!(f, "no token was exchanged: {error}"),
        }
    }
}

impl std::error::Error for TokenExchangeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::Unsigned(error) => Some(error),
            _ => None,
        }
    }
}
