//! Redis and PostgreSQL are gone, and come back.

use std::time::{Duration, Instant};

use kc_dev::{Endpoint, Fault};
use replicas_tests::{Answer, Browser, Postgres, Stack};
use tokio::time::sleep;

/// Longest that a store which is back is not used.
const RECOVERY: Duration = Duration::from_secs(20);

/// Asks until this is the answer.
async fn becomes(status: u16, mut ask: impl AsyncFnMut() -> Answer) {
    let begun = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status == status {
            return;
        }
        assert!(begun.elapsed() < RECOVERY, "still {answer:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_gone_sessions_wait_and_tokens_go_on_and_when_it_is_back_nobody_logs_in_again() {
    let mut stack = Stack::start().await;
    let (a, b) = tokio::join!(stack.first(), stack.second());
    let browser = Browser::of("alice", &a).await;
    let known = stack.issuer.token("alice", "api").await.unwrap();
    b.bearer("/me", &known).await.is(200, "");
    stack.redis.kill();
    for replica in [&a, &b] {
        // Twice: who finds the connection lost, and who finds it so.
        for _ in 0..2 {
            let asked = Instant::now();
            browser.get(replica, "/me").await.is(503, "session_store_unavailable");
            assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
        }
        replica.bearer("/me", &known).await.is(200, "");
        let unknown = stack.issuer.token("bob", "api").await.unwrap();
        replica.bearer("/me", &unknown).await.is(200, "");
    }
    stack.redis.start_again();
    for replica in [&a, &b] {
        becomes(200, async || browser.get(replica, "/me").await).await;
    }
    // What is revoked from now on is heard of as before.
    let sid = a.session_of("alice").await;
    let token = stack.issuer.mint().user("alice").claim("sid", sid.clone()).sign().await.unwrap();
    b.bearer("/me", &token).await.is(200, "");
    stack.end_session(&sid).await;
    browser.get(&b, "/me").await.is(401, "session_expired");
    becomes(401, async || b.bearer("/me", &token).await).await;
}

/// The tokens have come, and cannot be written down: with rotation on, whoever used the old ones again would end the session.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_come_while_redis_is_gone_are_written_down_when_it_is_back() {
    let mut stack = Stack::with_tokens_of(8).await;
    stack.issuer.set_refresh_rotation(true, 0);
    let (a, b) = tokio::join!(stack.first(), stack.second());
    let browser = Browser::of("alice", &a).await;
    sleep(Duration::from_secs(6)).await;
    stack.issuer.fault_times(Endpoint::Token, Fault::Slow(Duration::from_millis(700)), 1);
    let asked = tokio::spawn(browser.getting(&a, "/me"));
    stack.is_asked_for_tokens(2).await;
    stack.redis.kill();
    let killed = Instant::now();
    let answer = asked.await.unwrap();
    assert!([200, 503].contains(&answer.status), "{answer:?}");
    assert!(killed.elapsed() < Duration::from_secs(8), "it took {:?}", killed.elapsed());
    sleep(Duration::from_secs(2)).await;
    stack.redis.start_again();
    for replica in [&b, &a] {
        becomes(200, async || browser.get(replica, "/me").await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgresql_is_gone_who_is_known_goes_on_and_when_it_is_back_the_others_come_in() {
    let mut postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let stack = Stack::start().await.set("USERS_DATABASE", postgres.database());
    let (a, b) = tokio::join!(stack.first(), stack.second());
    let browser = Browser::of("alice", &a).await;
    browser.get(&b, "/me").await.is(200, "");
    let known = stack.issuer.token("alice", "api").await.unwrap();
    let unknown = stack.issuer.token("bob", "api").await.unwrap();
    for replica in [&a, &b] {
        replica.bearer("/me", &known).await.is(200, "");
    }
    postgres.stop();
    for replica in [&a, &b] {
        replica.bearer("/me", &known).await.is(200, "");
        browser.get(replica, "/me").await.is(200, "");
        let asked = Instant::now();
        replica.bearer("/me", &unknown).await.is(503, "session_store_unavailable");
        assert!(asked.elapsed() < Duration::from_secs(8), "it took {:?}", asked.elapsed());
    }
    postgres.start_again();
    for replica in [&a, &b] {
        becomes(200, async || replica.bearer("/me", &unknown).await).await;
        browser.get(replica, "/me").await.is(200, "");
        replica.bearer("/me", &known).await.is(200, "");
    }
}
