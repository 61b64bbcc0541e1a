//! What it costs to check a token that was not seen before, beside the signature alone and beside `jsonwebtoken`; and
//! what it costs to decide about a request whose token was.
//!
//! ```text
//! cargo bench -p kc-core --bench validate                     a table of times and ratios
//! cargo bench -p kc-core --bench validate -- --only ID COUNT  one case so many times, for a profiler or valgrind
//! ```
//!
//! All cases take turns, and the best of many rounds counts: what disturbs the machine disturbs all of them, and the
//! ratios stay. Run without `--bench`, as by `cargo test --benches`, every case runs once.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to say"
)]

mod tokens;

use std::cell::Cell;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use http::HeaderMap;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation, decode};
use kc_core::audit::NoAudit;
use kc_core::keys::PinnedKeys;
use kc_core::revocations::MemoryRevocations;
use kc_core::roles::KeycloakRoles;
use kc_core::rules::{Rule, any_role};
use kc_core::users::MemoryUsers;
use kc_core::validator::{JwtValidator, TokenValidator};
use kc_core::wire::RequestView;
use kc_core::{BearerAuthenticator, Gate, Guard};
use serde::Deserialize;
use serde_json::{Value, json};

use tokens::{ISSUER, Signer, decoded, eddsa, es256, rs256, split, token, usual_payload};

/// One thing to measure; the time of `raw` is what its ratio is to.
struct Case {
    id: &'static str,
    what: &'static str,
    raw: &'static str,
    run: Box<dyn Fn()>,
}

/// What a service that uses `jsonwebtoken` reads of a Keycloak token.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "reading them is what is measured")]
struct KeycloakClaims {
    exp: i64,
    iat: i64,
    auth_time: Option<i64>,
    jti: String,
    iss: String,
    aud: OneOrMany,
    sub: String,
    typ: String,
    azp: String,
    sid: Option<String>,
    acr: Option<String>,
    #[serde(rename = "allowed-origins")]
    allowed_origins: Option<Vec<String>>,
    realm_access: Option<Roles>,
    #[serde(default)]
    resource_access: std::collections::HashMap<String, Roles>,
    scope: String,
    email_verified: Option<bool>,
    name: Option<String>,
    groups: Option<Vec<String>>,
    preferred_username: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    email: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "see above")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "see above")]
struct Roles {
    roles: Vec<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--only") {
        let id = arguments.get(at + 1).map_or("", String::as_str);
        let count: u64 = arguments.get(at + 2).map_or(1, |count| count.parse().unwrap());
        // Signing as many tokens takes minutes under Valgrind.
        let cases = cases(id == "guard-2000");
        let case = cases.iter().find(|case| case.id == id).unwrap();
        (case.run)();
        counted(case, count);
        return;
    }
    let cases = cases(true);
    if arguments.iter().any(|argument| argument == "--bench") {
        print(&cases, &measure(&cases));
    } else {
        cases.iter().for_each(|case| (case.run)());
    }
}

/// By its name what is outside of it is left out.
#[inline(never)]
fn counted(case: &Case, count: u64) {
    (0..count).for_each(|_| (case.run)());
}

/// The best time of each case, in nanoseconds.
fn measure(cases: &[Case]) -> Vec<f64> {
    const ROUNDS: usize = 400;
    const BATCH: u32 = 50;
    let mut best = vec![Duration::MAX; cases.len()];
    for _ in 0..ROUNDS {
        for (case, best) in cases.iter().zip(&mut best) {
            let start = Instant::now();
            (0..BATCH).for_each(|_| (case.run)());
            *best = start.elapsed().min(*best);
        }
    }
    best.into_iter().map(|best| best.as_secs_f64() * 1e9 / f64::from(BATCH)).collect()
}

#[expect(clippy::print_stdout, reason = "a table is what it is for")]
fn print(cases: &[Case], nanos: &[f64]) {
    println!("{:<14} {:<66} {:>9} {:>7}", "id", "", "µs", "ratio");
    for (case, time) in cases.iter().zip(nanos) {
        let raw =
            cases.iter().zip(nanos).find(|(other, _)| other.id == case.raw).map_or(*time, |(_, raw)| *raw);
        println!("{:<14} {:<66} {:>9.2} {:>7.2}", case.id, case.what, time / 1000.0, time / raw);
    }
}

