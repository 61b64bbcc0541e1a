//! What other libraries got wrong about keys, one test for each lesson (CVE numbers where there are any).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use kc_core::keys::{KeySource, PinnedKeys};
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

#[test]
fn a_small_rsa_key_verifies_nothing() {
    let small = base64(&[&[0xd5; 127][..], &[1]].concat());
    let jwk = merged(OURS.jwk("RS256"), &json!({ "n": small }));
    let validator = pinned(&json!({ "keys": [jwk, OURS.jwk("ES256")] }));
    let token = OURS.token(&header("RS256"), &payload());
    assert_eq!(code_of(&check_with(&validator, &token)), "unknown_key");
}
