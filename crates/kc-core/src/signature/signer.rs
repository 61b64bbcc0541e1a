//! A private key that signs what this service says of itself.

mod jwk;
mod pem;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use base64_simd::URL_SAFE_NO_PAD;
use serde::Serialize;

use self::pem::{Encoding, PrivateKeyDer};
use super::Algorithm;
use crate::secret::Secret;

/// A private key with the algorithm and the name it signs under. Cheap to clone; `Debug` shows no key.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    id: Option<String>,
    pair: Arc<Pair>,
}

impl SigningKey {
    /// Reads an unencrypted private key: PKCS#8 (`BEGIN PRIVATE KEY`), PKCS#1 (`BEGIN RSA PRIVATE KEY`) or SEC 1
    /// (`BEGIN EC PRIVATE KEY`). Text around the block, and `EC PARAMETERS` before it, are passed over.
    ///
    /// `id` becomes the `kid` of what is signed. Keycloak needs it when the client has several keys, and refuses one
    /// that it does not know; without it the client's only key is taken.
    ///
    /// # Errors
    /// [`SigningKeyError`] says what the text is instead, and what to do.
    ///
    /// # Spec
    /// RFC 7468 (PEM), RFC 5958 (PKCS#8), RFC 8017 appendix A.1.2 (PKCS#1), RFC 5915 (SEC 1).
    pub fn from_pem(pem: &Secret, algorithm: Algorithm, id: Option<&str>) -> Result<Self, SigningKeyError> {
        let key = pem::private_key(pem.expose())?;
        let pair = Pair::from_der(&key, scheme(algorithm))
            .map_err(|reason| SigningKeyError::Rejected { algorithm, reason: reason.to_string() })?;
        Ok(Self { algorithm, id: id.map(str::to_owned), pair: Arc::new(pair) })
    }

