//! Two services that share a Redis and a PostgreSQL, in front of a real Keycloak.
//!
//! The server is the one at `KC_TEST_KEYCLOAK_URL`, by default `http://127.0.0.1:18080`; without one every test fails.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod realm;

use std::sync::Arc;
use std::time::{Duration, Instant};

use replicas_tests::{Browser, Postgres, Redis, Replica, Settings, free_port, settings};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::realm::Realm;

/// Of access tokens, in seconds.
const LIFE: u64 = 16;

/// A realm of its own, two replicas, and what they share.
struct Pair {
    a: Replica,
    b: Replica,
    realm: Realm,
    _redis: Redis,
    _postgres: Arc<Postgres>,
}

impl Pair {
    /// The realm tells A of logouts.
    async fn start() -> Self {
        let port = free_port();
        let postgres = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
        let realm = Realm::create(LIFE, port).await;
        let redis = Redis::durable();
        let of_b = settings(realm.base(), realm.name(), &redis, &postgres.database());
        let mut of_a: Settings = of_b.clone();
        of_a.insert("LISTEN", format!("127.0.0.1:{port}"));
        let (a, b) =
            tokio::join!(Replica::start("axum-service", &of_a), Replica::start("actix-service", &of_b));
        Self { a, b, realm, _redis: redis, _postgres: postgres }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_at_one_replica_is_a_session_at_the_other_and_is_renewed_once_for_both() {
    let pair = Pair::start().await;
    let mut browser = Browser::default();
    browser.log_in("alice", &pair.a, &pair.b).await;
    let due = Instant::now() + Duration::from_secs(LIFE * 3 / 4);
    let csrf = browser.csrf(&pair.a).await;
    browser.post(&pair.b, "/items?item_name=Gear", &csrf).await.is(201, "");
    for replica in [&pair.a, &pair.b] {
        let me = browser.get(replica, "/me").await;
        me.is(200, "");
        assert!(me.body.contains(r#""username":"alice""#), "{}", me.body);
    }
    sleep_until(due.into()).await;
    assert_eq!(pair.realm.refreshes().await, 0);
    let mut asked = JoinSet::new();
    for replica in [&pair.a, &pair.b].into_iter().cycle().take(50) {
        asked.spawn(browser.getting(replica, "/me"));
    }
    for answer in asked.join_all().await {
        answer.is(200, "");
    }
    assert_eq!(pair.realm.refreshes().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_that_keycloak_tells_one_replica_is_known_to_the_other_within_a_second() {
    let pair = Pair::start().await;
    let browser = Browser::of("alice", &pair.a).await;
    let token = pair.realm.token("alice").await;
    for replica in [&pair.a, &pair.b] {
        browser.get(replica, "/me").await.is(200, "");
        replica.bearer("/me", &token).await.is(200, "");
    }
    // Keycloak answers when it has told the client of each session.
    pair.realm.log_out_everywhere("alice").await;
    let told = Instant::now();
    browser.get(&pair.b, "/me").await.is(401, "session_expired");
    loop {
        let answer = pair.b.bearer("/me", &token).await;
        if answer.status != 200 {
            break answer.is(401, "token_revoked");
        }
        assert!(told.elapsed() < Duration::from_secs(1), "it is still good");
    }
    browser.get(&pair.a, "/me").await.is(401, "session_expired");
    pair.a.bearer("/me", &token).await.is(401, "token_revoked");
    // The user is not locked out by it.
    let again = Browser::of("alice", &pair.b).await;
    again.get(&pair.a, "/me").await.is(200, "");
}
