//! What one replica knows, the others know.

use replicas_tests::{Browser, Stack};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_login_at_one_replica_is_a_session_at_all_of_them() {
    let stack = Stack::start().await;
    let (a, b, c) = tokio::join!(stack.first(), stack.second(), stack.third());
    let mut browser = Browser::of("alice", &a).await;
    for replica in [&a, &b, &c] {
        let me = browser.get(replica, "/me").await;
        me.is(200, "");
        assert!(me.body.contains(r#""username":"alice""#), "{}", me.body);
    }
    let csrf = browser.csrf(&a).await;
    browser.post(&b, "/items?item_name=Gear", &csrf).await.is(201, "");
    browser.post(&c, "/items?item_name=Gear", &csrf).await.is(201, "");
    browser.post(&b, "/items?item_name=Gear", "another").await.is(403, "csrf_failed");
    assert_eq!(stack.asked_for_tokens(), 1, "for the login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_begun_at_one_replica_is_finished_at_another_and_only_once() {
    let stack = Stack::start().await;
    let (a, b) = tokio::join!(stack.first(), stack.second());
    let mut browser = Browser::default();
    let callback = browser.begin_login("alice", &a).await;
    let mut twin = browser.clone();
    let landed = browser.visit(&b, &callback).await;
    assert_eq!((landed.status, landed.location()), (302, "/account"));
    browser.get(&a, "/me").await.is(200, "");
    twin.visit(&a, &callback).await.is(400, "");
    twin.get(&a, "/me").await.is(401, "not_authenticated");
    browser.get(&a, "/me").await.is(200, "");
    assert_eq!(
        stack.asked_for_tokens(),
        1,
        "the code is shown once: Keycloak ends the session of who shows it twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_at_one_replica_logs_out_at_the_other() {
    let stack = Stack::start().await;
    let (a, b) = tokio::join!(stack.first(), stack.second());
    let mut browser = Browser::of("alice", &a).await;
    let kept = browser.clone();
    let csrf = browser.csrf(&a).await;
    browser.post(&b, "/oidc/logout", &csrf).await.is(302, "");
    kept.get(&a, "/me").await.is(401, "session_expired");
    kept.get(&b, "/me").await.is(401, "session_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn first_logins_at_both_at_once_make_one_user() {
    let stack = Stack::start().await;
    let (a, b) = tokio::join!(stack.first(), stack.second());
    let token = stack.issuer.token("alice", "api").await.unwrap();
    let (mut here, mut there) = (Browser::default(), Browser::default());
    let (at_a, at_b) = tokio::join!(here.begin_login("alice", &a), there.begin_login("alice", &b));
    // With tokens of three sessions: what a process remembers of one says nothing of the others.
    let (here_in, there_in, by_a, by_b) = tokio::join!(
        here.visit(&a, &at_a),
        there.visit(&b, &at_b),
        a.bearer("/me", &token),
        b.bearer("/me", &token),
    );
    for (answer, status) in [(here_in, 302), (there_in, 302), (by_a, 200), (by_b, 200)] {
        answer.is(status, "");
    }
    for replica in [&a, &b] {
        let listed = replica.bearer("/admin/users", &token).await;
        listed.is(200, "");
        let listed: Value = serde_json::from_str(&listed.body).unwrap();
        let names: Vec<_> =
            listed["users"].as_array().unwrap().iter().map(|user| &user["username"]).collect();
        assert_eq!(names, ["alice"]);
    }
}
