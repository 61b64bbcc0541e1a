//! Finds the private key in PEM text (RFC 7468).

use base64_simd::STANDARD;
use zeroize::Zeroizing;

use super::SigningKeyError;

/// A private key as DER; wiped when dropped.
pub(super) struct PrivateKeyDer {
    pub(super) encoding: Encoding,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// What a PEM label promises of the DER below it.
#[derive(Clone, Copy)]
pub(super) enum Encoding {
    Pkcs1,
    Pkcs8,
    Sec1,
}

/// The one private key of `text`.
pub(super) fn private_key(text: &str) -> Result<PrivateKeyDer, SigningKeyError> {
    let mut found = None;
    let mut only_public = false;
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, body) = begun.split_once("-----").ok_or(SigningKeyError::Malformed)?;
        let encoding = match label {
            "RSA PRIVATE KEY" => Some(Encoding::Pkcs1),
            "PRIVATE KEY" => Some(Encoding::Pkcs8),
            "EC PRIVATE KEY" => Some(Encoding::Sec1),
            "ENCRYPTED PRIVATE KEY" => return Err(SigningKeyError::Encrypted),
            "CERTIFICATE" | "PUBLIC KEY" | "RSA PUBLIC KEY" => {
                only_public = true;
                None
            }
            _ => None,
        };
        let (body, after) =
            body.split_once(&format!("-----END {label}-----")).ok_or(SigningKeyError::Malformed)?;
        rest = after;
        if let Some(encoding) = encoding {
            // OpenSSL's old way to encrypt leaves the label alone and adds header lines (RFC 1421).
            if body.contains("ENCRYPTED") {
                return Err(SigningKeyError::Encrypted);
            }
            let key = PrivateKeyDer { encoding, der: decoded(body)? };
            if found.replace(key).is_some() {
                return Err(SigningKeyError::SeveralKeys);
            }
        }
    }
    found.ok_or(if only_public { SigningKeyError::OnlyPublic } else { SigningKeyError::NoPrivateKey })
}

fn decoded(body: &str) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
    let base64: Zeroizing<Vec<u8>> =
        Zeroizing::new(body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    STANDARD.decode_to_vec(&*base64).map(Zeroizing::new).map_err(|_| SigningKeyError::Malformed)
}
