//! The examples of RFC 7520 §4, with the keys of §3. Their constants are Code Components of that RFC (Revised BSD License,
//! <https://trustee.ietf.org/license-info>).
//!
//! Their payload is a sentence from a novel, not JSON. A validator says so only of what the key has signed: that is how
//! the whole way of a token is tested with them.

use kc_core::signature::Algorithm::{self, Es512, Ps384, Rs256};
use serde_json::{Value, json};

use crate::verifier::{code, every_changed_byte_is_refused, validate};

/// Figure 8.
const PAYLOAD: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUg\
    cm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0\
    IGJlIHN3ZXB0IG9mZiB0by4";

/// §4.1, figures 10 and 12.
const RS256: (&str, &str) = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi8\
     4wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocS\
     adnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJu\
     shZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
);

/// §4.2, figures 17 and 19.
const PS384: (&str, &str) = (
    "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
    "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItl\
     lVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0\
     TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0\
     uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
);

/// §4.3, figures 24 and 26.
const ES512: (&str, &str) = (
    "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
    "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_\
     sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
);

/// §4.4, figures 31 and 33.
const HS256: (&str, &str) = (
    "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
    "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
);

/// §3.1, figure 1.
fn ec_key() -> Value {
    json!({
        "kty": "EC", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "crv": "P-521",
        "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
        "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
    })
}

/// §3.3, figure 3.
fn rsa_key() -> Value {
    let n = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRB\
        SFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD\
        1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_\
        qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
    json!({ "kty": "RSA", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "n": n, "e": "AQAB" })
}

fn token((header, signature): (&str, &str)) -> String {
    format!("{header}.{PAYLOAD}.{signature}")
}

#[track_caller]
fn passes(key: &Value, alg: Algorithm, example: (&str, &str)) {
    let token = token(example);
    every_changed_byte_is_refused(key, alg, &token);
    assert_eq!(code(validate(key, 0, &token)), "malformed_token", "the payload, which is no JSON");
    let (header, signature) = example;
    let forged = format!("{header}.{}.{signature}", PAYLOAD.replace("SXTi", "SXTj"));
    assert_eq!(code(validate(key, 0, &forged)), "invalid_signature");
}

#[test]
fn rsa_v15_of_section_4_1() {
    passes(&rsa_key(), Rs256, RS256);
}

#[test]
fn rsa_pss_of_section_4_2() {
    passes(&rsa_key(), Ps384, PS384);
}

#[test]
fn ecdsa_of_section_4_3() {
    passes(&ec_key(), Es512, ES512);
}

#[test]
fn hmac_of_section_4_4_is_unsupported_whatever_key_there_is() {
    for key in [rsa_key(), ec_key()] {
        assert_eq!(code(validate(&key, 0, &token(HS256))), "unsupported_algorithm");
    }
}

/// §3.5: the key of §4.4 is symmetric, and a set of nothing else has no key.
#[test]
fn the_symmetric_key_of_section_3_5_is_no_key() {
    let set = br#"{"kty":"oct","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037","use":"sig","alg":"HS256",
        "k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}"#;
    let error = kc_core::keys::KeySet::from_jwks(set, 1).unwrap_err().to_string();
    assert!(error.contains("symmetric") && !error.contains("hJtX"), "{error}");
}

/// §4.5: the content travels apart.
#[test]
fn detached_content_is_not_what_was_signed() {
    let (header, signature) = RS256;
    assert_eq!(code(validate(&rsa_key(), 0, &format!("{header}..{signature}"))), "invalid_signature");
}

/// §4.6 to §4.8 exist in the JSON serialization only.
#[test]
fn the_json_serialization_is_malformed() {
    let (header, signature) = RS256;
    let flattened = json!({ "payload": PAYLOAD, "protected": header, "signature": signature });
    let general =
        json!({ "payload": PAYLOAD, "signatures": [{ "protected": header, "signature": signature }] });
    for token in [flattened, general] {
        assert_eq!(code(validate(&rsa_key(), 0, &token.to_string())), "malformed_token");
    }
}

/// Each key of the set is for one algorithm of the examples, and says yes to no other's signature.
#[test]
fn a_signature_of_one_section_is_none_under_the_header_of_another() {
    for (key, header, signature) in
        [(rsa_key(), RS256.0, PS384.1), (rsa_key(), PS384.0, RS256.1), (ec_key(), ES512.0, RS256.1)]
    {
        assert_eq!(code(validate(&key, 0, &token((header, signature)))), "invalid_signature");
    }
    assert_eq!(code(validate(&rsa_key(), 0, &token(ES512))), "unknown_key");
    assert_eq!(code(validate(&ec_key(), 0, &token(RS256))), "unknown_key");
}
