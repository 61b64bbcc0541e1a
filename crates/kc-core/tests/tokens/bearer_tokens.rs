//! What other libraries got wrong, one test for each lesson (CVE numbers where there are any).

use std::sync::Arc;

use kc_core::keys::PinnedKeys;
use kc_core::token::MAX_TOKEN_BYTES;
use kc_core::validator::JwtValidator;
use serde_json::{Value, json};

use crate::issuer::*;

#[test]
fn a_good_token_of_each_algorithm_is_accepted() {
    for alg in ALGORITHMS {
        let verified = check(&OURS.token(&header(alg), &payload())).unwrap();
        assert_eq!(verified.claims().username.as_deref(), Some("alice"), "{alg}");
    }
}

#[test]
fn alg_none_is_refused_in_every_letter_case_with_and_without_a_signature() {
    for spelling in 0..16_u32 {
        let none: String = "none"
            .chars()
            .enumerate()
            .map(|(n, letter)| if spelling >> n & 1 == 1 { letter.to_ascii_uppercase() } else { letter })
            .collect();
        let signed = OURS.with_header(&json!({ "alg": none }));
        assert_eq!(code(&signed), "unsupported_algorithm");
        let bare = signed.rsplit_once('.').unwrap().0;
        assert_eq!(code(&format!("{bare}.")), "unsupported_algorithm");
        assert_eq!(code(bare), "malformed_token");
    }
}

#[test]
fn an_alg_that_is_missing_or_no_text_is_refused() {
    assert_eq!(code(&OURS.with_header(&json!({ "alg": null }))), "malformed_token");
    for alg in [json!(["ES256"]), json!({ "ES256": 1 }), json!(256), json!(true)] {
        assert_eq!(code(&OURS.with_header(&json!({ "alg": alg }))), "malformed_token");
    }
    assert_eq!(code(&OURS.token_of("ES256", r#"{"alg":null}"#, &payload().to_string())), "malformed_token");
}

#[test]
fn an_unknown_algorithm_fails_and_skips_no_verification() {
    for alg in [
        "",
        "ES256K",
        "es256",
        "ES256 ",
        "Es256",
        "RS1",
        "Ed448",
        "Ed25519",
        "ML-DSA-65",
        "A128KW",
        "dir",
        "PBES2-HS256+A128KW",
        "ES256\u{0}",
        "ＥＳ256",
    ] {
        assert_eq!(code(&OURS.with_header(&json!({ "alg": alg }))), "unsupported_algorithm", "{alg:?}");
    }
}

/// CVE-2026-32597; RFC 7515 §4.1.11, RFC 7797.
#[test]
fn critical_parameters_b64_and_zip_are_refused_in_any_form() {
    for parameters in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": "exp" }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": ["x"], "x": 1 }),
        json!({ "b64": false }),
        json!({ "b64": true }),
        json!({ "zip": "DEF" }),
        json!({ "zip": "" }),
    ] {
        assert_eq!(code(&OURS.with_header(&parameters)), "malformed_token", "{parameters}");
    }
}

/// GHSA-75c5-xw7c-p5pm: realms whose names begin alike, and one issuer in many spellings.
#[test]
fn an_issuer_that_only_looks_like_ours_is_refused() {
    for iss in [
        "https://kc.test/realms/ab",
        "https://kc.test/realms/",
        "https://kc.test/realms/a/",
        "https://kc.test/realms/A",
        "https://kc.test:443/realms/a",
        "http://kc.test/realms/a",
        "HTTPS://kc.test/realms/a",
        "https://kc.test/realms/b/../a",
        "https://kc.test/realms/%61",
        "https://kc.test/realms/b%2f..%2fa",
        "https://kc.test/realms/a?",
        "https://kc.test/realms/a#",
        " https://kc.test/realms/a",
        "https://kc.test/realms/a\n",
        "https://kc.test/realms/a\u{0}",
        "https://kc.test/realms",
        "a",
        "",
    ] {
        assert_eq!(code(&OURS.with_claims(&json!({ "iss": iss }))), "invalid_issuer", "{iss:?}");
    }
    for iss in [json!([ISSUER]), json!({ ISSUER: 1 }), json!(1), json!(true)] {
        assert_eq!(code(&OURS.with_claims(&json!({ "iss": iss }))), "malformed_claim");
    }
    assert_eq!(code(&OURS.with_claims(&json!({ "iss": null }))), "missing_claim");
}

