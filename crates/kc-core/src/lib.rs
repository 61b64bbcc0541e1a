//! Checks Keycloak tokens and decides who may do what. No web framework here.

pub mod client;
pub mod clock;
pub mod introspection;
mod json;
pub mod keys;
pub mod secret;
pub mod service_token;
pub mod signature;
pub mod token;
pub mod transport;
pub mod validator;
