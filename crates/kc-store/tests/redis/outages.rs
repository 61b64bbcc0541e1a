use std::time::Duration;

use kc_core::secret::Secret;
use kc_login::session::{Ended, ReplayCache, SessionStore, StoreUnavailable, StoredSession};
use kc_store::redis::{RedisOptions, RedisStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{ISSUER, Redis, ask, ended, key, keys, replica, seal, session, url, with};

async fn refused(url: &str) -> String {
    let refused = RedisStore::connect(&Secret::new(url), seal()).await.unwrap_err();
    let text = refused.to_string();
    assert!(!text.contains("hunter2") && !text.contains("127.0.0.1"), "{text}");
    text
}

#[tokio::test]
async fn a_redis_that_cannot_be_used_is_named_at_the_start_and_no_secret_with_it() {
    let server = Redis::with_password("hunter2");
    let port = server.port();
    let wrong = refused(&format!("redis://:not-hunter2@127.0.0.1:{port}")).await;
    assert!(wrong.contains("refuses the user or the password"), "{wrong}");
    let none = refused(&format!("redis://127.0.0.1:{port}")).await;
    assert!(none.contains("asks for a password"), "{none}");
    let number = refused(&format!("redis://:hunter2@127.0.0.1:{port}/9999")).await;
    assert!(number.contains("error"), "{number}");
    let unknown = refused("redis://:hunter2@host.invalid").await;
    assert!(unknown.contains("cannot be reached"), "{unknown}");
    assert!(RedisStore::connect(&url(&server), seal()).await.is_ok());
    drop(server);
    let gone = refused(&format!("redis://:hunter2@127.0.0.1:{port}")).await;
    assert!(gone.contains("cannot be reached"), "{gone}");
}

#[tokio::test]
async fn what_is_no_redis_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let web = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let text = refused(&format!("redis://:hunter2@127.0.0.1:{port}")).await;
    assert!(!text.contains("HTTP"), "{text}");
    web.abort();
}

#[tokio::test]
async fn while_redis_is_gone_every_call_fails_at_once_and_nothing_is_lost_when_it_is_back() {
    let mut server = Redis::durable();
    let store = replica(&server).await;
    store.insert(&key(1), &session("s", "u")).await.unwrap();
    assert!(store.first_use("a", session("s", "u").ends_at).await.unwrap());
    let before = store.load(&key(1)).await.unwrap();
    server.kill();

    let calls = async || -> [Result<(), StoreUnavailable>; 9] {
        [
            store.check().await,
            store.load(&key(1)).await.map(drop),
            store.insert(&key(2), &session("s", "u")).await,
            store.replace(&key(1), &StoredSession { version: 1, ..session("s", "u") }).await.map(drop),
            store.touch(&key(1), session("s", "u").ends_at).await,
            store.remove(&key(1)).await.map(drop),
            store.remove_all(ISSUER, &Ended::Subject("u".to_owned())).await.map(drop),
            store.lease(&key(1), "a", Duration::from_secs(1)).await.map(drop),
            store.first_use("b", session("s", "u").ends_at).await.map(drop),
        ]
    };
    let outcomes = ended(calls()).await;
    for (number, outcome) in outcomes.into_iter().enumerate() {
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("Redis cannot be reached") || text.contains("lost"), "{number}: {text}");
    }

    server.start_again();
    // No longer than nobody tries again.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(store.load(&key(1)).await.unwrap(), before);
    assert!(!store.first_use("a", session("s", "u").ends_at).await.unwrap());
    assert_eq!(store.remove_all(ISSUER, &Ended::Subject("u".to_owned())).await.unwrap(), 1);
}

