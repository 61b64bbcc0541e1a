//! What grows with what: tokens that are remembered, keys, realms, roles; and what a remembered token takes in memory.
//!
//! `cargo bench -p kc-core --bench growth`. Tokens are signed on P-256, since making 100,000 RSA signatures takes
//! minutes: what is looked for is what the number changes. The best of several rounds counts, ratios are to the first line
//! of their table. Run without `--bench`, as by `cargo test --benches`, it is done with small numbers.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to say, and a table is what it is for"
)]

#[expect(dead_code, reason = "it has other keys, too")]
mod tokens;

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use kc_core::audit::NoAudit;
use kc_core::issuers::{IssuerList, IssuersValidator, TrustedIssuer};
use kc_core::keys::PinnedKeys;
use kc_core::revocations::MemoryRevocations;
use kc_core::roles::KeycloakRoles;
use kc_core::rules::any_role;
use kc_core::users::MemoryUsers;
use kc_core::validator::{JwtValidator, TokenValidator};
use kc_core::wire::RequestView;
use kc_core::{BearerAuthenticator, Gate, Guard};
use serde_json::json;
use tokens::{ISSUER, Signer, encoded, es256, token, usual_payload};

fn main() {
    let real = std::env::args().any(|argument| argument == "--bench");
    remembered(if real { &[1, 100, 2_000, 10_000, 100_000] } else { &[1, 10] });
    // A list of more than 100 keys is refused as a whole.
    keys(if real { &[1, 10, 100] } else { &[1, 10] });
    realms(if real { &[1, 10, 50] } else { &[1, 2] });
    roles(if real { &[1, 10, 100, 500] } else { &[1, 10] });
}

/// The time of one call, the best of many short rounds: some of them nobody disturbs.
fn best(mut run: impl FnMut(usize)) -> Duration {
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 400 } else { 1 };
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let (start, mut calls) = (Instant::now(), 0_u32);
        while start.elapsed() < Duration::from_millis(2) {
            (0..10).for_each(&mut run);
            calls += 10;
        }
        best = best.min(start.elapsed() / calls);
    }
    best
}

fn row(what: &str, took: Duration, first: &mut Option<Duration>, more: &str) {
    let first = *first.get_or_insert(took);
    let ratio = took.as_secs_f64() / first.as_secs_f64();
    println!("{what:<44} {:>9.2} µs {ratio:>7.2} {more}", took.as_secs_f64() * 1e6);
}

/// A decision, or a validation, which has nobody to wait for.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(it) => it,
        Poll::Pending => std::process::abort(),
    }
}

fn validator(keys: &[serde_json::Value], issuer: &str) -> JwtValidator {
    let keys = PinnedKeys::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    JwtValidator::builder(issuer, ["api"], Arc::new(keys)).build()
}

/// The guard's decision about tokens that it has seen, in turn; and what they take in memory.
fn remembered(counts: &[usize]) {
    println!("tokens remembered, the decision about one of them");
    let signer = es256();
    let mut first = None;
    for &count in counts {
        let bearer = BearerAuthenticator::new(
            Arc::new(validator(std::slice::from_ref(&signer.jwk), ISSUER)),
            Arc::new(KeycloakRoles::new("api")),
        );
        let bearer = bearer.users(Arc::new(MemoryUsers::default()), true);
        let bearer = bearer.revocations(Arc::new(MemoryRevocations::default())).remember(2 << 30);
        let guard =
            Guard::builder("kc-demo").add_authenticator(Arc::new(bearer)).audit(Arc::new(NoAudit)).build();
        let gate = Gate::of_route(&guard, any_role(&["api-read", "api-admin"]), "/items");
        let requests: Vec<HeaderMap> = (0..count).map(|n| request(&signer, n)).collect();
        let decide = |n: usize| {
            let request = RequestView {
                method: "GET",
                path: "/items",
                query: None,
                route: None,
                headers: &requests[n],
                peer: None,
            };
            let (outcome, audit) = ready(gate.admit(black_box(&request)));
            assert!(outcome.is_ok());
            audit.finish(200, None);
        };
        let before = resident();
        (0..count).for_each(decide);
        let each = resident().saturating_sub(before) / count;
        let mut turn = 0;
        let took = best(|_| {
            turn = (turn + 1) % count;
            decide(turn);
        });
        let more = if count < 1_000 { String::new() } else { format!("{each:>7} bytes each") };
        row(&format!("  {count}"), took, &mut first, &more);
    }
}

fn request(signer: &Signer, n: usize) -> HeaderMap {
    let mut payload = usual_payload();
    payload["jti"] = json!(format!("onrtac:{n:0>36}"));
    let bearer = HeaderValue::try_from(format!("Bearer {}", token(signer, &payload))).unwrap();
    HeaderMap::from_iter([(http::header::AUTHORIZATION, bearer)])
}

/// The process's memory in RAM, in bytes (proc(5), `statm`); 0 where there is no such file.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}

/// A token that was not seen before, in a realm with so many keys.
fn keys(counts: &[usize]) {
    println!("keys of the realm, a new token");
    let signer = es256();
    let token = token(&signer, &usual_payload());
    let mut first = None;
    for &count in counts {
        let mut others: Vec<_> = (1..count)
            .map(|n| {
                let mut other = signer.jwk.clone();
                other["kid"] = json!(encoded(format!("{n:0>32}").as_bytes()));
                other
            })
            .collect();
        others.insert(others.len() / 2, signer.jwk.clone());
        let validator = validator(&others, ISSUER);
        let took = best(|_| drop(black_box(ready(validator.validate(&token)).unwrap())));
        row(&format!("  {count}"), took, &mut first, "");
    }
}

/// A token that was not seen before, where so many realms are trusted.
fn realms(counts: &[usize]) {
    println!("realms that are trusted, a new token");
    let signer = es256();
    let token = token(&signer, &usual_payload());
    let mut first = None;
    for &count in counts {
        let mut list = IssuerList::new();
        for n in 0..count {
            let issuer = if n == count / 2 { ISSUER.to_owned() } else { format!("{ISSUER}-{n}") };
            let validator = Arc::new(validator(std::slice::from_ref(&signer.jwk), &issuer));
            list = list.with(
                issuer,
                TrustedIssuer::new(format!("realm-{n}"), validator, Arc::new(KeycloakRoles::new("api"))),
            );
        }
        let validator = IssuersValidator::new(Arc::new(list));
        let took = best(|_| drop(black_box(ready(validator.validate(&token)).unwrap())));
        row(&format!("  {count}"), took, &mut first, "");
    }
}

/// A token that was not seen before, with so many roles.
fn roles(counts: &[usize]) {
    println!("roles in a token, a new token");
    let signer = es256();
    let mut first = None;
    for &count in counts {
        let mut payload = usual_payload();
        let roles: Vec<String> = (0..count).map(|n| format!("department-{n:03}-editor")).collect();
        payload["realm_access"]["roles"] = json!(roles);
        let token = token(&signer, &payload);
        let validator = validator(std::slice::from_ref(&signer.jwk), ISSUER);
        let took = best(|_| drop(black_box(ready(validator.validate(&token)).unwrap())));
        row(&format!("  {count}"), took, &mut first, &format!("{:>7} bytes of token", token.len()));
    }
}
