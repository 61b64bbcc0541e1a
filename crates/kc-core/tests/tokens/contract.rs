//! Which tokens are good, which code each defect has, and which of several defects is named: tables.

use serde_json::{Value, json};

use crate::issuer::*;

/// A token of these parts, by the key for ES256.
fn verdict(header_changes: &Value, claim_changes: &Value) -> &'static str {
    let header = merged(header("ES256"), header_changes).to_string();
    code(&OURS.token_of("ES256", &header, &merged(payload(), claim_changes).to_string()))
}

#[test]
fn the_type_in_the_header_and_the_kind_in_the_claims_decide_together() {
    let none = json!({ "typ": null });
    let bearer = json!({ "typ": "Bearer" });
    let id = json!({ "typ": "ID" });
    for (header_type, with_bearer, with_none) in [
        (Value::Null, "ok", "wrong_token_type"),
        (json!("JWT"), "ok", "wrong_token_type"),
        (json!("jwt"), "ok", "wrong_token_type"),
        (json!("application/jwt"), "ok", "wrong_token_type"),
        (json!("Application/JWT"), "ok", "wrong_token_type"),
        (json!("at+jwt"), "ok", "ok"),
        (json!("AT+JWT"), "ok", "ok"),
        (json!("application/at+jwt"), "ok", "ok"),
        (json!("logout+jwt"), "wrong_token_type", "wrong_token_type"),
        (json!("dpop+jwt"), "wrong_token_type", "wrong_token_type"),
        (json!("JWS"), "wrong_token_type", "wrong_token_type"),
        (json!(""), "wrong_token_type", "wrong_token_type"),
    ] {
        let header = json!({ "typ": header_type });
        assert_eq!(verdict(&header, &bearer), with_bearer, "{header_type} with Bearer");
        assert_eq!(verdict(&header, &none), with_none, "{header_type} without");
        assert_eq!(verdict(&header, &id), "wrong_token_type", "{header_type} with ID");
    }
}

#[test]
fn claims_are_required_optional_or_of_a_shape() {
    for (changes, expected) in [
        (json!({}), "ok"),
        (json!({ "sub": null }), "ok"),
        (json!({ "jti": null, "iat": null, "azp": null, "sid": null, "scope": null, "acr": null }), "ok"),
        (json!({ "realm_access": null, "resource_access": null }), "ok"),
        (json!({ "unknown": { "deep": [1, { "er": null }] }, "": 1, "x\u{0}": true }), "ok"),
        (json!({ "nonce": "n", "at_hash": "h" }), "ok"),
        (json!({ "aud": "api" }), "ok"),
        (json!({ "aud": ["account", "api", "api"] }), "ok"),
        (json!({ "exp": null }), "missing_claim"),
        (json!({ "iss": null }), "missing_claim"),
        (json!({ "aud": null }), "missing_claim"),
        (json!({ "sub": 7 }), "malformed_claim"),
        (json!({ "sub": ["x"] }), "malformed_claim"),
        (json!({ "preferred_username": 1 }), "malformed_claim"),
        (json!({ "email_verified": "true" }), "malformed_claim"),
        (json!({ "scope": ["openid"] }), "malformed_claim"),
        (json!({ "realm_access": ["admin"] }), "malformed_claim"),
        (json!({ "realm_access": { "roles": "admin" } }), "malformed_claim"),
        (json!({ "realm_access": { "roles": ["admin", 1] } }), "malformed_claim"),
        (json!({ "resource_access": { "other": { "roles": [[]] } } }), "malformed_claim"),
        (json!({ "resource_access": { "other": "x" } }), "malformed_claim"),
        (json!({ "nbf": NOW + 5 }), "ok"),
        (json!({ "nbf": NOW + 6 }), "token_not_yet_valid"),
        (json!({ "iat": NOW + 5 }), "ok"),
        (json!({ "iat": NOW + 6 }), "token_not_yet_valid"),
        (json!({ "exp": NOW - 4 }), "ok"),
        (json!({ "exp": NOW - 5 }), "token_expired"),
        (json!({ "cnf": { "jkt": "x" } }), "bound_token"),
        (json!({ "aud": "account" }), "invalid_audience"),
        (json!({ "iss": "https://kc.test/realms/b" }), "invalid_issuer"),
    ] {
        assert_eq!(verdict(&json!({}), &changes), expected, "{changes}");
    }
}

#[test]
fn null_is_absent_for_an_optional_claim_and_missing_for_a_required_one() {
    let required = ["exp", "iss", "aud"];
    let optional =
        ["sub", "iat", "nbf", "cnf", "scope", "realm_access", "resource_access", "email", "nonce", "acr"];
    for claim in required.into_iter().chain(optional) {
        let mut claims = payload();
        claims[claim] = Value::Null;
        let token = OURS.token(&header("ES256"), &claims);
        assert_eq!(code(&token), if required.contains(&claim) { "missing_claim" } else { "ok" }, "{claim}");
    }
}

