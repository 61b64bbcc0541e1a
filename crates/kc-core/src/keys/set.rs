//! A set of keys, and the rule by which a token gets one.

use std::collections::HashMap;
use std::fmt;

use super::jwk::{self, JwksError};
use crate::signature::{Algorithm, SignatureVerifier, Verifiers};

/// One public key with the algorithms it may be used with.
#[derive(Debug)]
pub struct Key {
    kid: Option<String>,
    verifiers: Verifiers,
}

impl Key {
    /// A key by its id, with one verifier for each algorithm that it is good for.
    #[must_use]
    pub fn new(kid: Option<String>, verifiers: Verifiers) -> Self {
        Self { kid, verifiers }
    }

    /// Its id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms it may be used with.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(alg, _)| *alg)
    }

    fn verifier(&self, alg: Algorithm) -> Option<&dyn SignatureVerifier> {
        self.verifiers.iter().find(|(have, _)| *have == alg).map(|(_, verifier)| &**verifier)
    }
}

/// Keys that are good at the same time.
///
/// # Example
/// ```
/// use kc_core::keys::{KeySet, Lookup};
/// use kc_core::signature::Algorithm;
///
/// let jwks = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let keys = KeySet::from_jwks(jwks.as_bytes(), 1)?;
/// assert!(matches!(keys.find(Some("a"), Algorithm::EdDsa), Lookup::Found(_)));
/// assert!(!matches!(keys.find(Some("a"), Algorithm::Rs256), Lookup::Found(_)), "a key serves its own algorithms");
/// # Ok::<(), kc_core::keys::JwksError>(())
/// ```
pub struct KeySet {
    keys: Vec<Key>,
    by_kid: HashMap<String, Vec<usize>, foldhash::fast::RandomState>,
    any_kid: bool,
    generation: u64,
}

/// What a [`KeySet`] has for a token.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// The one key that fits.
    Found(&'a dyn SignatureVerifier),
    /// No key of this id, or no key at all for this algorithm: a newer set might have it.
    Unknown,
    /// The id is known but its key is not for this algorithm, or several keys fit and nothing tells which: a newer set
    /// would not help.
    Unfit,
}

impl KeySet {
    /// A set of `keys`; `generation` differs from that of every other set of the same source.
    ///
    /// Two keys of one id that share an algorithm leave it open which is meant: that id and algorithm find nothing.
    #[must_use]
    pub fn new(keys: Vec<Key>, generation: u64) -> Self {
        let mut by_kid: HashMap<String, Vec<usize>, _> = HashMap::default();
        for (index, key) in keys.iter().enumerate() {
            if let Some(kid) = &key.kid {
                by_kid.entry(kid.clone()).or_default().push(index);
            }
        }
        Self { keys, by_kid, any_kid: false, generation }
    }

    /// The keys of a JWK set, or a single JWK (RFC 7517): those that can verify signatures. Others are left out.
    ///
    /// # Errors
    /// [`JwksError`] when there is none, or the document is no JWK set.
    pub fn from_jwks(document: &[u8], generation: u64) -> Result<Self, JwksError> {
        Ok(Self::new(jwk::parse(document)?.keys, generation))
    }

    /// The same keys, used whatever `kid` a token names: for a key that was pinned by hand.
    #[must_use]
    pub fn for_any_kid(mut self) -> Self {
        self.any_kid = true;
        self
    }

    /// Changes when the keys change. What was verified under another generation has to be verified again.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key for a token's `kid` and `alg`. Without a `kid`, the only key that fits the algorithm.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, alg: Algorithm) -> Lookup<'_> {
        let kid = kid.filter(|_| !self.any_kid);
        match kid {
            Some(kid) => match self.by_kid.get(kid) {
                None => Lookup::Unknown,
                Some(of_kid) => {
                    only(of_kid.iter().filter_map(|index| self.keys.get(*index)), alg, Lookup::Unfit)
                }
            },
            None => only(self.keys.iter(), alg, if self.any_kid { Lookup::Unfit } else { Lookup::Unknown }),
        }
    }
}

