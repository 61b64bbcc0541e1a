use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kc_conformance::contract;
use kc_core::secret::Secret;
use kc_login::session::{SessionStore, StoredSession};
use kc_store::redis::{RedisOptions, RedisStore};

use super::{Redis, key, replica, session, with};

/// Where nothing is yet.
fn fresh() -> RedisOptions {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    RedisOptions { prefix: format!("test{number}:"), ..RedisOptions::default() }
}

async fn two(server: &Redis) -> [RedisStore; 2] {
    let options = fresh();
    [with(server, options.clone()).await, with(server, options).await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_one_process_keep_the_contract() {
    let server = Redis::start();
    contract::session_store(async || with(&server, fresh()).await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_two_replicas_keep_the_contract() {
    let server = Redis::with_password("hunter2");
    contract::shared_session_store(async || two(&server).await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_used_once_keeps_the_contract() {
    let server = Redis::start();
    contract::replay_cache(async || with(&server, fresh()).await).await.unwrap();
    contract::shared_replay_cache(async || two(&server).await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_keep_the_contract() {
    let server = Redis::start();
    let make = async || with(&server, fresh()).await.revocations().await.unwrap();
    contract::revocations(make).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_replace_one_version_one_wins_and_no_version_is_left_out() {
    let server = Redis::start();
    let stores = [replica(&server).await, replica(&server).await, replica(&server).await];
    stores[0].insert(&key(1), &session("s", "u")).await.unwrap();
    let wins = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..60)
        .map(|number| {
            let (store, wins) = (stores[number % 3].clone(), Arc::clone(&wins));
            tokio::spawn(async move {
                for _ in 0..10 {
                    let found = store.load(&key(1)).await.unwrap().unwrap();
                    let mut next = StoredSession { version: found.version + 1, ..found };
                    next.tokens.access_token = Secret::new(format!("{number} of {}", next.version));
                    if store.replace(&key(1), &next).await.unwrap() {
                        wins.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let last = stores[1].load(&key(1)).await.unwrap().unwrap();
    assert_eq!(last.version, u64::try_from(wins.load(Ordering::Relaxed)).unwrap());
    assert!(last.version >= 10, "{last:?}");
    assert!(last.tokens.access_token.expose().ends_with(&format!(" of {}", last.version)));
}
