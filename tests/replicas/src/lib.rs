//! Several processes of the example services behind one name, with one Redis and one PostgreSQL.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | have all of it, with the embedded issuer | [`Stack`] |
//! | run one service, kill it | [`Replica`] |
//! | log in, and ask any of them | [`Browser`] |
//! | lose what the token endpoint answers | [`Relay`] |
//! | stop and start a store | [`Redis`], [`Postgres`] |

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is called by tests only, and a panic is how a test fails"
)]

mod browser;
mod relay;
mod replica;
mod stack;

pub use browser::Browser;
pub use relay::Relay;
pub use replica::{Ended, Replica};
pub use stack::{Settings, Stack, demo_realm, settings};
pub use test_servers::browsing::Answer;
pub use test_servers::{PATIENCE, Postgres, Redis, free_port};

/// What browsers call the service, whichever process answers.
pub const PUBLIC_URL: &str = "http://127.0.0.1:8000";
