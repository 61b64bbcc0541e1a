//! Why this service has no token.

use std::fmt;

use http::StatusCode;

use crate::client::ErrorCode;
use crate::signature::signer::SigningError;
use crate::transport::TransportError;

/// Why there is no service token. Holds neither secret nor token, nor text from a body except a code.
///
/// `Display` says what happened; [`diagnosis`](Self::diagnosis) also says what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ServiceTokenError {
    /// The task that asked Keycloak ended without an answer: its runtime was shut down, or there is none.
    Interrupted,
    /// 200, but not a token answer of RFC 6749 §5.1 with a bearer token.
    Nonsense {
        /// What is wrong with the body.
        what: &'static str,
    },
    /// Another status than 200; redirects are not followed.
    Refused {
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

impl ServiceTokenError {
    /// One word for it, as in metrics and health reports.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Nonsense { .. } => "nonsense",
            Self::Refused { .. } => "refused",
            Self::Unreachable(error) => error.code(),
            Self::Unsigned(_) => "unsigned",
        }
    }

    /// For the log: what happened, and what to do about it, when `client_id` asked. Wording may change.
    #[must_use]
    pub fn diagnosis(&self, client_id: &str) -> String {
        let remedy = match self {
            Self::Interrupted => "ask again from a Tokio runtime that lives".to_owned(),
            Self::Nonsense { .. } => "is there a proxy between this service and Keycloak?".to_owned(),
            Self::Refused { status, code } => refusal_remedy(*status, code.as_ref(), client_id),
            Self::Unreachable(_) => "is Keycloak running, and can this machine reach it?".to_owned(),
            Self::Unsigned(_) => "check the client's private key".to_owned(),
        };
        format!("{self}: {remedy}")
    }
}

/// Keycloak says `unauthorized_client` both for a wrong secret and for a client without a service account.
fn refusal_remedy(status: StatusCode, code: Option<&ErrorCode>, client_id: &str) -> String {
    let client = client_id.escape_debug();
    match (status, code.map(ErrorCode::as_str)) {
        (_, Some("invalid_scope")) => {
            format!("a scope asked for does not exist or is not assigned to client `{client}`")
        }
        (StatusCode::BAD_REQUEST, Some("invalid_client")) => format!(
            "the signed JWT of client `{client}` is not good: check that its public key is registered under this \
             `kid`, that the audience is the realm's issuer URL, and the clocks of both machines"
        ),
        (_, Some("unauthorized_client")) => format!(
            "check the secret of client `{client}`, and that its settings \"Client authentication\" and \"Service \
             account roles\" are on"
        ),
        (_, Some("invalid_client")) => {
            format!(
                "check that client `{client}` exists in this realm and is enabled; if it shows a certificate, that Keycloak \
                 asks for one (https-client-auth) and that Credentials > Subject DN is the certificate's"
            )
        }
        (StatusCode::NOT_FOUND, _) => {
            "no such realm or path: check the realm's name, and whether the server has the base path `/auth`"
                .to_owned()
        }
        (status, _) if status.is_redirection() => {
            "redirects are not followed: check scheme, host and base path of the Keycloak URL".to_owned()
        }
        (status, _) if status.is_server_error() => "see Keycloak's log".to_owned(),
        _ => format!("check the settings of client `{client}`"),
    }
}

impl fmt::Display for ServiceTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("the request for a service token was broken off"),
            Self::Nonsense { what } => write!(f, "Keycloak's token endpoint answers nonsense: {what}"),
            Self::Refused { status, code } => {
                write!(f, "Keycloak refuses a service token ({}", status.as_u16())?;
                match code {
                    Some(code) => write!(f, " {code})"),
                    None => f.write_str(")"),
                }
            }
            Self::Unreachable(error) => write!(f, "Keycloak's token endpoint cannot be reached: {error}"),
            Self::Unsigned(error) => write!(f, "no service token: {error}"),
        }
    }
}

impl std::error::Error for ServiceTokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::Unsigned(error) => Some(error),
            Self::Interrupted | Self::Nonsense { .. } | Self::Refused { .. } => None,
        }
    }
}
