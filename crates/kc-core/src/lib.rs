//! Checks Keycloak tokens and decides who may do what. No web framework here.

pub mod clock;
mod json;
pub mod keys;
pub mod secret;
pub mod signature;
pub mod token;
pub mod transport;
pub mod validator;
