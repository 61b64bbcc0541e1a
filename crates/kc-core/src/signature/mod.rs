//! Signatures: the algorithms, the verifier's seam, and its default.
//!
//! The files of this folder are the only ones that name the crypto crate.

mod algorithm;
mod aws_lc;
mod digest;
mod roca;
pub mod signer;

use std::fmt;

pub use self::algorithm::Algorithm;
pub(crate) use self::aws_lc::{parse_pkcs1, parse_spki, verifier_for};
pub(crate) use self::digest::sha256_hex;

/// A public key, parsed once, bound to one algorithm.
///
/// # Contract
/// `verify` is called with what was signed and the signature as they came in, of any length; it must not panic, must
/// not block, and must answer `false` for whatever is not a good signature by this key with this algorithm.
pub trait SignatureVerifier: fmt::Debug + Send + Sync {
    /// Whether `signature` is this key's over `message` (RFC 7515 §5.2, step 8).
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// One verifier for each algorithm that a key is good for.
pub type Verifiers = Vec<(Algorithm, Box<dyn SignatureVerifier>)>;

/// The parts of a public key as a JWK gives them (RFC 7518 §6, RFC 8037 §2), decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyMaterial {
    /// An elliptic-curve point, each coordinate as long as the curve's field.
    Ec {
        /// The curve.
        curve: Curve,
        /// Big-endian.
        x: Vec<u8>,
        /// Big-endian.
        y: Vec<u8>,
    },
    /// An Ed25519 key, 32 bytes.
    Ed25519(Vec<u8>),
    /// RSA.
    Rsa {
        /// The modulus, big-endian.
        n: Vec<u8>,
        /// The exponent, big-endian.
        e: Vec<u8>,
    },
}

/// The curves of RFC 7518 §6.2.1.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Curve {
    /// P-256, for ES256.
    P256,
    /// P-384, for ES384.
    P384,
    /// P-521, for ES512.
    P521,
}

impl Curve {
    /// Bytes of a coordinate.
    #[must_use]
    pub const fn field_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl KeyMaterial {
    /// The algorithms that this kind of key can verify.
    #[must_use]
    pub const fn algorithms(&self) -> &'static [Algorithm] {
        use Algorithm as A;
        match self {
            Self::Ec { curve: Curve::P256, .. } => &[A::Es256],
            Self::Ec { curve: Curve::P384, .. } => &[A::Es384],
            Self::Ec { curve: Curve::P521, .. } => &[A::Es512],
            Self::Ed25519(_) => &[A::EdDsa],
            Self::Rsa { .. } => &[A::Rs256, A::Rs384, A::Rs512, A::Ps256, A::Ps384, A::Ps512],
        }
    }
}

/// Why a public key is not one that we verify with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyDefect {
    /// An RSA exponent that is even, below 3, or of more than 33 bits.
    Exponent,
    /// Not a point of its curve, not a modulus, or a wrong length.
    Invalid,
    /// An RSA modulus whose factors can be found (CVE-2017-15361, "ROCA").
    Roca,
    /// An RSA modulus under 2048 bits or over 8192.
    Size,
    /// The algorithm is not for this kind of key.
    WrongAlgorithm,
}

impl fmt::Display for KeyDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exponent => "its RSA exponent is even, below 3, or has more than 33 bits",
            Self::Invalid => "it is no valid public key",
            Self::Roca => {
                "its RSA modulus is of the kind whose factors can be found (CVE-2017-15361, ROCA): replace the key"
            }
            Self::Size => "its RSA modulus has less than 2048 or more than 8192 bits",
            Self::WrongAlgorithm => "its alg is not for its kind of key",
        })
    }
}

impl std::error::Error for KeyDefect {}
