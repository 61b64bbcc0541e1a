//! Claims that were signed: what is judged of them.

use serde_json::{Value, json};

use super::*;
use crate::keys::PinnedKeys;
use crate::signature::Algorithm;

const NOW: i64 = 1_795_310_500;
const ISSUER: &str = "https://kc.example.com/realms/shop";
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAS30yO1tlJeRdJhXoqQg4CTga56PyMM/Fe0ynil8s0WE=\n-----END PUBLIC KEY-----";

fn judge_under(typ: HeaderType, changes: &Value) -> Result<LogoutToken, LogoutTokenError> {
    let mut payload = json!({
        "iss": ISSUER, "aud": "web", "sub": "u1", "sid": "s1", "typ": "Logout", "exp": NOW + 120, "iat": NOW,
        "jti": "j1", "events": { EVENT: {} },
    });
    for (claim, value) in changes.as_object().unwrap() {
        match value {
            // Not `null`, which counts as absent for most claims: really away.
            Value::String(away) if away == "(away)" => {
                payload.as_object_mut().unwrap().remove(claim);
            }
            value => payload[claim] = value.clone(),
        }
    }
    let keys = Arc::new(PinnedKeys::from_pem(PEM).unwrap());
    let opened =
        Opened { alg: Algorithm::Rs256, typ, payload: payload.to_string().into_bytes(), generation: 1 };
    LogoutTokenValidator::new(ISSUER, "web", keys).judge(&opened, UnixTime::from_secs(NOW))
}

fn judge(changes: &Value) -> Result<LogoutToken, LogoutTokenError> {
    judge_under(HeaderType::LogoutJwt, changes)
}

fn code(changes: &Value) -> &'static str {
    match judge(changes).unwrap_err() {
        LogoutTokenError::Token(ValidationError::Token(error)) => error.code(),
        other => panic!("{changes}: {other}"),
    }
}

#[test]
fn what_keycloak_sends_is_read() {
    let token = judge(&json!({})).unwrap();
    assert_eq!(
        (token.subject.as_deref(), token.session_id.as_deref(), &*token.id),
        (Some("u1"), Some("s1"), "j1")
    );
    assert_eq!(token.expires_at, UnixTime::from_secs(NOW + 125));
    let offline = json!({ EVENT: {}, "revoke_offline_access": true });
    assert!(judge(&json!({ "events": offline })).is_ok());
    assert!(judge(&json!({"sub": "(away)"})).is_ok());
    assert!(judge(&json!({"sid": "(away)"})).is_ok());
    assert!(judge_under(HeaderType::Jwt, &json!({"typ": "(away)"})).is_ok());
}

#[test]
fn every_other_kind_of_token_is_refused() {
    for kind in ["ID", "Bearer", "Refresh", "logout"] {
        assert_eq!(code(&json!({ "typ": kind })), "wrong_token_type", "{kind}");
    }
    for typ in [HeaderType::Absent, HeaderType::AtJwt] {
        assert!(judge_under(typ, &json!({})).is_err(), "{typ:?}");
    }
}

#[test]
fn issuer_audience_times_and_the_required_claims() {
    assert_eq!(code(&json!({"iss": "https://kc.example.com/realms/other"})), "invalid_issuer");
    assert_eq!(code(&json!({"aud": ["api"]})), "invalid_audience");
    assert_eq!(code(&json!({"exp": NOW - 6})), "token_expired");
    assert_eq!(code(&json!({"iat": NOW + 60})), "token_not_yet_valid");
    for claim in ["iss", "aud", "exp", "iat", "jti", "events"] {
        assert_eq!(code(&json!({ claim: "(away)" })), "missing_claim", "{claim}");
    }
    assert_eq!(code(&json!({"jti": ""})), "missing_claim");
}

#[test]
fn the_event_is_an_object_under_its_name() {
    for events in [json!({}), json!({ EVENT: true }), json!({ EVENT: null }), json!([EVENT]), json!(EVENT)] {
        assert_eq!(judge(&json!({ "events": events })).unwrap_err(), LogoutTokenError::Events, "{events}");
    }
}

#[test]
fn a_nonce_makes_it_another_token() {
    for nonce in [json!("n"), json!(""), json!(null)] {
        assert_eq!(judge(&json!({ "nonce": nonce })).unwrap_err(), LogoutTokenError::Nonce, "{nonce}");
    }
}

#[test]
fn somebody_has_to_be_named() {
    let nobody = json!({"sub": "(away)", "sid": "(away)"});
    assert_eq!(judge(&nobody).unwrap_err(), LogoutTokenError::NobodyNamed);
}
