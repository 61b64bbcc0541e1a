//! kc-dev by itself: over HTTP, as a service under test would meet it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test a panic is how it fails"
)]

mod asking;
mod clients;
mod control;
mod faults;
mod logins;
mod minting;
mod page;
mod program;
mod realm;
mod sessions;
mod tokens;
