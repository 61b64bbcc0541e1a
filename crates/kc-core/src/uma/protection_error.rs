//! Why the Protection API did not do what it was asked for.

use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::client::{self, ErrorCode};
use crate::service_token::ServiceTokenError;
use crate::transport::TransportError;

/// Why there is no answer of the Protection API. Holds no token, nor text of a body except a code.
///
/// `Display` says what happened; [`diagnosis`](Self::diagnosis) also says what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProtectionError {
    /// 409: the owner has a resource of that name, or the description lacks one.
    Conflict,
    /// 404: there is no such resource.
    Missing,
    /// A good status, and not what was asked for.
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
    /// The service has no token of its own.
    Token(ServiceTokenError),
    /// It was not asked.
    Unaskable {
        /// What is wrong.
        what: &'static str,
    },
    /// No whole answer came.
    Unreachable(TransportError),
}

impl ProtectionError {
    pub(super) fn of(answer: &Response<Bytes>) -> Self {
        match answer.status() {
            StatusCode::CONFLICT => Self::Conflict,
            StatusCode::NOT_FOUND => Self::Missing,
            status => Self::Status { status, code: client::error_code(answer.body(), &[]) },
        }
    }

    /// For the log: what happened, and what to do about it, where `client_id` is the resource server. Wording may change.
    #[must_use]
    pub fn diagnosis(&self, client_id: &str) -> String {
        let client = client_id.escape_debug();
        let remedy = match self {
            Self::Conflict => "give it another name, or update the one that is there".to_owned(),
            Self::Missing => {
                "list the resources; if none is found at all, check the realm's name, and that Keycloak's feature \
                 `authorization` is on"
                    .to_owned()
            }
            Self::Nonsense { .. } => "is there a proxy between this service and Keycloak?".to_owned(),
            Self::Status { status, code } => {
                return format!("{self}: {}", status_remedy(*status, code.as_ref(), &client));
            }
            Self::Token(error) => return error.diagnosis(client_id),
            Self::Unaskable { .. } => "correct the call".to_owned(),
            Self::Unreachable(_) => "is Keycloak running, and can this machine reach it?".to_owned(),
        };
        format!("{self}: {remedy}")
    }
}

fn status_remedy(status: StatusCode, code: Option<&ErrorCode>, client: &dyn fmt::Display) -> String {
    match (status, code.map(ErrorCode::as_str)) {
        (_, Some("invalid_scope")) => "a scope does not exist, or the resource does not have it".to_owned(),
        (_, Some("invalid_resource_id")) => "there is no such resource".to_owned(),
        (_, Some("invalid_clientId")) => format!(
            "client `{client}` is no resource server: turn its settings \"Client authentication\" and \"Authorization\" on"
        ),
        (StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED, _) => format!(
            "the service account of client `{client}` needs the client's role `uma_protection`, and to register resources \
             \"Remote resource management\" (Authorization, Settings)"
        ),
        (status, _) if status.is_redirection() => {
            "redirects are not followed: check scheme, host and base path of the Keycloak URL".to_owned()
        }
        (status, _) if status.is_server_error() => "see Keycloak's log".to_owned(),
        _ => format!("check what was sent, and the settings of client `{client}`"),
    }
}

impl fmt::Display for ProtectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("the Protection API has a resource of that name (409)"),
            Self::Missing => f.write_str("the Protection API knows no such resource (404)"),
            Self::Nonsense { what } => write!(f, "the Protection API answers nonsense: {what}"),
            Self::Status { status, code } => {
                write!(f, "the Protection API refuses ({}", status.as_u16())?;
                match code {
                    Some(code) => write!(f, " {code})"),
                    None => f.write_str(")"),
                }
            }
            Self::Token(error) => write!(f, "the Protection API was not asked: {error}"),
            Self::Unaskable { what } => write!(f, "the Protection API was not asked: {what}"),
            Self::Unreachable(error) => write!(f, "the Protection API cannot be reached: {error}"),
        }
    }
}

impl std::error::Error for ProtectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Unreachable(error) => Some(error),
            Self::Conflict
            | Self::Missing
            | Self::Nonsense { .. }
            | Self::Status { .. }
            | Self::Unaskable { .. } => None,
        }
    }
}
