use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
};
use serde_json::{Value as Json, json};

use super::*;
use crate::keys::{KeySet, Lookup};

const RSA_ALGORITHMS: [Algorithm; 6] = [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512];

fn encoded(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// An odd number of so many bits; whether it is a product of two primes is not for a verifier to find out.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0x5a; bits.div_ceil(8)];
    let top = 1 << ((bits - 1) % 8);
    n[0] = top | (0x5a & (top - 1));
    *n.last_mut().unwrap() |= 1;
    n
}

fn rsa_of(n: &[u8], e: &[u8]) -> Json {
    json!({ "kty": "RSA", "kid": "r", "n": encoded(n), "e": encoded(e) })
}

fn rsa() -> Json {
    rsa_of(&modulus(2048), &[1, 0, 1])
}

fn ec(curve: &str) -> Json {
    let signing: &EcdsaSigningAlgorithm = match curve {
        "P-256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
        "P-384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &ECDSA_P521_SHA512_FIXED_SIGNING,
    };
    let pair = EcdsaKeyPair::generate(signing).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    json!({ "kty": "EC", "crv": curve, "kid": "e", "x": encoded(x), "y": encoded(y) })
}

fn ed25519() -> Json {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": "o", "x": "S30yO1tlJeRdJhXoqQg4CTga56PyMM_Fe0ynil8s0WE" })
}

/// `key` with `changes` merged in; `null` takes a member away.
fn with(mut key: Json, changes: &Json) -> Json {
    let members = key.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    key
}

fn parse_all(keys: &[Json]) -> Result<ParsedJwks, JwksError> {
    parse(json!({ "keys": keys }).to_string().as_bytes())
}

/// What the only key of a set can do.
fn algorithms(key: &Json) -> Vec<Algorithm> {
    parse_all(std::slice::from_ref(key)).map_or_else(|_| Vec::new(), |set| set.keys[0].algorithms().collect())
}

fn assert_usable(key: &Json, expected: &[Algorithm]) {
    assert_eq!(algorithms(key), expected, "{key}");
}

/// The key gives nothing, alone or beside a good one, and the log is told why if `why` is not empty.
fn assert_refused(key: &Json, why: &str) {
    assert!(
        matches!(parse_all(std::slice::from_ref(key)), Err(JwksError::NoUsableKey { .. })),
        "alone: {key}"
    );
    let set = parse_all(&[key.clone(), ed25519()]).unwrap();
    assert_eq!(set.keys.len(), 1, "{key}");
    assert_eq!(set.keys[0].kid(), Some("o"), "{key}");
    if why.is_empty() {
        assert!(set.left_out.is_empty(), "{key}: {:?}", set.left_out);
    } else {
        assert!(set.left_out[0].contains(why), "{key}: {:?}", set.left_out);
    }
}

#[test]
fn each_kind_of_key_is_for_its_own_algorithms() {
    assert_usable(&rsa(), &RSA_ALGORITHMS);
    assert_usable(&ec("P-256"), &[Es256]);
    assert_usable(&ec("P-384"), &[Es384]);
    assert_usable(&ec("P-521"), &[Es512]);
    assert_usable(&ed25519(), &[EdDsa]);
}

#[test]
fn a_key_without_kid_is_a_key() {
    let set = parse_all(&[with(rsa(), &json!({ "kid": null }))]).unwrap();
    assert_eq!(set.keys[0].kid(), None);
}

#[test]
fn the_alg_of_a_key_binds() {
    for alg in RSA_ALGORITHMS {
        assert_usable(&with(rsa(), &json!({ "alg": alg.name() })), &[alg]);
    }
    assert_usable(&with(ec("P-256"), &json!({ "alg": "ES256" })), &[Es256]);
    assert_usable(&with(ed25519(), &json!({ "alg": "EdDSA" })), &[EdDsa]);
}

