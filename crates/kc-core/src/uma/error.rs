//! Why Keycloak did not say whether somebody may.

use std::fmt;

use http::StatusCode;

use crate::client::ErrorCode;
use crate::transport::TransportError;

/// Why there is no decision. Never a grant, and not a denial either. Holds neither token nor claims, nor text of a body
/// except a code.
///
/// `Display` says what happened; [`diagnosis`](Self::diagnosis) also says what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UmaError {
    /// 200, but not what was asked for.
    Nonsense {
        /// What is wrong with the body.
        what: &'static str,
    },
    /// Any other answer; redirects are not followed.
    Status {
        /// The status.
        status: StatusCode,
        /// What the server calls it.
        code: Option<ErrorCode>,
    },
    /// Keycloak does not take the caller's token: its session is over, its user is disabled, or it is no token of this realm.
    TokenRefused,
    /// It was not asked: what there is to ask would be read as something else.
    Unaskable {
        /// What is wrong.
        what: &'static str,
    },
    /// There is no such resource, no such scope, or the resource does not have it.
    Unknown {
        /// `invalid_resource` or `invalid_scope`.
        code: ErrorCode,
    },
    /// No whole answer came.
    Unreachable(TransportError),
}

impl UmaError {
    /// For the log: what happened, and what to do about it, where `client_id` is the resource server. Wording may change.
    #[must_use]
    pub fn diagnosis(&self, client_id: &str) -> String {
        let client = client_id.escape_debug();
        let remedy = match self {
            Self::Nonsense { .. } => "is there a proxy or a login page between this service and Keycloak?",
            Self::Status { status, .. } if status.is_redirection() => {
                "redirects are not followed: check scheme, host and base path of the Keycloak URL"
            }
            Self::Status { status: StatusCode::FORBIDDEN, code: Some(code) }
                if code.as_str() == "invalid_grant" =>
            {
                "claims were pushed with the token of a public client, which Keycloak does not allow"
            }
            Self::Status { status: StatusCode::BAD_REQUEST, .. } => {
                return format!(
                    "{self}: check that client `{client}` exists and has \"Authorization\" on (its setting under \
                     Capability config)"
                );
            }
            Self::Status { status: StatusCode::NOT_FOUND, .. } => {
                "no such realm or path: check the realm's name, and whether the server has the base path `/auth`"
            }
            Self::Status { status: StatusCode::TOO_MANY_REQUESTS, .. } => {
                "a limit was reached: ask less often, or decide offline"
            }
            Self::Status { status, .. } if status.is_server_error() => "see Keycloak's log",
            Self::Status { .. } => {
                "is there a proxy between this service and Keycloak that refuses by itself?"
            }
            Self::TokenRefused => {
                "the caller has logged out or is disabled; or Keycloak is asked by another host name than the token was \
                 issued under: then set Keycloak's option `hostname`"
            }
            Self::Unaskable { .. } => "correct the rule",
            Self::Unknown { .. } => {
                return format!(
                    "{self}: add the resource with this scope to client `{client}` (Authorization, Resources), or \
                     correct the rule"
                );
            }
            Self::Unreachable(_) => "is Keycloak running, and can this machine reach it?",
        };
        format!("{self}: {remedy}")
    }
}

impl fmt::Display for UmaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nonsense { what } => write!(f, "Keycloak answers nonsense about a permission: {what}"),
            Self::Status { status, code } => {
                write!(f, "Keycloak does not decide about a permission ({}", status.as_u16())?;
                match code {
                    Some(code) => write!(f, " {code})"),
                    None => f.write_str(")"),
                }
            }
            Self::TokenRefused => f.write_str("Keycloak does not take the caller's token"),
            Self::Unaskable { what } => write!(f, "a permission cannot be asked for: {what}"),
            Self::Unknown { code } => {
                write!(f, "Keycloak knows no resource of that name with that scope ({code})")
            }
            Self::Unreachable(error) => {
                write!(f, "Keycloak cannot be asked about a permission: {error}")
            }
        }
    }
}

impl std::error::Error for UmaError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::Nonsense { .. }
            | Self::Status { .. }
            | Self::TokenRefused
            | Self::Unaskable { .. }
            | Self::Unknown { .. } => None,
        }
    }
}