    /// Reads a private key whose algorithm need not be known: PEM as [`from_pem`](Self::from_pem) reads it, or a JWK, which
    /// begins with `{`.
    ///
    /// Without `algorithm` it is the one that the JWK names in `alg`; else RS256 of an RSA key, ES256, ES384 or ES512 by the
    /// curve, EdDSA of an Ed25519 key. Without `id` it is the JWK's `kid`.
    ///
    /// # Errors
    /// [`SigningKeyError`] says what the text is instead, and what to do.
    ///
    /// # Spec
    /// RFC 7517; RFC 7518 §6.2.2 and §6.3.2, RSA with all five numbers of its private half; RFC 8037 §2.
    pub fn read(
        text: &Secret,
        algorithm: Option<Algorithm>,
        id: Option<&str>,
    ) -> Result<Self, SigningKeyError> {
        if text.expose().trim_start().starts_with('{') {
            let (algorithm, named, pair) = jwk::pair(text.expose(), algorithm)?;
            let id = id.map(str::to_owned).or(named);
            return Ok(Self { algorithm, id, pair: Arc::new(pair) });
        }
        if let Some(algorithm) = algorithm {
            return Self::from_pem(text, algorithm, id);
        }
        // PEM does not always say what kind of key it holds; the library does.
        let mut first = None;
        for algorithm in
            [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa]
        {
            match Self::from_pem(text, algorithm, id) {
                Ok(key) => return Ok(key),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(match first {
            Some(SigningKeyError::Rejected { .. }) | None => SigningKeyError::UnknownKind,
            Some(error) => error,
        })
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` it signs under.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Signs `claims` as a JWT in compact form, with `alg`, `typ: JWT` and, if the key has a name, `kid`.
    ///
    /// What it returns is a credential until it expires, hence a [`Secret`].
    ///
    /// # Errors
    /// [`SigningError`] when the claims cannot be written as JSON, or the cryptographic library fails.
    ///
    /// # Spec
    /// RFC 7515 §7.1, RFC 7519.
    pub fn sign_jwt(&self, claims: &impl Serialize) -> Result<Secret, SigningError> {
        let header = Header { alg: self.algorithm.name(), typ: "JWT", kid: self.id() };
        let mut jwt = encoded_json(&header)?;
        jwt.push('.');
        jwt.push_str(&encoded_json(claims)?);
        let signature = self.pair.sign(jwt.as_bytes())?;
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_append(&signature, &mut jwt);
        Ok(Secret::new(jwt))
    }
}

/// The same public key, algorithm and name.
impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm
            && self.id == other.id
            && self.pair.public_key() == other.pair.public_key()
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// 128 random bits as text: a `jti` that no other token has.
///
/// # Errors
/// [`SigningError`] when the system has no randomness to give.
pub(crate) fn unique_id() -> Result<String, SigningError> {
    let mut bits = [0; 16];
    aws_lc_rs::rand::fill(&mut bits).map_err(|_| SigningError)?;
    Ok(URL_SAFE_NO_PAD.encode_to_string(bits))
}

/// Why a text gives no [`SigningKey`]. Holds nothing of the text.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// The key is protected by a password.
    Encrypted,
    /// Between its BEGIN and END lines there is no base64, or the END line is missing.
    Malformed,
    /// There is no private key in it.
    NoPrivateKey,
    /// A certificate or a public key.
    OnlyPublic,
    /// The cryptographic library does not take the key for this algorithm.
    Rejected {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// What the library said: one word.
        reason: String,
    },
    /// More than one private key: which one is meant?
    SeveralKeys,
    /// No kind of key that clients sign with.
    UnknownKind,
}

impl fmt::Display for SigningKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str(
                "the private key is encrypted: decrypt it with `openssl pkcs8 -topk8 -nocrypt -in KEY`",
            ),
            Self::Malformed => {
                f.write_str("the private key is damaged: copy it whole, of PEM the line breaks and the END line too, of a JWK every member")
            }
            Self::NoPrivateKey => f.write_str(
                "no private key: PEM with a line `-----BEGIN PRIVATE KEY-----`, or a private JWK for signing, is expected",
            ),
            Self::OnlyPublic => f.write_str(
                "a certificate or public key where a private key is expected: give the file that belongs to it",
            ),
            Self::Rejected { algorithm, reason } => {
                write!(f, "the private key does not fit {algorithm}, which needs {} ({reason})", key_for(*algorithm))
            }
            Self::SeveralKeys => f.write_str("several private keys in one text: give one"),
            Self::UnknownKind => f.write_str(
                "the private key is of no kind that signs here: make one of RSA with 2048 bits or more, of P-256, P-384, \
                 P-521, or Ed25519",
            ),
        }
    }
}

impl std::error::Error for SigningKeyError {}

/// The cryptographic library could not sign; nothing the caller can mend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SigningError;

impl fmt::Display for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cryptographic library failed to sign")
    }
}

impl std::error::Error for SigningError {}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

enum Scheme {
    Ecdsa(&'static EcdsaSigningAlgorithm),
    Ed25519,
    Rsa(&'static dyn RsaEncoding),
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl Pair {
    fn from_der(key: &PrivateKeyDer, scheme: Scheme) -> Result<Self, KeyRejected> {
        match (scheme, key.encoding) {
            (Scheme::Ecdsa(algorithm), Encoding::Pkcs8) => {
                EcdsaKeyPair::from_pkcs8(algorithm, &key.der).map(Self::Ecdsa)
            }
            // For a key in the other encoding the library's own refusal is the answer.
            (Scheme::Ecdsa(algorithm), Encoding::Pkcs1 | Encoding::Sec1) => {
                EcdsaKeyPair::from_private_key_der(algorithm, &key.der).map(Self::Ecdsa)
            }
            (Scheme::Ed25519, _) => Ed25519KeyPair::from_pkcs8(&key.der).map(Self::Ed25519),
            (Scheme::Rsa(encoding), Encoding::Pkcs8) => {
                RsaKeyPair::from_pkcs8(&key.der).map(|pair| Self::Rsa(pair, encoding))
            }
            (Scheme::Rsa(encoding), Encoding::Pkcs1 | Encoding::Sec1) => {
                RsaKeyPair::from_der(&key.der).map(|pair| Self::Rsa(pair, encoding))
            }
        }
    }

    fn public_key(&self) -> &[u8] {
        match self {
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
            Self::Rsa(pair, _) => pair.public_key().as_ref(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SigningError),
            Self::Ed25519(pair) => {
                pair.try_sign(message).map(|signature| signature.as_ref().to_vec()).map_err(|_| SigningError)
            }
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).map_err(|_| SigningError)?;
                Ok(signature)
            }
        }
    }
}

/// The kind of key an algorithm needs, in words.
const fn key_for(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Es256 => "a P-256 key",
        Algorithm::Es384 => "a P-384 key",
        Algorithm::Es512 => "a P-521 key",
        Algorithm::EdDsa => "an Ed25519 key",
        Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512 => "an RSA key of 2048 to 8192 bits",
    }
}

fn scheme(algorithm: Algorithm) -> Scheme {
    match algorithm {
        Algorithm::Es256 => Scheme::Ecdsa(&lc::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => Scheme::Ecdsa(&lc::ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::Es512 => Scheme::Ecdsa(&lc::ECDSA_P521_SHA512_FIXED_SIGNING),
        Algorithm::EdDsa => Scheme::Ed25519,
        Algorithm::Ps256 => Scheme::Rsa(&lc::RSA_PSS_SHA256),
        Algorithm::Ps384 => Scheme::Rsa(&lc::RSA_PSS_SHA384),
        Algorithm::Ps512 => Scheme::Rsa(&lc::RSA_PSS_SHA512),
        Algorithm::Rs256 => Scheme::Rsa(&lc::RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Scheme::Rsa(&lc::RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Scheme::Rsa(&lc::RSA_PKCS1_SHA512),
    }
}

fn encoded_json(value: &impl Serialize) -> Result<String, SigningError> {
    let json = serde_json::to_vec(value).map_err(|_| SigningError)?;
    Ok(URL_SAFE_NO_PAD.encode_to_string(json))
}
