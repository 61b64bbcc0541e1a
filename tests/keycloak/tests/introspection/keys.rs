//! Key pairs made for one run: the private half for us, the public half for Keycloak.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use kc_core::secret::Secret;
use kc_core::signature::Algorithm;
use kc_core::signature::signer::SigningKey;
use serde_json::{Value, json};

/// Both halves of a key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) signing: SigningKey,
    public: Value,
}

/// A key for each algorithm; those of RSA have one pair each too, since a JWK names one algorithm.
pub(crate) fn one_of_each_kind() -> Vec<Key> {
    vec![
        rsa(Algorithm::Rs256),
        rsa(Algorithm::Ps256),
        ec(Algorithm::Es256, &ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        ec(Algorithm::Es384, &ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
        ec(Algorithm::Es512, &ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
        ed25519(),
    ]
}

/// The public halves as a JWK set (RFC 7517 §5).
pub(crate) fn jwks(keys: &[Key]) -> Value {
    json!({ "keys": keys.iter().map(|key| &key.public).collect::<Vec<_>>() })
}

fn rsa(algorithm: Algorithm) -> Key {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // PKCS#1 of a key of this size: nine bytes, the modulus, two bytes, the exponent 65537.
    let public = pair.public_key().as_ref();
    assert_eq!(public.len(), 270);
    let members = json!({ "kty": "RSA", "n": base64url(&public[9..265]), "e": base64url(&public[267..]) });
    key(algorithm, AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref(), members)
}

fn ec(algorithm: Algorithm, curve: &'static EcdsaSigningAlgorithm, name: &str) -> Key {
    let pair = EcdsaKeyPair::generate(curve).unwrap();
    // An uncompressed point: 4, x, y.
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let members = json!({ "kty": "EC", "crv": name, "x": base64url(x), "y": base64url(y) });
    key(algorithm, pair.to_pkcs8v1().unwrap().as_ref(), members)
}

fn ed25519() -> Key {
    let pair = Ed25519KeyPair::generate().unwrap();
    let members = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) });
    key(Algorithm::EdDsa, pair.to_pkcs8v1().unwrap().as_ref(), members)
}

fn key(algorithm: Algorithm, pkcs8: &[u8], mut public: Value) -> Key {
    let id = format!("key-{algorithm}");
    public["kid"] = json!(id);
    public["alg"] = json!(algorithm.name());
    public["use"] = json!("sig");
    let base64 = STANDARD.encode_to_string(pkcs8);
    let pem = Secret::new(format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n"));
    Key { signing: SigningKey::from_pem(&pem, algorithm, Some(&id)).unwrap(), public }
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}
