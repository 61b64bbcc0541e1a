//! Checks Keycloak tokens and decides who may do what. No web framework here.

pub mod clock;
mod error;
mod json;
pub mod keys;
mod principal;
pub mod roles;
pub mod rules;
pub mod secret;
pub mod signature;
pub mod token;
pub mod transport;
pub mod users;
pub mod validator;
pub mod wire;

pub use error::AuthError;
pub use principal::Principal;
