//! A replica that cannot reach what it shares with the others does not start.

use replicas_tests::{Ended, Replica, Stack, free_port};

/// Exit code 2, and one line that names the setting and holds no password.
fn is_refused(ended: &Ended, setting: &str) {
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.starts_with(&format!("{setting} cannot be used")), "{ended:?}");
    assert!(!ended.stderr.contains("hidden"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_does_not_start_without_redis_and_says_so_in_one_line() {
    let stack = Stack::start().await;
    let url = format!("redis://:hidden@127.0.0.1:{}", free_port());
    let stack = stack.set("SESSION_STORE", url);
    let ended = Replica::try_start("axum-service", &stack.settings()).await.expect_err("it starts");
    is_refused(&ended, "SESSION_STORE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_does_not_start_without_postgresql_and_says_so_in_one_line() {
    let stack = Stack::start().await;
    let url = format!("postgres://kc:hidden@127.0.0.1:{}/users", free_port());
    let stack = stack.set("USERS_DATABASE", url);
    let ended = Replica::try_start("actix-service", &stack.settings()).await.expect_err("it starts");
    is_refused(&ended, "USERS_DATABASE");
}