fn only<'k>(keys: impl Iterator<Item = &'k Key>, alg: Algorithm, none: Lookup<'k>) -> Lookup<'k> {
    let mut fitting = keys.filter_map(|key| key.verifier(alg));
    match (fitting.next(), fitting.next()) {
        (Some(verifier), None) => Lookup::Found(verifier),
        (Some(_), Some(_)) => Lookup::Unfit,
        (None, _) => none,
    }
}

/// Ids and algorithms; the keys themselves are public but long.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> =
            self.keys.iter().map(|key| (key.kid(), key.algorithms().collect::<Vec<_>>())).collect();
        f.debug_struct("KeySet")
            .field("generation", &self.generation)
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says yes to its own name.
    #[derive(Debug)]
    struct Named(&'static str);

    impl SignatureVerifier for Named {
        fn verify(&self, _: &[u8], signature: &[u8]) -> bool {
            signature == self.0.as_bytes()
        }
    }

    fn key(kid: Option<&str>, name: &'static str, algorithms: &[Algorithm]) -> Key {
        let verifiers =
            algorithms.iter().map(|alg| (*alg, Box::new(Named(name)) as Box<dyn SignatureVerifier>));
        Key::new(kid.map(str::to_owned), verifiers.collect())
    }

    fn found(set: &KeySet, kid: Option<&str>, alg: Algorithm, name: &str) -> bool {
        matches!(set.find(kid, alg), Lookup::Found(verifier) if verifier.verify(b"", name.as_bytes()))
    }

    use Algorithm::{EdDsa, Es256, Ps256, Rs256};

    #[test]
    fn a_kid_finds_its_key_for_its_algorithm_only() {
        let set = KeySet::new(vec![key(Some("a"), "a", &[Rs256]), key(Some("b"), "b", &[Es256])], 1);
        assert!(found(&set, Some("a"), Rs256, "a"));
        assert!(matches!(set.find(Some("a"), Ps256), Lookup::Unfit));
        assert!(matches!(set.find(Some("a"), Es256), Lookup::Unfit));
        assert!(matches!(set.find(Some("c"), Rs256), Lookup::Unknown));
        assert!(matches!(set.find(Some(""), Rs256), Lookup::Unknown));
    }

    #[test]
    fn without_a_kid_the_only_key_for_the_algorithm_is_taken() {
        let set = KeySet::new(vec![key(Some("a"), "a", &[Rs256, Ps256]), key(None, "b", &[Rs256, Es256])], 1);
        assert!(found(&set, None, Es256, "b") && found(&set, None, Ps256, "a"));
        assert!(matches!(set.find(None, Rs256), Lookup::Unfit), "two keys fit");
        assert!(matches!(set.find(None, EdDsa), Lookup::Unknown), "a newer set might have one");
    }

    #[test]
    fn two_keys_of_one_kid_are_told_apart_by_algorithm_or_not_at_all() {
        let set = KeySet::new(vec![key(Some("a"), "r", &[Rs256]), key(Some("a"), "e", &[Es256])], 1);
        assert!(found(&set, Some("a"), Rs256, "r") && found(&set, Some("a"), Es256, "e"));
        let set = KeySet::new(vec![key(Some("a"), "1", &[Rs256]), key(Some("a"), "2", &[Rs256, Ps256])], 1);
        assert!(matches!(set.find(Some("a"), Rs256), Lookup::Unfit));
        assert!(found(&set, Some("a"), Ps256, "2"));
    }

    #[test]
    fn a_pinned_key_serves_any_kid() {
        let set = KeySet::new(vec![key(None, "p", &[Rs256])], 1).for_any_kid();
        assert!(found(&set, Some("whatever"), Rs256, "p") && found(&set, None, Rs256, "p"));
        assert!(matches!(set.find(Some("whatever"), Es256), Lookup::Unfit));
    }
}
