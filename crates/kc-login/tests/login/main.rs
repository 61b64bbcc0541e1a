//! The login, from a browser's side and an attacker's, against the embedded issuer.

#![cfg(test)]

mod attacks;
mod harness;
mod https;
mod logins;
mod logouts;
mod sessions;
mod told;
