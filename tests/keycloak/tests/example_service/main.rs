//! The example service, as a process, in front of a real Keycloak.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod accepted;
mod expiry;
mod introspected;
mod opaque;
mod outage;
mod refused;
mod rotation;
mod settings;
