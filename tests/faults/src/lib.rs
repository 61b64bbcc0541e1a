//! The example service while Keycloak, or the network to it, has a bad day; and a soak.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | run the service, see its memory | [`Service`] |
//! | run `kc-dev` as a process, kill and stop it | [`IssuerProcess`] |
//! | spoil what the service asks for | [`Proxy`], [`Fault`] |
//! | ask the service over a connection that is kept | [`Client`] |
//! | have many asked at once and each answer checked | [`Load`], [`Case`] |
//! | let all of it run for half an hour | [`soak`], `cargo run -p fault-tests --bin soak -- --minutes 30` |

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is called by tests only, and a panic is how a test fails"
)]

mod client;
mod issuer;
mod load;
mod proxy;
mod service;
pub mod soak;

pub use client::{Answer, Client};
pub use issuer::IssuerProcess;
pub use load::{Case, Load, Tally};
pub use proxy::{Endpoint, Fault, Proxy};
pub use service::Service;
pub use test_servers::PATIENCE;

use test_servers::Programs;

pub(crate) static PROGRAMS: Programs = Programs::named(&["axum-service", "kc-dev"]);
