//! What Keycloak's discovery document says, held against what this service takes for granted.
//!
//! Nobody is asked at an address that stands in this document: endpoints are
//! [derived](crate::settings::Endpoints) from settings, so that an answer cannot send this service, its secret and its
//! tokens to another host. The document is a cross-check, and a source of what the server can do.

mod compare;
mod document;
mod error;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, StatusCode, Uri};

pub use self::compare::Difference;
pub use self::document::Capabilities;
use self::document::Document;
pub use self::error::DiscoveryError;
use crate::settings::Endpoints;
use crate::transport::{Transport, TransportError};

/// What discovery says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Discovery {
    differences: Vec<Difference>,
    capabilities: Capabilities,
}

impl Discovery {
    /// Where the server and this service disagree; empty when they agree.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// What the server says it can do.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

/// Fetches the discovery document at the internal URL and compares it with `endpoints` and `issuer`, which is what
/// tokens have to name in `iss`.
///
/// Keycloak without a fixed `hostname` writes the host of the request into its document. So an endpoint agrees when it
/// is the one at the public base or the one at the internal base.
///
/// # Errors
/// [`DiscoveryError`] when there is no such document. Tokens may be good nevertheless: nothing that decides about them
/// needs it.
///
/// # Spec
/// OpenID Connect Discovery §4; RFC 8414 §3.
///
/// # Cancellation
/// Dropping the future gives the request up.
///
/// # Example
/// ```
/// # use kc_core::{discovery, settings::KeycloakServer, transport::Transport};
/// # async fn report(transport: &dyn Transport, server: &KeycloakServer) {
/// match discovery::cross_check(transport, server.endpoints(), server.issuer()).await {
///     Ok(found) => found.differences().iter().for_each(|difference| eprintln!("{difference}")),
///     Err(error) => eprintln!("{}", error.diagnosis()),
/// }
/// # }
/// ```
pub async fn cross_check(
    transport: &dyn Transport,
    endpoints: &Endpoints,
    issuer: &str,
) -> Result<Discovery, DiscoveryError> {
    let uri: Uri = endpoints.discovery().parse().map_err(|_| {
        let reason = "its URL is no URI".to_owned();
        DiscoveryError::Unreachable(TransportError::Unsendable { reason })
    })?;
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = transport.send(request).await.map_err(DiscoveryError::Unreachable)?;
    if answer.status() != StatusCode::OK {
        return Err(DiscoveryError::Status { status: answer.status() });
    }
    let document = Document::read(answer.body())?;
    let differences = compare::differences(&document, endpoints, issuer);
    Ok(Discovery { differences, capabilities: document.capabilities })
}
