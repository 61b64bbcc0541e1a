//! The realm's keys: made when needed, rotated, disabled.

mod alg;
mod der;
mod key;
mod provider;
mod ring;
mod verify;

use std::fmt;

pub use self::alg::Alg;
pub(crate) use self::alg::{KeySpec, Purpose};
pub(crate) use self::key::Key;
pub(crate) use self::ring::{KeyRing, KeyState};
pub(crate) use self::verify::jwk_verifies;

/// A key that could not be had or used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// The key could not be written down.
    Export {
        /// The key's id.
        kid: String,
    },
    /// The key could not be made.
    Generate {
        /// What for, such as `RS256`.
        alg: &'static str,
    },
    /// The key refused to sign.
    Sign {
        /// The key's id.
        kid: String,
    },
    /// No key has this id.
    UnknownKid {
        /// The id asked for.
        kid: String,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Export { kid } => write!(f, "the key {kid} could not be written down; rotate it"),
            Self::Generate { alg } => write!(f, "no {alg} key could be generated; try again"),
            Self::Sign { kid } => write!(f, "the key {kid} could not sign; rotate it"),
            Self::UnknownKid { kid } => {
                write!(f, "no key has the id {kid:?}; ask for one of those in the JWKS")
            }
        }
    }
}

impl std::error::Error for KeyError {}

/// A `SubjectPublicKeyInfo` as PEM (RFC 7468, section 13).
pub(crate) fn pem(spki: &[u8]) -> String {
    let text = base64_simd::STANDARD.encode_to_string(spki);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
