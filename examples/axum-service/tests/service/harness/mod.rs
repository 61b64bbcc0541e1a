//! What the tests have in common: the service as a process, a client that sends every byte as it is told to, and
//! servers that stand in for Keycloak.

mod fake;
mod http;
mod service;

use std::time::Duration;

use kc_dev::DevIssuer;
use tokio::time::{Instant, sleep};

pub(crate) use self::fake::{FakeKeycloak, Reply};
pub(crate) use self::http::{Answer, Connection, Request};
pub(crate) use self::service::{CLIENT_SECRET, Service, Setup};

/// An issuer of the demo realm. Keys are made once for all tests; what becomes of them is each issuer's own.
pub(crate) async fn issuer() -> DevIssuer {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    // The first request for the key list would wait for the keys: no test is about that.
    issuer.jwks().await.unwrap();
    issuer
}

/// Bounds a test that fails; nothing is asserted about time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds`.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "this did not happen: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// A token with another header, and a signature that therefore does not fit.
pub(crate) fn with_header(token: &str, header: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", base64url(header))
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}
