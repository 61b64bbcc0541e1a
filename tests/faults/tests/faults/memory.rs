//! Floods, and the memory of the service.

use fault_tests::{Answer, Service};
use kc_dev::{Alg, DevIssuer};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::stack::payload;

/// What a service may grow by beside its token cache: threads, buffers of connections, an allocator that keeps what it
/// had once. Stated in KiB, as the system states the memory.
const SLACK_KIB: u64 = 12 * 1024;

const CONNECTIONS: usize = 8;

/// So many requests are sent before their answers are read.
const AT_ONCE: usize = 50;

async fn issuer() -> DevIssuer {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    issuer.jwks().await.unwrap();
    issuer
}

async fn service(issuer: &DevIssuer, settings: &[(&str, &str)]) -> Service {
    let settings = [&[("RUST_LOG", "warn,kc::keys=info")], settings].concat();
    let service = Service::start(issuer.base_url(), issuer.base_url(), &settings).await;
    service.has_keys().await;
    service
}

/// Sends a request with each token over a few connections; every answer has to be `right`.
async fn flood(service: &Service, tokens: Vec<String>, right: impl Fn(&Answer) -> bool) {
    let share = tokens.len().div_ceil(CONNECTIONS);
    let mut connections = JoinSet::new();
    for tokens in tokens.chunks(share).map(<[String]>::to_vec) {
        let mut client = service.client();
        connections.spawn(async move {
            let mut all = Vec::new();
            for tokens in tokens.chunks(AT_ONCE) {
                let answers = client.pipeline("/me", tokens).await;
                all.extend(answers.into_iter().map(|answer| Answer { body: String::new(), ..answer }));
            }
            all
        });
    }
    let answers: Vec<Answer> = connections.join_all().await.into_iter().flatten().collect();
    assert_eq!(answers.len(), tokens.len());
    for answer in &answers {
        assert!(right(answer), "a token is answered {answer}");
    }
}

fn encoded(text: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_bad_tokens_leave_nothing_behind() {
    let issuer = issuer().await;
    let service = service(&issuer, &[]).await;
    let good = issuer.token("alice", "api").await.unwrap();
    let (_, rest) = good.split_once('.').unwrap();
    let bad = |n: usize| match n % 5 {
        // Of a known key, and changed in its payload.
        0 => {
            let (head, rest) = good.split_once('.').unwrap();
            let (_, signature) = rest.split_once('.').unwrap();
            let mut claims = payload(&good);
            claims["jti"] = Value::from(n);
            format!("{head}.{}.{signature}", encoded(&claims.to_string()))
        }
        // Of a key that nobody has.
        _ => format!("{}.{rest}", encoded(&format!(r#"{{"alg":"RS256","kid":"{n:032x}"}}"#))),
    };
    let refused = |answer: &Answer| {
        answer.status == 401 && ["unknown_key", "invalid_signature"].contains(&&*answer.code)
    };
    flood(&service, (0..1000).map(bad).collect(), refused).await;
    let before = service.rss_kib();
    flood(&service, (1000..51_000).map(bad).collect(), refused).await;
    let growth = service.rss_kib().saturating_sub(before);
    println!("50,000 bad tokens: the memory grew by {growth} KiB");
    assert!(growth < SLACK_KIB, "the memory grew by {growth} KiB");
    assert_eq!(service.client().ask("GET", "/me", Some(&good)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_good_tokens_take_what_the_token_cache_may_have_and_no_more() {
    const MIB: u64 = 1024;
    let issuer = issuer().await;
    // The issuer keeps a session for each token that it makes; these are made of one.
    let claims = payload(&issuer.token("alice", "api").await.unwrap());
    let mut tokens = Vec::new();
    for n in 0..21_000 {
        let mut claims = claims.clone();
        claims["jti"] = Value::from(format!("flood-{n}"));
        let token = issuer.mint().raw_payload(claims.to_string()).alg(Alg::Es256).sign();
        tokens.push(token.await.unwrap());
    }
    let (warm, flooding) = tokens.split_at(1000);
    for (cache, kib) in [(None, 32 * MIB), (Some("1048576"), MIB), (Some("0"), 0)] {
        let settings: Vec<_> = cache.map(|bytes| ("KEYCLOAK_TOKEN_CACHE_BYTES", bytes)).into_iter().collect();
        let service = service(&issuer, &settings).await;
        // One who was there before is served throughout.
        let regular = issuer.token("bob", "api").await.unwrap();
        flood(&service, warm.to_vec(), |answer| answer.status == 200).await;
        assert_eq!(service.client().ask("GET", "/me", Some(&regular)).await.status, 200);
        let before = service.rss_kib();
        // The smaller ones are full soon.
        let some = if cache.is_none() { flooding.len() } else { flooding.len() / 4 };
        flood(&service, flooding[..some].to_vec(), |answer| answer.status == 200).await;
        let growth = service.rss_kib().saturating_sub(before);
        println!("{some} good tokens, a cache of {kib} KiB: the memory grew by {growth} KiB");
        assert!(growth < kib + SLACK_KIB, "a cache of {kib} KiB: the memory grew by {growth} KiB");
        assert_eq!(service.client().ask("GET", "/me", Some(&regular)).await.status, 200);
    }
}
