//! The documentation, tried.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | find the blocks of code of a page, and what is to be done with each | [`page`] |
//! | run those of them that are commands, as a reader would | [`terminal`] |
//!
//! How a block is marked is written down in `CONTRIBUTING.md`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "all of this is called by tests only, and a panic is how a test fails"
)]

pub mod page;
pub mod terminal;

// Pages whose Rust no crate compiles that it is about.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/configuration.md")]
    mod configuration {}
    #[doc = include_str!("../../../docs/openapi.md")]
    mod openapi {}
    #[doc = include_str!("../../../docs/recipes.md")]
    mod recipes {}
    #[doc = include_str!("../../../crates/kc-dev/README.md")]
    mod kc_dev {}
}
