//! Tokens to measure with: keys, and what Keycloak writes into a token.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// Who issues them.
pub(crate) const ISSUER: &str = "http://127.0.0.1:18080/realms/kc-demo";

/// A key, and how to sign with it.
pub(crate) struct Signer {
    pub(crate) alg: &'static str,
    pub(crate) jwk: Value,
    pub(crate) sign: Sign,
}

pub(crate) type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// An RSA key of 2048 bits.
pub(crate) fn rs256() -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let n = encoded(pair.public_key().modulus().big_endian_without_leading_zero());
    let e = encoded(pair.public_key().exponent().big_endian_without_leading_zero());
    let jwk = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, "n": n, "e": e });
    let sign = move |message: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    };
    Signer { alg: "RS256", jwk, sign: Box::new(sign) }
}

/// A key on P-256.
pub(crate) fn es256() -> Signer {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref()[1..].to_vec();
    let (x, y) = point.split_at(32);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KID, "x": encoded(x), "y": encoded(y)
    });
    let sign = move |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    Signer { alg: "ES256", jwk, sign: Box::new(sign) }
}

/// A key on Ed25519.
pub(crate) fn eddsa() -> Signer {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = encoded(pair.public_key().as_ref());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": KID, "x": x });
    Signer { alg: "EdDSA", jwk, sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()) }
}

/// As long as Keycloak's.
pub(crate) const KID: &str = "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE";

/// A token with this payload.
pub(crate) fn token(signer: &Signer, payload: &Value) -> String {
    let header = json!({ "alg": signer.alg, "typ": "JWT", "kid": KID });
    let message =
        format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(payload.to_string().as_bytes()));
    let signature = encoded(&(signer.sign)(message.as_bytes()));
    format!("{message}.{signature}")
}

/// What Keycloak 26 puts into the access token of a user with a few roles, code flow: 1.1 KB.
pub(crate) fn usual_payload() -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    json!({
        "exp": now + 86_400, "iat": now, "auth_time": now, "jti": "onrtac:0538c815-7133-6cfc-8c5c-348fbf047ddb",
        "iss": ISSUER, "aud": ["api", "account"], "sub": "6c726cda-0d82-4595-9622-5fddae3bc096", "typ": "Bearer",
        "azp": "api", "sid": "0CvjZMek7dY3lRcbZW4Qw0yc", "acr": "silver",
        "allowed-origins": ["http://127.0.0.1", "http://localhost"],
        "realm_access": {
            "roles": ["offline_access", "admin", "uma_authorization", "user", "default-roles-kc-demo"]
        },
        "resource_access": {
            "api": { "roles": ["api-read", "admin", "api-admin"] },
            "account": { "roles": ["manage-account", "manage-account-links", "view-profile"] }
        },
        "scope": "openid profile email", "email_verified": true, "name": "Alice Test", "groups": ["/management"],
        "preferred_username": "alice", "department": "engineering", "given_name": "Alice", "family_name": "Test",
        "email": "alice@example.test"
    })
}

/// What is signed, and the signature.
pub(crate) fn split(token: &str) -> (Vec<u8>, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    (message.as_bytes().to_vec(), decoded(signature))
}

/// In base64url.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Out of base64url.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}
