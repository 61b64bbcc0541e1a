//! Faults of the network and of Keycloak, with requests coming all the while.
//!
//! | what | where |
//! | --- | --- |
//! | each endpoint spoiled in each way | [`spoiled`] |
//! | one endpoint hangs, the rest goes on | [`hanging`] |
//! | the issuer killed, stopped, restarted with other keys | [`process`] |
//! | floods of bad and of good tokens | [`memory`] |
//!
//! What a single request meets in front of a bad answer is tested with the service itself, `examples/axum-service/tests`,
//! and with the HTTP client, `crates/kc-core/tests/transport.rs`; a real Keycloak is killed and stopped in `tests/keycloak`.

#![cfg(test)]

mod hanging;
mod memory;
mod process;
mod spoiled;
mod stack;
