//! The id that a cookie holds, and the key that a store has in its place.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::URL_SAFE_NO_PAD;
use kc_core::secret::Secret;

use crate::random;

/// What a cookie holds: 256 random bits in base64url, and nothing else. Whoever has it is in the session.
#[derive(Clone, Debug)]
pub struct SessionId(Secret);

/// Under which a session is kept: the SHA-256 of its id. Whoever reads a store learns no id from it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey([u8; 32]);

impl SessionId {
    /// A new one.
    pub(crate) fn random() -> Self {
        Self(Secret::new(random::token()))
    }

    /// The value of a cookie, if it can be an id at all.
    pub(crate) fn from_cookie(value: &str) -> Option<Self> {
        let fits = value.len() == random::TOKEN_LEN
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        fits.then(|| Self(Secret::new(value)))
    }

    /// The id itself, for the cookie.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Under which the session is kept.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, self.0.expose().as_bytes()).as_ref());
        SessionKey(key)
    }
}

impl SessionKey {
    /// The key's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key from its bytes, as a store has written them down.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// In base64url.
impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode_to_string(self.0))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_cookie_s_value_and_its_key_says_nothing_of_it() {
        let id = SessionId::random();
        assert_eq!(SessionId::from_cookie(id.expose()).unwrap().key(), id.key());
        assert!(!id.key().to_string().contains(id.expose()));
        assert_ne!(id.key(), SessionId::random().key());
        assert_eq!(format!("{id:?}"), "SessionId([redacted])");
    }

    #[test]
    fn what_cannot_be_an_id_is_none() {
        let long = "a".repeat(random::TOKEN_LEN + 1);
        for value in ["", "x", &long, &"a b".repeat(15), &"=".repeat(random::TOKEN_LEN), &"é".repeat(22)] {
            assert!(SessionId::from_cookie(value).is_none(), "{value}");
        }
    }
}
