//! Checks Keycloak tokens and decides who may do what. No web framework here.

pub mod clock;
pub mod secret;
pub mod settings;
pub mod transport;
