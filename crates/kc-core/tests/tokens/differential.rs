//! A second opinion: `jsonwebtoken`, set as strictly as it can be, about the same tokens.
//!
//! Where it accepts and we refuse, or the other way round, one of the rows below has to say why.

use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use kc_core::keys::PinnedKeys;
use kc_core::validator::JwtValidator;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::issuer::*;

/// All that it has: no ES512.
const SHARED: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

struct Case {
    header: Value,
    claims: Value,
    /// A member is named twice.
    doubled: bool,
}

struct Disagreement {
    /// What we say of the token.
    code: &'static str,
    reason: &'static str,
    applies: fn(&Case) -> bool,
}

/// Where we are stricter.
const STRICTER: &[Disagreement] = &[
    Disagreement {
        code: "wrong_token_type",
        reason: "it looks at typ neither in the header nor in the claims",
        applies: |case| case.claims["typ"] != "Bearer" || !is_jwt(&case.header["typ"]),
    },
    Disagreement {
        code: "bound_token",
        reason: "it does not look at cnf",
        applies: |case| case.claims["cnf"].is_object(),
    },
    Disagreement {
        code: "malformed_token",
        reason: "it leaves crit, b64 and zip to its caller",
        applies: |case| ["crit", "b64", "zip"].iter().any(|name| case.header.get(name).is_some()),
    },
    Disagreement {
        code: "malformed_token",
        reason: "it takes null for an absent kid or typ",
        applies: |case| ["kid", "typ"].iter().any(|name| case.header.get(name) == Some(&Value::Null)),
    },
    Disagreement {
        code: "malformed_token",
        reason: "of two members of one name it takes the last, but for those that it checks",
        applies: |case| case.doubled,
    },
    Disagreement {
        code: "malformed_claim",
        reason: "it looks at the shape of exp, nbf, iss and aud only",
        applies: |case| {
            let date = |claim: &str| case.claims[claim].is_number() || case.claims[claim].is_null();
            let names =
                |claim: &Value| claim.as_array().is_none_or(|names| names.iter().all(Value::is_string));
            date("exp") && date("nbf") && case.claims["iss"].is_string() && names(&case.claims["aud"])
        },
    },
    Disagreement {
        code: "malformed_claim",
        reason: "it takes an array of issuers",
        applies: |case| case.claims["iss"].is_array(),
    },
    Disagreement {
        code: "token_not_yet_valid",
        reason: "it does not look at iat",
        applies: |case| case.claims["iat"].as_f64() > Some(NOW_FROM.0 as f64),
    },
    Disagreement {
        code: "unknown_key",
        reason: "it is given the key, whatever the kid",
        applies: |case| case.header.get("kid").is_some_and(|have| *have != kid(alg_of(case))),
    },
];

/// Where it is stricter, about nothing that makes a token worse.
const STRICTER_IN_IT: &[Disagreement] = &[
    Disagreement {
        code: "ok",
        reason: "it reads header parameters that we never look at, and wants them in their shape",
        applies: |case| UNREAD.iter().any(|name| case.header.get(name).is_some_and(|value| !value.is_null())),
    },
    Disagreement {
        code: "ok",
        reason: "null for an optional claim is absent by our contract, and a bad date by its own",
        applies: |case| case.claims.get("nbf") == Some(&Value::Null),
    },
    Disagreement {
        code: "ok",
        reason: "it has no dates before 1970 or beyond 2^64: a token that begins in 1969 has begun",
        applies: |case| {
            ["exp", "nbf"].iter().any(|name| {
                case.claims[name]
                    .as_f64()
                    .is_some_and(|at| !(0.0..18_446_744_073_709_551_615.0).contains(&at))
            })
        },
    },
];

const UNREAD: [&str; 9] = ["cty", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "enc", "nonce"];

fn alg_of(case: &Case) -> &str {
    case.header["alg"].as_str().unwrap_or_default()
}

fn is_jwt(typ: &Value) -> bool {
    typ.is_null()
        || typ.as_str().is_some_and(|typ| ["jwt", "at+jwt"].contains(&typ.to_ascii_lowercase().as_str()))
}

