//! Verifying a signature with a public JWK: our own tokens, and clients' assertions.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::{Map, Value};

use super::Alg;
use crate::random::from_base64url;

/// Whether `signature` over `message` is by the key `jwk`, under `alg`; false too where they don't go together.
pub(crate) fn jwk_verifies(jwk: &Map<String, Value>, alg: Alg, message: &[u8], signature: &[u8]) -> bool {
    try_verify(jwk, alg, message, signature).unwrap_or(false)
}

fn try_verify(jwk: &Map<String, Value>, alg: Alg, message: &[u8], signature: &[u8]) -> Option<bool> {
    let kind = jwk.get("kty")?.as_str()?;
    let number = |name: &str| from_base64url(jwk.get(name)?.as_str()?);
    let rsa = match alg {
        Alg::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Alg::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Alg::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Alg::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Alg::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Alg::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Alg::Es256 => return point(jwk, "P-256", &ECDSA_P256_SHA256_FIXED, message, signature),
        Alg::Es384 => return point(jwk, "P-384", &ECDSA_P384_SHA384_FIXED, message, signature),
        Alg::Es512 => return point(jwk, "P-521", &ECDSA_P521_SHA512_FIXED, message, signature),
        Alg::EdDsa => {
            let fits = kind == "OKP" && jwk.get("crv")?.as_str()? == "Ed25519";
            let key = UnparsedPublicKey::new(&ED25519, number("x")?);
            return Some(fits && key.verify(message, signature).is_ok());
        }
        Alg::Hs256 | Alg::Hs384 | Alg::Hs512 => return None,
    };
    let key = PublicKeyComponents { n: number("n")?, e: number("e")? };
    Some(kind == "RSA" && key.verify(rsa, message, signature).is_ok())
}

fn point(
    jwk: &Map<String, Value>,
    curve: &str,
    algorithm: &'static dyn VerificationAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let coordinate = |name: &str| from_base64url(jwk.get(name)?.as_str()?);
    let fits = jwk.get("kty")?.as_str()? == "EC" && jwk.get("crv")?.as_str()? == curve;
    let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
    Some(fits && UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok())
}
