//! The contract suites: the implementations that `kc-core` and `kc-login` have keep their contracts, and for each clause there is one that
//! breaks it and is caught by it. A suite that cannot fail proves nothing.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod audit_sink;
mod authenticator;
mod caught;
mod clock;
mod introspector;
mod issuer_registry;
mod key_source;
mod permission_decider;
mod replay_cache;
mod revocations;
mod role_extractor;
mod session_store;
mod signature_verifier;
mod token_validator;
mod transport;
mod user_directory;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Uri;
use kc_core::client::ClientAuthentication;
use kc_core::clock::SystemClock;
use kc_core::introspection::HttpIntrospector;
use kc_core::keys::{PinnedKeys, RemoteKeys, RemoteKeysOptions};
use kc_core::secret::Secret;
use kc_core::transport::{ReqwestTransport, Transport, TransportOptions};
use kc_core::validator::{JwtValidator, JwtValidatorBuilder};
use kc_dev::DevIssuer;
use tokio::runtime;

/// One for each runtime: its connections belong to that, and reading the system's certificates takes long.
fn http() -> Arc<dyn Transport> {
    static ALL: Mutex<Option<HashMap<runtime::Id, Arc<dyn Transport>>>> = Mutex::new(None);
    let mut all = ALL.lock().unwrap();
    let of_this = all.get_or_insert_default().entry(runtime::Handle::current().id()).or_insert_with(|| {
        let options = TransportOptions { timeout: Duration::from_secs(2), ..TransportOptions::default() };
        Arc::new(ReqwestTransport::new(options).unwrap())
    });
    Arc::clone(of_this)
}

fn endpoint(issuer: &DevIssuer, name: &str) -> Uri {
    format!("{}/protocol/openid-connect/{name}", issuer.issuer()).parse().unwrap()
}

/// A validator that fetches the issuer's keys.
fn jwt(issuer: &DevIssuer) -> JwtValidatorBuilder {
    let keys = RemoteKeys::new(http(), endpoint(issuer, "certs"), RemoteKeysOptions::default());
    JwtValidator::builder(issuer.issuer(), ["api"], Arc::new(keys))
}

fn http_introspector(issuer: &DevIssuer, transport: Arc<dyn Transport>) -> HttpIntrospector {
    let client = ClientAuthentication::client_secret_basic("api", Secret::new("api-secret"));
    HttpIntrospector::new(transport, endpoint(issuer, "token/introspect"), client, Arc::new(SystemClock))
}

/// The issuer's keys of now.
async fn pinned(issuer: &DevIssuer) -> PinnedKeys {
    PinnedKeys::from_jwks(issuer.jwks().await.unwrap().to_string().as_bytes()).unwrap()
}
