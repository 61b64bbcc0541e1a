//! Browser login with Keycloak. No web framework here: adapters mount it.

mod random;
mod seal;
pub mod session;

pub use seal::{NotSealed, Seal};
