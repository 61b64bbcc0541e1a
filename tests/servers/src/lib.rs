//! What tests start beside what they test. All of it listens on the loopback and ends with the value that stands for it.
//!
//! | you want … | start at |
//! | --- | --- |
//! | a data base | [`Postgres`] |
//! | a Redis | [`Redis`] |
//! | programs of this workspace, as they are now | [`Programs`] |
//! | a process to stop, go on, end | [`signal`] |
//! | to log in as a browser does | [`browsing`] |
//! | something between two that speak HTTP | [`relayed`] |

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is called by tests only, and a panic is how a test fails"
)]

pub mod browsing;
mod postgres;
mod programs;
mod redis;
pub mod relayed;

pub use postgres::Postgres;
pub use programs::Programs;
pub use redis::Redis;
pub use rustix::process::Signal;

use std::net::TcpListener;
use std::time::Duration;

use rustix::process::{Pid, kill_process};

/// Bounds a test that fails; nothing is asserted about time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A port of the loopback that nobody had a moment ago.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a signal to a process by its id.
pub fn signal(process: u32, signal: Signal) {
    let id = Pid::from_raw(process.try_into().unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}
