//! What holds for every token, good, damaged or made up.

use std::sync::LazyLock;

use kc_core::token::MAX_TOKEN_BYTES;
use proptest::prelude::*;
use serde_json::json;

use crate::issuer::*;

static GOOD: LazyLock<Vec<String>> =
    LazyLock::new(|| ["RS256", "ES256", "EdDSA"].map(|alg| OURS.token(&header(alg), &payload())).to_vec());

/// The text of an error in every form it has.
fn error_text(token: &str) -> String {
    let error = check(token).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let public = match &error {
        kc_core::validator::ValidationError::Token(error) => {
            format!("{error:?} {error} {}", error.public_detail())
        }
        other => other.to_string(),
    };
    format!("{error:?} {error} {source} {public}")
}

#[test]
fn every_change_of_one_byte_of_a_good_token_is_refused() {
    for good in GOOD.iter() {
        for at in 0..good.len() {
            for change in [0x01, 0x02, 0x20, 0x7f] {
                let mut bytes = good.clone().into_bytes();
                bytes[at] ^= change;
                if let Ok(token) = String::from_utf8(bytes) {
                    assert!(check(&token).is_err(), "byte {at} ^ {change}");
                }
            }
            assert!(check(&format!("{}{}", &good[..at], &good[at + 1..])).is_err(), "without byte {at}");
        }
    }
}

#[test]
fn every_part_of_a_good_token_alone_is_refused() {
    let good = &GOOD[1];
    assert!(check(good).is_ok());
    for end in 0..good.len() {
        assert!(check(&good[..end]).is_err(), "the first {end} bytes");
        assert!(check(&good[end + 1..]).is_err(), "without the first {end}");
    }
}

#[test]
fn parts_of_two_good_tokens_are_no_good_token() {
    let other = OURS.with_claims(&json!({ "sub": "somebody else" }));
    assert!(check(&other).is_ok());
    let (a, b): (Vec<&str>, Vec<&str>) = (GOOD[1].split('.').collect(), other.split('.').collect());
    assert_eq!(code(&[a[0], b[1], a[2]].join(".")), "invalid_signature");
    assert_eq!(code(&[a[0], a[1], b[2]].join(".")), "invalid_signature");
    let rsa: Vec<&str> = GOOD[0].split('.').collect();
    assert_eq!(code(&[rsa[0], a[1], a[2]].join(".")), "invalid_signature");
}