#[test]
fn an_alg_that_is_not_for_the_kind_of_key_leaves_no_algorithm() {
    let why = "alg is not for its kind of key";
    for (key, alg) in [
        (rsa(), "ES256"),
        (rsa(), "EdDSA"),
        (ec("P-256"), "ES384"),
        (ec("P-256"), "ES512"),
        (ec("P-384"), "ES256"),
        (ec("P-521"), "RS512"),
        (ec("P-256"), "EdDSA"),
        (ed25519(), "ES256"),
        (ed25519(), "RS256"),
    ] {
        assert_refused(&with(key, &json!({ "alg": alg })), why);
    }
}

#[test]
fn an_alg_that_is_not_ours_leaves_no_algorithm() {
    for alg in ["none", "HS256", "HS512", "RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ES256K", "rs256", "RS1", ""]
    {
        assert_refused(&with(rsa(), &json!({ "alg": alg })), "alg is not supported");
    }
    assert_refused(&with(rsa(), &json!({ "alg": ["RS256"] })), "alg is not a string");
    assert_refused(&with(rsa(), &json!({ "alg": 256 })), "alg is not a string");
}

#[test]
fn a_key_for_another_use_never_verifies() {
    assert_usable(&with(rsa(), &json!({ "use": "sig" })), &RSA_ALGORITHMS);
    for purpose in
        [json!("enc"), json!("SIG"), json!("Sig"), json!(""), json!(["sig"]), json!(1), json!("sig ")]
    {
        assert_refused(&with(rsa(), &json!({ "use": purpose })), "");
    }
    assert_refused(&with(rsa(), &json!({ "use": "enc", "alg": "RS256", "key_ops": ["verify"] })), "");
}

#[test]
fn key_ops_have_to_hold_verify_if_there_are_any() {
    for ops in [json!(["verify"]), json!(["sign", "verify"]), json!(["verify", 7])] {
        assert_usable(&with(ed25519(), &json!({ "key_ops": ops })), &[EdDsa]);
    }
    for ops in [
        json!([]),
        json!(["sign"]),
        json!(["encrypt", "wrapKey"]),
        json!(["Verify"]),
        json!("verify"),
        json!({ "verify": true }),
    ] {
        assert_refused(&with(rsa(), &json!({ "key_ops": ops })), "");
        assert_refused(&with(rsa(), &json!({ "key_ops": ops, "use": "sig" })), "");
    }
}