/// CVE-2026-25537.
#[test]
fn a_date_that_is_no_number_is_refused_whether_it_is_needed_or_not() {
    for claim in ["exp", "nbf", "iat", "auth_time"] {
        for value in [
            json!((NOW + 300).to_string()),
            json!("2099-01-01T00:00:00Z"),
            json!("NaN"),
            json!(""),
            json!([NOW + 300]),
            json!({ "at": NOW }),
            json!(true),
            json!(false),
        ] {
            assert_eq!(
                code(&OURS.with_claims(&json!({ claim: value }))),
                "malformed_claim",
                "{claim}: {value}"
            );
        }
        for value in ["NaN", "Infinity", "-Infinity", "0x7fffffff", "1e999", "+1", ".5", "1.", "01"] {
            let payload = payload().to_string().replacen('{', &format!("{{\"{claim}\":{value},\"was_"), 1);
            let payload = payload.replace("\"was_\"", "\"was_");
            let token = OURS.token_of("ES256", &header("ES256").to_string(), &payload);
            assert_eq!(code(&token), "malformed_token", "{claim}: {value}");
        }
    }
}

#[test]
fn a_fraction_of_a_second_is_a_date() {
    assert_eq!(code(&OURS.with_claims(&json!({ "exp": NOW as f64 + 0.5, "iat": NOW as f64 - 0.5 }))), "ok");
    assert_eq!(code(&OURS.with_claims(&json!({ "exp": NOW as f64 - 5.5 }))), "token_expired");
}

#[test]
fn a_token_without_exp_is_not_good_for_ever() {
    assert_eq!(code(&OURS.with_claims(&json!({ "exp": null }))), "missing_claim");
    let null = payload().to_string().replace(&format!("\"exp\":{}", NOW + 300), "\"exp\":null");
    assert_eq!(code(&OURS.token_of("ES256", &header("ES256").to_string(), &null)), "missing_claim");
    for exp in [json!(0), json!(-1), json!(-0.0), json!(NOW - 5), json!(-1e308), json!(i64::MIN)] {
        assert_eq!(code(&OURS.with_claims(&json!({ "exp": exp }))), "token_expired", "{exp}");
    }
}

/// CVE-2025-27144, CVE-2025-30204.
#[test]
fn size_and_number_of_segments_are_looked_at_before_anything_else() {
    assert_eq!(code(&".".repeat(MAX_TOKEN_BYTES + 1)), "token_too_large");
    assert_eq!(code(&"a".repeat(MAX_TOKEN_BYTES + 1)), "token_too_large");
    assert_eq!(code(&".".repeat(MAX_TOKEN_BYTES)), "malformed_token");
    let largest = |bytes: usize| OURS.with_claims(&json!({ "filler": "x".repeat(bytes) }));
    let room = (MAX_TOKEN_BYTES - largest(0).len()) / 4 * 3;
    let fits = largest(room);
    assert!(fits.len() <= MAX_TOKEN_BYTES && fits.len() > MAX_TOKEN_BYTES - 8);
    assert_eq!(code(&fits), "ok");
    assert_eq!(code(&largest(room + 8)), "token_too_large");
    let good = OURS.with_claims(&json!({}));
    for token in
        ["", ".", "..", "...", "a", "a.b", "a..c", ".b.c", &format!("{good}."), &format!("{good}.AAAA")]
    {
        assert_eq!(code(token), "malformed_token", "{token:?}");
    }
}

