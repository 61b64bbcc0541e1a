use std::time::Duration;

use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_core::revocations::{Revocation, Revocations};
use kc_core::token::Claims;
use kc_store::redis::{RedisOptions, RedisRevocations};

use super::{ISSUER, Redis, ask, ended, keys, replica, with};

/// A token of now.
fn token(session_id: &str) -> Claims {
    let mut claims = Claims::default();
    claims.issuer = Some(ISSUER.to_owned());
    claims.session_id = Some(session_id.to_owned());
    claims.subject = Some("u".to_owned());
    claims.issued_at = Some(SystemClock.now());
    claims
}

fn session(id: &str) -> Revocation {
    Revocation::Session(id.to_owned())
}

/// Waits until a replica refuses the token.
async fn refused_by(replica: &RedisRevocations, token: &Claims) {
    ended(async {
        while !replica.is_revoked(token) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

async fn revocations(server: &Redis) -> RedisRevocations {
    replica(server).await.revocations().await.unwrap()
}

#[tokio::test]
async fn what_one_replica_revokes_the_others_refuse_within_a_moment() {
    let server = Redis::start();
    let (a, b) = (revocations(&server).await, revocations(&server).await);
    for number in 0..20 {
        let id = format!("s{number}");
        assert!(!b.is_revoked(&token(&id)));
        a.revoke(ISSUER, session(&id)).await.unwrap();
        assert!(a.is_revoked(&token(&id)));
        refused_by(&b, &token(&id)).await;
    }
    let until = SystemClock.now();
    let revocation = Revocation::Subject { subject: "u".to_owned(), until };
    b.revoke(ISSUER, revocation).await.unwrap();
    let mut older = token("other");
    older.issued_at = Some(until);
    refused_by(&a, &older).await;
    older.issued_at = Some(until.plus(Duration::from_secs(1)));
    assert!(!a.is_revoked(&older), "a login after that is good");
    let mut one = token("other");
    one.id = Some("j".to_owned());
    one.subject = None;
    b.revoke(ISSUER, Revocation::Token("j".to_owned())).await.unwrap();
    refused_by(&a, &one).await;
}

#[tokio::test]
async fn a_replica_that_starts_knows_what_was_revoked_before() {
    let server = Redis::start();
    let a = revocations(&server).await;
    for number in 0..2500 {
        a.revoke(ISSUER, session(&format!("s{number}"))).await.unwrap();
    }
    let not_before = SystemClock.now().minus(Duration::from_secs(60));
    a.revoke(ISSUER, Revocation::NotBefore(Some(not_before))).await.unwrap();
    drop(a);
    let b = revocations(&server).await;
    for number in 0..2500 {
        assert!(b.is_revoked(&token(&format!("s{number}"))), "{number}");
    }
    assert!(!b.is_revoked(&token("other")));
    let mut old = token("other");
    old.issued_at = Some(not_before.minus(Duration::from_secs(1)));
    assert!(b.is_revoked(&old));
}

#[tokio::test]
async fn what_was_revoked_while_a_replica_was_cut_off_is_read_when_it_is_back() {
    let server = Redis::durable();
    let (a, b) = (revocations(&server).await, revocations(&server).await);
    for round in 0..5 {
        // Everybody's connections, `b`'s reader among them; `a` makes a new one when it writes.
        let _: i64 = ask(&server, redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let id = format!("s{round}");
        a.revoke(ISSUER, session(&id)).await.unwrap();
        refused_by(&b, &token(&id)).await;
    }
}

#[tokio::test]
async fn what_is_revoked_while_redis_is_gone_holds_here_and_is_written_when_it_is_back() {
    let mut server = Redis::durable();
    let (a, b) = (revocations(&server).await, revocations(&server).await);
    a.revoke(ISSUER, session("before")).await.unwrap();
    server.kill();
    for number in 0..10 {
        let failed = a.revoke(ISSUER, session(&format!("s{number}"))).await.unwrap_err();
        assert!(failed.to_string().contains("Redis"), "{failed}");
        assert!(a.is_revoked(&token(&format!("s{number}"))));
    }
    assert!(format!("{a:?}").contains("pending: 10"), "{a:?}");
    assert!(a.is_revoked(&token("before")) && b.is_revoked(&token("before")), "what is known stays known");
    assert!(!b.is_revoked(&token("good")), "other tokens go on");
    server.start_again();
    refused_by(&b, &token("s9")).await;
    for number in 0..10 {
        assert!(b.is_revoked(&token(&format!("s{number}"))));
    }
    assert!(format!("{a:?}").contains("pending: 0"), "{a:?}");
    let c = revocations(&server).await;
    assert!(c.is_revoked(&token("before")) && c.is_revoked(&token("s0")));
}

#[tokio::test]
async fn a_redis_that_hangs_is_noticed_and_caught_up_with() {
    let server = Redis::start();
    let limits = || RedisOptions {
        connect_timeout: Duration::from_millis(300),
        response_timeout: Duration::from_millis(300),
        ..RedisOptions::default()
    };
    let a = with(&server, limits()).await.revocations().await.unwrap();
    let b = with(&server, limits()).await.revocations().await.unwrap();
    server.pause();
    ended(a.revoke(ISSUER, session("s"))).await.unwrap_err();
    // Until the readers have noticed, too.
    tokio::time::sleep(Duration::from_millis(2000)).await;
    server.go_on();
    refused_by(&b, &token("s")).await;
    a.revoke(ISSUER, session("t")).await.unwrap();
    refused_by(&b, &token("t")).await;
}

#[tokio::test]
async fn a_redis_that_has_lost_everything_is_filled_anew() {
    let mut server = Redis::start();
    let (a, b) = (revocations(&server).await, revocations(&server).await);
    let not_before = Revocation::NotBefore(Some(UnixTime::from_secs(1000)));
    a.revoke(ISSUER, session("before")).await.unwrap();
    a.revoke(ISSUER, not_before.clone()).await.unwrap();
    refused_by(&b, &token("before")).await;
    server.kill();
    server.start_again();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(keys(&server, "*").await.is_empty());
    assert!(b.is_revoked(&token("before")), "who knew it knows it still");
    a.revoke(ISSUER, session("after")).await.unwrap();
    refused_by(&b, &token("after")).await;
    // The realm's not-before is asked for again and again, and written since it is not there any more.
    a.revoke(ISSUER, not_before).await.unwrap();
    assert_eq!(keys(&server, "kc:not-before").await.len(), 1);
}

#[tokio::test]
async fn a_not_before_is_written_when_it_changes_and_holds_in_one_order_everywhere() {
    let server = Redis::start();
    let (a, b) = (revocations(&server).await, revocations(&server).await);
    let not_before = |secs: Option<i64>| Revocation::NotBefore(secs.map(UnixTime::from_secs));
    let written = async || -> i64 { ask(&server, redis::cmd("XLEN").arg("kc:revocations")).await };
    let mut old = token("s");
    old.issued_at = Some(UnixTime::from_secs(500));
    a.revoke(ISSUER, not_before(None)).await.unwrap();
    assert_eq!(written().await, 0, "nothing is what holds already");
    a.revoke(ISSUER, not_before(Some(1000))).await.unwrap();
    refused_by(&b, &old).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        a.revoke(ISSUER, not_before(Some(1000))).await.unwrap();
        b.revoke(ISSUER, not_before(Some(1000))).await.unwrap();
    }
    assert!(written().await <= 3, "{}", written().await);
    b.revoke(ISSUER, not_before(None)).await.unwrap();
    ended(async {
        while a.is_revoked(&old) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    // Both at once, again and again: in the end all replicas say the same.
    for round in 0..20 {
        let (one, two) = (not_before(Some(400 + round)), not_before(Some(600 + round)));
        let (one, two) = tokio::join!(a.revoke(ISSUER, one), b.revoke(ISSUER, two));
        one.and(two).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let c = revocations(&server).await;
    for secs in [300, 410, 419, 420, 500, 610, 619, 620] {
        old.issued_at = Some(UnixTime::from_secs(secs));
        let said = [&a, &b, &c].map(|replica| replica.is_revoked(&old));
        assert!(said.iter().all(|one| *one == said[0]), "{secs}: {said:?}");
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded_in_redis_by_time_and_in_memory_by_number() {
    let server = Redis::start();
    let options = RedisOptions {
        keep_revocations: Duration::from_millis(500),
        revocations_in_memory: 50,
        ..RedisOptions::default()
    };
    let a = with(&server, options.clone()).await.revocations().await.unwrap();
    let b = with(&server, options).await.revocations().await.unwrap();
    let mut old = token("innocent");
    old.issued_at = Some(SystemClock.now().minus(Duration::from_secs(10)));
    for number in 0..200 {
        a.revoke(ISSUER, session(&format!("s{number}"))).await.unwrap();
    }
    refused_by(&b, &token("s199")).await;
    for replica in [&a, &b] {
        assert!(format!("{replica:?}").contains(": 50"), "{replica:?}");
        assert!(replica.is_revoked(&old), "what gave way takes what is as old as it along");
        assert!((0..200).all(|number| {
            let mut token = token(&format!("s{number}"));
            token.issued_at = old.issued_at;
            replica.is_revoked(&token)
        }));
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(keys(&server, "*").await.is_empty());
    a.revoke(ISSUER, session("later")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    a.revoke(ISSUER, session("later still")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    a.revoke(ISSUER, session("last")).await.unwrap();
    let left: i64 = ask(&server, redis::cmd("XLEN").arg("kc:revocations")).await;
    assert_eq!(left, 2, "the oldest is gone");
}

#[tokio::test]
async fn what_a_replica_revokes_itself_takes_its_room_once() {
    let server = Redis::start();
    let options = RedisOptions { revocations_in_memory: 50, ..RedisOptions::default() };
    let a = with(&server, options.clone()).await.revocations().await.unwrap();
    let b = with(&server, options).await.revocations().await.unwrap();
    for number in 0..40 {
        a.revoke(ISSUER, session(&format!("s{number}"))).await.unwrap();
    }
    b.revoke(ISSUER, session("last")).await.unwrap();
    refused_by(&a, &token("last")).await;
    assert!(format!("{a:?}").contains(": 41"), "{a:?}");
}

#[tokio::test]
async fn a_not_before_outlives_the_stream_that_it_came_by() {
    let server = Redis::start();
    let options = RedisOptions { keep_revocations: Duration::from_millis(200), ..RedisOptions::default() };
    let a = with(&server, options).await.revocations().await.unwrap();
    a.revoke(ISSUER, Revocation::NotBefore(Some(UnixTime::from_secs(1000)))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(keys(&server, "*").await, ["kc:not-before"]);
    let mut old = token("s");
    old.issued_at = Some(UnixTime::from_secs(999));
    assert!(revocations(&server).await.is_revoked(&old));
}

#[tokio::test]
async fn whoever_writes_to_redis_revokes_nothing_and_stops_nobody() {
    let server = Redis::start();
    let (a, b) = (revocations(&server).await, revocations(&server).await);
    a.revoke(ISSUER, session("s")).await.unwrap();
    refused_by(&b, &token("s")).await;
    for value in
        ["", "nonsense", r#"{"from":"x","issuer":"https://kc.example.com/realms/a","what":{"session":"t"}}"#]
    {
        let _: String =
            ask(&server, redis::cmd("XADD").arg("kc:revocations").arg("*").arg("sealed").arg(value)).await;
    }
    let _: String =
        ask(&server, redis::cmd("XADD").arg("kc:revocations").arg("*").arg("other").arg("x")).await;
    a.revoke(ISSUER, session("after")).await.unwrap();
    refused_by(&b, &token("after")).await;
    assert!(!b.is_revoked(&token("t")));
    assert!(revocations(&server).await.is_revoked(&token("after")));
}

#[tokio::test]
async fn a_replica_that_stops_leaves_no_connection_behind() {
    let server = Redis::start();
    let clients = async || -> usize {
        let list: String = ask(&server, redis::cmd("CLIENT").arg("LIST")).await;
        list.lines().count()
    };
    let idle = clients().await;
    let store = replica(&server).await;
    let revocations = store.revocations().await.unwrap();
    assert_eq!(clients().await, idle + 2);
    drop(revocations);
    drop(store);
    ended(async {
        while clients().await != idle {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
