//! Why Keycloak did not say whether a token is active.

use std::fmt;

use http::StatusCode;

use crate::client::ErrorCode;
use crate::signature::signer::SigningError;
use crate::transport::TransportError;

/// Why there is no answer about a token. Holds neither the token nor a secret, nor text from a body except a code.
///
/// `Display` says what happened; [`diagnosis`](Self::diagnosis) also says what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IntrospectionError {
    /// The server does not take this client's credentials, or does not let this client ask.
    CredentialsRefused {
        /// 401 or 403; 400 for a signed JWT that is not good.
        status: StatusCode,
        /// What the server calls it.
        code: Option<ErrorCode>,
    },
    /// 200, but not a JSON object with a boolean `active`.
    Nonsense {
        /// What is wrong with the body.
        what: Nonsense,
    },
    /// A status that is neither 200 nor about credentials; redirects are not followed.
    Status {
        /// The status.
        status: StatusCode,
        /// What the server calls it.
        code: Option<ErrorCode>,
    },
    /// No whole answer came.
    Unreachable(TransportError),
    /// The client assertion could not be signed.
    Unsigned(SigningError),
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Nonsense {
    /// No `active`, or not `true` or `false`.
    Active,
    /// Not a JSON object, or one with a member that stands twice.
    Body {
        /// Which of it.
        what: &'static str,
    },
    /// A member of the wrong shape.
    Member {
        /// Its name.
        name: &'static str,
    },
}

impl IntrospectionError {
    /// For the log: what happened, and what to do about it, when `client_id` asked. Wording may change.
    #[must_use]
    pub fn diagnosis(&self, client_id: &str) -> String {
        let remedy = match self {
            Self::CredentialsRefused { status, code } => {
                return format!("{self}: {}", credentials_remedy(*status, code.as_ref(), client_id));
            }
            Self::Nonsense { .. } => "is there a proxy or a login page between this service and Keycloak?",
            Self::Status { status, .. } if status.is_redirection() => {
                "redirects are not followed: check scheme, host and base path of the Keycloak URL"
            }
            Self::Status { status: StatusCode::NOT_FOUND, .. } => {
                "no such realm or path: check the realm's name, and whether the server has the base path `/auth`"
            }
            Self::Status { status: StatusCode::TOO_MANY_REQUESTS, .. } => {
                "a limit was reached: ask less often"
            }
            Self::Status { status, .. } if status.is_server_error() => "see Keycloak's log",
            Self::Status { .. } => "check that the URL is Keycloak's introspection endpoint",
            Self::Unreachable(_) => "is Keycloak running, and can this machine reach it?",
            Self::Unsigned(_) => "check the client's private key",
        };
        format!("{self}: {remedy}")
    }
}

/// Keycloak's answers differ by method: 401 for secrets, 400 for signed JWTs, 403 for public clients.
fn credentials_remedy(status: StatusCode, code: Option<&ErrorCode>, client_id: &str) -> String {
    let client = client_id.escape_debug();
    if status == StatusCode::FORBIDDEN {
        return format!("client `{client}` may not ask: turn its setting \"Client authentication\" on");
    }
    if status == StatusCode::BAD_REQUEST {
        return format!(
            "the signed JWT of client `{client}` is not good: check that its public key is registered under this \
             `kid`, that the audience is the realm's issuer URL, and the clocks of both machines"
        );
    }
    match code.map(ErrorCode::as_str) {
        Some("invalid_client" | "unauthorized_client") => format!(
            "check that client `{client}` exists in this realm and is enabled, that the secret is that of its tab \
             \"Credentials\", and that its \"Client Authenticator\" is the method used here"
        ),
        _ => format!("check the name and the secret of client `{client}`"),
    }
}

impl fmt::Display for IntrospectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialsRefused { status, code } => {
                write!(
                    f,
                    "Keycloak's introspection endpoint refuses this client's credentials ({}",
                    status.as_u16()
                )?;
                close(code.as_ref(), f)
            }
            Self::Nonsense { what } => {
                write!(f, "Keycloak's introspection endpoint answers nonsense: {what}")
            }
            Self::Status { status, code } => {
                write!(f, "Keycloak's introspection endpoint fails ({}", status.as_u16())?;
                close(code.as_ref(), f)
            }
            Self::Unreachable(error) => {
                write!(f, "Keycloak's introspection endpoint cannot be reached: {error}")
            }
            Self::Unsigned(error) => write!(f, "no introspection: {error}"),
        }
    }
}

fn close(code: Option<&ErrorCode>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match code {
        Some(code) => write!(f, " {code})"),
        None => f.write_str(")"),
    }
}

impl std::error::Error for IntrospectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::Unsigned(error) => Some(error),
            Self::CredentialsRefused { .. } | Self::Nonsense { .. } | Self::Status { .. } => None,
        }
    }
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("`active` is missing or neither true nor false"),
            Self::Body { what } => f.write_str(what),
            Self::Member { name } => write!(f, "`{name}` has the wrong shape"),
        }
    }
}
