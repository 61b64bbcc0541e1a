//! kc for actix-web 4: routes that all have a rule, a middleware, and extractors.
//!
//! ```
//! use actix_web::web::ServiceConfig;
//! use kc_actix::{Allowed, Principal, Routes, get};
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
//! fn routes(guard: &Guard) -> Result<impl Fn(&mut ServiceConfig) + Clone + Send + 'static, kc_core::RouteError> {
//!     kc_actix::config(
//!         Routes::new(guard)
//!             .public("/health", [get(|| async { "fine" })])
//!             .route("/me", authenticated(), [get(me)])
//!             .route("/items", authenticated(), [get(items)]),
//!     )
//! }
//! # let guard = Guard::builder("demo").build();
//! let routes = routes(&guard).unwrap();
//! let server = actix_web::HttpServer::new(move || actix_web::App::new().configure(&routes));
//! ```
//!
//! | you want to … | use |
//! | --- | --- |
//! | give every route its rule | [`Routes`], [`config`] |
//! | guard a route, resource, scope or app of your own | [`require`] |
//! | know who calls | [`Principal`], `Option<Principal>` |
//! | demand more in one handler | [`Allowed`] |
//! | refuse in a handler, in the same form | [`Rejection`] |
//! | let web pages of other origins call | [`cors`] |
//!
//! # Features
//!
//! `login`: browser login by `kc-login`: sessions, pages, logout.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod cors;
mod extract;
#[cfg(feature = "login")]
pub mod login;
mod middleware;
mod response;
mod routes;
mod view;

pub use cors::cors;
pub use extract::{Allowed, Principal};
pub use middleware::require;
pub use response::{Rejection, response};
pub use routes::{Endpoint, MakeRoute, Routes, config, delete, get, on, patch, post, put};
