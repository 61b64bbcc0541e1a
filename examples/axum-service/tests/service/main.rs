//! The reference service on axum, from outside: the real program, an issuer beside it, and bytes over TCP.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod audit;
mod cors;
mod credentials;
mod exempt;
mod harness;
mod introspection;
mod keys;
mod paths;
mod refusals;
mod routes;
mod service_token;
mod settings;
mod shutdown;
mod start;
mod structure;
mod tokens;
mod users;
