//! `private_key_jwt` by settings.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use kc_core::{AuthError, Keycloak};
use keycloak_tests::{Realm, Temporary};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{settings, temporary_service};

/// The public half as a JWK, and a file with the private one: PEM, or a JWK.
fn p256() -> (Value, NamedTempFile) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let public = json!({
        "kty": "EC", "crv": "P-256", "kid": "pem", "alg": "ES256", "use": "sig",
        "x": base64url(&point[..32]), "y": base64url(&point[32..]),
    });
    let base64 = STANDARD.encode_to_string(pair.to_pkcs8v1().unwrap());
    (public, file(&format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")))
}

fn ed25519() -> (Value, NamedTempFile) {
    use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "jwk", "alg": "EdDSA", "use": "sig",
        "x": base64url(pair.public_key().as_ref()),
    });
    let mut private = public.clone();
    let seed = pair.seed().unwrap();
    let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().unwrap();
    private["d"] = json!(base64url(seed.as_ref()));
    (public, file(&private.to_string()))
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn with_key(realm: &Realm, client: &Temporary, key: &NamedTempFile, id: Option<&str>) -> Keycloak {
    let settings = settings(realm, client.name()).client_key_file(key.path());
    let settings = id.into_iter().fold(settings, |settings, id| settings.client_key_id(id));
    Keycloak::new(&settings.build().unwrap()).unwrap()
}

#[tokio::test]
async fn a_service_proves_itself_by_its_key_file_and_with_a_wrong_key_is_told_why_not() {
    let realm = Realm::reached().await;
    let ((pem_public, pem), (jwk_public, jwk)) = (p256(), ed25519());
    let jwks = json!({ "keys": [pem_public, jwk_public] }).to_string();
    let more = json!({
        "clientAuthenticatorType": "client-jwt",
        "attributes": { "use.jwks.string": "true", "jwks.string": jwks },
    });
    let client = temporary_service(&realm, "signs", more).await;
    for (key, id) in [(&pem, Some("pem")), (&jwk, None)] {
        let keycloak = with_key(&realm, &client, key, id);
        keycloak.service_token().await.unwrap_or_else(|error| panic!("{id:?}: {error}"));
    }
    let (_, another) = p256();
    for id in [Some("pem"), Some("unknown")] {
        let keycloak = with_key(&realm, &client, &another, id);
        let AuthError::ServiceToken { reason } = keycloak.service_token().await.unwrap_err() else {
            panic!()
        };
        assert!(reason.contains("its public key is registered under this `kid`"), "{reason}");
    }
}
