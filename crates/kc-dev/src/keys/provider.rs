//! Keys as Keycloak's own data base has them: components of a realm export.

use base64_simd::STANDARD;
use serde_json::{Map, Value, json};

use super::{Alg, Key, KeyError, KeyState, Purpose};

/// One key as a component of the type `org.keycloak.keys.KeyProvider`.
///
/// Keycloak's `…-generated` providers of elliptic curves take a key that is given; for RSA there is one that takes nothing
/// else. No certificate: Keycloak makes its own.
pub(super) fn component(key: &Key, priority: i64, state: KeyState) -> Result<Value, KeyError> {
    let (private, public) = key.pair().ok_or_else(|| KeyError::Export { kid: key.kid().to_owned() })?;
    let (private, public) = (STANDARD.encode_to_string(private), STANDARD.encode_to_string(public));
    let curve = key.jwk().get("crv").and_then(Value::as_str).unwrap_or_default();
    let (provider, own) = match key.purpose() {
        Purpose::Encrypt => ("rsa-enc", vec![("algorithm", "RSA-OAEP".to_owned()), ("privateKey", private)]),
        Purpose::Sign(Alg::EdDsa) => (
            "eddsa-generated",
            vec![
                ("eddsaEllipticCurveKey", curve.to_owned()),
                ("eddsaPrivateKey", private),
                ("eddsaPublicKey", public),
            ],
        ),
        Purpose::Sign(Alg::Es256 | Alg::Es384 | Alg::Es512) => (
            "ecdsa-generated",
            vec![
                ("ecdsaEllipticCurveKey", curve.to_owned()),
                ("ecdsaPrivateKey", private),
                ("ecdsaPublicKey", public),
                ("ecGenerateCertificate", "false".to_owned()),
            ],
        ),
        Purpose::Sign(alg) => ("rsa", vec![("algorithm", alg.name().to_owned()), ("privateKey", private)]),
    };
    let common = [
        ("priority", priority.to_string()),
        ("enabled", (state != KeyState::Disabled).to_string()),
        ("active", (state == KeyState::Active).to_string()),
    ];
    let config: Map<String, Value> =
        common.into_iter().chain(own).map(|(name, value)| (name.to_owned(), json!([value]))).collect();
    Ok(json!({ "name": key.kid(), "providerId": provider, "subComponents": {}, "config": config }))
}
