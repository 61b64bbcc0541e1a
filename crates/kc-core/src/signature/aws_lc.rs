//! [`SignatureVerifier`] by aws-lc-rs, with keys parsed once.
//!
//! Chosen by measurement over `jsonwebtoken`, which parses the key at every call and has no ES512; the numbers are in
//! `docs/performance.md`.

use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, VerificationAlgorithm,
};

use super::{Algorithm, Curve, KeyDefect, KeyMaterial, SignatureVerifier, Verifiers};

/// A key as aws-lc holds it, with its algorithm.
#[derive(Debug)]
struct Parsed(ParsedPublicKey);

impl SignatureVerifier for Parsed {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A verifier for `material` with `alg` and no other.
pub(crate) fn verifier_for(
    material: &KeyMaterial,
    alg: Algorithm,
) -> Result<Box<dyn SignatureVerifier>, KeyDefect> {
    let key = match material {
        KeyMaterial::Rsa { n, e } => {
            let parameters = rsa(alg).ok_or(KeyDefect::WrongAlgorithm)?;
            let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
            judge_rsa(n, e)?;
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
        }
        KeyMaterial::Ec { curve, x, y } => {
            let algorithm = ec(alg).filter(|(of, _)| of == curve).ok_or(KeyDefect::WrongAlgorithm)?.1;
            if x.len() != curve.field_bytes() || y.len() != curve.field_bytes() {
                return Err(KeyDefect::Invalid);
            }
            // SEC 1 §2.3.3: an uncompressed point.
            ParsedPublicKey::new(algorithm, [&[4][..], x, y].concat())
        }
        KeyMaterial::Ed25519(x) => {
            if alg != Algorithm::EdDsa {
                return Err(KeyDefect::WrongAlgorithm);
            }
            if x.len() != 32 {
                return Err(KeyDefect::Invalid);
            }
            ParsedPublicKey::new(&ED25519, x)
        }
    };
    key.map(|key| Box::new(Parsed(key)) as Box<dyn SignatureVerifier>).map_err(|_| KeyDefect::Invalid)
}

/// Verifiers for every algorithm that the key of a DER `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7) can do.
pub(crate) fn parse_spki(der: &[u8]) -> Result<Verifiers, KeyDefect> {
    let boxed = |key| Box::new(Parsed(key)) as Box<dyn SignatureVerifier>;
    for alg in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
        let Some((_, algorithm)) = ec(alg) else { continue };
        if let Ok(key) = ParsedPublicKey::new(algorithm, der) {
            return Ok(vec![(alg, boxed(key))]);
        }
    }
    // 44 bytes are an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4); the parser would take 32 raw ones too.
    if der.len() == 44
        && let Ok(key) = ParsedPublicKey::new(&ED25519, der)
    {
        return Ok(vec![(Algorithm::EdDsa, boxed(key))]);
    }
    let keys = Algorithm::ALL
        .into_iter()
        .filter_map(|alg| Some((alg, rsa(alg)?)))
        .map(|(alg, parameters)| match ParsedPublicKey::new(parameters, der) {
            Ok(key) => Ok((alg, boxed(key))),
            Err(_) => Err(KeyDefect::Invalid),
        })
        .collect::<Result<Vec<_>, _>>()?;
    // The parser above leaves the size to each verification, and this type refuses what is too small.
    match PublicEncryptingKey::from_der(der) {
        Ok(key) if (2048..=8192).contains(&key.key_size_bits()) => Ok(keys),
        _ => Err(KeyDefect::Size),
    }
}

fn rsa(alg: Algorithm) -> Option<&'static RsaParameters> {
    Some(match alg {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa => return None,
    })
}

fn ec(alg: Algorithm) -> Option<(Curve, &'static dyn VerificationAlgorithm)> {
    Some(match alg {
        Algorithm::Es256 => (Curve::P256, &ECDSA_P256_SHA256_FIXED),
        Algorithm::Es384 => (Curve::P384, &ECDSA_P384_SHA384_FIXED),
        Algorithm::Es512 => (Curve::P521, &ECDSA_P521_SHA512_FIXED),
        _ => return None,
    })
}

/// RFC 7518 §3.3 and §6.3.1: 2048 bits at least; NIST SP 800-56B: an odd exponent.
fn judge_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyDefect> {
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(KeyDefect::Size);
    }
    match e {
        [] | [1] => Err(KeyDefect::Exponent),
        [.., last] if last % 2 == 0 => Err(KeyDefect::Exponent),
        _ => Ok(()),
    }
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
