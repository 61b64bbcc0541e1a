//! kc for axum 0.8: a router whose routes all have a rule, a layer, and extractors.
//!
//! ```
//! use axum::routing::get;
//! use kc_axum::{Allowed, Principal, Routes};
//! use kc_core::Guard;
//! use kc_core::rules::{Requirement, Rule, any_role, authenticated};
//!
//! async fn me(user: Principal) -> String {
//!     user.username().unwrap_or("somebody").to_owned()
//! }
//!
//! struct ReadItems;
//!
//! impl Requirement for ReadItems {
//!     const RULE: Rule = any_role(&["api-read", "api-admin"]);
//! }
//!
//! async fn items(_: Allowed<ReadItems>) -> &'static str {
//!     "[]"
//! }
//!
//! fn app(guard: &Guard) -> Result<axum::Router, kc_core::RouteError> {
//!     Routes::new(guard)
//!         .public("/health", get(|| async { "fine" }))
//!         .route("/me", authenticated(), get(me))
//!         .route("/items", authenticated(), get(items))
//!         .into_router()
//! }
//! # app(&Guard::builder("demo").build()).unwrap();
//! ```
//!
//! | you want to … | use |
//! | --- | --- |
//! | give every route its rule | [`Routes`] |
//! | guard routes of a plain [`axum::Router`], or any `tower` service | [`require`], [`GuardLayer`] |
//! | know who calls | [`Principal`], `Option<Principal>` |
//! | demand more in one handler | [`Allowed`] |
//! | refuse in a handler, in the same form | [`Rejection`] |
//! | let web pages of other origins call | [`cors`] |
//!
//! # Features
//!
//! `login`: browser login by `kc-login`: sessions, pages, logout.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod cors;
mod extract;
mod layer;
#[cfg(feature = "login")]
pub mod login;
mod response;
mod routes;
mod view;

pub use cors::cors;
pub use extract::{Allowed, Principal};
pub use layer::{GuardFuture, GuardLayer, GuardService, require};
pub use response::Rejection;
pub use routes::Routes;

/// The examples of the pages that are not part of any crate's documentation, compiled and run as this crate's.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/guard-a-service.md")]
    mod guard_a_service {}
    #[doc = include_str!("../../../README.md")]
    mod readme {}
    #[doc = include_str!("../README.md")]
    mod readme_of_the_crate {}
    #[doc = include_str!("../../../docs/testing.md")]
    mod testing {}
}