fn cases(many_tokens: bool) -> Vec<Case> {
    let (rs256, es256, eddsa) = (rs256(), es256(), eddsa());
    let usual = usual_payload();
    let mut many_roles = usual.clone();
    let roles: Vec<String> = (0..200).map(|n| format!("department-{n:03}-editor")).collect();
    many_roles["realm_access"]["roles"] = json!(roles);

    let rs_token = token(&rs256, &usual);
    let rs_roles = token(&rs256, &many_roles);
    let es_token = token(&es256, &usual);
    let ed_token = token(&eddsa, &usual);

    let mut cases = vec![
        raw("rs256", "RS256: the signature alone, key parsed once", &rs256, &rs_token),
        raw_parsing_each_time(
            "rs256-parsing",
            "RS256: the signature alone, key parsed each time",
            &rs256,
            &rs_token,
        ),
    ];
    cases.push(theirs("rs256-jwt", "RS256: jsonwebtoken into a struct", "rs256", &rs256, &rs_token));
    cases.push(ours("rs256-kc", "RS256: JwtValidator", "rs256", &rs256, &rs_token));
    cases.push(raw("roles", "RS256, 200 roles: the signature alone, key parsed once", &rs256, &rs_roles));
    cases.push(theirs(
        "roles-jwt",
        "RS256, 200 roles: jsonwebtoken into a struct",
        "roles",
        &rs256,
        &rs_roles,
    ));
    cases.push(ours("roles-kc", "RS256, 200 roles: JwtValidator", "roles", &rs256, &rs_roles));
    cases.push(raw("es256", "ES256: the signature alone, key parsed once", &es256, &es_token));
    cases.push(theirs("es256-jwt", "ES256: jsonwebtoken into a struct", "es256", &es256, &es_token));
    cases.push(ours("es256-kc", "ES256: JwtValidator", "es256", &es256, &es_token));
    cases.push(raw("eddsa", "EdDSA: the signature alone, key parsed once", &eddsa, &ed_token));
    cases.push(theirs("eddsa-jwt", "EdDSA: jsonwebtoken into a struct", "eddsa", &eddsa, &ed_token));
    cases.push(ours("eddsa-kc", "EdDSA: JwtValidator", "eddsa", &eddsa, &ed_token));
    cases.push(guarded(
        "guard-new",
        "RS256: the guard's decision, nothing remembered",
        &rs256,
        &[&rs_token],
        0,
    ));
    cases.push(guarded(
        "guard-known",
        "RS256: the guard's decision, token seen before",
        &rs256,
        &[&rs_token],
        MIB_32,
    ));
    if !many_tokens {
        return cases;
    }
    let others: Vec<String> = (0..2_000)
        .map(|n| {
            let mut payload = usual.clone();
            payload["jti"] = json!(format!("onrtac:{n:0>36}"));
            token(&rs256, &payload)
        })
        .collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    cases.push(guarded(
        "guard-2000",
        "RS256: the guard's decision, 2,000 tokens in turn",
        &rs256,
        &others,
        MIB_32,
    ));
    cases
}

fn raw(id: &'static str, what: &'static str, signer: &Signer, token: &str) -> Case {
    let (message, signature) = split(token);
    let member = |name: &str| decoded(signer.jwk[name].as_str().unwrap());
    let key = match signer.alg {
        "RS256" => RsaPublicKeyComponents { n: member("n"), e: member("e") }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .unwrap(),
        "ES256" => {
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4][..], &member("x"), &member("y")].concat())
                .unwrap()
        }
        _ => ParsedPublicKey::new(&ED25519, member("x")).unwrap(),
    };
    Case {
        id,
        what,
        raw: id,
        run: Box::new(move || key.verify_sig(black_box(&message), black_box(&signature)).unwrap()),
    }
}

