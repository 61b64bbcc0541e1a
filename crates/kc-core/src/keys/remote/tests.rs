//! One test for each edge of the state machine; time stands still unless a test lets it pass.

mod server;
mod tasks;

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use tokio::time::sleep;

use self::server::{Answer, Server, jwk};
use super::*;

const URI: &str = "http://kc.test/realms/r/protocol/openid-connect/certs";
const SECOND: Duration = Duration::from_secs(1);
const TTL: Duration = Duration::from_secs(3600);
const MAX_STALE: Duration = Duration::from_secs(24 * 3600);
const COOLDOWN: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(5);

type Outcome = Result<Arc<KeySet>, KeysUnavailable>;

fn source_with(answer: Answer, options: RemoteKeysOptions) -> (Arc<Server>, RemoteKeys) {
    let server = Arc::new(Server::with(answer));
    let keys = RemoteKeys::new(Arc::clone(&server) as Arc<dyn Transport>, URI.parse().unwrap(), options);
    (server, keys)
}

fn source(answer: Answer) -> (Arc<Server>, RemoteKeys) {
    source_with(answer, RemoteKeysOptions::default())
}

/// A source that fetched `kids` just now.
async fn loaded(kids: &[&str]) -> (Arc<Server>, RemoteKeys) {
    let (server, keys) = source(Answer::keys(kids));
    keys.prefetch().await.unwrap();
    (server, keys)
}

async fn no_keys(keys: &RemoteKeys) -> Outcome {
    keys.refresh(Refresh::NoKeys).await
}

/// What a validator does with a token of this `kid`, which the set at hand lacks.
async fn unknown(keys: &RemoteKeys, kid: &str) -> Outcome {
    let generation = keys.current().map_or(0, |set| set.generation());
    keys.refresh(Refresh::UnknownKey { kid: Some(kid), generation }).await
}

fn has(set: &KeySet, kid: &str) -> bool {
    set.keys().iter().any(|key| key.kid() == Some(kid))
}

fn serves(keys: &RemoteKeys, kid: &str) -> bool {
    keys.current().is_some_and(|set| has(&set, kid))
}

fn generation(keys: &RemoteKeys) -> u64 {
    keys.current().unwrap().generation()
}

/// The same call `n` times at once.
async fn at_once<F>(n: usize, call: impl Fn(usize) -> F) -> Vec<Outcome>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    (0..n).map(call).collect::<JoinSet<_>>().join_all().await
}

// --- nothing held ---

#[tokio::test(start_paused = true)]
async fn the_first_use_waits_for_one_shared_fetch() {
    let (server, keys) = source(Answer::keys(&["a"]).after(SECOND));
    assert!(keys.current().is_none());
    assert_eq!(server.requests(), 0, "looking asks nobody");
    let start = Instant::now();
    let of_all = at_once(50, |_| {
        let keys = keys.clone();
        async move { no_keys(&keys).await }
    })
    .await;
    assert!(of_all.iter().all(|set| has(set.as_ref().unwrap(), "a")));
    assert_eq!((server.requests(), start.elapsed()), (1, SECOND));
    assert!(serves(&keys, "a"));
}

