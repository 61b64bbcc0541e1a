//! Claims that were signed: what is judged of them. Signatures and keys are tested where they are opened.

use serde_json::{Value, json};

use super::*;
use crate::keys::PinnedKeys;

const NOW: i64 = 1_795_310_500;
const ISSUER: &str = "https://kc.example.com/realms/shop";
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAS30yO1tlJeRdJhXoqQg4CTga56PyMM/Fe0ynil8s0WE=\n-----END PUBLIC KEY-----";

fn validator() -> IdTokenValidator {
    IdTokenValidator::new(ISSUER, "web", Arc::new(PinnedKeys::from_pem(PEM).unwrap()))
}

/// A good payload with `changes` merged in; `null` takes a claim away.
fn judge_of(typ: HeaderType, changes: &Value, max_age: Option<u64>) -> Result<VerifiedToken, IdTokenError> {
    let mut payload = json!({
        "iss": ISSUER, "aud": "web", "azp": "web", "sub": "u1", "typ": "ID", "exp": NOW + 300, "iat": NOW,
        "auth_time": NOW - 100, "nonce": "n1", "at_hash": half_hash(Algorithm::Rs256, "the access token"),
    });
    for (claim, value) in changes.as_object().unwrap() {
        payload[claim] = value.clone();
    }
    let opened =
        Opened { alg: Algorithm::Rs256, typ, payload: payload.to_string().into_bytes(), generation: 1 };
    let expected = ExpectedLogin {
        nonce: Some("n1"),
        access_token: "the access token",
        max_age: max_age.map(Duration::from_secs),
    };
    validator().judge(opened, &expected, UnixTime::from_secs(NOW))
}

fn judge(changes: &Value) -> Result<VerifiedToken, IdTokenError> {
    judge_of(HeaderType::Jwt, changes, None)
}

fn code(changes: &Value) -> &'static str {
    match judge(changes).unwrap_err() {
        IdTokenError::Token(ValidationError::Token(error)) => error.code(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_good_id_token_passes() {
    assert_eq!(judge(&json!({})).unwrap().claims().subject.as_deref(), Some("u1"));
    assert!(judge(&json!({"azp": null})).is_ok(), "one audience needs no azp");
    assert!(judge(&json!({"aud": ["web", "other"]})).is_ok());
    assert!(judge(&json!({"at_hash": null})).is_ok(), "optional in the code flow");
}

#[test]
fn an_access_token_is_no_id_token() {
    for kind in [json!("Bearer"), json!("Refresh"), json!("Logout"), json!("id"), json!(null)] {
        assert_eq!(code(&json!({ "typ": kind })), "wrong_token_type", "{kind}");
    }
    let at_jwt = judge_of(HeaderType::AtJwt, &json!({}), None);
    assert_eq!(at_jwt.unwrap_err(), TokenError::WrongType { got: TokenKind::Id }.into());
}

#[test]
fn issuer_audience_and_times_are_those_of_any_token() {
    assert_eq!(code(&json!({"iss": "https://kc.example.com/realms/other"})), "invalid_issuer");
    assert_eq!(code(&json!({"aud": "api"})), "invalid_audience");
    assert_eq!(code(&json!({"exp": NOW - 5})), "token_expired");
    assert_eq!(code(&json!({"iat": NOW + 60})), "token_not_yet_valid");
    for claim in ["iss", "aud", "exp", "iat", "sub"] {
        assert_eq!(code(&json!({ claim: null })), "missing_claim", "{claim}");
    }
}

#[test]
fn the_authorized_party_is_this_client() {
    for changes in
        [json!({"azp": "other"}), json!({"azp": null, "aud": ["web", "other"]}), json!({"azp": ""})]
    {
        assert_eq!(judge(&changes).unwrap_err(), IdTokenError::AuthorizedParty, "{changes}");
    }
}

#[test]
fn the_nonce_is_the_one_that_was_sent() {
    for nonce in [json!("n2"), json!(null), json!(""), json!(1), json!(["n1"])] {
        assert_eq!(judge(&json!({ "nonce": nonce })).unwrap_err(), IdTokenError::Nonce, "{nonce}");
    }
}

#[test]
fn the_hash_is_that_of_the_access_token() {
    for hash in [json!("x"), json!(half_hash(Algorithm::Rs256, "another")), json!(1)] {
        assert_eq!(judge(&json!({ "at_hash": hash })).unwrap_err(), IdTokenError::AccessTokenHash, "{hash}");
    }
}

#[test]
fn the_hash_of_the_standard_s_example() {
    // OpenID Connect Core, appendix A.3.
    let hash = half_hash(Algorithm::Rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    assert_eq!(hash, "77QmUPtjPfzWtF2AnpK9RQ");
}

#[test]
fn a_login_is_as_fresh_as_was_asked_for() {
    let aged = |changes: Value, max_age| judge_of(HeaderType::Jwt, &changes, Some(max_age));
    assert!(aged(json!({}), 100).is_ok());
    assert!(aged(json!({}), 95).is_ok(), "leeway");
    assert_eq!(aged(json!({}), 94).unwrap_err(), IdTokenError::TooOld);
    assert_eq!(aged(json!({"auth_time": null}), 1000).unwrap_err(), IdTokenError::TooOld);
}
