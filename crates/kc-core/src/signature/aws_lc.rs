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

use super::{Algorithm, Curve, KeyDefect, KeyMaterial, SignatureVerifier, Verifiers, roca};

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

/// `id-RSASSA-PSS`: of a key that is for nothing else (RFC 4055 §1.2).
const RSASSA_PSS: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];

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
    // What stands before the key itself names its algorithm.
    let for_pss = der.windows(RSASSA_PSS.len()).take(16).any(|oid| oid == RSASSA_PSS);
    let keys = Algorithm::ALL
        .into_iter()
        .filter(|alg| !for_pss || matches!(alg, Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512))
        .filter_map(|alg| Some((alg, rsa(alg)?)))
        .map(|(alg, parameters)| match ParsedPublicKey::new(parameters, der) {
            Ok(key) => Ok((alg, boxed(key))),
            Err(_) => Err(KeyDefect::Invalid),
        })
        .collect::<Result<Vec<_>, _>>()?;
    // The parser above leaves the size to each verification, and this type refuses what is too small.
    match PublicEncryptingKey::from_der(der) {
        Ok(key) if (2048..=8192).contains(&key.key_size_bits()) => {}
        _ => return Err(KeyDefect::Size),
    }
    match modulus(der) {
        Some(modulus) if !roca::is_made_so(modulus) => Ok(keys),
        Some(_) => Err(KeyDefect::Roca),
        None => Err(KeyDefect::Invalid),
    }
}

/// Where it stands in an RSA `SubjectPublicKeyInfo`: after the algorithm, in a bit string that is an `RSAPublicKey`.
fn modulus(spki: &[u8]) -> Option<&[u8]> {
    let (info, _) = read(0x30, spki)?;
    let (_, key) = read(0x30, info)?;
    let (bits, _) = read(0x03, key)?;
    let (key, _) = read(0x30, bits.strip_prefix(&[0])?)?;
    read(0x02, key).map(|(modulus, _)| modulus)
}

/// The value with this tag, and what comes after it (X.690 §8.1.3).
fn read(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match length {
        short @ ..=0x7f => (usize::from(short), rest),
        long => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let append = |all: usize, byte: &u8| Some(all.checked_mul(256)? + usize::from(*byte));
            (length.iter().try_fold(0, append)?, rest)
        }
    };
    rest.split_at_checked(length)
}

/// The same for the older form of an RSA key alone, PKCS #1 `RSAPublicKey` (RFC 8017 appendix A.1.1).
pub(crate) fn parse_pkcs1(key: &[u8]) -> Result<Verifiers, KeyDefect> {
    const RSA_ENCRYPTION: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let bits = der(0x03, &[&[0][..], key].concat());
    parse_spki(&der(0x30, &[&RSA_ENCRYPTION[..], &bits].concat()))
}

/// A value with its tag and length (X.690 §8.1.3).
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length = without_leading_zeros(&length);
    match (length, u8::try_from(length.len())) {
        ([short @ ..=0x7f], _) => [&[tag, *short], value].concat(),
        ([], _) => vec![tag, 0],
        (long, Ok(count)) => [&[tag, 0x80 | count], long, value].concat(),
        (_, Err(_)) => Vec::new(),
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

/// RFC 7518 §3.3 and §6.3.1: 2048 bits at least; NIST SP 800-56B: an odd exponent. aws-lc looks at the rest only when it
/// verifies, and a key that can never verify anything must not pass for a usable one.
fn judge_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyDefect> {
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(KeyDefect::Size);
    }
    if n.last().is_none_or(|last| last % 2 == 0) {
        return Err(KeyDefect::Invalid);
    }
    if roca::is_made_so(n) {
        return Err(KeyDefect::Roca);
    }
    match e {
        [] | [1] => Err(KeyDefect::Exponent),
        [.., last] if last % 2 == 0 => Err(KeyDefect::Exponent),
        // Over 33 bits: each verification would take long, and aws-lc refuses.
        [first, _, _, _, _] if *first > 1 => Err(KeyDefect::Exponent),
        [_, _, _, _, _, _, ..] => Err(KeyDefect::Exponent),
        _ => Ok(()),
    }
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> Vec<u8> {
        der(0x02, &[&[0][..], bytes].concat()[usize::from(bytes[0] < 0x80)..])
    }

    fn pkcs1(n: &[u8], e: &[u8]) -> Vec<u8> {
        der(0x30, &[number(n), number(e)].concat())
    }

    fn defect(n: &[u8], e: &[u8]) -> Option<KeyDefect> {
        parse_pkcs1(&pkcs1(n, e)).err()
    }

    #[test]
    fn an_rsa_key_in_its_older_form_is_read() {
        let algorithms: Vec<_> =
            parse_pkcs1(&pkcs1(&[0xd5; 256], &[1, 0, 1])).unwrap().into_iter().map(|(alg, _)| alg).collect();
        assert_eq!(algorithms, Algorithm::ALL[..6]);
        assert_eq!(defect(&[0xd5; 1024], &[3]), None);
        assert_eq!(parse_pkcs1(b"").err(), Some(KeyDefect::Invalid));
    }

    #[test]
    fn a_pinned_rsa_key_is_judged_like_a_fetched_one() {
        for bytes in [64, 128, 255, 1025] {
            assert_eq!(defect(&vec![0xd5; bytes], &[1, 0, 1]), Some(KeyDefect::Size), "{bytes}");
        }
        assert_eq!(defect(&[&[0x7f][..], &[0xd5; 255]].concat(), &[3]), Some(KeyDefect::Size), "2047 bits");
        for e in [&[1][..], &[2], &[4], &[1, 0, 0], &[2, 0, 0, 0, 1], &[0xd5; 256]] {
            assert!(defect(&[0xd5; 256], e).is_some(), "{e:?}");
        }
        assert!(defect(&[&[0xd5; 255][..], &[2]].concat(), &[3]).is_some(), "an even modulus");
    }

    #[test]
    fn a_key_whose_factors_can_be_found_is_refused_pinned_and_fetched() {
        let n = roca::tests::made_so();
        assert_eq!(defect(&n, &[1, 0, 1]), Some(KeyDefect::Roca));
        let fetched = KeyMaterial::Rsa { n, e: vec![1, 0, 1] };
        for alg in Algorithm::ALL.into_iter().filter(|alg| rsa(*alg).is_some()) {
            assert_eq!(verifier_for(&fetched, alg).err(), Some(KeyDefect::Roca));
        }
    }

    #[test]
    fn a_value_that_says_more_than_there_is_is_none() {
        assert_eq!(read(2, &[2, 1, 7, 9]), Some((&[7][..], &[9][..])));
        assert_eq!(read(2, &[2, 0x82, 0, 1, 7]), Some((&[7][..], &[][..])));
        for bad in
            [&[][..], &[2], &[3, 1, 7], &[2, 2, 7], &[2, 0x82, 1], &[2, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7]]
        {
            assert_eq!(read(2, bad), None, "{bad:?}");
        }
    }
}
