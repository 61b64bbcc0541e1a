//! Why there is no discovery document to compare with.

use std::fmt;

use http::StatusCode;

use crate::transport::TransportError;

/// Why discovery says nothing. Holds no text from an answer.
///
/// `Display` says what happened; [`diagnosis`](Self::diagnosis) also says what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// A member that is missing though it must be there, or has the wrong shape.
    Member {
        /// Its name.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// 200, but not a JSON object, or one with a member that stands twice.
    Nonsense {
        /// Which of it.
        what: &'static str,
    },
    /// Another status than 200; redirects are not followed.
    Status {
        /// The status.
        status: StatusCode,
    },
    /// No whole answer came.
    Unreachable(TransportError),
}

impl DiscoveryError {
    /// For the log: what happened, and what to do about it. Wording may change.
    #[must_use]
    pub fn diagnosis(&self) -> String {
        let remedy = match self {
            Self::Member { .. } => "is this a Keycloak of a version that is still supported?",
            Self::Nonsense { .. } => {
                "is there a proxy or a login page between this service and Keycloak, or is the URL not Keycloak's?"
            }
            Self::Status { status } if status.is_redirection() => {
                "redirects are not followed: check scheme, host and base path of KEYCLOAK_URL and KEYCLOAK_INTERNAL_URL"
            }
            Self::Status { status: StatusCode::NOT_FOUND } => {
                "no such realm or path: check KEYCLOAK_REALM, and whether the server has the base path `/auth`"
            }
            Self::Status { status } if status.is_server_error() => "see Keycloak's log",
            Self::Status { .. } => "check that KEYCLOAK_INTERNAL_URL, or else KEYCLOAK_URL, is Keycloak's",
            Self::Unreachable(_) => {
                "is Keycloak running, and can this machine reach it at KEYCLOAK_INTERNAL_URL, or else KEYCLOAK_URL?"
            }
        };
        format!("{self}: {remedy}")
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member { name, expected } => {
                write!(f, "Keycloak's discovery document is not usable: `{name}` is not {expected}")
            }
            Self::Nonsense { what } => write!(f, "Keycloak's discovery endpoint answers nonsense: {what}"),
            Self::Status { status } => {
                write!(f, "Keycloak's discovery endpoint fails ({})", status.as_u16())
            }
            Self::Unreachable(error) => {
                write!(f, "Keycloak's discovery endpoint cannot be reached: {error}")
            }
        }
    }
}

impl std::error::Error for DiscoveryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::Member { .. } | Self::Nonsense { .. } | Self::Status { .. } => None,
        }
    }
}