#[tokio::test]
async fn a_connection_that_was_lost_while_nobody_asked_costs_no_call() {
    let mut server = Redis::durable();
    let store = replica(&server).await;
    for _ in 0..3 {
        store.insert(&key(1), &session("s", "u")).await.unwrap();
        server.kill();
        server.start_again();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(store.load(&key(1)).await.unwrap().is_some());
        let _: i64 = ask(&server, redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal")).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(store.load(&key(1)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_redis_that_hangs_is_waited_for_no_longer_than_said() {
    let server = Redis::start();
    let limits = RedisOptions {
        connect_timeout: Duration::from_millis(500),
        response_timeout: Duration::from_millis(300),
        ..RedisOptions::default()
    };
    let store = with(&server, limits).await;
    store.insert(&key(1), &session("s", "u")).await.unwrap();
    server.pause();
    let outcome = ended(store.load(&key(1))).await;
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("did not answer within 300ms"), "{text}");
    // By now there is no connection, and all of them wait for the same one.
    let all: Vec<_> = (0..50)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { ended(store.load(&key(number))).await })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap_err();
    }
    ended(store.load(&key(1))).await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        open_connections(server.port()),
        0,
        "what was given up is closed, however long the other side hangs"
    );
    server.go_on();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(store.load(&key(1)).await.unwrap().is_some());
    assert_eq!(open_connections(server.port()), 1);
}

/// From this machine to that port; see proc(5).
fn open_connections(port: u16) -> usize {
    let (port, established) = (format!(":{port:04X}"), "01");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let open = table.lines().filter(|line| {
        let mut columns = line.split_whitespace().skip(2);
        columns.next().is_some_and(|remote| remote.ends_with(&port)) && columns.next() == Some(established)
    });
    open.count()
}

#[tokio::test]
async fn a_redis_that_is_full_takes_no_new_sessions_and_those_that_are_there_go_on() {
    let server = Redis::start();
    let store = replica(&server).await;
    store.insert(&key(1), &session("s", "u")).await.unwrap();
    let _: String = ask(&server, redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(1)).await;
    let text = store.insert(&key(2), &session("s", "u")).await.unwrap_err().to_string();
    assert!(text.contains("full"), "{text}");
    assert!(keys(&server, "*").await.iter().all(|name| !name.ends_with(&key(2).to_string())));
    assert!(store.load(&key(1)).await.unwrap().is_some());
    store.touch(&key(1), session("s", "u").idle_until).await.unwrap();
    let next = StoredSession { version: 1, ..session("s", "u") };
    assert!(store.replace(&key(1), &next).await.unwrap());
    assert_eq!(store.remove_all(ISSUER, &Ended::Session("s".to_owned())).await.unwrap(), 1);
    assert!(
        store.first_use("a", next.ends_at).await.is_err(),
        "what cannot be remembered is not taken for new"
    );
}

#[tokio::test]
async fn a_replica_of_redis_that_takes_no_changes_says_so() {
    let server = Redis::start();
    let store = replica(&server).await;
    let _: String = ask(&server, redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1)).await;
    let text = store.insert(&key(2), &session("s", "u")).await.unwrap_err().to_string();
    assert!(text.contains("takes no changes"), "{text}");
    // The name may lead to another Redis by now: each time it is connected to anew.
    let connections = async || -> u64 {
        let stats: String = ask(&server, redis::cmd("INFO").arg("stats")).await;
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().parse().unwrap()
    };
    let before = connections().await;
    assert!(store.insert(&key(2), &session("s", "u")).await.is_err());
    assert_eq!(connections().await, before + 2, "one of the store, one of the test");
    let _: String = ask(&server, redis::cmd("REPLICAOF").arg("NO").arg("ONE")).await;
    store.insert(&key(2), &session("s", "u")).await.unwrap();
}

#[test]
fn a_store_outlives_the_runtime_that_it_was_made_on() {
    let server = Redis::start();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime().block_on(async {
        let store = replica(&server).await;
        store.insert(&key(1), &session("s", "u")).await.unwrap();
        store
    });
    assert!(runtime().block_on(store.load(&key(1))).unwrap().is_some());
}