#[tokio::test(start_paused = true)]
async fn without_keys_the_server_is_asked_once_a_second_at_most() {
    let (server, keys) = source(Answer::status(500, ""));
    for _ in 0..1000 {
        let error = no_keys(&keys).await.unwrap_err();
        assert!(!error.retry_after.is_zero() && error.retry_after <= SECOND, "{error:?}");
        assert!(error.to_string().contains("500"), "{error}");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.requests(), 10);
    assert!(server.gaps().iter().all(|gap| *gap >= SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_failed_prefetch_is_not_fatal() {
    let (server, keys) = source(Answer::broken());
    assert!(keys.prefetch().await.unwrap_err().reason.contains("broke off"));
    assert_eq!(keys.health(), KeyHealth::Missing);
    server.answers(Answer::keys(&["a"]));
    sleep(SECOND).await;
    assert!(has(&no_keys(&keys).await.unwrap(), "a"));
}

#[tokio::test(start_paused = true)]
async fn a_request_during_the_prefetch_joins_it() {
    let (server, keys) = source(Answer::keys(&["a"]).after(SECOND));
    let request = keys.clone();
    let (prefetched, set) = tokio::join!(keys.prefetch(), no_keys(&request));
    assert!(prefetched.is_ok() && has(&set.unwrap(), "a"));
    assert_eq!(server.requests(), 1);
}

// --- fresh, ageing, stale, too old ---

#[tokio::test(start_paused = true)]
async fn fresh_keys_are_answered_without_asking() {
    let (server, keys) = loaded(&["a"]).await;
    for _ in 0..74 {
        sleep(TTL / 100).await;
        assert!(serves(&keys, "a"));
    }
    sleep(SECOND).await;
    assert_eq!(server.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn ageing_keys_answer_at_once_and_are_renewed_once_in_the_background() {
    let (server, keys) = loaded(&["a"]).await;
    server.answers(Answer::keys(&["b"]).after(SECOND));
    sleep(TTL * 87 / 100).await;
    assert_eq!(server.requests(), 1, "nobody asked for keys: none are fetched");
    for _ in 0..100 {
        assert!(serves(&keys, "a"), "not the new one yet, and no wait");
    }
    sleep(SECOND * 2).await;
    assert!(serves(&keys, "b") && !serves(&keys, "a"));
    sleep(TTL / 2).await;
    assert!(serves(&keys, "b"));
    sleep(SECOND).await;
    assert_eq!(server.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn replicas_do_not_renew_at_the_same_moment() {
    let mut moments = BTreeSet::new();
    for _ in 0..4 {
        let (_server, keys) = loaded(&["a"]).await;
        let held = keys.shared.held().clone().unwrap();
        let after = held.renew_at - held.fetched_at;
        assert!(after >= TTL * 3 / 4 && after < TTL, "{after:?}");
        moments.insert(after);
    }
    assert!(moments.len() > 1);
}

#[tokio::test(start_paused = true)]
async fn stale_keys_answer_at_once_while_failures_back_off() {
    let (server, keys) = loaded(&["a"]).await;
    server.answers(Answer::status(503, "down"));
    sleep(TTL * 2).await;
    for _ in 0..3600 {
        assert!(serves(&keys, "a"));
        sleep(SECOND).await;
    }
    let gaps = server.gaps().split_off(1);
    assert!(gaps[0] >= MIN_BACKOFF && gaps[1] >= MIN_BACKOFF * 2 && gaps[2] >= MIN_BACKOFF * 4, "{gaps:?}");
    assert!(gaps.iter().skip(6).all(|gap| *gap >= MAX_BACKOFF && *gap < MAX_BACKOFF * 16 / 10), "{gaps:?}");
    assert!((12..=18).contains(&gaps.len()), "{gaps:?}");

    server.answers(Answer::keys(&["b"]));
    sleep(MAX_BACKOFF * 2).await;
    assert!(serves(&keys, "a"), "what is there, at once");
    sleep(SECOND).await;
    assert!(serves(&keys, "b"));
    assert_eq!(keys.health(), KeyHealth::Fresh);
}

#[tokio::test(start_paused = true)]
async fn two_replicas_back_off_by_different_times() {
    let mut schedules = BTreeSet::new();
    for _ in 0..3 {
        let (server, keys) = loaded(&["a"]).await;
        server.answers(Answer::broken());
        sleep(TTL * 2).await;
        for _ in 0..2000 {
            assert!(serves(&keys, "a"));
            sleep(Duration::from_millis(10)).await;
        }
        schedules.insert(server.gaps());
    }
    assert!(schedules.len() > 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_too_old_do_not_serve_and_a_request_waits() {
    let (server, keys) = loaded(&["a"]).await;
    sleep(TTL + MAX_STALE).await;
    assert!(keys.current().is_none());
    assert_eq!(keys.health(), KeyHealth::Missing);

    server.answers(Answer::status(500, ""));
    let error = no_keys(&keys).await.unwrap_err();
    assert_eq!(error.retry_after, SECOND);
    assert!(keys.current().is_none());

    sleep(SECOND).await;
    server.answers(Answer::keys(&["a"]).after(SECOND));
    let start = Instant::now();
    assert!(has(&no_keys(&keys).await.unwrap(), "a"));
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!(generation(&keys), 1, "the same keys as a day ago");
}

#[tokio::test(start_paused = true)]
async fn health_follows_the_age() {
    let (server, keys) = source(Answer::keys(&["a"]));
    assert_eq!(keys.health(), KeyHealth::Missing);
    keys.prefetch().await.unwrap();
    assert_eq!(keys.health(), KeyHealth::Fresh);
    server.answers(Answer::broken());
    sleep(TTL).await;
    assert_eq!(keys.health(), KeyHealth::Stale { age: TTL });
    assert!(format!("{keys:?}").contains("Stale"));
    sleep(MAX_STALE).await;
    assert_eq!(keys.health(), KeyHealth::Missing);
}

// --- unknown ids ---

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_causes_one_fetch_and_then_a_cool_down() {
    let (server, keys) = loaded(&["a"]).await;
    assert!(!has(&unknown(&keys, "x").await.unwrap(), "x"), "after a good fetch: it is unknown");
    assert_eq!(server.requests(), 2, "the prefetch did not start the cool-down");
    sleep(COOLDOWN - Duration::from_millis(1)).await;
    assert!(!has(&unknown(&keys, "x").await.unwrap(), "x"));
    assert_eq!(server.requests(), 2);
    sleep(Duration::from_millis(1)).await;
    assert!(unknown(&keys, "y").await.is_ok());
    assert_eq!(server.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_first_fetch_does_not_start_the_cool_down() {
    let (server, keys) = source(Answer::keys(&["a"]));
    assert!(no_keys(&keys).await.is_ok());
    server.answers(Answer::keys(&["a", "b"]));
    assert!(has(&unknown(&keys, "b").await.unwrap(), "b"));
    assert_eq!(server.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_cool_down_holds_after_a_failed_fetch_and_the_answer_is_that_we_cannot_tell() {
    let (server, keys) = loaded(&["a"]).await;
    server.answers(Answer::status(500, ""));
    assert!(unknown(&keys, "x").await.is_err());
    server.answers(Answer::keys(&["a", "x"]));
    sleep(SECOND * 4).await;
    let error = unknown(&keys, "x").await.unwrap_err();
    assert_eq!((error.retry_after, server.requests()), (SECOND * 6, 2));
    assert!(serves(&keys, "a"), "a known key is not touched by that");
    sleep(SECOND * 6).await;
    assert!(has(&unknown(&keys, "x").await.unwrap(), "x"));
}

#[tokio::test(start_paused = true)]
async fn a_burst_with_a_brand_new_kid_costs_one_fetch_and_all_find_it() {
    let (server, keys) = loaded(&["a"]).await;
    server.answers(Answer::keys(&["a", "b"]).after(SECOND));
    let of_all = at_once(200, |_| {
        let keys = keys.clone();
        async move { unknown(&keys, "b").await }
    })
    .await;
    assert_eq!(of_all.len(), 200);
    assert!(of_all.iter().all(|set| has(set.as_ref().unwrap(), "b")));
    assert_eq!(server.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_random_kids_costs_one_fetch_a_cool_down_and_known_keys_serve_meanwhile() {
    let (server, keys) = loaded(&["a"]).await;
    server.answers(Answer::keys(&["a"]).after(SECOND));
    let start = Instant::now();
    let mut flood = JoinSet::new();
    for n in 0..2000 {
        let flooded = keys.clone();
        flood.spawn(async move { unknown(&flooded, &format!("random-{n}")).await });
        let before = Instant::now();
        assert!(serves(&keys, "a"));
        assert_eq!(before.elapsed(), Duration::ZERO);
        sleep(Duration::from_millis(20)).await;
    }
    assert!(flood.join_all().await.iter().all(Result::is_ok));
    assert_eq!((start.elapsed().as_secs(), server.requests()), (40, 1 + 4));
    assert!(server.gaps()[1..].iter().all(|gap| *gap >= COOLDOWN));
}

#[tokio::test(start_paused = true)]
async fn a_key_endpoint_that_hangs_keeps_nobody_with_a_known_key() {
    let (server, keys) = loaded(&["a"]).await;
    server.answers(Answer::keys(&["x"]).after(SECOND * 30));
    let start = Instant::now();
    let waiting = keys.clone();
    let waiter = tokio::spawn(async move { unknown(&waiting, "x").await });
    while !waiter.is_finished() {
        assert!(serves(&keys, "a"));
        sleep(Duration::from_millis(100)).await;
    }
    let error = waiter.await.unwrap().unwrap_err();
    assert!(start.elapsed() >= TIMEOUT && start.elapsed() < TIMEOUT + SECOND, "{:?}", start.elapsed());
    assert!(error.reason.contains("5000 ms"), "{error}");
    sleep(SECOND * 60).await;
    assert!(serves(&keys, "a"), "the late answer came to nobody");
}

#[tokio::test(start_paused = true)]
async fn the_first_request_with_a_new_kid_finds_it_though_an_older_answer_is_under_way() {
    let (server, keys) = loaded(&["a"]).await;
    sleep(TTL * 9 / 10).await;
    server.answers(Answer::keys(&["a"]).after(SECOND * 2));
    assert!(serves(&keys, "a"), "and a fetch in the background begins");
    sleep(SECOND).await;
    assert_eq!(server.requests(), 2);
    server.answers(Answer::keys(&["a", "b"]));
    assert!(has(&unknown(&keys, "b").await.unwrap(), "b"));
    assert_eq!(server.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_kid_a_fetch_for_another_reason_is_not_the_last_word() {
    let (server, keys) = loaded(&["a"]).await;
    let generation = generation(&keys);
    sleep(TTL * 9 / 10).await;
    server.answers(Answer::keys(&["b"]).after(SECOND));
    assert!(serves(&keys, "a"));
    sleep(SECOND / 2).await;
    server.answers(Answer::keys(&["c"]));
    let set = keys.refresh(Refresh::UnknownKey { kid: None, generation }).await.unwrap();
    assert!(has(&set, "c"), "which of the keys fits a token without kid is for the validator to say");
    assert_eq!(server.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_looked_at_an_older_set_gets_the_newer_one_without_a_fetch() {
    let (server, keys) = loaded(&["a"]).await;
    let older = generation(&keys);
    server.answers(Answer::keys(&["b"]));
    keys.prefetch().await.unwrap();
    let set = keys.refresh(Refresh::UnknownKey { kid: Some("b"), generation: older }).await.unwrap();
    assert!(has(&set, "b"));
    assert_eq!(server.requests(), 2);
}

// --- what a fetch changes ---

#[tokio::test(start_paused = true)]
async fn a_key_that_is_no_longer_listed_is_dead_at_once() {
    let (server, keys) = loaded(&["a", "b"]).await;
    let before = generation(&keys);
    server.answers(Answer::keys(&["b"]));
    assert!(unknown(&keys, "x").await.is_ok());
    assert!(!serves(&keys, "a") && serves(&keys, "b"));
    assert!(generation(&keys) > before);
}

#[tokio::test(start_paused = true)]
async fn the_same_keys_in_another_order_are_the_same_set() {
    let (server, keys) = loaded(&["a", "b", "c"]).await;
    let before = keys.current().unwrap();
    server.answers(Answer::keys(&["c", "a", "b"]));
    keys.prefetch().await.unwrap();
    assert_eq!(server.requests(), 2);
    assert!(Arc::ptr_eq(&before, &keys.current().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn another_key_under_the_same_kid_is_another_set() {
    let (server, keys) = loaded(&["a"]).await;
    let before = generation(&keys);
    let mut other = jwk("b");
    other["kid"] = "a".into();
    server.answers(Answer::status(200, &serde_json::json!({ "keys": [other] }).to_string()));
    keys.prefetch().await.unwrap();
    assert!(generation(&keys) > before);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_without_usable_keys_changes_nothing() {
    let many: Vec<String> = (0..101).map(|n| format!("k{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let encryption = r#"{"keys":[{"kty":"RSA","use":"enc","kid":"e","n":"AQAB","e":"AQAB"}]}"#;
    for (name, answer) in [
        ("an error", Answer::status(500, "")),
        ("a page", Answer::status(200, "<!doctype html><title>Log in</title>")),
        ("nothing", Answer::status(200, "")),
        ("an empty set", Answer::status(200, r#"{"keys":[]}"#)),
        ("no set", Answer::status(200, "{}")),
        ("an array", Answer::status(200, "[]")),
        ("half a set", Answer::status(200, r#"{"keys":[{"kty":"#)),
        ("keys for encryption", Answer::status(200, encryption)),
        ("too many keys", Answer::keys(&many)),
        ("good keys under another status", status_with_keys(203)),
        ("good keys that are not there", status_with_keys(404)),
        ("no content", Answer::status(204, "")),
        ("no connection", Answer::broken()),
    ] {
        let (server, keys) = loaded(&["a"]).await;
        let before = keys.current().unwrap();
        server.answers(answer);
        assert!(keys.prefetch().await.is_err(), "{name}");
        assert!(Arc::ptr_eq(&before, &keys.current().unwrap()), "{name}");
        assert!(unknown(&keys, "x").await.is_err(), "{name}");
    }
}

fn status_with_keys(status: u16) -> Answer {
    Answer::status(status, &serde_json::json!({ "keys": [jwk("x")] }).to_string())
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_refused_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (server, keys) = source(status_with_keys(status));
        let error = keys.prefetch().await.unwrap_err();
        assert!(error.reason.contains("no redirect is followed"), "{error}");
        assert_eq!(server.requests(), 1);
        assert!(keys.current().is_none());
    }
}
