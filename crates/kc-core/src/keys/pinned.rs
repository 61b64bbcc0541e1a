//! Keys given by hand.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::jwk::JwksError;
use super::set::{Key, KeySet};
use super::{KeySource, KeysUnavailable, Refresh};
use crate::signature::{KeyDefect, parse_pkcs1, parse_spki};

/// A [`KeySource`] that never asks anyone: the keys are given at start and stay.
///
/// Rotation at the server is not noticed; pin a key only where the server cannot be reached.
///
/// # Example
/// ```
/// use kc_core::keys::{KeySource, PinnedKeys};
///
/// let keys = PinnedKeys::from_pem(
///     "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEAS30yO1tlJeRdJhXoqQg4CTga56PyMM/Fe0ynil8s0WE=
/// -----END PUBLIC KEY-----",
/// )?;
/// assert!(keys.current().is_some(), "nobody has to be asked");
/// assert!(PinnedKeys::from_pem("not a key").is_err());
/// # Ok::<(), kc_core::keys::PinnedKeysError>(())
/// ```
#[derive(Debug)]
pub struct PinnedKeys {
    keys: Arc<KeySet>,
}

/// Why a text gives no pinned key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PinnedKeysError {
    /// It is a certificate, a private key, or another PEM that holds no plain public key.
    NotAPublicKey {
        /// The label of the PEM block.
        label: String,
    },
    /// It is neither PEM nor base64 of a DER public key.
    NotPem,
    /// It is a public key that we do not verify with.
    Unusable(KeyDefect),
    /// It is no JWK set with usable keys.
    Jwks(JwksError),
}

impl fmt::Display for PinnedKeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPublicKey { label } => {
                write!(f, "a PEM block of {label:?} instead of \"PUBLIC KEY\"")
            }
            Self::NotPem => f.write_str("neither a PEM block nor the base64 of a public key"),
            Self::Unusable(defect) => write!(f, "unusable: {defect}"),
            Self::Jwks(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PinnedKeysError {}

impl PinnedKeys {
    /// From PEM (`-----BEGIN PUBLIC KEY-----`, one block or several), or from the bare base64 that Keycloak's admin
    /// console and `GET /realms/{realm}` show. Such a key serves any `kid`.
    ///
    /// # Errors
    /// [`PinnedKeysError`] names the defect. Nothing of the text is in it, but the label of a PEM block.
    pub fn from_pem(text: &str) -> Result<Self, PinnedKeysError> {
        let blocks = if text.contains("-----BEGIN ") {
            pem_blocks(text)?
        } else {
            vec![Block { der: base64(text)?, is_pkcs1: false }]
        };
        let keys = blocks
            .iter()
            .map(|block| if block.is_pkcs1 { parse_pkcs1(&block.der) } else { parse_spki(&block.der) })
            .map(|verifiers| verifiers.map(|verifiers| Key::new(None, verifiers)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(PinnedKeysError::Unusable)?;
        Ok(Self { keys: Arc::new(KeySet::new(keys, 0).for_any_kid()) })
    }

    /// From a JWK set or a single JWK (RFC 7517), selected by `kid` as usual.
    ///
    /// # Errors
    /// [`PinnedKeysError::Jwks`] when there is no usable key in it.
    pub fn from_jwks(document: &[u8]) -> Result<Self, PinnedKeysError> {
        let keys = KeySet::from_jwks(document, 0).map_err(PinnedKeysError::Jwks)?;
        Ok(Self { keys: Arc::new(keys) })
    }
}

#[async_trait]
impl KeySource for PinnedKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        Some(Arc::clone(&self.keys))
    }

    async fn refresh(&self, _: Refresh<'_>) -> Result<Arc<KeySet>, KeysUnavailable> {
        Ok(Arc::clone(&self.keys))
    }
}

struct Block {
    der: Vec<u8>,
    /// `RSA PUBLIC KEY`: the key without its algorithm.
    is_pkcs1: bool,
}

/// RFC 7468: the base64 between `BEGIN` and `END`, of each block.
fn pem_blocks(text: &str) -> Result<Vec<Block>, PinnedKeysError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----").ok_or(PinnedKeysError::NotPem)?;
        if label != "PUBLIC KEY" && label != "RSA PUBLIC KEY" {
            return Err(match is_label(label) {
                true => PinnedKeysError::NotAPublicKey { label: label.to_owned() },
                false => PinnedKeysError::NotPem,
            });
        }
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(&end).ok_or(PinnedKeysError::NotPem)?;
        blocks.push(Block { der: base64(body)?, is_pkcs1: label == "RSA PUBLIC KEY" });
        rest = after;
    }
    Ok(blocks)
}

