//! HTTP to Keycloak: one call, bounded in time and size.

mod breaker;
#[cfg(feature = "reqwest")]
mod reqwest;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

pub use self::breaker::CircuitBreaker;
#[cfg(feature = "reqwest")]
pub use self::reqwest::{ReqwestTransport, TransportOptions};

/// Sends one HTTP request and brings the whole answer.
///
/// # Contract
/// - The URI is absolute; the request goes there and nowhere else. **No redirect is followed**: a 3xx is an answer
///   like any other, for the caller to refuse.
/// - Any status is `Ok`; `Err` means that no whole answer came.
/// - Time and size are bounded: a server that hangs, trickles or never stops sending ends in an error.
/// - Nothing of a request is logged or put into an error: its headers and body hold secrets.
/// - Dropping the future gives the request up.
///
/// # Spec
/// RFC 9110.
///
/// # Example
/// ```
/// use async_trait::async_trait;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use kc_core::transport::{Transport, TransportError};
///
/// /// For a test: every endpoint of Keycloak says the same.
/// #[derive(Debug)]
/// struct Always(&'static str);
///
/// #[async_trait]
/// impl Transport for Always {
///     async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
///         Ok(Response::new(self.0.into()))
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends `request`.
    ///
    /// # Errors
    /// [`TransportError`] says why there is no answer.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// Why a request to Keycloak has no answer. Holds no URL, header or body.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TransportError {
    /// The answer broke off, or was not HTTP.
    Broken,
    /// It was not sent: the endpoint gave no answer several times in a row, and is left alone for a moment.
    CircuitOpen {
        /// When it is tried again.
        retry_in: Duration,
    },
    /// No connection: name, address, port, or TLS.
    Connect {
        /// What the operating system or the TLS library said.
        reason: String,
    },
    /// The time allowed ran out.
    Timeout {
        /// The time allowed.
        after: Duration,
    },
    /// The answer is larger than allowed.
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// The request could not be made at all.
    Unsendable {
        /// What is wrong with it.
        reason: String,
    },
}

impl TransportError {
    /// One word for it, as in metrics and health reports.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::CircuitOpen { .. } => "circuit_open",
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } => "timeout",
            Self::TooLarge { .. } => "too_large",
            Self::Unsendable { .. } => "unsendable",
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken => f.write_str("the answer broke off or is not HTTP"),
            Self::CircuitOpen { retry_in } => write!(
                f,
                "it gave no answer several times in a row and is left alone for {} ms",
                retry_in.as_millis()
            ),
            Self::Connect { reason } => write!(f, "no connection ({reason})"),
            Self::Timeout { after } => write!(f, "no whole answer within {} ms", after.as_millis()),
            Self::TooLarge { limit } => write!(f, "the answer is larger than {limit} bytes"),
            Self::Unsendable { reason } => write!(f, "the request cannot be sent ({reason})"),
        }
    }
}

impl std::error::Error for TransportError {}
