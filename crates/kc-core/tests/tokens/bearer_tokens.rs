//! What other libraries got wrong, one test for each lesson (CVE numbers where there are any).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use kc_core::keys::{KeySource, PinnedKeys};
use kc_core::token::MAX_TOKEN_BYTES;
use kc_core::transport::TransportError;
use kc_core::validator::{JwtValidator, TokenValidator};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::endpoint::Endpoint;
use crate::issuer::*;

fn pinned(jwks: &Value) -> JwtValidator {
    validator_with(Arc::new(PinnedKeys::from_jwks(jwks.to_string().as_bytes()).unwrap()))
}

fn pinned_pem(pem: &str) -> JwtValidator {
    validator_with(Arc::new(PinnedKeys::from_pem(pem).unwrap()))
}

#[test]
fn a_good_token_of_each_algorithm_is_accepted() {
    for alg in ALGORITHMS {
        let verified = check(&OURS.token(&header(alg), &payload())).unwrap();
        assert_eq!(verified.claims().username.as_deref(), Some("alice"), "{alg}");
    }
}

/// CVE-2022-29217, CVE-2024-33663.
#[test]
fn an_rsa_public_key_is_never_an_hmac_secret_in_any_format() {
    let (spki, pkcs1) = (OURS.rsa_spki(), OURS.rsa_pkcs1());
    let spki_pem = pem("PUBLIC KEY", &spki);
    let jwk = OURS.jwk("RS256");
    let ssh = format!("ssh-rsa {}", base64_simd::STANDARD.encode_to_string(&spki));
    let secrets: [Vec<u8>; 10] = [
        spki_pem.trim_end().into(),
        spki_pem.clone().into(),
        spki_pem.replace('\n', "\r\n").into(),
        pem("RSA PUBLIC KEY", &pkcs1).into(),
        base64_simd::STANDARD.encode_to_string(&spki).into(),
        spki.clone(),
        pkcs1,
        jwk.to_string().into(),
        jwk["n"].as_str().unwrap().into(),
        ssh.into(),
    ];
    let validators = [validator(), pinned(&json!({ "keys": [jwk] })), pinned_pem(&spki_pem)];
    for secret in secrets {
        for (alg, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            for kid in [json!("rsa"), Value::Null] {
                let header = merged(header("RS256"), &json!({ "alg": alg, "kid": kid }));
                let message = format!(
                    "{}.{}",
                    base64(header.to_string().as_bytes()),
                    base64(payload().to_string().as_bytes())
                );
                let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), message.as_bytes());
                let token = format!("{message}.{}", base64(tag.as_ref()));
                for validator in &validators {
                    assert_eq!(code_of(&check_with(validator, &token)), "unsupported_algorithm");
                }
            }
        }
    }
}

