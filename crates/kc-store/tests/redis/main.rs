//! The stores on a Redis of their own: `redis-server`, which these tests start, pause, kill and start again.

#![cfg(test)]

mod contract;
mod outages;
mod revocations;
mod secrecy;
mod tls;

use std::time::Duration;

use kc_core::clock::{Clock, SystemClock};
use kc_core::secret::Secret;
use kc_login::Seal;
use kc_login::session::{SessionKey, StoredSession, Tokens};
use kc_store::redis::{RedisOptions, RedisStore};

use redis::{Cmd, FromRedisValue};
use test_servers::{PATIENCE, Redis};

const ISSUER: &str = "https://kc.example.com/realms/a";
const KEY: [u8; 32] = [7; 32];

fn seal() -> Seal {
    Seal::new([&KEY]).unwrap()
}

fn url(server: &Redis) -> Secret {
    Secret::new(server.url())
}

/// What comes of it; a call that does not end by itself fails the test.
async fn ended<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, call).await.expect("it does not end")
}

/// A command, past what is tested.
async fn ask<T: FromRedisValue>(server: &Redis, command: &Cmd) -> T {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    command.query_async(&mut connection).await.unwrap()
}

async fn keys(server: &Redis, pattern: &str) -> Vec<String> {
    ask(server, redis::cmd("KEYS").arg(pattern)).await
}

/// A replica's store.
async fn replica(server: &Redis) -> RedisStore {
    RedisStore::connect(&url(server), seal()).await.unwrap()
}

async fn with(server: &Redis, options: RedisOptions) -> RedisStore {
    RedisStore::connect_with(&url(server), seal(), options).await.unwrap()
}

fn key(number: u8) -> SessionKey {
    SessionKey::from_bytes([number; 32])
}

/// A session that began now.
fn session(session_id: &str, subject: &str) -> StoredSession {
    let now = SystemClock.now();
    let at = |secs| now.plus(Duration::from_secs(secs));
    StoredSession {
        issuer: ISSUER.to_owned(),
        subject: Some(subject.to_owned()),
        username: Some("alice".to_owned()),
        session_id: Some(session_id.to_owned()),
        tokens: Tokens {
            access_token: Secret::new("the-access-token"),
            access_ends_at: at(300),
            refresh_from: at(270),
            refresh_token: Some(Secret::new("the-refresh-token")),
            refresh_ends_at: Some(at(1800)),
            id_token: Secret::new("the-id-token"),
        },
        started_at: now,
        ends_at: at(36_000),
        idle_until: at(1800),
        version: 0,
    }
}
