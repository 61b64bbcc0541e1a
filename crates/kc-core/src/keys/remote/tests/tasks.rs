//! Waiters that go away, tasks and runtimes that die, settings that nobody should choose.

use tokio::runtime::Runtime;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_waiter_that_goes_away_does_not_cancel_the_fetch() {
    let (server, keys) = source(Answer::keys(&["a"]).after(SECOND * 2));
    let gone = tokio::time::timeout(SECOND, no_keys(&keys)).await;
    assert!(gone.is_err());
    let start = Instant::now();
    assert!(has(&no_keys(&keys).await.unwrap(), "a"));
    assert_eq!((start.elapsed(), server.requests()), (SECOND, 1));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_dropped_during_a_fetch_is_not_missed() {
    let (server, keys) = source(Answer::keys(&["a"]).after(SECOND));
    assert!(tokio::time::timeout(SECOND / 2, no_keys(&keys)).await.is_err());
    let shared = Arc::downgrade(&keys.shared);
    drop(keys);
    assert!(shared.upgrade().is_none(), "the task does not keep it");
    sleep(SECOND).await;
    assert_eq!(Arc::strong_count(&server), 1, "and ends");
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_leaves_nobody_hanging() {
    let (server, keys) = source(Answer::panic());
    assert!(no_keys(&keys).await.unwrap_err().reason.contains("given up"));
    server.answers(Answer::keys(&["a"]));
    sleep(SECOND).await;
    assert!(has(&no_keys(&keys).await.unwrap(), "a"));

    server.answers(Answer::panic());
    sleep(TTL * 2).await;
    let before = server.requests();
    for _ in 0..100 {
        assert!(serves(&keys, "a"));
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.requests(), before + 1, "in the background it backs off like any failure");
}

fn paused_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn a_fetch_that_dies_with_its_runtime_leaves_nobody_hanging() {
    let (server, keys) = source(Answer::keys(&["a"]).after(SECOND * 2));
    let (dying, living) = (paused_runtime(), paused_runtime());
    let started = dying.block_on(async { tokio::time::timeout(SECOND, keys.prefetch()).await });
    assert!(started.is_err());
    living.block_on(async {
        let waiting = keys.clone();
        let waiter = tokio::spawn(async move { no_keys(&waiting).await });
        tokio::task::yield_now().await;
        assert_eq!(server.requests(), 1, "it joined");
        dying.shutdown_background();
        assert!(waiter.await.unwrap().unwrap_err().reason.contains("given up"));
        sleep(SECOND * 2).await;
        assert!(has(&no_keys(&keys).await.unwrap(), "a"));
        assert_eq!(server.requests(), 2);
    });
}

#[test]
fn a_fetch_on_a_runtime_that_nobody_drives_is_given_up_and_its_late_answer_is_not_taken() {
    let (server, keys) = source(Answer::keys(&["old"]).after(SECOND * 2));
    let (idle, living) = (paused_runtime(), paused_runtime());
    assert!(idle.block_on(async { tokio::time::timeout(SECOND, keys.prefetch()).await }).is_err());
    living.block_on(async {
        let start = Instant::now();
        assert!(no_keys(&keys).await.unwrap_err().reason.contains("given up"));
        assert!(start.elapsed() <= TIMEOUT + GRACE, "{:?}", start.elapsed());
        server.answers(Answer::keys(&["new"]));
        sleep(SECOND).await;
        assert!(has(&no_keys(&keys).await.unwrap(), "new"));
    });
    idle.block_on(async { sleep(SECOND * 10).await });
    living.block_on(async { assert!(serves(&keys, "new") && !serves(&keys, "old")) });
}

#[test]
fn looking_at_ageing_keys_outside_a_runtime_is_harmless() {
    let options = RemoteKeysOptions { ttl: Duration::ZERO, ..RemoteKeysOptions::default() };
    let (_server, keys) = source_with(Answer::keys(&["a"]), options);
    paused_runtime().block_on(keys.prefetch()).unwrap();
    std::thread::sleep(SECOND + SECOND / 10);
    assert!(serves(&keys, "a"));
}

#[tokio::test(start_paused = true)]
async fn a_ttl_of_zero_costs_one_fetch_a_second() {
    let options = RemoteKeysOptions { ttl: Duration::ZERO, ..RemoteKeysOptions::default() };
    let (server, keys) = source_with(Answer::keys(&["a"]), options);
    keys.prefetch().await.unwrap();
    for _ in 0..1000 {
        assert!(serves(&keys, "a"));
        sleep(Duration::from_millis(10)).await;
    }
    assert!((8..=11).contains(&server.requests()), "{}", server.requests());
}

#[tokio::test(start_paused = true)]
async fn absurd_settings_do_not_overflow() {
    let forever = Duration::from_secs(u64::MAX);
    let options = RemoteKeysOptions { ttl: forever, max_stale: forever, cooldown: forever, timeout: forever };
    let (server, keys) = source_with(Answer::keys(&["a"]), options);
    keys.prefetch().await.unwrap();
    assert!(unknown(&keys, "x").await.is_ok() && unknown(&keys, "x").await.is_ok());
    assert!(serves(&keys, "a"));
    assert_eq!(server.requests(), 2);
}
