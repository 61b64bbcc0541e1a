//! The JSON of a payload, under each kind of header, with a signature that counts as good.
#![no_main]

use std::sync::LazyLock;

use kc_core::token::Claims;
use kc_core::validator::JwtValidator;
use kc_fuzz::json::Json;
use kc_fuzz::{AUDIENCE, ISSUER, NOW, assert_discreet, judge, token, validator};
use libfuzzer_sys::fuzz_target;

static VALIDATOR: LazyLock<JwtValidator> = LazyLock::new(validator);

/// All but the dates, which a second writing may round otherwise.
fn texts(claims: &Claims) -> String {
    let mut claims = claims.clone();
    claims.expires_at = None;
    claims.not_before = None;
    claims.issued_at = None;
    claims.authenticated_at = None;
    format!("{claims:?}")
}

/// What a token that passed must be, by another reader of the same text.
fn assert_good(payload: &Json, claims: &Claims, under_at_jwt: bool) {
    assert!(!payload.has_twins() && payload.depth() <= 16);
    assert_eq!(payload.get("iss").and_then(Json::text), Some(ISSUER));
    assert!(payload.get("aud").unwrap().is_or_has(AUDIENCE));
    let date = |name: &str| payload.get(name).map(|date| date.number().unwrap());
    assert!(date("exp").unwrap() > (NOW - 5) as f64 - 0.01);
    for name in ["nbf", "iat"] {
        assert!(date(name).is_none_or(|at| at < (NOW + 5) as f64 + 0.01));
    }
    assert!(payload.get("cnf").is_none() && !claims.bound);
    match payload.get("typ") {
        Some(typ) => assert_eq!(typ.text(), Some("Bearer")),
        None => {
            assert!(under_at_jwt);
            assert!(["nonce", "at_hash", "events"].iter().all(|mark| payload.get(mark).is_none()));
        }
    }
    assert_eq!(payload.get("sub").and_then(Json::text), claims.subject.as_deref());
    if let Some(Json::Array(roles)) = payload.get("realm_access").and_then(|access| access.get("roles")) {
        let read = claims.realm_roles.to_vec();
        assert!(roles.iter().all(|role| read.iter().any(|have| Some(have.as_str()) == role.text())));
    } else {
        assert!(claims.realm_roles.is_empty());
    }
}

fuzz_target!(|payload: &[u8]| {
    let jwt = judge(&*VALIDATOR, &token(br#"{"alg":"ES256","typ":"JWT"}"#, payload));
    let at_jwt = judge(&*VALIDATOR, &token(br#"{"alg":"ES256","typ":"at+jwt"}"#, payload));
    assert!(jwt.is_err() || at_jwt.is_ok(), "the more particular header takes no less");
    for (verdict, under_at_jwt) in [(&jwt, false), (&at_jwt, true)] {
        match verdict {
            Ok(passed) => assert_good(&Json::parse(payload).unwrap(), passed.claims(), under_at_jwt),
            Err(error) => {
                assert_discreet(error, "");
                let public = match error {
                    kc_core::validator::ValidationError::Token(error) => error.public_detail(),
                    other => panic!("not the token's fault: {other}"),
                };
                assert!(public.is_ascii() && public.len() < 300, "{public}");
            }
        }
    }
    // Written anew by somebody else it says the same.
    if let Ok(passed) = at_jwt {
        let rewritten = passed.claims_as::<serde_json::Value>().unwrap();
        let rewritten = serde_json::to_vec(&rewritten).unwrap();
        let again = judge(&*VALIDATOR, &token(br#"{"alg":"ES256","typ":"at+jwt"}"#, &rewritten));
        // `serde_json` does not keep the order of members.
        let mut one = passed.claims().clone();
        let mut other = again.unwrap().claims().clone();
        for claims in [&mut one, &mut other] {
            claims.client_roles.sort_by(|a, b| a.0.cmp(&b.0));
            claims.organizations.sort_by(|a, b| a.alias.cmp(&b.alias));
        }
        assert_eq!(texts(&one), texts(&other));
    }
});
