//! Reads a private key as a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use zeroize::Zeroizing;

use super::{Pair, Scheme, SigningKeyError, scheme};
use crate::json::{self, Object, Value};
use crate::signature::Algorithm;
use crate::token::decode_base64url;

/// `oth`, the deepest there is in one.
const MAX_DEPTH: usize = 3;

/// Reads `text`. The algorithm is `wanted`, which must be the one that the key names if it names one; else that one; else
/// the first that a key of its kind can do.
pub(super) fn pair(
    text: &str,
    wanted: Option<Algorithm>,
) -> Result<(Algorithm, Option<String>, Pair), SigningKeyError> {
    let members = json::parse_object(text.as_bytes(), MAX_DEPTH).map_err(|_| SigningKeyError::Malformed)?;
    if members.has("keys") {
        return Err(SigningKeyError::SeveralKeys);
    }
    if string(&members, "use").is_some_and(|usage| usage != "sig") || string(&members, "kty") == Some("oct") {
        return Err(SigningKeyError::NoPrivateKey);
    }
    if !members.has("d") {
        return Err(SigningKeyError::OnlyPublic);
    }
    let named = string(&members, "alg");
    let kind = match (string(&members, "kty"), string(&members, "crv")) {
        (Some("RSA"), _) => Algorithm::Rs256,
        (Some("EC"), Some("P-256")) => Algorithm::Es256,
        (Some("EC"), Some("P-384")) => Algorithm::Es384,
        (Some("EC"), Some("P-521")) => Algorithm::Es512,
        (Some("OKP"), Some("Ed25519")) => Algorithm::EdDsa,
        _ => return Err(SigningKeyError::NoPrivateKey),
    };
    let rejected = |algorithm, reason: String| SigningKeyError::Rejected { algorithm, reason };
    let algorithm = match (wanted, named) {
        (Some(wanted), Some(named)) if wanted.name() != named => {
            return Err(rejected(wanted, "the JWK's `alg` is another one".to_owned()));
        }
        (Some(wanted), _) => wanted,
        (None, Some(named)) => Algorithm::from_name(named)
            .ok_or_else(|| rejected(kind, "the JWK's `alg` is none that clients sign with".to_owned()))?,
        (None, None) => kind,
    };
    let kty = string(&members, "kty").unwrap_or_default();
    if !fits(kty, algorithm) {
        return Err(rejected(algorithm, format!("it is of kind {}", kty.escape_debug())));
    }
    let pair = made(&members, algorithm).ok_or(SigningKeyError::Malformed)?;
    let pair = pair.map_err(|reason| rejected(algorithm, reason.to_string()))?;
    Ok((algorithm, string(&members, "kid").map(str::to_owned), pair))
}

fn fits(kty: &str, algorithm: Algorithm) -> bool {
    match scheme(algorithm) {
        Scheme::Ecdsa(_) => kty == "EC",
        Scheme::Ed25519 => kty == "OKP",
        Scheme::Rsa(_) => kty == "RSA",
    }
}

/// `None`: a member is missing or is not base64url.
fn made(members: &Object<'_>, algorithm: Algorithm) -> Option<Result<Pair, KeyRejected>> {
    let bytes = |name| decode_base64url(string(members, name)?.as_bytes()).map(Zeroizing::new);
    Some(match scheme(algorithm) {
        Scheme::Ecdsa(curve) => {
            // An uncompressed point (SEC 1 §2.3.3).
            let mut point = vec![4];
            point.extend_from_slice(&bytes("x")?);
            point.extend_from_slice(&bytes("y")?);
            EcdsaKeyPair::from_private_key_and_public_key(curve, &bytes("d")?, &point).map(Pair::Ecdsa)
        }
        Scheme::Ed25519 => {
            Ed25519KeyPair::from_seed_and_public_key(&bytes("d")?, &bytes("x")?).map(Pair::Ed25519)
        }
        Scheme::Rsa(encoding) => RsaKeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: bytes("n")?, e: bytes("e")? },
            d: bytes("d")?,
            p: bytes("p")?,
            q: bytes("q")?,
            dP: bytes("dp")?,
            dQ: bytes("dq")?,
            qInv: bytes("qi")?,
        })
        .map(|pair| Pair::Rsa(pair, encoding)),
    })
}

fn string<'o>(members: &'o Object<'_>, name: &str) -> Option<&'o str> {
    match members.get(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}