#[test]
fn a_member_that_is_null_is_absent() {
    let text = rsa().to_string().replace('{', r#"{"use":null,"key_ops":null,"alg":null,"#);
    let set = parse(format!("{{\"keys\":[{text}]}}").as_bytes()).unwrap();
    assert_eq!(set.keys[0].algorithms().count(), 6);
}

#[test]
fn an_rsa_modulus_has_2048_to_8192_bits() {
    for bits in [2048, 2049, 2055, 3072, 4096, 8191, 8192] {
        assert_usable(&rsa_of(&modulus(bits), &[1, 0, 1]), &RSA_ALGORITHMS);
    }
    for bits in [1, 512, 1024, 2040, 2047, 8193, 8200, 16384] {
        assert_refused(&rsa_of(&modulus(bits), &[1, 0, 1]), "2048");
    }
    assert_refused(&rsa_of(&[], &[1, 0, 1]), "2048");
}

#[test]
fn leading_zeros_do_not_make_a_modulus_longer() {
    let padded = [&[0; 3][..], &modulus(2048)].concat();
    assert_usable(&rsa_of(&padded, &[0, 1, 0, 1]), &RSA_ALGORITHMS);
    let short = [&[0; 200][..], &modulus(1024)].concat();
    assert_refused(&rsa_of(&short, &[1, 0, 1]), "2048");
    assert_refused(&rsa_of(&[0; 256], &[1, 0, 1]), "2048");
}

#[test]
fn an_even_modulus_is_no_modulus() {
    let mut n = modulus(2048);
    *n.last_mut().unwrap() &= 0xfe;
    assert_refused(&rsa_of(&n, &[1, 0, 1]), "no valid public key");
}

#[test]
fn an_rsa_exponent_is_odd_and_at_least_3() {
    for e in [&[3][..], &[17], &[1, 0, 1], &[0, 3]] {
        assert_usable(&rsa_of(&modulus(2048), e), &RSA_ALGORITHMS);
    }
    for e in [&[][..], &[0], &[1], &[0, 1], &[2], &[4], &[1, 0, 0]] {
        assert_refused(&rsa_of(&modulus(2048), e), "exponent");
    }
}

#[test]
fn an_exponent_that_makes_every_verification_slow_is_refused() {
    for e in [vec![0xff; 5], vec![0xff; 256], [&[0x7f][..], &[0xff; 254]].concat()] {
        assert_refused(&rsa_of(&modulus(2048), &e), "exponent");
    }
    assert_refused(&rsa_of(&modulus(2048), &[2, 0, 0, 0, 1]), "exponent");
    assert_usable(&rsa_of(&modulus(2048), &[1, 0, 0, 0, 1]), &RSA_ALGORITHMS);
}

#[test]
fn a_point_off_its_curve_is_no_key() {
    for curve in ["P-256", "P-384", "P-521"] {
        let good = ec(curve);
        let mut y = decode_base64url(good["y"].as_str().unwrap().as_bytes()).unwrap();
        *y.last_mut().unwrap() ^= 1;
        assert_refused(&with(good.clone(), &json!({ "y": encoded(&y) })), "no valid public key");
        let zero = encoded(&vec![0; y.len()]);
        assert_refused(&with(good, &json!({ "x": zero, "y": zero })), "no valid public key");
    }
}

#[test]
fn a_point_of_another_curve_is_no_key() {
    assert_refused(&with(ec("P-256"), &json!({ "crv": "P-384" })), "no valid public key");
    assert_refused(&with(ec("P-384"), &json!({ "crv": "P-256" })), "no valid public key");
}

#[test]
fn coordinates_have_the_length_of_the_field() {
    for curve in ["P-256", "P-384", "P-521"] {
        let good = ec(curve);
        for member in ["x", "y"] {
            let bytes = decode_base64url(good[member].as_str().unwrap().as_bytes()).unwrap();
            let longer = [&[0][..], &bytes].concat();
            for wrong in [&longer[..], &bytes[1..], &[]] {
                assert_refused(
                    &with(good.clone(), &json!({ member: encoded(wrong) })),
                    "no valid public key",
                );
            }
        }
    }
    for bytes in [0, 31, 33, 57, 64] {
        assert_refused(&with(ed25519(), &json!({ "x": encoded(&vec![7; bytes]) })), "no valid public key");
    }
}

#[test]
fn a_member_that_is_missing_or_no_text_or_not_base64url_is_named() {
    for (key, members) in [(rsa(), &["n", "e"][..]), (ec("P-256"), &["x", "y"]), (ed25519(), &["x"])] {
        for member in members {
            assert_refused(&with(key.clone(), &json!({ *member: null })), &format!("{member} is missing"));
            for value in [json!(65537), json!(["AQAB"]), json!(true), json!({})] {
                let why = format!("{member} is not a string");
                assert_refused(&with(key.clone(), &json!({ *member: value })), &why);
            }
            for text in ["AQ==", "A", "A+/A", "AQAB\n", " ", "AB"] {
                let why = format!("{member} is not base64url");
                assert_refused(&with(key.clone(), &json!({ *member: text })), &why);
            }
        }
    }
    assert_refused(&with(rsa(), &json!({ "kid": 7 })), "kid is not a string");
    assert_refused(&with(rsa(), &json!({ "kty": null })), "kty is missing");
    assert_refused(&with(rsa(), &json!({ "kty": 1 })), "kty is not a string");
    assert_refused(&with(ec("P-256"), &json!({ "crv": 256 })), "crv is not a string");
}

#[test]
fn what_we_do_not_know_stands_beside_a_good_key_without_harm() {
    assert_refused(&json!({ "kty": "OKP", "crv": "Ed448", "kid": "x", "x": "AA" }), "curve is not supported");
    assert_refused(&json!({ "kty": "OKP", "crv": "X25519", "x": "AA" }), "curve is not supported");
    assert_refused(&json!({ "kty": "OKP", "x": "AA" }), "curve is not supported");
    assert_refused(&with(ec("P-256"), &json!({ "crv": "secp256k1" })), "curve is not supported");
    assert_refused(&with(ec("P-256"), &json!({ "crv": "p-256" })), "curve is not supported");
    assert_refused(&with(ec("P-256"), &json!({ "crv": null })), "curve is not supported");
    assert_refused(&json!({ "kty": "AKP", "alg": "ML-DSA-65", "pub": "AA" }), "kty is not supported");
    assert_refused(&with(rsa(), &json!({ "kty": "rsa" })), "kty is not supported");
}

#[test]
fn symmetric_and_private_keys_are_never_taken() {
    let secret = encoded(b"a secret that signs whatever it likes");
    for alg in [json!("HS256"), json!("RS256"), Json::Null] {
        let oct = with(json!({ "kty": "oct", "kid": "s", "k": secret }), &json!({ "alg": alg }));
        assert_refused(&oct, "symmetric");
        assert!(!parse_all(&[oct]).unwrap_err().to_string().contains(&secret));
    }
    assert_refused(&with(rsa(), &json!({ "k": secret })), "symmetric");
    for key in [rsa(), ec("P-256"), ed25519()] {
        let private = with(key, &json!({ "d": secret }));
        assert_refused(&private, "private key");
        assert!(!parse_all(&[private]).unwrap_err().to_string().contains(&secret));
    }
}

#[test]
fn certificates_and_addresses_beside_a_key_are_not_read() {
    let key = with(
        ed25519(),
        &json!({ "x5c": ["AAAA"], "x5t": 7, "x5u": "http://elsewhere.test/", "x5t#S256": {}, "other": [[]] }),
    );
    assert_usable(&key, &[EdDsa]);
}

#[test]
fn two_keys_of_one_kid_and_alg_are_reported_and_neither_is_used() {
    let other = rsa_of(&modulus(3072), &[1, 0, 1]);
    let set = parse_all(&[rsa(), other, with(ec("P-256"), &json!({ "kid": "r" }))]).unwrap();
    assert_eq!(set.left_out.len(), 1);
    assert!(set.left_out[0].contains("\"r\""), "{:?}", set.left_out);
    let set = KeySet::new(set.keys, 1);
    assert!(matches!(set.find(Some("r"), Rs256), Lookup::Unfit));
    assert!(matches!(set.find(Some("r"), Es256), Lookup::Found(_)));
}

#[test]
fn two_keys_of_one_kid_with_different_algs_are_both_used() {
    let one = with(rsa(), &json!({ "alg": "RS256" }));
    let other = with(rsa_of(&modulus(3072), &[3]), &json!({ "alg": "PS256" }));
    let set = parse_all(&[one, other]).unwrap();
    assert!(set.left_out.is_empty());
    let set = KeySet::new(set.keys, 1);
    assert!(matches!(set.find(Some("r"), Rs256), Lookup::Found(_)));
    assert!(matches!(set.find(Some("r"), Ps256), Lookup::Found(_)));
    assert!(matches!(set.find(Some("r"), Rs512), Lookup::Unfit));
}

#[test]
fn a_hundred_keys_are_taken_and_no_more() {
    let key = |n: usize| with(ed25519(), &json!({ "kid": format!("k{n}") }));
    let hundred: Vec<Json> = (0..100).map(key).collect();
    assert_eq!(parse_all(&hundred).unwrap().keys.len(), 100);
    let more: Vec<Json> = (0..101).map(key).collect();
    assert_eq!(parse_all(&more).unwrap_err(), JwksError::TooMany { got: 101 });
    let junk = vec![json!(1); 101];
    assert_eq!(parse_all(&junk).unwrap_err(), JwksError::TooMany { got: 101 });
}

#[test]
fn what_is_no_key_set_is_said_to_be_none() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "7",
        "\"keys\"",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":"x"}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[]} x"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"Keys":[]}"#,
        "<!doctype html><html></html>",
        "\u{feff}{\"keys\":[]}",
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err(), JwksError::NotAKeySet, "{text}");
    }
    assert_eq!(parse(b"{\"keys\":[\"\xff\"]}").unwrap_err(), JwksError::NotAKeySet);
    let deep = format!(r#"{{"keys":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(parse(deep.as_bytes()).unwrap_err(), JwksError::NotAKeySet);
}