#[test]
fn a_secret_among_the_keys_of_a_realm_signs_nothing() {
    let secret = b"0123456789abcdef0123456789abcdef";
    let oct = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "use": "sig", "k": base64(secret) });
    let validator = pinned(&json!({ "keys": [oct, OURS.jwk("ES256")] }));
    let header = json!({ "alg": "HS256", "kid": "s" }).to_string();
    let message = format!("{}.{}", base64(header.as_bytes()), base64(payload().to_string().as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    let token = format!("{message}.{}", base64(tag.as_ref()));
    assert_eq!(code_of(&check_with(&validator, &token)), "unsupported_algorithm");
    let of_that_key = OURS.with_header(&json!({ "kid": "s" }));
    assert_eq!(code_of(&check_with(&validator, &of_that_key)), "unknown_key");
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

#[test]
fn an_algorithm_that_the_key_is_not_for_fails() {
    for alg in ALGORITHMS {
        for claimed in ALGORITHMS.into_iter().filter(|claimed| *claimed != alg) {
            let header = merged(header(alg), &json!({ "alg": claimed })).to_string();
            let verdict = code(&OURS.token_of(alg, &header, &payload().to_string()));
            let same_key = kid(alg) == kid(claimed);
            assert_eq!(
                verdict,
                if same_key { "invalid_signature" } else { "unknown_key" },
                "{alg} as {claimed}"
            );
        }
    }
    let bound = merged(OURS.jwk("RS256"), &json!({ "alg": "RS256" }));
    let validator = pinned(&json!({ "keys": [bound] }));
    for (alg, verdict) in [("RS256", "ok"), ("RS512", "unknown_key"), ("PS256", "unknown_key")] {
        assert_eq!(code_of(&check_with(&validator, &OURS.token(&header(alg), &payload()))), verdict, "{alg}");
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

#[tokio::test]
async fn keys_and_addresses_in_the_header_are_never_used() {
    let (endpoint, keys) = Endpoint::publishing(&OURS.jwks());
    let validator = validator_with(keys);
    for parameters in [
        json!({ "jwk": THEIRS.jwk("ES256") }),
        json!({ "jwk": THEIRS.jwk("ES256"), "kid": null }),
        json!({ "jku": "https://elsewhere.test/certs" }),
        json!({ "jku": "https://kc.test/realms/a/protocol/openid-connect/certs", "kid": "p256" }),
        json!({ "x5u": "https://elsewhere.test/cert.pem" }),
        json!({ "x5c": [base64_simd::STANDARD.encode_to_string(THEIRS.rsa_spki())] }),
        json!({ "x5t": "AAAA", "x5t#S256": "AAAA" }),
    ] {
        let token = THEIRS.with_header(&parameters);
        assert_eq!(code_of(&validator.validate(&token).await), "invalid_signature", "{parameters}");
    }
    assert_eq!(endpoint.requests(), 1);
    let harmless = OURS.with_header(&json!({ "jwk": 1, "jku": [], "x5c": "?", "x5u": {}, "cty": 7 }));
    assert_eq!(code_of(&validator.validate(&harmless).await), "ok", "what is not read cannot be wrong");
}

#[test]
fn a_kid_is_a_name_and_nothing_else() {
    for kid in [
        "../../../../dev/null",
        "p256/../p256",
        "x' UNION SELECT 'secret' --",
        "p256\r\nX-Injected: 1",
        "p256\u{0}",
        "P256",
        " p256",
        "",
        "|id",
        "\u{202e}652p",
        &"k".repeat(10_000),
    ] {
        assert_eq!(code(&OURS.with_header(&json!({ "kid": kid }))), "unknown_key", "{kid:?}");
    }
    for kid in [json!(7), json!(["p256"]), json!({ "kid": "p256" }), json!(true)] {
        assert_eq!(code(&OURS.with_header(&json!({ "kid": kid }))), "malformed_token", "{kid}");
    }
    let null = r#"{"alg":"ES256","kid":null}"#;
    assert_eq!(code(&OURS.token_of("ES256", null, &payload().to_string())), "malformed_token");
}

#[test]
fn two_keys_of_one_kid_are_told_apart_by_alg_or_refused() {
    let same = |key: Value, alg: &str| merged(key, &json!({ "kid": "k", "alg": alg }));
    let named = |alg: &str| OURS.token(&merged(header(alg), &json!({ "kid": "k" })), &payload());
    let validator =
        pinned(&json!({ "keys": [same(OURS.jwk("ES256"), "ES256"), same(OURS.jwk("RS256"), "RS256")] }));
    for (alg, verdict) in [("ES256", "ok"), ("RS256", "ok"), ("PS256", "unknown_key")] {
        assert_eq!(code_of(&check_with(&validator, &named(alg))), verdict, "{alg}");
    }
    let validator =
        pinned(&json!({ "keys": [same(OURS.jwk("ES256"), "ES256"), same(THEIRS.jwk("ES256"), "ES256")] }));
    assert_eq!(code_of(&check_with(&validator, &named("ES256"))), "unknown_key");
}

#[test]
fn keys_for_encryption_and_private_keys_never_verify() {
    let good = OURS.jwk("EdDSA");
    for change in [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "key_ops": [] }),
        json!({ "alg": "ECDH-ES" }),
        json!({ "d": "AAAA" }),
    ] {
        let validator = pinned(&json!({ "keys": [merged(OURS.jwk("ES256"), &change), good] }));
        let token = OURS.token(&header("ES256"), &payload());
        assert_eq!(code_of(&check_with(&validator, &token)), "unknown_key", "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_random_kids_cost_one_fetch_a_cool_down_and_hold_up_no_good_token() {
    let (endpoint, keys) = Endpoint::publishing(&OURS.jwks());
    keys.prefetch().await.unwrap();
    endpoint.hangs(Duration::from_secs(2));
    let validator = Arc::new(validator_with(keys));
    let good = OURS.token(&header("EdDSA"), &payload());
    let unsigned = base64(payload().to_string().as_bytes());
    let mut flood = JoinSet::new();
    let start = tokio::time::Instant::now();
    for n in 0..10_000 {
        let header = json!({ "alg": "EdDSA", "kid": format!("random-{n}") }).to_string();
        let token = format!("{}.{unsigned}.{}", base64(header.as_bytes()), base64(&[0; 64]));
        let flooded = Arc::clone(&validator);
        flood.spawn(async move { code_of(&flooded.validate(&token).await) });
        if n % 100 == 0 {
            let before = tokio::time::Instant::now();
            assert_eq!(code_of(&validator.validate(&good).await), "ok");
            assert_eq!(before.elapsed(), Duration::ZERO);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
    assert!(flood.join_all().await.iter().all(|code| *code == "unknown_key"));
    assert_eq!((start.elapsed().as_secs(), endpoint.requests()), (25, 1 + 3));
}

#[tokio::test(start_paused = true)]
async fn a_key_endpoint_that_hangs_bounds_the_wait_and_leaves_good_tokens_alone() {
    let (endpoint, keys) = Endpoint::publishing(&OURS.jwks());
    keys.prefetch().await.unwrap();
    endpoint.hangs(Duration::from_secs(30));
    let validator = Arc::new(validator_with(keys));
    let waiting = Arc::clone(&validator);
    let unknown = OURS.with_header(&json!({ "kid": "new" }));
    let waiter = tokio::spawn(async move { code_of(&waiting.validate(&unknown).await) });
    let start = tokio::time::Instant::now();
    while !waiter.is_finished() {
        assert!(check_with(&validator, &OURS.with_claims(&json!({}))).is_ok());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(waiter.await.unwrap(), "keys_unavailable");
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_found_and_a_withdrawn_one_is_dead() {
    let (endpoint, keys) = Endpoint::publishing(&json!({ "keys": [OURS.jwk("ES256")] }));
    let validator = validator_with(keys);
    let (old, new) = (OURS.token(&header("ES256"), &payload()), OURS.token(&header("EdDSA"), &payload()));
    assert_eq!(code_of(&validator.validate(&old).await), "ok");
    endpoint.publishes(&json!({ "keys": [OURS.jwk("EdDSA")] }));
    assert_eq!(code_of(&validator.validate(&old).await), "ok", "nobody knows yet");
    assert_eq!(code_of(&validator.validate(&new).await), "ok");
    assert_eq!(code_of(&validator.validate(&old).await), "unknown_key");
    assert_eq!(endpoint.requests(), 2, "the old kid is within the cool-down");
}

#[tokio::test(start_paused = true)]
async fn a_key_endpoint_that_answers_anything_but_keys_changes_nothing() {
    let token = OURS.token(&header("ES256"), &payload());
    for answer in [
        Ok((302, OURS.jwks().to_string())),
        Ok((200, "<html>Sign in</html>".to_owned())),
        Ok((200, r#"{"keys":[]}"#.to_owned())),
        Ok((200, "{}".to_owned())),
        Ok((200, String::new())),
        Ok((200, "\u{1f}\u{8b}\u{8}".to_owned())),
        Ok((500, OURS.jwks().to_string())),
        Err(TransportError::TooLarge { limit: 512 * 1024 }),
        Err(TransportError::Timeout { after: Duration::from_secs(5) }),
    ] {
        let (endpoint, keys) = Endpoint::publishing(&OURS.jwks());
        endpoint.answers(answer.clone());
        let validator = validator_with(Arc::clone(&keys) as Arc<dyn KeySource>);
        assert_eq!(code_of(&validator.validate(&token).await), "keys_unavailable", "first: {answer:?}");
        endpoint.publishes(&OURS.jwks());
        keys.prefetch().await.unwrap();
        endpoint.answers(answer.clone());
        assert!(keys.prefetch().await.is_err());
        assert_eq!(code_of(&validator.validate(&token).await), "ok", "later: {answer:?}");
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

#[test]
fn a_small_rsa_key_verifies_nothing() {
    let small = base64(&[&[0xd5; 127][..], &[1]].concat());
    let jwk = merged(OURS.jwk("RS256"), &json!({ "n": small }));
    let validator = pinned(&json!({ "keys": [jwk, OURS.jwk("ES256")] }));
    let token = OURS.token(&header("RS256"), &payload());
    assert_eq!(code_of(&check_with(&validator, &token)), "unknown_key");
}
