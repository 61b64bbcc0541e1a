//! What sends a realm's requests.

use std::sync::Arc;

use crate::settings::{Settings, SettingsError};
use crate::telemetry::ObservedTransport;
use crate::trace_context::TraceContext;
use crate::transport::{CircuitBreaker, Transport};

/// A transport, and its circuit breaker if it is of ours.
pub(super) struct Sender {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) breaker: Option<CircuitBreaker>,
}

impl Sender {
    /// `given`, or an HTTP client of its own; observed either way.
    pub(super) fn new(
        settings: &Settings,
        given: Option<&Arc<dyn Transport>>,
        context: Option<&Arc<dyn TraceContext>>,
    ) -> Result<Self, SettingsError> {
        let (transport, breaker): (Arc<dyn Transport>, _) = match given {
            Some(given) => (Arc::clone(given), None),
            None => {
                let breaker = CircuitBreaker::new(http_client(settings)?);
                (Arc::new(breaker.clone()), Some(breaker))
            }
        };
        let observed = ObservedTransport::new(transport);
        let observed = match context {
            Some(context) => observed.trace_context(Arc::clone(context)),
            None => observed,
        };
        Ok(Self { transport: Arc::new(observed), breaker })
    }
}

#[cfg(feature = "reqwest")]
fn http_client(settings: &Settings) -> Result<Arc<dyn Transport>, SettingsError> {
    use crate::settings::ClientProof;
    use crate::transport::{ReqwestTransport, TransportOptions};

    let mut options = TransportOptions { timeout: settings.http_timeout(), ..TransportOptions::default() };
    if let ClientProof::Certificate(pem) = settings.keycloak()?.client_proof() {
        options.client_identity_pem = Some(pem.clone());
        // By itself first, so that the message names the right setting.
        ReqwestTransport::new(options.clone()).map_err(|error| {
            let remedy = "give the certificate and the private key that it was made for";
            SettingsError::unusable("KEYCLOAK_CLIENT_CERTIFICATE_FILE", error.to_string(), remedy)
        })?;
    }
    options.extra_roots_pem = settings.ca_pem().map(<[u8]>::to_vec);
    let transport = ReqwestTransport::new(options).map_err(|error| {
        let remedy = "give PEM certificates, or leave it unset to trust the system's";
        SettingsError::unusable("KEYCLOAK_CA_FILE", error.to_string(), remedy)
    })?;
    Ok(Arc::new(transport))
}

#[cfg(not(feature = "reqwest"))]
fn http_client(_: &Settings) -> Result<Arc<dyn Transport>, SettingsError> {
    let what = "cannot be asked: kc-core was built without its HTTP client".to_owned();
    Err(SettingsError::unusable("KEYCLOAK_URL", what, "give a transport, or build with the feature reqwest"))
}
