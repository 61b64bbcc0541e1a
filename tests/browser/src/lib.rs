//! Chromium, for the tests in `tests/`: `swagger` looks at `/docs`, `login` at everything that a person does who logs in, `dev` at the
//! page of `kc dev`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is called by tests only, and a panic is how a test fails"
)]

mod driver;
mod webdriver;

pub use webdriver::{Browser, Look, PATIENCE, Tab, patiently};

/// The examples of the page on browser login, for all three frameworks, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/login.md")]
mod pages {}
