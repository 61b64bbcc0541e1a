//! A JWK set.
#![no_main]

use std::collections::BTreeSet;

use kc_core::keys::{KeySet, Lookup};
use kc_core::signature::Algorithm;
use kc_fuzz::assert_discreet;
use kc_fuzz::json::Json;
use libfuzzer_sys::fuzz_target;

/// Of the keys in the document, those that may be used by the look of them.
fn candidates(document: &Json) -> Vec<&Json> {
    let keys: Vec<&Json> = match document.get("keys") {
        Some(Json::Array(keys)) => keys.iter().collect(),
        _ => vec![document],
    };
    let public = |key: &&Json| ["d", "k"].iter().all(|name| key.raw(name).is_none());
    let for_signatures = |key: &&Json| key.get("use").is_none_or(|purpose| purpose.text() == Some("sig"));
    keys.into_iter().filter(public).filter(for_signatures).collect()
}

fuzz_target!(|document: &[u8]| {
    let set = match KeySet::from_jwks(document, 1) {
        Ok(set) => set,
        Err(error) => return assert_discreet(&error, ""),
    };
    let document = Json::parse(document).unwrap();
    assert!(!document.has_twins());
    let candidates = candidates(&document);
    assert!(!set.keys().is_empty() && set.keys().len() <= candidates.len());
    for key in set.keys() {
        let like_it = |jwk: &&&Json| jwk.get("kid").and_then(Json::text) == key.kid();
        assert!(candidates.iter().any(|jwk| like_it(&jwk)), "{:?}", key.kid());
        assert!(key.algorithms().next().is_some());
        let distinct: BTreeSet<Algorithm> = key.algorithms().collect();
        assert_eq!(distinct.len(), key.algorithms().count());
    }
    let kids: Vec<Option<&str>> = set.keys().iter().map(kc_core::keys::Key::kid).chain([None]).collect();
    for alg in Algorithm::ALL {
        for kid in &kids {
            if let Lookup::Found(key) = set.find(*kid, alg) {
                let holders = set.keys().iter().filter(|key| kid.is_none() || key.kid() == *kid);
                assert_eq!(holders.filter(|key| key.algorithms().any(|have| have == alg)).count(), 1);
                for length in [0, 1, 64, 96, 132, 256] {
                    let verified = key.verify(b"what was never signed", &vec![0x55; length]);
                    // A key of Ed25519 can be one for which everything is signed; whoever publishes it wants that.
                    assert!(!verified || alg == Algorithm::EdDsa, "{alg}");
                }
            }
        }
    }
});
