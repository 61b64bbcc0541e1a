//! Why userinfo does not say who somebody is.

use std::fmt;

use http::StatusCode;

use crate::token::TokenError;
use crate::transport::TransportError;

/// Why there is no userinfo for a token that is not known to be bad. Holds neither the token nor text from an answer.
///
/// `Display` says what happened; [`diagnosis`](Self::diagnosis) also says what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UserinfoError {
    /// The token lacks the scope [`openid`](Self::SCOPE): a matter of rights, not of the server.
    InsufficientScope,
    /// 200, but not a JSON object with a `sub`.
    Nonsense {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is signed, and nobody said by whom it should be.
    Signed,
    /// A status that says nothing about the token; redirects are not followed.
    Status {
        /// The status.
        status: StatusCode,
    },
    /// No whole answer came.
    Unreachable(TransportError),
    /// It is not signed, and it should be.
    Unsigned,
    /// It is signed, and the signature or what is signed is not good.
    Untrusted(TokenError),
}

impl UserinfoError {
    /// The scope without which there is no userinfo (OpenID Connect Core §5.3).
    pub const SCOPE: &'static str = "openid";

    /// For the log: what happened, and what to do about it. Wording may change.
    #[must_use]
    pub fn diagnosis(&self) -> String {
        let remedy = match self {
            Self::InsufficientScope => "whoever gets the token has to ask for `scope=openid`",
            Self::Nonsense { .. } => "is there a proxy or a login page between this service and Keycloak?",
            Self::Signed => {
                "say by whom with UserinfoEndpoint::signed, or unset \"User info signed response algorithm\" of the \
                 client that gets the tokens"
            }
            Self::Status { status } if status.is_redirection() => {
                "redirects are not followed: check scheme, host and base path of the Keycloak URL"
            }
            Self::Status { status: StatusCode::NOT_FOUND } => {
                "no such realm or path: check the realm's name, and whether the server has the base path `/auth`"
            }
            Self::Status { status: StatusCode::TOO_MANY_REQUESTS } => "a limit was reached: ask less often",
            Self::Status { status } if status.is_server_error() => "see Keycloak's log",
            Self::Status { .. } => "check that the URL is Keycloak's userinfo endpoint",
            Self::Unreachable(_) => "is Keycloak running, and can this machine reach it?",
            Self::Unsigned => {
                "set \"User info signed response algorithm\" of the client that gets the tokens, or take plain answers"
            }
            Self::Untrusted(_) => {
                "check the issuer, the client ids and the algorithms given to UserinfoEndpoint::signed"
            }
        };
        format!("{self}: {remedy}")
    }
}

impl fmt::Display for UserinfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keycloak's userinfo endpoint ")?;
        match self {
            Self::InsufficientScope => f.write_str("refuses the token because it lacks the scope openid"),
            Self::Nonsense { what } => write!(f, "answers nonsense: {what}"),
            Self::Signed => f.write_str("gives a signed answer, and none was expected"),
            Self::Status { status } => write!(f, "fails ({})", status.as_u16()),
            Self::Unreachable(error) => write!(f, "cannot be reached: {error}"),
            Self::Unsigned => {
                f.write_str("gives an answer that is not signed, and a signed one was expected")
            }
            Self::Untrusted(error) => write!(f, "gives a signed answer that cannot be trusted: {error}"),
        }
    }
}

impl std::error::Error for UserinfoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::Untrusted(error) => Some(error),
            Self::InsufficientScope
            | Self::Nonsense { .. }
            | Self::Signed
            | Self::Status { .. }
            | Self::Unsigned => None,
        }
    }
}
