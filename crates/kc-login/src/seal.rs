//! Sealing: what leaves this process is unreadable and unchangeable for everybody else.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::random;

/// Seals bytes under a key, and opens what was sealed under it or under an older one (AES-256-GCM-SIV, RFC 8452: a nonce
/// that comes twice by chance gives nothing away but that two plaintexts are equal).
///
/// A sealed text is: which key, four bytes; the nonce, twelve; what is sealed; the tag, sixteen.
///
/// # Example
/// ```
/// use kc_login::Seal;
///
/// let (old, new) = ([1; 32], [2; 32]);
/// let sealed = Seal::new([&old]).unwrap().seal("session", b"tokens")?;
/// // The newest key seals; what older ones have sealed is still read.
/// let seal = Seal::new([&new, &old]).unwrap();
/// assert_eq!(seal.open("session", &sealed).unwrap().as_slice(), b"tokens");
/// assert!(seal.open("another purpose", &sealed).is_none());
/// # Ok::<(), kc_login::NotSealed>(())
/// ```
pub struct Seal {
    /// Newest first.
    keys: Vec<Key>,
}

struct Key {
    name: [u8; NAME],
    nonces: RandomizedNonceKey,
}

const NAME: usize = 4;
const NONCE: usize = 12;

impl Seal {
    /// Seals under the first of these keys, and opens what any of them has sealed. `None` without a key.
    #[must_use]
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k [u8; 32]>) -> Option<Self> {
        let keys: Option<Vec<Key>> = keys.into_iter().map(Key::new).collect();
        keys.filter(|keys| !keys.is_empty()).map(|keys| Self { keys })
    }

    /// Under a key that dies with this process.
    #[must_use]
    pub fn ephemeral() -> Self {
        let key = Zeroizing::new(random::bytes());
        Self { keys: Key::new(&key).into_iter().collect() }
    }

    /// Seals `plain`. It can be opened for the same `purpose` only: what was sealed for one place is nothing at another.
    ///
    /// # Errors
    /// [`NotSealed`] when the cryptographic library refuses, which it does for texts of many gigabytes only.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, NotSealed> {
        let key = self.keys.first().ok_or(NotSealed)?;
        let mut text = Zeroizing::new(plain.to_vec());
        let nonce = key.nonces.seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut *text);
        let nonce = nonce.map_err(|_| NotSealed)?;
        Ok([&key.name, &nonce.as_ref()[..], &text].concat())
    }

    /// What was sealed for `purpose`; `None` if it was not, or under a key that is not among ours, or is not what it was.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (name, rest) = sealed.split_at_checked(NAME)?;
        let (nonce, text) = rest.split_at_checked(NONCE)?;
        self.keys.iter().filter(|key| key.name == name).find_map(|key| {
            let mut text = Zeroizing::new(text.to_vec());
            let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
            let length =
                key.nonces.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut text).ok()?.len();
            text.truncate(length);
            Some(text)
        })
    }
}

impl Key {
    fn new(key: &[u8; 32]) -> Option<Self> {
        let digest = digest(&SHA256, &[b"the name of the key ", &key[..]].concat());
        let name = digest.as_ref().first_chunk::<NAME>().copied()?;
        Some(Self { name, nonces: RandomizedNonceKey::new(&AES_256_GCM_SIV, key).ok()? })
    }
}

/// It could not be sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotSealed;

impl fmt::Display for NotSealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it could not be sealed")
    }
}

impl std::error::Error for NotSealed {}

/// How many keys there are.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("keys", &self.keys.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_for_its_purpose_only() {
        let seal = Seal::ephemeral();
        let sealed = seal.seal("a", b"plain").unwrap();
        assert_eq!(&**seal.open("a", &sealed).unwrap(), b"plain");
        assert!(seal.open("b", &sealed).is_none());
        assert!(Seal::ephemeral().open("a", &sealed).is_none());
        assert!(!sealed.windows(5).any(|part| part == b"plain"));
        assert_ne!(sealed, seal.seal("a", b"plain").unwrap());
    }

    #[test]
    fn a_bit_that_is_changed_anywhere_is_noticed() {
        let seal = Seal::ephemeral();
        let sealed = seal.seal("a", b"plain").unwrap();
        for n in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[n] ^= 1;
            assert!(seal.open("a", &changed).is_none(), "{n}");
        }
        for n in 0..sealed.len() {
            assert!(seal.open("a", &sealed[..n]).is_none(), "{n}");
        }
    }

    #[test]
    fn an_older_key_still_opens_and_the_newest_seals() {
        let (old, new) = ([1; 32], [2; 32]);
        let before = Seal::new([&old]).unwrap();
        let after = Seal::new([&new, &old]).unwrap();
        let sealed = before.seal("a", b"plain").unwrap();
        assert_eq!(&**after.open("a", &sealed).unwrap(), b"plain");
        assert!(before.open("a", &after.seal("a", b"plain").unwrap()).is_none());
        assert!(Seal::new([]).is_none());
    }
}