/// Whether it can be shown: where the end of the BEGIN line is lost, what follows `BEGIN` is the key, perhaps a private one.
fn is_label(text: &str) -> bool {
    let in_use = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ');
    text.len() <= 30 && text.bytes().all(in_use)
}

fn base64(text: &str) -> Result<Vec<u8>, PinnedKeysError> {
    let letters: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match base64_simd::STANDARD.decode_to_vec(&letters) {
        Ok(der) if !der.is_empty() => Ok(der),
        _ => Err(PinnedKeysError::NotPem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Lookup;
    use crate::signature::Algorithm;

    // A throw-away 2048-bit key; its private half was never kept.
    const RSA: &str = include_str!("testdata/rsa2048.pem");
    const RSA_1024: &str = include_str!("testdata/rsa1024.pem");
    const P521: &str = include_str!("testdata/p521.pem");
    const ED25519: &str = include_str!("testdata/ed25519.pem");

    fn serves(text: &str, algorithms: &[Algorithm]) {
        let keys = PinnedKeys::from_pem(text).unwrap().current().unwrap();
        for alg in Algorithm::ALL {
            let found = matches!(keys.find(Some("any"), alg), Lookup::Found(_));
            assert_eq!(found, algorithms.contains(&alg), "{alg}");
        }
    }

    #[test]
    fn each_kind_of_key_serves_its_own_algorithms_under_any_kid() {
        use Algorithm::{EdDsa, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        serves(RSA, &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512]);
        serves(P521, &[Es512]);
        serves(ED25519, &[EdDsa]);
        serves(&format!("{P521}\n{ED25519}"), &[Es512, EdDsa]);
    }

    #[test]
    fn the_bare_base64_of_the_admin_console_is_taken() {
        let bare: String = RSA.lines().filter(|line| !line.contains("-----")).collect();
        assert!(PinnedKeys::from_pem(&bare).is_ok());
        assert!(PinnedKeys::from_pem(&format!("  {bare}\n")).is_ok());
        assert!(PinnedKeys::from_pem(&RSA.replace('\n', "\r\n")).is_ok());
    }

    #[test]
    fn an_rsa_key_in_its_older_form_serves_too() {
        let spki = base64(&RSA.lines().filter(|line| !line.contains("-----")).collect::<String>()).unwrap();
        // Its first 24 bytes say that what follows is an RSA key.
        let older = base64_simd::STANDARD.encode_to_string(&spki[24..]);
        let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{older}\n-----END RSA PUBLIC KEY-----\n");
        use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        serves(&pem, &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512]);
    }

    #[test]
    fn what_is_no_public_key_is_refused_with_its_reason() {
        let cases = [
            ("", "neither"),
            ("not a key", "neither"),
            ("AAAA", "unusable"),
            ("-----BEGIN PUBLIC KEY-----", "neither"),
            ("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "neither"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "unusable"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "PRIVATE KEY"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "CERTIFICATE"),
            (RSA_1024, "2048"),
            ("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", "no valid public key"),
        ];
        for (text, expected) in cases {
            let error = PinnedKeys::from_pem(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    /// Found by fuzzing: up to 30 characters after `BEGIN` were shown, and with a damaged BEGIN line these are the key's.
    #[test]
    fn a_damaged_begin_line_shows_nothing_of_the_key_below_it() {
        for begin in ["-----BEGIN EC PRIVATE KEY\n", "-----BEGIN EC\n", "-----BEGIN EC", "-----BEGIN "] {
            let text = format!("{begin}MHcCAQEEIFRoaXNJc05vdEFQcml2YXRlS2V5\n-----END EC PRIVATE KEY-----\n");
            let error = PinnedKeys::from_pem(&text).unwrap_err();
            assert_eq!(error, PinnedKeysError::NotPem, "{begin}");
        }
    }

    #[tokio::test]
    async fn nobody_is_asked_for_an_unknown_kid() {
        let keys = PinnedKeys::from_pem(ED25519).unwrap();
        let set = keys.refresh(Refresh::UnknownKey { kid: Some("x"), generation: 0 }).await.unwrap();
        assert_eq!(set.generation(), keys.current().unwrap().generation());
    }

    #[test]
    fn a_jwk_set_is_selected_by_kid() {
        let jwks = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"S30yO1tlJeRdJhXoqQg4CTga56PyMM_Fe0ynil8s0WE"}]}"#;
        let keys = PinnedKeys::from_jwks(jwks).unwrap().current().unwrap();
        assert!(matches!(keys.find(Some("k"), Algorithm::EdDsa), Lookup::Found(_)));
        assert!(matches!(keys.find(Some("x"), Algorithm::EdDsa), Lookup::Unknown));
        assert!(PinnedKeys::from_jwks(b"{}").is_err());
    }
}
