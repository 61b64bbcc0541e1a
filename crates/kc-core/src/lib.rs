//! Checks Keycloak tokens and decides who may do what. No web framework here: see `kc-axum`, and by goal
//! `docs/guard-a-service.md`.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | protect a service by its settings | [`Keycloak`] |
//! | say who may do what | [`rules`] |
//! | decide by what Keycloak's Authorization Services hold, offline | [`policy`] |
//! | have Keycloak itself decide, give permission tickets, register resources | [`uma`] |
//! | check a token | [`validator::JwtValidator`] |
//! | know how it is doing: metrics, traces, readiness | [`telemetry`], [`trace_context`], [`Keycloak::health`] |
//! | call other services | [`outbound`], [`service_token`], [`token_exchange`] |
//! | trust several realms at once | [`issuers`] |
//! | write an adapter for a framework | [`Gate`], [`Caller`], [`routes`], [`wire::RequestView`] |
//! | describe the service by OpenAPI | [`openapi`] |
//! | read why somebody was refused | [`wire::Problem::codes`] and `docs/errors.md`, a section for each |
//! | bring keys, roles, users or HTTP of your own | the traits of [`keys`], [`roles`], [`users`], [`transport`] |
//!
//! ```
//! use kc_core::rules::{Rule, any_role};
//! use kc_core::wire::RequestView;
//! use kc_core::{Access, Guard};
//!
//! const READ: Rule = any_role(&["reader", "clerk"]);
//!
//! // What an adapter does with a request; `guard` is `Keycloak::new(&Settings::from_env()?)?.guard()`, most often.
//! async fn orders(guard: &Guard, headers: &http::HeaderMap) -> http::Response<bytes::Bytes> {
//!     let request = RequestView { method: "GET", path: "/orders", query: None, route: Some("/orders"), headers, peer: None };
//!     let admitted = guard.admit(&request, &Access::from(READ)).await;
//!     let response = match admitted.outcome {
//!         Ok(_) => http::Response::new("[]".into()),
//!         Err(refusal) => guard.response(&refusal),
//!     };
//!     admitted.audit.finish(response.status().as_u16(), None);
//!     response
//! }
//! ```
//!
//! # Features
//!
//! `reqwest` (default): the HTTP client to Keycloak, with rustls. Without it bring your own
//! [`Transport`](transport::Transport).
//!
//! `metrics`: what happens is counted, by the facade of that name: see [`telemetry`]. Without it nothing is.
//!
//! `policy` (default): regular expressions in Authorization Services policies. Without it such policies are not decided.
//!
//! A Tokio runtime is needed: keys and service tokens are fetched in tasks of their own.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod access;
pub mod audit;
mod authenticator;
mod challenge;
pub mod client;
pub mod clock;
pub mod discovery;
mod error;
mod guard;
mod health;
pub mod introspection;
pub mod issuers;
mod json;
mod keycloak;
pub mod keys;
pub mod openapi;
mod operations;
pub mod outbound;
mod pattern;
pub mod policy;
mod principal;
mod remembered;
pub mod revocations;
pub mod roles;
pub mod routes;
pub mod rules;
pub mod secret;
pub mod service_token;
pub mod session;
pub mod settings;
pub mod signature;
pub mod telemetry;
pub mod token;
mod token_cache;
pub mod token_exchange;
pub mod trace_context;
pub mod transport;
pub mod uma;
pub mod users;
pub mod validator;
pub mod wire;

pub use access::{Access, Route, RouteError, RouteTable};
pub use authenticator::{Authenticator, BearerAuthenticator};
pub use error::AuthError;
pub use guard::{Admission, Admitted, Caller, Gate, Guard, GuardBuilder, Pages, Refused, Rejected};
pub use health::{Check, HealthReport, KeysReport, RealmReport, ServiceTokenReport};
pub use keycloak::{Keycloak, KeycloakBuilder, Parts, ResourceMetadata};
pub use principal::Principal;

/// The README's example, compiled as this crate's.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// The examples of `docs/authorization.md`, compiled as this crate's.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../../../docs/authorization.md")]
mod authorization {}

/// The examples of `docs/call-other-services.md`, compiled as this crate's.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../../../docs/call-other-services.md")]
mod call_other_services {}