#[test]
fn without_a_kid_the_only_key_for_the_algorithm_is_taken() {
    let no_kid = json!({ "kid": null });
    assert_eq!(verdict(&no_kid, &json!({})), "ok");
    let two = json!({ "keys": [OURS.jwk("ES256"), merged(THEIRS.jwk("ES256"), &json!({ "kid": "other" }))] });
    let keys = kc_core::keys::PinnedKeys::from_jwks(two.to_string().as_bytes()).unwrap();
    let validator = validator_with(std::sync::Arc::new(keys));
    let token = OURS.with_header(&no_kid);
    assert_eq!(code_of(&check_with(&validator, &token)), "unknown_key", "two fit");
}

/// One defect for each step, in the order of the steps: the header's and the claims' changes, and what they are called.
fn defects() -> [(&'static str, Value, Value); 9] {
    let none = json!({});
    [
        ("malformed_token", json!({ "crit": ["x"] }), none.clone()),
        ("unsupported_algorithm", json!({ "alg": "HS256" }), none.clone()),
        ("unknown_key", json!({ "kid": "x" }), none.clone()),
        // The signature: see below.
        ("malformed_claim", none.clone(), json!({ "realm_access": 1 })),
        ("wrong_token_type", none.clone(), json!({ "typ": "ID" })),
        ("bound_token", none.clone(), json!({ "cnf": { "jkt": "x" } })),
        ("invalid_issuer", none.clone(), json!({ "iss": "https://elsewhere.test" })),
        ("invalid_audience", none.clone(), json!({ "aud": "account" })),
        ("token_expired", none, json!({ "exp": NOW - 600, "nbf": NOW + 600, "iat": NOW + 600 })),
    ]
}

#[test]
fn of_several_defects_the_first_in_the_order_of_the_checks_is_named() {
    let defects = defects();
    for first in 0..defects.len() {
        let (mut header, mut claims) = (header("ES256"), payload());
        for (_, of_header, of_claims) in &defects[first..] {
            header = merged(header, of_header);
            claims = merged(claims, of_claims);
        }
        let (expected, ..) = defects[first];
        let sign = |issuer: &Issuer| issuer.token_of("ES256", &header.to_string(), &claims.to_string());
        assert_eq!(code(&sign(&OURS)), expected);
        let forged = if first < 3 { expected } else { "invalid_signature" };
        assert_eq!(
            code(&sign(&THEIRS)),
            forged,
            "nothing is said of the claims of a token that nobody signed"
        );
        let mut too_large = sign(&OURS);
        too_large.push_str(&"A".repeat(48 * 1024));
        assert_eq!(code(&too_large), "token_too_large");
        assert_eq!(code(&sign(&OURS).replace('.', "..")), "malformed_token");
    }
}

#[test]
fn a_payload_that_is_no_object_is_malformed_and_only_after_the_signature() {
    for payload in
        ["", "null", "[]", "7", "\"x\"", "{", "{}{}", "{\"a\":1,}", "\u{feff}{}", "{\"a\":\"\\ud800\"}"]
    {
        let token = OURS.token_of("ES256", &header("ES256").to_string(), payload);
        assert_eq!(code(&token), "malformed_token", "{payload}");
        let forged = THEIRS.token_of("ES256", &header("ES256").to_string(), payload);
        assert_eq!(code(&forged), "invalid_signature", "{payload}");
    }
}

#[test]
fn leeway_moves_every_date_and_nothing_else() {
    use std::time::Duration;
    let keys = || {
        let keys = kc_core::keys::PinnedKeys::from_jwks(OURS.jwks().to_string().as_bytes()).unwrap();
        std::sync::Arc::new(keys)
    };
    let clock =
        || std::sync::Arc::new(kc_core::clock::FakeClock::at(kc_core::clock::UnixTime::from_secs(NOW)));
    for (leeway, verdicts) in [(0, ["token_expired", "token_not_yet_valid"]), (61, ["ok", "ok"])] {
        let validator = kc_core::validator::JwtValidator::builder(ISSUER, [AUDIENCE], keys())
            .clock(clock())
            .leeway(Duration::from_secs(leeway))
            .build();
        let late = OURS.with_claims(&json!({ "exp": NOW - 60 }));
        let early = OURS.with_claims(&json!({ "nbf": NOW + 60, "iat": NOW + 60 }));
        assert_eq!([late, early].map(|token| code_of(&check_with(&validator, &token))), verdicts);
    }
}
