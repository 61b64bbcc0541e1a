//! A Keycloak-compatible issuer for development and tests: one process, no container, listening in milliseconds.
//!
//! It reads a realm export, serves Keycloak's URLs with Keycloak's answers, and can be made to misbehave.
//! It is for development only: anybody who reaches it can make any token. It listens on loopback unless forced.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | have an issuer in a test | [`DevIssuer::start`] |
//! | serve your own realm | [`DevIssuer::builder`] |
//! | have a user's token, or any other | [`DevIssuer::token`], [`DevIssuer::mint`] |
//! | see that a service refuses what it must | [`Defect::ALL`] |
//! | see what a service does when Keycloak fails | [`DevIssuer::fault`], [`Fault`] |
//! | count what a service asks for | [`DevIssuer::requests`] |
//! | rotate keys, log users out, move the clock | [`DevIssuer`] |
//! | make tokens in a browser | `/` on the same port |
//! | do all of that from another process | `/_kc-dev/` on the same port, see the README |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = kc_dev::DevIssuer::start().await?;
//! let token = issuer.token("alice", "api").await?;
//! assert_eq!(token.split('.').count(), 3);
//! issuer.stop().await;
//! # Ok(()) }
//! ```

mod backchannel;
mod builder;
mod claims;
mod endpoints;
mod fault;
mod issue;
mod issuer;
mod jws;
mod keys;
mod level;
mod login;
mod mint;
mod random;
mod realm;
mod redirect;
mod scope;
mod server;
mod session;
mod signin;
mod state;

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::builder::{DEMO_REALM, DevIssuerBuilder, StartError};
pub use self::fault::{Endpoint, Fault};
pub use self::issuer::DevIssuer;
pub use self::keys::{Alg, KeyError};
pub use self::mint::{Defect, Mint, MintError, TokenKind};
pub use self::realm::RealmError;
