//! A real Keycloak with the realm `kc-demo`, and the example service as a process in front of it.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | log somebody in, or act as the administrator | [`Realm`] |
//! | change the realm and have it undone | [`Realm::temporary_client`] and its like |
//! | have Keycloak decide by Authorization Services | [`Realm::temporary_resource_server`] |
//! | run the service that is tested | [`Service`] |
//! | stop and kill a Keycloak | [`SecondKeycloak`] |
//! | have it speak TLS | [`Authority`], [`SecondKeycloak::up_with_tls`] |
//! | look into a token | [`token`] |
//!
//! The server is the one at `KC_TEST_KEYCLOAK_URL`, by default `http://127.0.0.1:18080`; without one every test fails.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is called by tests only, and a panic is how a test fails"
)]

mod admin;
mod authorization;
mod realm;
mod second;
mod service;
mod tls;
pub mod token;

pub use admin::{Temporary, Undo, service_client, unique};
pub use authorization::Granted;
pub use realm::{Realm, Tokens};
pub use second::SecondKeycloak;
pub use service::{Reply, Service, ServiceBuilder};
pub use tls::Authority;
