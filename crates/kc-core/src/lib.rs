//! Checks Keycloak tokens and decides who may do what. No web framework here: see `kc-axum`.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | protect a service by its settings | [`Keycloak`] |
//! | say who may do what | [`rules`] |
//! | check a token | [`validator::JwtValidator`] |
//! | write an adapter for a framework | [`Guard::admit`], [`wire::RequestView`] |
//! | bring keys, roles, users or HTTP of your own | the traits of [`keys`], [`roles`], [`users`], [`transport`] |
//!
//! # Features
//!
//! `reqwest` (default): the HTTP client to Keycloak, with rustls. Without it bring your own
//! [`Transport`](transport::Transport).
//!
//! A Tokio runtime is needed: keys and service tokens are fetched in tasks of their own.

mod access;
pub mod audit;
mod authenticator;
pub mod client;
pub mod clock;
mod error;
mod guard;
pub mod introspection;
mod json;
mod keycloak;
pub mod keys;
mod pattern;
mod principal;
pub mod roles;
pub mod rules;
pub mod secret;
pub mod service_token;
pub mod settings;
pub mod signature;
pub mod token;
pub mod transport;
pub mod users;
pub mod validator;
pub mod wire;

pub use access::{Access, Route, RouteError, RouteTable};
pub use authenticator::{Authenticator, BearerAuthenticator};
pub use error::AuthError;
pub use guard::{Admission, Admitted, Guard, GuardBuilder};
pub use keycloak::{Keycloak, ResourceMetadata};
pub use pattern::Segment;
pub use principal::Principal;
