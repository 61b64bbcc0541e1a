//! What the targets share: a validator that gets past any signature, so that what comes after it is reached, and
//! checks that hold for every text of ours.

pub mod json;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use kc_core::clock::{FakeClock, UnixTime};
use kc_core::keys::{Key, KeySet, KeySource, KeysUnavailable, Refresh};
use kc_core::signature::{Algorithm, SignatureVerifier};
use kc_core::token::VerifiedToken;
use kc_core::validator::{JwtValidator, TokenValidator, ValidationError};

/// Whose tokens are taken.
pub const ISSUER: &str = "https://kc.test/realms/a";

/// For whom they must be.
pub const AUDIENCE: &str = "api";

/// What time it is, in seconds.
pub const NOW: i64 = 1_795_310_500;

/// The result of a future that waits for nothing.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("there is nothing to wait for"),
    }
}

/// The clock that stands at [`NOW`].
#[must_use]
pub fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::at(UnixTime::from_secs(NOW)))
}

/// A key for every algorithm that finds every signature good.
#[derive(Debug)]
pub struct Credulous(Arc<KeySet>);

impl Default for Credulous {
    fn default() -> Self {
        let verifiers = Algorithm::ALL.map(|alg| (alg, Box::new(Yes) as Box<dyn SignatureVerifier>));
        let key = Key::new(None, verifiers.into_iter().collect());
        Self(Arc::new(KeySet::new(vec![key], 1).for_any_kid()))
    }
}

#[async_trait]
impl KeySource for Credulous {
    fn current(&self) -> Option<Arc<KeySet>> {
        Some(Arc::clone(&self.0))
    }

    async fn refresh(&self, _: Refresh<'_>) -> Result<Arc<KeySet>, KeysUnavailable> {
        Ok(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Yes;

impl SignatureVerifier for Yes {
    fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// Judges everything but the signature.
#[must_use]
pub fn validator() -> JwtValidator {
    JwtValidator::builder(ISSUER, [AUDIENCE], Arc::new(Credulous::default())).clock(clock()).build()
}

/// What it says of a token.
pub fn judge(validator: &impl TokenValidator, token: &str) -> Result<VerifiedToken, ValidationError> {
    ready(validator.validate(token))
}

/// A token of these texts, with a signature that is none.
#[must_use]
pub fn token(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}.AAAA", base64url(header), base64url(payload))
}

/// As in a token.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Every form of an error that a log or a caller may see is one line, and holds no piece of `text` that looks like a piece
/// of a token: 20 letters of base64url with a digit among them, which no word of ours is.
///
/// # Panics
/// When it does: that is a finding.
pub fn assert_discreet(error: &(impl fmt::Display + fmt::Debug), text: &str) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(char::is_control), "more than one line: {shown:?}");
    for run in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_') {
        for piece in run.as_bytes().windows(20).filter(|piece| piece.iter().any(u8::is_ascii_digit)) {
            let piece = std::str::from_utf8(piece).expect("letters");
            assert!(!shown.contains(piece), "it tells {piece:?}: {shown}");
        }
    }
}