/// CVE-2024-28176, CVE-2022-36083, CVE-2023-52428, CVE-2022-3102.
#[test]
fn encrypted_compressed_and_nested_tokens_are_refused_without_being_opened() {
    let header = json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_647, "p2s": "AA", "zip": "DEF" });
    let jwe = format!("{}.AAAA.AAAA.AAAA.AAAA", base64(header.to_string().as_bytes()));
    assert_eq!(code(&jwe), "malformed_token");
    let inner = OURS.with_claims(&json!({}));
    let nested = OURS.token_of("ES256", r#"{"alg":"ES256","kid":"p256","cty":"JWT"}"#, &inner);
    assert_eq!(code(&nested), "malformed_token");
    let quoted =
        OURS.token_of("ES256", r#"{"alg":"ES256","kid":"p256","cty":"JWT"}"#, &json!(inner).to_string());
    assert_eq!(code(&quoted), "malformed_token");
    let json_serialization =
        json!({ "payload": "e30", "signatures": [{ "protected": "e30", "signature": "AA" }] });
    assert_eq!(code(&json_serialization.to_string()), "malformed_token");
}

/// CVE-2025-53864.
#[test]
fn json_that_is_deep_or_names_a_member_twice_is_refused() {
    for depth in [17, 1000, 10_000] {
        let deep = format!(r#"{}1{}"#, "[".repeat(depth), "]".repeat(depth));
        let payload = payload().to_string().replacen('{', &format!(r#"{{"deep":{deep},"#), 1);
        assert_eq!(code(&OURS.token_of("ES256", &header("ES256").to_string(), &payload)), "malformed_token");
    }
    for member in [r#""aud":"api""#, r#""iss":"x""#, r#""exp":1"#, r#""typ":"Bearer""#, r#""\u0061ud":"api""#]
    {
        let payload = payload().to_string().replacen('{', &format!("{{{member},"), 1);
        let token = OURS.token_of("ES256", &header("ES256").to_string(), &payload);
        assert_eq!(code(&token), "malformed_token", "{member}");
    }
    for member in [r#""alg":"none""#, r#""kid":"x""#, r#""typ":"JWT""#, r#""\u0061lg":"ES256""#] {
        let header = header("ES256").to_string().replacen('{', &format!("{{{member},"), 1);
        assert_eq!(
            code(&OURS.token_of("ES256", &header, &payload().to_string())),
            "malformed_token",
            "{member}"
        );
    }
}

#[test]
fn base64url_has_one_spelling() {
    let good = OURS.with_claims(&json!({}));
    let segments: Vec<&str> = good.split('.').collect();
    for n in 0..3 {
        for defect in ["=", "==", "\n", " ", "\t", "%3D", "+", "/", "A", "ä", "\u{0}"] {
            for (before, after) in [("", defect), (defect, "")] {
                let mut changed: Vec<String> = segments.iter().map(|segment| (*segment).to_owned()).collect();
                changed[n] = format!("{before}{}{after}", changed[n]);
                let verdict = code(&changed.join("."));
                assert!(
                    verdict == "malformed_token" || (defect == "A" && verdict == "invalid_signature"),
                    "{defect:?} in segment {n}: {verdict}"
                );
            }
        }
    }
    // 64 bytes of signature leave four bits of the last letter unused.
    let (rest, last) = good.split_at(good.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).unwrap();
    for other in (at & !15)..(at | 15) + 1 {
        let token = format!("{rest}{}", &alphabet[other..=other]);
        assert_eq!(code(&token), if other == at { "ok" } else { "malformed_token" });
    }
}

/// CVE-2022-21449 and its like.
#[test]
fn a_signature_of_zeros_or_of_a_wrong_length_is_refused() {
    for alg in ALGORITHMS {
        let token = OURS.token(&header(alg), &payload());
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
        let length = signature.len();
        let half = length / 2;
        let variants = [
            Vec::new(),
            vec![0],
            vec![0; length],
            vec![0xff; length],
            signature[..length - 1].to_vec(),
            signature[1..].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            [&signature[..], &signature[..]].concat(),
            [&[0; 1][..], &signature[..half], &[0; 1], &signature[half..]].concat(),
            [&signature[half..], &signature[..half]].concat(),
            [&vec![0; half][..], &signature[half..]].concat(),
            [&signature[..half], &vec![0; length - half]].concat(),
            vec![0; 20_000],
        ];
        for variant in variants {
            assert_eq!(code(&format!("{message}.{}", base64(&variant))), "invalid_signature", "{alg}");
        }
    }
}

/// What a realm signs with the same keys: an access token is `Bearer`, and nothing else passes for one.
#[test]
fn no_other_kind_of_token_passes_for_an_access_token() {
    for kind in [
        "ID",
        "Refresh",
        "Offline",
        "Logout",
        "DPoP",
        "bearer",
        "BEARER",
        "",
        "Bearer ",
        "at+jwt",
        "JWT",
        "InitialAccessToken",
        "RegistrationAccessToken",
        "Serialized-ID",
        "urn:ietf:params:oauth:token-type:jwt",
    ] {
        let token = OURS.with_claims(&json!({ "typ": kind }));
        assert_eq!(code(&token), "wrong_token_type", "{kind:?}");
        let at_jwt = merged(header("ES256"), &json!({ "typ": "at+jwt" }));
        let token = OURS.token(&at_jwt, &merged(payload(), &json!({ "typ": kind })));
        assert_eq!(code(&token), "wrong_token_type", "{kind:?} as at+jwt");
    }
    for kind in [
        "logout+jwt",
        "dpop+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "secevent+jwt",
        "JOSE",
        "JOSE+JSON",
        "",
        "at+jwt ",
        "application/at+jwt; charset=utf-8",
        "text/jwt",
    ] {
        assert_eq!(code(&OURS.with_header(&json!({ "typ": kind }))), "wrong_token_type", "{kind:?}");
    }
    for typ in [json!(["JWT"]), json!(1), json!({})] {
        assert_eq!(code(&OURS.with_header(&json!({ "typ": typ }))), "malformed_token");
        assert_eq!(code(&OURS.with_claims(&json!({ "typ": typ }))), "malformed_claim");
    }
}

#[test]
fn an_rfc_9068_token_has_no_marks_of_another_kind() {
    let at_jwt = merged(header("ES256"), &json!({ "typ": "at+jwt" }));
    let without = |changes: &Value| merged(merged(payload(), &json!({ "typ": null })), changes);
    assert_eq!(code(&OURS.token(&at_jwt, &without(&json!({})))), "ok");
    for mark in
        [json!({ "nonce": "n" }), json!({ "at_hash": "h" }), json!({ "events": {} }), json!({ "nonce": 1 })]
    {
        assert_eq!(code(&OURS.token(&at_jwt, &without(&mark))), "wrong_token_type", "{mark}");
    }
    assert_eq!(code(&OURS.token(&header("ES256"), &without(&json!({})))), "wrong_token_type");
}

#[test]
fn a_bound_token_is_no_bearer_token() {
    for cnf in [json!({ "jkt": "x", "kc-jkt-type": "DPoP" }), json!({ "x5t#S256": "x" }), json!({})] {
        assert_eq!(code(&OURS.with_claims(&json!({ "cnf": cnf }))), "bound_token");
        assert_eq!(code(&OURS.with_claims(&json!({ "cnf": cnf, "typ": "DPoP" }))), "bound_token");
    }
    for cnf in [json!("x"), json!([]), json!(true), json!(0)] {
        assert_eq!(code(&OURS.with_claims(&json!({ "cnf": cnf }))), "malformed_claim");
    }
}

/// GHSA-48mh-j4p5-7j9v.
#[test]
fn a_token_for_another_client_is_refused_whoever_got_it() {
    for aud in [
        json!("account"),
        json!(["account"]),
        json!([]),
        json!(""),
        json!("API"),
        json!("api "),
        json!("api,account"),
        json!("api account"),
        json!(["ap", "i"]),
        json!(["xapi", "apix"]),
        json!("*"),
        json!("api\u{0}"),
    ] {
        let changes = json!({ "aud": aud, "azp": "api", "client_id": "api", "scope": "api" });
        assert_eq!(code(&OURS.with_claims(&changes)), "invalid_audience", "{aud}");
    }
    for aud in [
        json!(1),
        json!({ "api": 1 }),
        json!(["api", 1]),
        json!(["api", null]),
        json!([["api"]]),
        json!(true),
    ] {
        assert_eq!(code(&OURS.with_claims(&json!({ "aud": aud }))), "malformed_claim", "{aud}");
    }
    assert_eq!(code(&OURS.with_claims(&json!({ "aud": null, "azp": "api" }))), "missing_claim");
    let keys = PinnedKeys::from_jwks(OURS.jwks().to_string().as_bytes()).unwrap();
    let nobody = JwtValidator::builder(ISSUER, Vec::<String>::new(), Arc::new(keys)).build();
    assert!(check_with(&nobody, &OURS.with_claims(&json!({ "exp": 99_999_999_999_i64 }))).is_err());
}

#[test]
fn a_token_of_another_realm_is_refused_though_its_key_has_the_same_id() {
    assert_eq!(code(&THEIRS.with_claims(&json!({}))), "invalid_signature");
    assert_eq!(code(&THEIRS.with_claims(&json!({ "iss": "https://kc.test/realms/b" }))), "invalid_signature");
    assert_eq!(code(&OURS.with_claims(&json!({ "iss": "https://kc.test/realms/b" }))), "invalid_issuer");
}
