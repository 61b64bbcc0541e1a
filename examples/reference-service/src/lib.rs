//! What the example services have in common: everything that is not about a framework.
//!
//! | module | what |
//! | --- | --- |
//! | [`server`] | connections, for frameworks that leave them to the service |
//! | [`start`] | settings, the embedded issuer, the banner, the signals that end it |
//! | [`access`] | who may call what |
//! | [`answers`] | the bodies of the responses |
//! | `schemas` | the same bodies, for poem-openapi (feature `poem-openapi`) |
//! | [`parameters`] | what comes in by path and query |
//! | [`pages`] | what a browser sees |
//! | `metrics` | metrics and health, on an address of their own |
//! | [`docs`] | the API's description, and Swagger UI |

pub mod access;
pub mod answers;
mod banner;
pub mod docs;
mod metrics;
pub mod pages;
pub mod parameters;
#[cfg(feature = "poem-openapi")]
pub mod schemas;
pub mod server;
pub mod start;
