//! An example service under requests of every kind, and a real Prometheus that scrapes it.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | run the service, ask it, read all that it says | [`Service`] |
//! | know what a Prometheus makes of it | [`Prometheus`] |
//! | log in as a browser does | [`Browser`] |

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is called by tests only, and a panic is how a test fails"
)]

mod browser;
mod prometheus;
mod service;

pub use browser::Browser;
pub use prometheus::{Prometheus, promtool};
pub use service::{Ended, Service};
pub use test_servers::PATIENCE;
pub use test_servers::browsing::Answer;

/// A file of this repository's documentation.
#[must_use]
pub fn doc(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
