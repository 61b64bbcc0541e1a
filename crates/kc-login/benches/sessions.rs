//! What sessions in this process's memory take there, beside their tokens, and what it costs to find one among many.
//!
//! `cargo bench -p kc-login --bench sessions`. The best of several rounds counts, ratios are to the first line. Run without
//! `--bench`, as by `cargo test --benches`, it is done with small numbers.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to say, and a table is what it is for"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use kc_core::clock::UnixTime;
use kc_core::secret::Secret;
use kc_login::session::{MemorySessions, SessionKey, SessionStore, StoredSession, Tokens};

/// As long as those that Keycloak 26 gives a user with a few roles: an access token, a refresh token, an ID token.
const ACCESS: usize = 1_120;
const REFRESH: usize = 720;
const ID: usize = 980;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let real = std::env::args().any(|argument| argument == "--bench");
    let (counts, rounds): (&[usize], _) =
        if real { (&[1, 1_000, 10_000, 100_000], 400) } else { (&[1, 10], 1) };
    println!(
        "sessions in memory: finding one, and its memory beside its tokens' {} bytes",
        ACCESS + REFRESH + ID
    );
    let mut first = None;
    for &count in counts {
        let sessions = MemorySessions::new(count);
        let before = resident();
        for n in 0..count {
            sessions.insert(&key(n), &session(n)).await.unwrap();
        }
        let each = (resident().saturating_sub(before) / count).saturating_sub(ACCESS + REFRESH + ID);
        let (mut best, mut turn) = (Duration::MAX, 0);
        for _ in 0..rounds {
            let (start, mut calls) = (Instant::now(), 0_u32);
            while start.elapsed() < Duration::from_millis(2) {
                turn = (turn + 1) % count;
                assert!(sessions.load(black_box(&key(turn))).await.unwrap().is_some());
                calls += 1;
            }
            best = best.min(start.elapsed() / calls);
        }
        let ratio = best.as_secs_f64() / first.get_or_insert(best).as_secs_f64();
        let more = if count < 1_000 { String::new() } else { format!("{each:>7} bytes each") };
        println!("  {count:<42} {:>9.2} µs {ratio:>7.2} {more}", best.as_secs_f64() * 1e6);
    }
}

/// Spread as hashes are: neighbours have nothing in common.
fn key(n: usize) -> SessionKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    SessionKey::from_bytes(bytes)
}

/// Everybody has a session at Keycloak of their own, and everybody is somebody else.
fn session(n: usize) -> StoredSession {
    let token = |len: usize| Secret::new(format!("{n:0>len$}"));
    let later = UnixTime::from_secs(10_000_000_000);
    StoredSession {
        issuer: "https://keycloak.example.com/realms/shop".to_owned(),
        subject: Some(format!("5f2a6d3c-0000-4000-8000-{n:0>12}")),
        username: Some(format!("user-{n}@example.com")),
        session_id: Some(format!("9b1e7c40-0000-4000-8000-{n:0>12}")),
        tokens: Tokens {
            access_token: token(ACCESS),
            access_ends_at: later,
            refresh_from: later,
            refresh_token: Some(token(REFRESH)),
            refresh_ends_at: Some(later),
            id_token: token(ID),
        },
        started_at: UnixTime::from_secs(0),
        ends_at: later,
        idle_until: later,
        version: 1,
    }
}

/// The process's memory in RAM, in bytes (proc(5), `statm`); 0 where there is no such file.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}
