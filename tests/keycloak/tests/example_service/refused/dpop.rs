//! A proof of possession (RFC 9449 §4.2).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64_simd::URL_SAFE_NO_PAD;
use keycloak_tests::unique;
use serde_json::{Value, json};

/// A proof for `POST url`, with a key that exists for it alone.
pub(crate) fn proof(url: &str) -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    // An uncompressed point: 4, x, y.
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let signed = format!(
        "{}.{}",
        segment(&json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk })),
        segment(&json!({ "jti": unique("proof"), "htm": "POST", "htu": url, "iat": now }))
    );
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url(signature.as_ref()))
}

fn segment(json: &Value) -> String {
    base64url(json.to_string().as_bytes())
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}
