//! Tokens are renewed once, by whoever is there to do it.

use std::time::{Duration, Instant};

use kc_dev::{Endpoint, Fault};
use replicas_tests::{Browser, Relay, Replica, Stack};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

/// Of access tokens, in seconds: in its last quarter all of a test's requests are sent, also by a slow machine.
const LONG: u64 = 8;
/// The same, where it does not matter how much of the last quarter is left.
const SHORT: u64 = 4;
/// A replica that was killed holds its lease for 10 s; then the next one asks Keycloak.
const HANDOVER: Duration = Duration::from_secs(10 + 8);

/// A browser that has just logged in, and when its token is in the last quarter of its life.
async fn logged_in(replica: &Replica, life: u64) -> (Browser, Instant) {
    let browser = Browser::of("alice", replica).await;
    (browser, Instant::now() + Duration::from_secs(life * 3 / 4))
}

/// `GET /me` so many times at once, in turn at each of these: all are answered.
async fn all_are_served(browser: &Browser, replicas: &[&Replica], times: usize) {
    let mut asked = JoinSet::new();
    for replica in replicas.iter().cycle().take(times) {
        asked.spawn(browser.getting(replica, "/me"));
    }
    for answer in asked.join_all().await {
        answer.is(200, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_requests_at_two_replicas_at_the_time_of_refresh_bring_exactly_one() {
    let stack = Stack::with_tokens_of(LONG).await;
    // Of two that are sent, the second would end the session.
    stack.issuer.set_refresh_rotation(true, 0);
    let (a, b) = tokio::join!(stack.first(), stack.second());
    let (browser, due) = logged_in(&a, LONG).await;
    browser.get(&b, "/me").await.is(200, "");
    sleep_until(due.into()).await;
    assert_eq!(stack.asked_for_tokens(), 1, "the login");
    // All fifty come while the first is under way.
    stack.issuer.fault_times(Endpoint::Token, Fault::Slow(Duration::from_secs(1)), 1);
    all_are_served(&browser, &[&a, &b], 50).await;
    assert_eq!(stack.asked_for_tokens(), 2, "the login and one refresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_requests_after_the_token_has_ended_bring_exactly_one_refresh_too() {
    let stack = Stack::with_tokens_of(SHORT).await;
    stack.issuer.set_refresh_rotation(true, 0);
    let (a, b) = tokio::join!(stack.first(), stack.second());
    let browser = Browser::of("alice", &a).await;
    sleep(Duration::from_secs(5)).await;
    // Longer than a request waits that still has a good token, shorter than the new token is good for.
    stack.issuer.fault_times(Endpoint::Token, Fault::Slow(Duration::from_millis(2200)), 1);
    all_are_served(&browser, &[&a, &b], 50).await;
    assert_eq!(stack.asked_for_tokens(), 2, "the login and one refresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_renew_in_turn_and_with_rotation_nobody_is_logged_out() {
    let stack = Stack::with_tokens_of(SHORT).await;
    stack.issuer.set_refresh_rotation(true, 0);
    let (a, b, c) = tokio::join!(stack.first(), stack.second(), stack.third());
    let browser = Browser::of("alice", &b).await;
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        all_are_served(&browser, &[&c, &a, &b], 6).await;
        sleep(Duration::from_millis(100)).await;
    }
    let refreshes = stack.asked_for_tokens() - 1;
    assert!((2..=3).contains(&refreshes), "{refreshes} in 10 s, of tokens that are renewed after 3");
}

/// As in every deployment.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_told_to_stop_while_it_asks_for_tokens_writes_them_down_first() {
    let stack = Stack::with_tokens_of(SHORT).await;
    stack.issuer.set_refresh_rotation(true, 0);
    let (a, b, c) = tokio::join!(stack.first(), stack.second(), stack.third());
    let mut due = Instant::now();
    let mut logins = Vec::new();
    for replica in [&a, &b, &c] {
        let (browser, at) = logged_in(replica, SHORT).await;
        logins.push((browser, replica));
        due = due.max(at);
    }
    let d = stack.second().await;
    sleep_until(due.into()).await;
    stack.issuer.fault_times(Endpoint::Token, Fault::Slow(Duration::from_secs(1)), 3);
    let asked: Vec<_> =
        logins.iter().map(|(browser, replica)| tokio::spawn(browser.getting(replica, "/me"))).collect();
    stack.is_asked_for_tokens(6).await;
    for (_, replica) in &logins {
        replica.tell_to_stop();
    }
    for answer in asked {
        answer.await.unwrap().is(200, "");
    }
    for (browser, _) in &logins {
        browser.get(&d, "/me").await.is(200, "");
    }
}

/// The issuer has got A's request and done nothing yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_killed_while_it_asks_for_tokens_logs_nobody_out() {
    let stack = Stack::with_tokens_of(SHORT).await;
    stack.issuer.set_refresh_rotation(true, 0);
    let (mut a, b) = tokio::join!(stack.first(), stack.second());
    let (browser, due) = logged_in(&a, SHORT).await;
    sleep_until(due.into()).await;
    stack.issuer.fault_times(Endpoint::Token, Fault::Slow(Duration::from_secs(2)), 1);
    let unanswered = tokio::spawn(browser.getting(&a, "/me"));
    stack.is_asked_for_tokens(2).await;
    a.kill();
    assert!(unanswered.await.is_err(), "it was answered before the process was killed");
    is_served_by(&browser, &b).await;
    assert_eq!(stack.asked_for_tokens(), 3, "the login, what A began, and what B did");
}

/// The token that browser has may still be good for a moment; then it is renewed.
async fn is_served_by(browser: &Browser, replica: &Replica) {
    let killed = Instant::now();
    browser.get(replica, "/me").await.is(200, "");
    sleep(Duration::from_secs(SHORT / 4)).await;
    browser.get(replica, "/me").await.is(200, "");
    assert!(killed.elapsed() < HANDOVER, "it took {:?}", killed.elapsed());
}

/// A has got the request through: the issuer has given new tokens, and A is killed before it hears of them.
async fn loses_the_answer(stack: &Stack, relay: &Relay) -> (Browser, Replica) {
    let (mut a, b) = tokio::join!(stack.first(), stack.second());
    let (browser, due) = logged_in(&a, SHORT).await;
    sleep_until(due.into()).await;
    relay.hold_tokens();
    let unanswered = tokio::spawn(browser.getting(&a, "/me"));
    relay.holds_one().await;
    a.kill();
    assert!(unanswered.await.is_err(), "it was answered before the process was killed");
    relay.pass_tokens();
    (browser, b)
}

async fn behind_a_relay() -> (Stack, Relay) {
    let stack = Stack::with_tokens_of(SHORT).await;
    let relay = Relay::to(stack.issuer.address()).await;
    (stack.set("KEYCLOAK_INTERNAL_URL", relay.url()), relay)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_killed_before_its_new_tokens_arrive_logs_nobody_out() {
    let (stack, relay) = behind_a_relay().await;
    let (browser, b) = loses_the_answer(&stack, &relay).await;
    is_served_by(&browser, &b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_rotation_and_one_reuse_a_lost_answer_logs_nobody_out_either() {
    let (stack, relay) = behind_a_relay().await;
    stack.issuer.set_refresh_rotation(true, 1);
    let (browser, b) = loses_the_answer(&stack, &relay).await;
    is_served_by(&browser, &b).await;
}

/// Nothing can be done about it: the one token that Keycloak would take is lost, and it takes the one before for stolen.
#[tokio::test(flavor = "multi_thread")]
async fn with_rotation_and_no_reuse_a_lost_answer_ends_the_session() {
    let (stack, relay) = behind_a_relay().await;
    stack.issuer.set_refresh_rotation(true, 0);
    let (browser, b) = loses_the_answer(&stack, &relay).await;
    sleep(Duration::from_secs(SHORT / 4)).await;
    let answer = timeout(HANDOVER, browser.get(&b, "/me")).await.expect("an answer");
    answer.is(401, "session_expired");
}