fn raw_parsing_each_time(id: &'static str, what: &'static str, signer: &Signer, token: &str) -> Case {
    let (message, signature) = split(token);
    let member = |name: &str| decoded(signer.jwk[name].as_str().unwrap());
    let key = RsaPublicKeyComponents { n: member("n"), e: member("e") };
    let run =
        move || key.verify(&RSA_PKCS1_2048_8192_SHA256, black_box(&message), black_box(&signature)).unwrap();
    Case { id, what, raw: "rs256", run: Box::new(run) }
}

fn theirs(id: &'static str, what: &'static str, raw: &'static str, signer: &Signer, token: &str) -> Case {
    let jwk: Jwk = serde_json::from_value(signer.jwk.clone()).unwrap();
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    let mut validation = Validation::new(signer.alg.parse().unwrap());
    validation.leeway = 5;
    validation.validate_nbf = true;
    validation.set_audience(&["api"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    let token = token.to_owned();
    let run = move || {
        black_box(decode::<KeycloakClaims>(black_box(&token), &key, &validation).unwrap());
    };
    Case { id, what, raw, run: Box::new(run) }
}

fn ours(id: &'static str, what: &'static str, raw: &'static str, signer: &Signer, token: &str) -> Case {
    // Among others, as in a realm; and by the default clock.
    let filler = (0..4).map(|n| {
        let mut other = signer.jwk.clone();
        other["kid"] = json!(format!("other-{n}"));
        other
    });
    let keys: Vec<Value> = filler.chain([signer.jwk.clone()]).collect();
    let keys = PinnedKeys::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    let validator = JwtValidator::builder(ISSUER, ["api"], Arc::new(keys)).build();
    let token = token.to_owned();
    let run = move || {
        let Poll::Ready(verdict) =
            pin!(validator.validate(black_box(&token))).poll(&mut Context::from_waker(Waker::noop()))
        else {
            return;
        };
        black_box(verdict.unwrap());
    };
    Case { id, what, raw, run: Box::new(run) }
}

const MIB_32: u64 = 32 << 20;

/// What an adapter asks for a request: header, token, revocations, the rule; no audit.
fn guarded(id: &'static str, what: &'static str, signer: &Signer, tokens: &[&str], remember: u64) -> Case {
    const READ: Rule = any_role(&["api-read", "api-admin"]);
    let keys = PinnedKeys::from_jwks(json!({ "keys": [signer.jwk] }).to_string().as_bytes()).unwrap();
    let validator = JwtValidator::builder(ISSUER, ["api"], Arc::new(keys)).build();
    let bearer = BearerAuthenticator::new(Arc::new(validator), Arc::new(KeycloakRoles::new("api")))
        .users(Arc::new(MemoryUsers::default()), true)
        .revocations(Arc::new(MemoryRevocations::default()))
        .remember(remember);
    let guard =
        Guard::builder("kc-demo").add_authenticator(Arc::new(bearer)).audit(Arc::new(NoAudit)).build();
    let gate = Gate::of_route(&guard, READ, "/items");
    let requests: Vec<HeaderMap> = tokens
        .iter()
        .map(|token| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "127.0.0.1:8000".parse().unwrap());
            headers.insert("user-agent", "bench".parse().unwrap());
            headers.insert("accept", "*/*".parse().unwrap());
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
            headers
        })
        .collect();
    let turn = Cell::new(0);
    let run = move || {
        let headers = &requests[turn.replace((turn.get() + 1) % requests.len())];
        let request =
            RequestView { method: "GET", path: "/items", query: None, route: None, headers, peer: None };
        let Poll::Ready((outcome, audit)) =
            pin!(gate.admit(black_box(&request))).poll(&mut Context::from_waker(Waker::noop()))
        else {
            return;
        };
        assert!(black_box(outcome).is_ok());
        audit.finish(200, None);
    };
    // What is remembered is so before anything is measured.
    tokens.iter().for_each(|_| run());
    Case { id, what, raw: "rs256", run: Box::new(run) }
}