/// Both look at the system's clock: dates are relative to the start of the run.
static NOW_FROM: LazyLock<(i64,)> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (i64::try_from(since.as_secs()).unwrap(),)
});

static OUR_VALIDATOR: LazyLock<JwtValidator> = LazyLock::new(|| {
    let keys = PinnedKeys::from_jwks(OURS.jwks().to_string().as_bytes()).unwrap();
    JwtValidator::builder(ISSUER, [AUDIENCE], Arc::new(keys)).build()
});

/// Its verdict, with the key of `alg` in hand.
fn theirs(alg: &str, token: &str) -> bool {
    let algorithm: Algorithm = alg.parse().unwrap();
    let jwk: Jwk = serde_json::from_value(OURS.jwk(alg)).unwrap();
    let mut strict = Validation::new(algorithm);
    strict.leeway = 5;
    strict.validate_nbf = true;
    strict.set_audience(&[AUDIENCE]);
    strict.set_issuer(&[ISSUER]);
    strict.set_required_spec_claims(&["exp", "iss", "aud"]);
    decode::<Value>(token, &DecodingKey::from_jwk(&jwk).unwrap(), &strict).is_ok()
}

/// Both verdicts, and the row for their difference if they differ.
fn compare(alg: &str, token: &str, case: &Case) -> Result<(), String> {
    let ours = code_of(&check_with(&OUR_VALIDATOR, token));
    let rows = match (ours == "ok", theirs(alg, token)) {
        (true, true) | (false, false) => return Ok(()),
        (false, true) => STRICTER,
        (true, false) => STRICTER_IN_IT,
    };
    match rows.iter().find(|row| row.code == ours && (row.applies)(case)) {
        Some(_) => Ok(()),
        None => Err(format!("we say {ours}, it differs: {} {}", case.header, case.claims)),
    }
}

fn current_payload() -> Value {
    let now = NOW_FROM.0;
    merged(payload(), &json!({ "exp": now + 300, "iat": now - 1, "auth_time": now - 60 }))
}

#[test]
fn a_token_that_it_signs_is_good_to_both() {
    use jsonwebtoken::{EncodingKey, Header, encode};
    for (alg, generated) in [
        ("ES256", pkcs8(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING)),
        ("ES384", pkcs8(&aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING)),
    ] {
        let (jwk, der) = generated;
        let token =
            encode(&Header::new(alg.parse().unwrap()), &current_payload(), &EncodingKey::from_ec_der(&der))
                .unwrap();
        let keys = PinnedKeys::from_jwks(jwk.to_string().as_bytes()).unwrap();
        let validator = JwtValidator::builder(ISSUER, [AUDIENCE], Arc::new(keys)).build();
        assert_eq!(code_of(&check_with(&validator, &token)), "ok", "{alg}");
    }
    let rsa = aws_lc_rs::signature::RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&rsa);
    let spki = aws_lc_rs::encoding::AsDer::as_der(public).unwrap();
    let keys = Arc::new(PinnedKeys::from_pem(&pem("PUBLIC KEY", spki.as_ref())).unwrap());
    let private: aws_lc_rs::encoding::Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&rsa).unwrap();
    let signer = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).unwrap();
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = encode(&Header::new(alg.parse().unwrap()), &current_payload(), &signer).unwrap();
        let validator = JwtValidator::builder(ISSUER, [AUDIENCE], Arc::clone(&keys) as _).build();
        assert_eq!(code_of(&check_with(&validator, &token)), "ok", "{alg}");
    }
    let document =
        aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let x = base64(aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    let signer = EncodingKey::from_ed_der(document.as_ref());
    let token = encode(&Header::new(Algorithm::EdDSA), &current_payload(), &signer).unwrap();
    let keys = PinnedKeys::from_jwks(jwk.to_string().as_bytes()).unwrap();
    let validator = JwtValidator::builder(ISSUER, [AUDIENCE], Arc::new(keys)).build();
    assert_eq!(code_of(&check_with(&validator, &token)), "ok", "EdDSA");
}

/// A new key: its public half as a JWK, its private half as PKCS #8.
fn pkcs8(algorithm: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> (Value, Vec<u8>) {
    use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair};
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let curve = if x.len() == 32 { "P-256" } else { "P-384" };
    let jwk = json!({ "kty": "EC", "crv": curve, "x": base64(x), "y": base64(y) });
    (jwk, document.as_ref().to_vec())
}

