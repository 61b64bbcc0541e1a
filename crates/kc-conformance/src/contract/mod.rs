//! Suites for the traits of `kc-core` and `kc-login`: is a key source, a user directory or an HTTP client of your own right?
//!
//! One function for each trait. It takes what makes a fresh one of yours, checks every clause of the trait's contract
//! that can be seen from outside, and names all that are broken, so that a test can end with `unwrap`:
//!
//! ```no_run
//! # async fn my_source() {}
//! # async fn example(make: impl Fn() -> kc_core::keys::PinnedKeys) {
//! kc_conformance::contract::key_source(|| make()).await.unwrap();
//! # }
//! ```
//!
//! | you have written a … | call |
//! | --- | --- |
//! | [`KeySource`](kc_core::keys::KeySource) | [`key_source`]; if its keys can change, [`refreshing_key_source`] |
//! | [`SignatureVerifier`](kc_core::signature::SignatureVerifier) | [`signature_verifier`] |
//! | [`TokenValidator`](kc_core::validator::TokenValidator) | [`token_validator`] |
//! | [`RoleExtractor`](kc_core::roles::RoleExtractor) | [`role_extractor`] |
//! | [`Introspector`](kc_core::introspection::Introspector) | [`introspector`] |
//! | [`Authenticator`](kc_core::Authenticator) | [`authenticator`] |
//! | [`IssuerRegistry`](kc_core::issuers::IssuerRegistry) | [`issuer_registry`] |
//! | [`UserDirectory`](kc_core::users::UserDirectory) | [`user_directory`] |
//! | [`Revocations`](kc_core::revocations::Revocations) | [`revocations`] |
//! | [`SessionStore`](kc_login::session::SessionStore) | [`session_store`]; if replicas share it, [`shared_session_store`] |
//! | [`ReplayCache`](kc_login::session::ReplayCache) | [`replay_cache`]; if replicas share it, [`shared_replay_cache`] |
//! | [`PermissionDecider`](kc_core::uma::PermissionDecider) | [`permission_decider`] |
//! | [`Transport`](kc_core::transport::Transport) | [`transport`] |
//! | [`Clock`](kc_core::clock::Clock) | [`clock`] |
//! | [`AuditSink`](kc_core::audit::AuditSink) | [`audit_sink`] |
//!
//! They run within a Tokio runtime with its timers and sockets on, as that of `#[tokio::test]`. A clause that panics or
//! does not end within a minute is broken. What a suite cannot see, such as what an implementation writes to a log of
//! its own, remains to be read.
//!
//! This module is behind the feature `contract`, and the only one of this crate that knows those crates: the black-box cases
//! share nothing with what they judge.

mod audit_sink;
mod authenticator;
mod clock;
mod findings;
mod introspector;
mod issuer_registry;
mod key_source;
mod log;
mod permission_decider;
mod replay_cache;
mod revocations;
mod role_extractor;
mod server;
mod session_store;
mod signature_verifier;
mod token_validator;
mod transport;
mod user_directory;

pub use self::audit_sink::{AuditTrail, audit_sink};
pub use self::authenticator::{Credentials, authenticator};
pub use self::clock::clock;
pub use self::findings::{Breach, ContractBroken};
pub use self::introspector::introspector;
pub use self::issuer_registry::issuer_registry;
pub use self::key_source::{KeyOrigin, key_source, refreshing_key_source};
pub use self::permission_decider::permission_decider;
pub use self::replay_cache::{replay_cache, shared_replay_cache};
pub use self::revocations::revocations;
pub use self::role_extractor::{RoleSamples, role_extractor};
pub use self::session_store::{session_store, shared_session_store};
pub use self::signature_verifier::{Signed, signature_verifier};
pub use self::token_validator::token_validator;
pub use self::transport::{Bounds, transport};
pub use self::user_directory::user_directory;
