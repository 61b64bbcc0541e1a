use std::collections::HashMap;
use std::time::Duration;

use kc_core::clock::{Clock, SystemClock};
use kc_core::revocations::{Revocation, Revocations as _};
use kc_login::Seal;
use kc_login::session::{Ended, ReplayCache, SessionStore, StoredSession};
use kc_store::redis::RedisStore;

use super::{ISSUER, KEY, Redis, ask, key, keys, replica, session, url};

/// The keys of the session numbered so.
fn at(number: u8) -> String {
    format!("kc:session:{}", key(number))
}

async fn field(server: &Redis, number: u8, name: &str) -> Vec<u8> {
    ask(server, redis::cmd("HGET").arg(at(number)).arg(name)).await
}

async fn set(server: &Redis, number: u8, name: &str, value: impl redis::ToRedisArgs) {
    let _: i64 = ask(server, redis::cmd("HSET").arg(at(number)).arg(name).arg(value)).await;
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn who_reads_redis_learns_no_token_no_name_and_no_id() {
    let server = Redis::start();
    let store = replica(&server).await;
    store.insert(&key(1), &session("the-session-id", "the-subject")).await.unwrap();
    let next = StoredSession { version: 1, ..session("the-session-id", "the-subject") };
    assert!(store.replace(&key(1), &next).await.unwrap());
    assert!(store.first_use("the-id-of-a-token", next.ends_at).await.unwrap());
    assert!(store.lease(&key(1), "a holder", Duration::from_secs(60)).await.unwrap());
    let revocations = store.revocations().await.unwrap();
    revocations.revoke(ISSUER, Revocation::Session("the-session-id".to_owned())).await.unwrap();
    revocations.revoke(ISSUER, Revocation::NotBefore(Some(next.started_at))).await.unwrap();

    let keys = keys(&server, "*").await;
    assert_eq!(keys.len(), 7, "{keys:?}");
    for name in keys {
        assert!(name.starts_with("kc:"), "{name}");
        let dump: Vec<u8> = ask(&server, redis::cmd("DUMP").arg(&name)).await;
        let all = [name.as_bytes(), &dump].concat();
        for text in ["the-", "alice", "kc.example.com", "realms"] {
            assert!(!holds(&all, text), "{name} shows {text}");
        }
        let left: i64 = ask(&server, redis::cmd("PTTL").arg(&name)).await;
        assert!(left > 0 || name == "kc:not-before", "{name} stays for ever");
    }
}

#[tokio::test]
async fn what_is_over_leaves_nothing_behind() {
    let server = Redis::start();
    let store = replica(&server).await;
    let soon = SystemClock.now().plus(Duration::from_millis(300));
    let short = StoredSession { ends_at: soon, ..session("s", "u") };
    store.insert(&key(1), &short).await.unwrap();
    store.insert(&key(2), &short).await.unwrap();
    store.insert(&key(3), &session("x", "u")).await.unwrap();
    let renamed = StoredSession { version: 1, ..session("t", "u") };
    assert!(store.replace(&key(3), &renamed).await.unwrap());
    store.touch(&key(2), renamed.ends_at).await.unwrap();
    assert!(store.first_use("a", soon).await.unwrap());
    assert!(store.lease(&key(1), "a", Duration::from_millis(300)).await.unwrap());
    tokio::time::sleep(Duration::from_millis(700)).await;
    // The third session, with its two names.
    assert_eq!(keys(&server, "*").await.len(), 3);
    // Whoever logs in again and again, and never out, is not written down for ever.
    store.insert(&key(4), &session("v", "u")).await.unwrap();
    for name in keys(&server, "kc:sub:*").await {
        let members: i64 = ask(&server, redis::cmd("ZCARD").arg(name)).await;
        assert_eq!(members, 2);
    }
    store.remove_all(ISSUER, &Ended::Subject("u".to_owned())).await.unwrap();
    assert_eq!(keys(&server, "*").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_changed_in_redis_is_no_session() {
    let server = Redis::start();
    let store = replica(&server).await;
    let insert = async |number| store.insert(&key(number), &session("s", "u")).await.unwrap();
    let is_gone = async |number| store.load(&key(number)).await.unwrap().is_none();
    insert(1).await;
    let sealed = field(&server, 1, "sealed").await;
    for place in [0, 4, 16, sealed.len() / 2, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        set(&server, 1, "sealed", changed).await;
        assert!(is_gone(1).await, "byte {place}");
    }
    set(&server, 1, "sealed", sealed.clone()).await;
    assert!(!is_gone(1).await);

    // Another's session under one's own key.
    insert(2).await;
    set(&server, 2, "sealed", sealed.clone()).await;
    assert!(is_gone(2).await);

    // Tokens that were replaced, in the place of those that came after.
    let next = StoredSession { version: 1, ..session("s", "u") };
    assert!(store.replace(&key(1), &next).await.unwrap());
    set(&server, 1, "sealed", sealed).await;
    assert!(is_gone(1).await);

    for (name, value) in [("version", "7"), ("version", "x"), ("idle", "x"), ("idle", "")] {
        insert(3).await;
        set(&server, 3, name, value).await;
        assert!(is_gone(3).await, "{name} {value}");
    }
    insert(3).await;
    let _: i64 = ask(&server, redis::cmd("HDEL").arg(at(3)).arg("sealed")).await;
    assert!(is_gone(3).await);

    // Something else altogether.
    let _: String = ask(&server, redis::cmd("SET").arg(at(4)).arg("nonsense")).await;
    assert!(is_gone(4).await);
    assert!(!store.replace(&key(4), &next).await.unwrap());
    store.touch(&key(4), next.ends_at).await.unwrap();
    insert(4).await;
    assert!(!is_gone(4).await);
}

#[tokio::test]
async fn nobody_makes_a_session_live_longer_than_it_may() {
    let server = Redis::start();
    let store = replica(&server).await;
    let soon = SystemClock.now().plus(Duration::from_millis(400));
    store.insert(&key(1), &StoredSession { ends_at: soon, ..session("s", "u") }).await.unwrap();
    for name in ["idle", "ends"] {
        set(&server, 1, name, i64::MAX).await;
    }
    let _: i64 = ask(&server, redis::cmd("PERSIST").arg(at(1))).await;
    assert!(store.load(&key(1)).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(store.load(&key(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn keys_are_exchanged_without_ending_a_session() {
    let server = Redis::start();
    let (old, new) = (KEY, [8; 32]);
    let with = async |keys: &[&[u8; 32]]| {
        RedisStore::connect(&url(&server), Seal::new(keys.iter().copied()).unwrap()).await.unwrap()
    };
    let before = with(&[&old]).await;
    before.insert(&key(1), &session("s", "u")).await.unwrap();
    // First every replica can open what the new key seals; then it seals; then the old one goes.
    let prepared = with(&[&old, &new]).await;
    let changed = with(&[&new, &old]).await;
    let after = with(&[&new]).await;
    assert!(changed.load(&key(1)).await.unwrap().is_some());
    let next = StoredSession { version: 1, ..session("s", "u") };
    assert!(changed.replace(&key(1), &next).await.unwrap());
    for store in [&prepared, &changed, &after] {
        assert_eq!(store.load(&key(1)).await.unwrap().unwrap().tokens, next.tokens);
    }
    assert!(before.load(&key(1)).await.unwrap().is_none());
    // It can be ended by whoever cannot open it, too.
    assert_eq!(before.remove_all(ISSUER, &Ended::Session("s".to_owned())).await.unwrap(), 1);
}

#[tokio::test]
async fn a_user_of_redis_needs_no_more_than_is_written_in_the_documentation() {
    let server = Redis::start();
    let documentation = include_str!("../../../../docs/sessions.md");
    let rules = documentation.lines().find_map(|line| line.strip_prefix("ACL SETUSER kc on >PASSWORD "));
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg("kc").arg("on").arg(">hunter2");
    for rule in rules.unwrap().split(' ') {
        command.arg(rule);
    }
    let _: String = ask(&server, &command).await;
    let url = kc_core::secret::Secret::new(format!("redis://kc:hunter2@127.0.0.1:{}", server.port()));
    let store = RedisStore::connect(&url, super::seal()).await.unwrap();
    store.insert(&key(1), &session("s", "u")).await.unwrap();
    assert!(store.replace(&key(1), &StoredSession { version: 1, ..session("s", "u") }).await.unwrap());
    store.touch(&key(1), session("s", "u").ends_at).await.unwrap();
    assert!(store.load(&key(1)).await.unwrap().is_some());
    assert!(store.remove(&key(1)).await.unwrap());
    assert_eq!(store.remove_all(ISSUER, &Ended::Subject("u".to_owned())).await.unwrap(), 0);
    assert!(store.lease(&key(1), "a", Duration::from_secs(9)).await.unwrap());
    store.release(&key(1), "a").await.unwrap();
    assert!(store.first_use("a", session("s", "u").ends_at).await.unwrap());
    store.forget("a").await.unwrap();
    let revocations = store.revocations().await.unwrap();
    revocations.revoke(ISSUER, Revocation::Session("s".to_owned())).await.unwrap();
    revocations.revoke(ISSUER, Revocation::NotBefore(Some(SystemClock.now()))).await.unwrap();
    let denied: Vec<HashMap<String, redis::Value>> = ask(&server, redis::cmd("ACL").arg("LOG")).await;
    assert!(denied.is_empty(), "{denied:?}");
}