#[test]
fn a_good_token_is_good_to_both() {
    for alg in SHARED {
        let token = OURS.token(&header(alg), &current_payload());
        assert_eq!(code_of(&check_with(&OUR_VALIDATOR, &token)), "ok", "{alg}");
        assert!(theirs(alg, &token), "{alg}");
    }
    let es512 = OURS.token(&header("ES512"), &current_payload());
    assert_eq!(code_of(&check_with(&OUR_VALIDATOR, &es512)), "ok");
}

/// A row that no longer says the truth is worse than none.
#[test]
fn every_disagreement_is_a_real_one() {
    let both = |header: Value, claims: Value| {
        let case = Case { header, claims, doubled: false };
        let token = OURS.token_of("ES256", &case.header.to_string(), &case.claims.to_string());
        (code_of(&check_with(&OUR_VALIDATOR, &token)), theirs("ES256", &token))
    };
    let now = NOW_FROM.0;
    let good = || header("ES256");
    let head = |changes: Value| {
        let mut header = header("ES256");
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    let claims = |changes: Value| merged(current_payload(), &changes);
    for (header, claims, ours) in [
        (good(), claims(json!({ "typ": "ID" })), "wrong_token_type"),
        (head(json!({ "typ": "logout+jwt" })), claims(json!({})), "wrong_token_type"),
        (good(), claims(json!({ "cnf": {} })), "bound_token"),
        (head(json!({ "crit": ["x"] })), claims(json!({})), "malformed_token"),
        (head(json!({ "b64": false })), claims(json!({})), "malformed_token"),
        (head(json!({ "zip": "DEF" })), claims(json!({})), "malformed_token"),
        (head(json!({ "kid": null })), claims(json!({})), "malformed_token"),
        (good(), claims(json!({ "realm_access": 1 })), "malformed_claim"),
        (good(), claims(json!({ "iss": [ISSUER] })), "malformed_claim"),
        (good(), claims(json!({ "iat": now + 100 })), "token_not_yet_valid"),
        (head(json!({ "kid": "x" })), claims(json!({})), "unknown_key"),
    ] {
        assert_eq!(both(header.clone(), claims.clone()), (ours, true), "{header} {claims}");
    }
    let mut null_nbf = current_payload();
    null_nbf["nbf"] = Value::Null;
    for (header, claims) in [
        (head(json!({ "jku": 1 })), claims(json!({}))),
        (good(), claims(json!({ "nbf": -1 }))),
        (good(), claims(json!({ "exp": 1e300 }))),
        (good(), null_nbf),
    ] {
        assert_eq!(both(header.clone(), claims.clone()), ("ok", false), "{header} {claims}");
    }
    let doubled = current_payload().to_string().replacen('{', r#"{"azp":"x","#, 1);
    let token = OURS.token_of("ES256", &header("ES256").to_string(), &doubled);
    assert_eq!(
        (code_of(&check_with(&OUR_VALIDATOR, &token)), theirs("ES256", &token)),
        ("malformed_token", true)
    );
}

/// A date well off the edges, which the clock may pass while the test runs.
fn any_date() -> impl Strategy<Value = Value> {
    let offsets = prop_oneof![-100_000..-600_i64, 600..100_000_i64];
    prop_oneof![
        4 => offsets.clone().prop_map(|offset| json!(NOW_FROM.0 + offset)),
        2 => offsets.clone().prop_map(|offset| json!((NOW_FROM.0 + offset) as f64 + 0.25)),
        1 => offsets.prop_map(|offset| json!((NOW_FROM.0 + offset).to_string())),
        1 => prop::sample::select(vec![
            json!(0), json!(-1), json!(-1.5), json!(1e300), json!(-1e300), json!(u64::MAX), json!(i64::MIN), json!(""),
            json!("NaN"), json!(true), json!([]), json!({}), Value::Null,
        ]),
    ]
}

fn any_text(near: Vec<&'static str>) -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(near.clone()).prop_map(|text| json!(text)),
        1 => prop::collection::vec(prop::sample::select(near), 0..3).prop_map(|texts| json!(texts)),
        1 => "\\PC{0,8}".prop_map(|text| json!(text)),
        1 => prop::sample::select(vec![json!(1), json!(true), json!({}), json!([1]), json!([null]), Value::Null]),
    ]
}

/// A name, and a value that is good, nearly good, or of another shape.
fn any_claim() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        any_date().prop_map(|value| ("exp", value)),
        any_date().prop_map(|value| ("nbf", value)),
        any_date().prop_map(|value| ("iat", value)),
        any_text(vec![ISSUER, "https://kc.test/realms/", "https://kc.test/realms/ab"])
            .prop_map(|value| ("iss", value)),
        any_text(vec![AUDIENCE, "account", "API", "ap"]).prop_map(|value| ("aud", value)),
        any_text(vec!["x", ""]).prop_map(|value| ("sub", value)),
        any_text(vec!["Bearer", "ID", "DPoP", "bearer"]).prop_map(|value| ("typ", value)),
        any_text(vec!["openid"]).prop_map(|value| ("scope", value)),
        any_text(vec!["x"]).prop_map(|value| ("realm_access", value)),
        any_text(vec!["x"]).prop_map(|value| ("cnf", value)),
    ]
}

