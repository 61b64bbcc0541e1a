//! kc for poem 3: a router whose routes all have a rule, a middleware, and extractors.
//!
//! ```
//! use kc_core::Guard;
//! use kc_core::rules::{Requirement, Rule, any_role, authenticated};
//! use kc_poem::{Allowed, Principal, Routes, get};
//! use poem::handler;
//!
//! #[handler]
//! async fn health() -> &'static str {
//!     "fine"
//! }
//!
//! #[handler]
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
//! #[handler]
//! async fn items(_: Allowed<ReadItems>) -> &'static str {
//!     "[]"
//! }
//!
//! fn app(guard: &Guard) -> Result<impl poem::Endpoint, kc_core::RouteError> {
//!     kc_poem::router(
//!         Routes::new(guard)
//!             .public("/health", [get(health)])
//!             .route("/me", authenticated(), [get(me)])
//!             .route("/items", authenticated(), [get(items)]),
//!     )
//! }
//! # app(&Guard::builder("demo").build()).unwrap();
//! ```
//!
//! | you want to … | use |
//! | --- | --- |
//! | give every route its rule | [`Routes`], [`router`] |
//! | guard a plain [`poem::Route`], or any [`poem::Endpoint`] | [`require`] |
//! | know who calls | [`Principal`], `Option<Principal>` |
//! | demand more in one handler | [`Allowed`] |
//! | refuse in a handler, in the same form | [`Rejection`] |
//! | let web pages of other origins call | [`cors`] |
//! | give the operations of a poem-openapi API their rules | `openapi::routes` |
//!
//! # Features
//!
//! `login`: browser login by `kc-login`: sessions, pages, logout.
//!
//! `openapi`: routes from an API of poem-openapi 5.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod cors;
mod extract;
#[cfg(feature = "login")]
pub mod login;
mod middleware;
#[cfg(feature = "openapi")]
pub mod openapi;
mod response;
mod routes;
mod view;

pub use cors::cors;
pub use extract::{Allowed, Principal};
pub use middleware::require;
pub use response::{Rejection, response};
pub use routes::{Endpoint, Handler, Routes, delete, get, on, patch, post, put, router};