/// What 48 KiB can hold without any key. That none of them costs more than reading it is the bench's to measure; a
/// quadratic reader would make this test hang.
#[test]
fn the_largest_header_of_a_stranger_is_refused_whatever_is_in_it() {
    let room = MAX_TOKEN_BYTES / 4 * 3 - 200;
    let filled = |piece: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        let mut n = 0;
        while text.len() + 20 < room {
            text.push_str(&piece(n));
            n += 1;
        }
        text
    };
    let many_members = filled(&|n| format!(r#""{n:x}":0,"#));
    let same_hash_prefix = filled(&|n| format!(r#""aaaaaaaaaaaaaaaa{n:x}":0,"#));
    let escapes = format!(r#""x":"{}","#, filled(&|_| r"\u0041".to_owned()));
    let array = format!(r#""x":[{}0],"#, filled(&|_| "0,".to_owned()));
    let digits = format!(r#""x":{},"#, filled(&|_| "9".to_owned()));
    let fraction = format!(r#""x":0.{}e-5,"#, filled(&|_| "7".to_owned()));
    let braces = format!(r#""x":{}"#, filled(&|_| r#"{"x":"#.to_owned()));
    for (name, members) in [
        ("members", many_members),
        ("members that begin alike", same_hash_prefix),
        ("escapes", escapes),
        ("an array", array),
        ("digits", digits),
        ("a fraction", fraction),
        ("braces", braces),
    ] {
        let header = format!(r#"{{{members}"alg":"ES256","kid":"p256"}}"#);
        let token = format!("{}.e30.AAAA", base64(header.as_bytes()));
        assert!(token.len() <= MAX_TOKEN_BYTES, "{name}: {}", token.len());
        let validator = validator();
        assert!(check_with(&validator, &token).is_err(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC*") {
        prop_assert!(check(&text).is_err());
    }

    #[test]
    fn any_three_segments_are_refused_without_a_panic(text in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}") {
        prop_assert!(check(&text).is_err());
    }

    #[test]
    fn any_bytes_as_segments_are_refused_without_a_panic(
        header in prop::collection::vec(any::<u8>(), 0..64),
        payload in prop::collection::vec(any::<u8>(), 0..64),
        signature in prop::collection::vec(any::<u8>(), 0..96),
    ) {
        let token = format!("{}.{}.{}", base64(&header), base64(&payload), base64(&signature));
        prop_assert!(check(&token).is_err());
    }

    #[test]
    fn any_signed_text_is_read_without_a_panic(payload in "\\PC{0,200}") {
        let token = OURS.token_of("EdDSA", &header("EdDSA").to_string(), &payload);
        prop_assert!(check(&token).is_err());
    }

    #[test]
    fn any_signed_claim_is_read_without_a_panic(name in "[a-z_]{0,20}", value in any_json()) {
        let _verdict = check(&OURS.token(&header("EdDSA"), &merged(payload(), &json!({ name: value }))));
    }

    #[test]
    fn any_known_claim_of_any_shape_is_read_without_a_panic(
        name in prop::sample::select(vec![
            "iss", "sub", "aud", "exp", "nbf", "iat", "auth_time", "jti", "typ", "azp", "sid", "acr", "amr", "scope",
            "realm_access", "resource_access", "groups", "organization", "cnf", "email_verified", "allowed-origins",
        ]),
        value in any_json(),
    ) {
        let _verdict = check(&OURS.token(&header("EdDSA"), &merged(payload(), &json!({ name: value }))));
    }

    #[test]
    fn any_mutation_of_a_good_token_is_refused(
        which in 0..3_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, "[A-Za-z0-9_.=+/ -]"), 1..6),
    ) {
        let good = &GOOD[which];
        let mut token = good.clone();
        for (at, kind, letter) in edits {
            let at = at.index(token.len());
            match kind {
                0 => token.replace_range(at..=at, &letter),
                1 => token.insert_str(at, &letter),
                _ => drop(token.remove(at)),
            }
        }
        prop_assume!(token != *good);
        prop_assert!(check(&token).is_err());
        assert_holds_nothing_of(&token, &error_text(&token));
    }

    #[test]
    fn no_error_ever_holds_a_segment_of_the_token(
        name in prop::sample::select(vec!["iss", "aud", "exp", "typ", "cnf", "realm_access", "sub", "nbf"]),
        value in any_json(),
        by_us in any::<bool>(),
    ) {
        let issuer = if by_us { &OURS } else { &THEIRS };
        let token = issuer.token(&header("ES256"), &merged(payload(), &json!({ name: value })));
        if check(&token).is_err() {
            assert_holds_nothing_of(&token, &error_text(&token));
        }
    }
}

fn assert_holds_nothing_of(token: &str, text: &str) {
    for segment in token.split('.').filter(|segment| segment.len() >= 12) {
        for window in segment.as_bytes().windows(12) {
            let window = str::from_utf8(window).unwrap_or("not text");
            assert!(!text.contains(window), "{text} holds {window}");
        }
    }
    assert!(!text.contains(['\r', '\n']), "{text}");
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<u64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        (NOW - 10..NOW + 10).prop_map(|value| json!(value)),
        "\\PC{0,20}".prop_map(|value| json!(value)),
        prop::sample::select(vec!["api", "Bearer", ISSUER, "roles"]).prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map("(roles|api|id|[a-z]{0,6})", inner, 0..4)
                .prop_map(|members| json!(members)),
        ]
    })
}
