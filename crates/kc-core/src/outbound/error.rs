//! Why a call to another service did not take place.

use std::fmt;

use crate::service_token::ServiceTokenError;
use crate::token_exchange::TokenExchangeError;

/// Why there is no answer of another service. Holds neither a token nor the path and query that were called.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutboundError {
    /// The request has an `Authorization` header already: whose call is it?
    AlreadyAuthorized,
    /// The caller's token was not exchanged.
    Exchange(TokenExchangeError),
    /// The HTTP client got no answer.
    Http(reqwest::Error),
    /// Tokens do not go there; nothing was sent.
    NotAllowed {
        /// Where the request was to go: scheme, host and port.
        origin: String,
    },
    /// This service has no token.
    ServiceToken(ServiceTokenError),
    /// The caller's token cannot stand in a header.
    Unsendable,
}

impl fmt::Display for OutboundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyAuthorized => f.write_str(
                "the request has an Authorization header already: leave it off, or send the request by another client",
            ),
            Self::Exchange(error) => error.fmt(f),
            Self::Http(error) => write!(f, "the other service was not reached, or did not answer: {error}"),
            Self::NotAllowed { origin } => write!(
                f,
                "{} is not on the list of origins that tokens may go to, and nothing was sent: add it if it is right",
                origin.escape_debug()
            ),
            Self::ServiceToken(error) => error.fmt(f),
            Self::Unsendable => f.write_str("the caller's token cannot stand in a header"),
        }
    }
}

impl std::error::Error for OutboundError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Exchange(error) => Some(error),
            Self::Http(error) => Some(error),
            Self::ServiceToken(error) => Some(error),
            Self::AlreadyAuthorized | Self::NotAllowed { .. } | Self::Unsendable => None,
        }
    }
}