#[test]
fn a_member_named_twice_spoils_the_whole_set() {
    let good = ed25519().to_string();
    let twice = rsa().to_string().replace('{', r#"{"use":"enc","use":"sig","#);
    for text in [format!("[{good},{twice}]"), format!("[{}]", good.replace('{', r#"{"kid":"o","#))] {
        let document = format!("{{\"keys\":{text}}}");
        assert_eq!(parse(document.as_bytes()).unwrap_err(), JwksError::NotAKeySet);
    }
}

#[test]
fn a_set_without_a_usable_key_is_an_error_that_says_why() {
    for text in [r#"{"keys":[]}"#, r#"{"keys":[1,null,"x",[]]}"#] {
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!(error, JwksError::NoUsableKey { left_out: Vec::new() }, "{text}");
    }
    let error = parse_all(&[rsa_of(&modulus(1024), &[1, 0, 1])]).unwrap_err();
    assert!(error.to_string().contains("\"r\"") && error.to_string().contains("2048"), "{error}");
}

#[test]
fn a_kid_of_any_text_is_taken_and_short_and_escaped_in_reports() {
    let evil = format!("../../etc/passwd\r\n\u{1b}[31m' OR 1=1 --{}", "k".repeat(10_000));
    let set = parse_all(&[with(ed25519(), &json!({ "kid": evil }))]).unwrap();
    assert_eq!(set.keys[0].kid(), Some(evil.as_str()));
    let error = parse_all(&[with(rsa(), &json!({ "kid": evil, "e": "AQ" }))]).unwrap_err().to_string();
    assert!(error.len() < 300 && !error.contains(['\r', '\n', '\u{1b}']), "{error}");
}

#[test]
fn a_single_key_is_a_set_of_one() {
    assert_eq!(parse(ed25519().to_string().as_bytes()).unwrap().keys.len(), 1);
    assert!(parse(with(ed25519(), &json!({ "use": "enc" })).to_string().as_bytes()).is_err());
}

#[test]
fn the_fingerprint_is_that_of_the_usable_keys_whatever_their_order() {
    let (r, e, o) = (rsa(), ec("P-256"), ed25519());
    let of = |keys: &[Json]| parse_all(keys).unwrap().fingerprint;
    let all = of(&[r.clone(), e.clone(), o.clone()]);
    assert_eq!(all, of(&[o.clone(), r.clone(), e.clone()]));
    assert_eq!(all, of(&[with(o.clone(), &json!({ "use": "sig", "x5c": ["AA"] })), e.clone(), r.clone()]));
    assert_eq!(
        all,
        of(&[with(rsa(), &json!({ "use": "enc", "kid": "c" })), r.clone(), e.clone(), o.clone()])
    );
    for other in [
        vec![r.clone(), e.clone()],
        vec![r.clone(), e.clone(), with(o.clone(), &json!({ "kid": "p" }))],
        vec![r.clone(), e.clone(), with(o.clone(), &json!({ "kid": null }))],
        vec![with(r.clone(), &json!({ "alg": "RS256" })), e.clone(), o.clone()],
        vec![rsa_of(&modulus(2049), &[1, 0, 1]), e.clone(), o.clone()],
        vec![rsa_of(&modulus(2048), &[3]), e.clone(), o.clone()],
        vec![r.clone(), ec("P-256"), o.clone()],
        vec![r.clone(), e.clone(), o.clone(), o.clone()],
    ] {
        assert_ne!(all, of(&other), "{other:?}");
    }
}
