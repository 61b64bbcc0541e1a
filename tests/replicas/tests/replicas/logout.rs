//! Keycloak tells one replica, and all of them know.

use std::time::{Duration, Instant};

use replicas_tests::{Browser, Stack};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_back_channel_logout_at_one_replica_is_known_to_the_others_within_a_second() {
    let stack = Stack::start().await;
    let (a, b, c) = tokio::join!(stack.first(), stack.second(), stack.third());
    let (browser, other) = tokio::join!(Browser::of("alice", &a), Browser::of("bob", &b));
    let sid = a.session_of("alice").await;
    let minted = |claim: &str| stack.issuer.mint().user("alice").claim("sid", json!(claim)).sign();
    let token = minted(&sid).await.unwrap();
    let of_another_session = minted("another").await.unwrap();
    for replica in [&a, &b, &c] {
        browser.get(replica, "/me").await.is(200, "");
        replica.bearer("/me", &token).await.is(200, "");
    }

    stack.end_session(&sid).await;
    let told = Instant::now();
    for replica in [&b, &c, &a] {
        browser.get(replica, "/me").await.is(401, "session_expired");
        // Revocations come by a stream, and so a moment later.
        loop {
            let answer = replica.bearer("/me", &token).await;
            if answer.status != 200 {
                break answer.is(401, "token_revoked");
            }
            assert!(told.elapsed() < Duration::from_secs(1), "it is still good");
        }
    }
    for replica in [&a, &b, &c] {
        replica.bearer("/me", &of_another_session).await.is(200, "");
        other.get(replica, "/me").await.is(200, "");
    }
    // One that was not there then.
    let later = stack.second().await;
    later.bearer("/me", &token).await.is(401, "token_revoked");
    later.bearer("/me", &of_another_session).await.is(200, "");
}
