//! Tokens that were checked before, with whom they named.
//!
//! Only tokens that were found good are in it, so whoever has none can neither fill it nor choose what is. It is bounded
//! by bytes, and what was asked for once gives way before what is asked for again and again: a flood of good tokens that
//! are used once does not empty it. Whether a hit still stands is asked at every hit, of whoever checked the token.

use std::fmt;
use std::hash::{Hash, Hasher};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};

use crate::principal::Principal;

/// From the text of a token to whom it names.
pub(crate) struct TokenCache {
    cache: Cache<Text, Principal, Bytes, foldhash::fast::RandomState, DefaultLifecycle<Text, Principal>>,
}

/// What an entry costs beside its token and its claims, about: the structs, the tables of the cache, the allocator.
const ENTRY_BYTES: usize = 1024;

/// What a usual entry costs, to begin with tables of a fitting size.
const USUAL_BYTES: u64 = 4096;

impl TokenCache {
    /// Holds about so many bytes. `None` for less than an entry: there is nothing to remember with.
    pub(crate) fn new(bytes: u64) -> Option<Self> {
        let items = usize::try_from(bytes / USUAL_BYTES).ok().filter(|items| *items > 0)?;
        // Fails only without either of the two capacities.
        let options =
            OptionsBuilder::new().estimated_items_capacity(items).weight_capacity(bytes).build().ok()?;
        let hasher = foldhash::fast::RandomState::default();
        Some(Self { cache: Cache::with_options(options, Bytes, hasher, DefaultLifecycle::default()) })
    }

    /// Whom the token named when it was checked. No lock is waited for that is held longer than an insertion takes, and
    /// nothing is allocated.
    pub(crate) fn get(&self, token: &[u8]) -> Option<Principal> {
        self.cache.get(&Asked(token))
    }

    pub(crate) fn insert(&self, token: &[u8], principal: Principal) {
        self.cache.insert(Text(token.into()), principal);
    }

    pub(crate) fn remove(&self, token: &[u8]) {
        drop(self.cache.remove(&Asked(token)));
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.cache.len()
    }

    #[cfg(test)]
    fn bytes(&self) -> u64 {
        self.cache.weight()
    }
}

/// A token that is held. Not printable.
#[derive(Eq, PartialEq)]
struct Text(Box<[u8]>);

/// A token that is asked for.
struct Asked<'a>(&'a [u8]);

impl Equivalent<Text> for Asked<'_> {
    fn equivalent(&self, held: &Text) -> bool {
        *self.0 == *held.0
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Asked(&self.0).hash(state);
    }
}

/// The end of a token is the end of its signature, which is as good as random: hashing it tells tokens apart as well as
/// hashing all of them, for next to nothing: 16 letters are 96 bits, less up to four that only fill up. Whoever sends many
/// that end alike meets at most one entry, since only the one with the good signature is held; then all bytes are compared.
impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        const TAIL: usize = 16;
        let (_, tail) = self.0.split_at(self.0.len().saturating_sub(TAIL));
        state.write(tail);
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Text, Principal> for Bytes {
    fn weight(&self, text: &Text, principal: &Principal) -> u64 {
        // The payload is held as it came and, most of it, as claims.
        let bytes = text.0.len() + 2 * principal.token().payload_bytes() + ENTRY_BYTES;
        bytes.try_into().unwrap_or(u64::MAX)
    }
}

/// Tokens are not printed.
impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("capacity_bytes", &self.cache.capacity()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::RoleSet;
    use crate::token::{Claims, VerifiedToken};

    fn principal(subject: &str) -> Principal {
        let claims = Claims { subject: Some(subject.to_owned()), ..Claims::default() };
        Principal::new(VerifiedToken::new(claims, vec![b' '; 600].into()), RoleSet::default(), None)
    }

    /// A token as long as a real one, whose end is its own.
    fn token(n: usize) -> Vec<u8> {
        format!("{:a<900}.{n:0>64}", "eyJ").into_bytes()
    }

    fn cache(bytes: u64) -> TokenCache {
        TokenCache::new(bytes).unwrap()
    }

    #[test]
    fn a_token_is_found_by_all_its_bytes() {
        let cache = cache(1 << 20);
        cache.insert(&token(1), principal("a"));
        assert_eq!(cache.get(&token(1)).unwrap().subject(), Some("a"));
        for at in [0, 500, 900, 964] {
            let mut other = token(1);
            other[at] ^= 1;
            assert!(cache.get(&other).is_none(), "another byte at {at}");
        }
        assert!(cache.get(&token(1)[1..]).is_none() && cache.get(b"").is_none());
        cache.remove(&token(1));
        assert!(cache.get(&token(1)).is_none());
    }

    #[test]
    fn tokens_shorter_than_what_is_hashed_are_told_apart() {
        let cache = cache(1 << 20);
        cache.insert(b"", principal("empty"));
        cache.insert(b"a", principal("a"));
        assert_eq!(cache.get(b"").unwrap().subject(), Some("empty"));
        assert_eq!(cache.get(b"a").unwrap().subject(), Some("a"));
        assert!(cache.get(b"b").is_none());
    }

    #[test]
    fn it_stays_within_its_bytes_whatever_comes() {
        let cache = cache(1 << 20);
        for n in 0..20_000 {
            cache.insert(&token(n), principal("x"));
        }
        assert!(cache.bytes() <= 1 << 20, "{}", cache.bytes());
        assert!((50..1000).contains(&cache.len()), "{}", cache.len());
    }

    #[test]
    fn a_flood_of_tokens_that_come_once_does_not_drive_out_those_in_use() {
        let cache = cache(4 << 20);
        let used = 300;
        let mut kept_least = used;
        for round in 0..20 {
            let mut kept = 0;
            for n in 0..used {
                match cache.get(&token(n)) {
                    Some(_) => kept += 1,
                    None => cache.insert(&token(n), principal("x")),
                }
            }
            if round > 2 {
                kept_least = kept_least.min(kept);
            }
            for n in 0..2_000 {
                cache.insert(&token(1_000_000 + round * 2_000 + n), principal("flood"));
            }
        }
        assert!(kept_least >= used * 9 / 10, "{kept_least} of {used} were kept");
    }

    #[test]
    fn without_room_for_a_token_there_is_no_cache() {
        assert!(TokenCache::new(0).is_none() && TokenCache::new(4095).is_none());
        assert!(TokenCache::new(4096).is_some());
    }

    #[test]
    fn debug_shows_no_token() {
        let cache = cache(1 << 20);
        cache.insert(&token(1), principal("somebody"));
        let shown = format!("{cache:?}");
        assert!(!shown.contains("eyJ") && !shown.contains("somebody"), "{shown}");
    }
}