fn any_parameter() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        any_text(vec!["JWT", "jwt", "at+jwt", "logout+jwt"]).prop_map(|value| ("typ", value)),
        any_text(vec!["p256", "rsa", "x"]).prop_map(|value| ("kid", value)),
        any_text(vec!["RS256", "ES256", "HS256", "none", "EdDSA"]).prop_map(|value| ("alg", value)),
        any_text(vec!["exp", "b64"]).prop_map(|value| ("crit", value)),
        any_text(vec!["x"]).prop_map(|value| ("b64", value)),
        any_text(vec!["DEF"]).prop_map(|value| ("zip", value)),
        (prop::sample::select(UNREAD.to_vec()), any_text(vec!["https://elsewhere.test"])),
        any_text(vec!["x"]).prop_map(|value| ("unheard-of", value)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn both_agree_about_any_claims_and_header(
        alg in prop::sample::select(SHARED.to_vec()),
        parameters in prop::collection::vec(any_parameter(), 0..2),
        changes in prop::collection::vec(any_claim(), 0..3),
        absent in prop::collection::vec(prop::sample::select(vec!["exp", "iss", "aud", "typ", "iat", "sub"]), 0..2),
        doubled in prop::option::weighted(0.1, prop::sample::select(vec!["exp", "iss", "aud", "other"])),
        damage in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut case = Case { header: header(alg), claims: current_payload(), doubled: doubled.is_some() };
        for (name, value) in parameters {
            case.header[name] = value;
        }
        for (name, value) in changes {
            case.claims[name] = value;
        }
        for name in absent {
            case.claims.as_object_mut().unwrap().remove(name);
        }
        let mut payload = case.claims.to_string();
        if let Some(name) = doubled {
            let members = format!("{{\"{name}\":\"x\",\"{name}\":\"y\",");
            payload = payload.replacen('{', &members, 1);
        }
        let mut token = OURS.token_of(alg, &case.header.to_string(), &payload);
        if let Some(at) = damage {
            let at = at.index(token.len());
            let letter = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            token.replace_range(at..=at, letter);
        }
        prop_assert_eq!(compare(alg, &token, &case), Ok(()));
    }

    #[test]
    fn both_refuse_any_damaged_token(
        alg in prop::sample::select(SHARED.to_vec()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[A-Za-z0-9_.=+/ -]"), 1..4),
    ) {
        let good = OURS.token(&header(alg), &current_payload());
        let mut token = good.clone();
        for (at, letter) in edits {
            let at = at.index(token.len());
            token.replace_range(at..=at, &letter);
        }
        prop_assume!(token != good);
        prop_assert!(check_with(&OUR_VALIDATOR, &token).is_err());
        prop_assert!(!theirs(alg, &token), "it accepts what we refuse: nothing to learn, but say so");
    }
}

#[test]
fn no_row_is_without_a_reason() {
    assert!(STRICTER.iter().chain(STRICTER_IN_IT).all(|row| row.reason.len() > 10));
}
