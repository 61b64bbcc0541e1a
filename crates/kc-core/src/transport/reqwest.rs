//! [`Transport`] by `reqwest` with rustls.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use super::{Transport, TransportError};
use crate::secret::Secret;

/// Bounds and trust of a [`ReqwestTransport`].
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// For a whole exchange, from the first byte out to the last byte in. Default 5 s.
    pub timeout: Duration,
    /// For the TCP and TLS handshakes, within `timeout`. Default 2 s.
    pub connect_timeout: Duration,
    /// Bytes of an answer's body. Default 512 KiB.
    pub max_body: usize,
    /// PEM certificates that are trusted beside the system's. Default none.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// The certificate that is shown to a server that asks for one (RFC 8705), those between it and its authority, and its
    /// private key, as PEM. Default none.
    pub client_identity_pem: Option<Secret>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            max_body: 512 * 1024,
            extra_roots_pem: None,
            client_identity_pem: None,
        }
    }
}

/// HTTP/1.1 over TCP or TLS, connections kept open, no redirects, no proxies, no content coding.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    timeout: Duration,
    max_body: usize,
}

impl ReqwestTransport {
    /// A transport within `options`.
    ///
    /// # Errors
    /// [`TransportError::Unsendable`] when the extra roots are no PEM certificates, the client's certificate does not fit its
    /// key or one of the two is missing, or the system's TLS roots cannot be read.
    pub fn new(options: TransportOptions) -> Result<Self, TransportError> {
        let mut builder = reqwest::Client::builder()
            .timeout(options.timeout)
            .connect_timeout(options.connect_timeout.min(options.timeout))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("kc/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &options.extra_roots_pem {
            let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| unsendable(&error))?;
            if roots.is_empty() {
                return Err(TransportError::Unsendable {
                    reason: "no certificate in the PEM given".to_owned(),
                });
            }
            builder = builder.tls_certs_merge(roots);
        }
        if let Some(pem) = &options.client_identity_pem {
            let identity =
                reqwest::Identity::from_pem(pem.expose().as_bytes()).map_err(|error| unsendable(&error))?;
            builder = builder.identity(identity);
        }
        let client = builder.build().map_err(|error| unsendable(&error))?;
        Ok(Self { client, timeout: options.timeout, max_body: options.max_body })
    }

    fn error(&self, error: &reqwest::Error) -> TransportError {
        if error.is_timeout() {
            TransportError::Timeout { after: self.timeout }
        } else if error.is_connect() {
            TransportError::Connect { reason: innermost(error) }
        } else if error.is_builder() {
            unsendable(error)
        } else {
            TransportError::Broken
        }
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(|error| unsendable(&error))?;
        let mut answer = self.client.execute(request).await.map_err(|error| self.error(&error))?;
        let too_large = TransportError::TooLarge { limit: self.max_body };
        if answer.content_length().is_some_and(|length| length > self.max_body as u64) {
            return Err(too_large);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.error(&error))? {
            if body.len() + chunk.len() > self.max_body {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

fn unsendable(error: &reqwest::Error) -> TransportError {
    TransportError::Unsendable { reason: innermost(error) }
}

/// The last cause: reqwest's own text names the URL, which is not ours to print.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if cause.is::<reqwest::Error>() { "the HTTP client refused it".to_owned() } else { cause.to_string() }
}
