//! Keycloak's Authorization Services by asking Keycloak: what a caller may do now, permission tickets, and the registration
//! of resources. What a service decides by an export, without asking, is in [`policy`](crate::policy).
//!
//! | you want to … | start at |
//! | --- | --- |
//! | have rules ask Keycloak | `KEYCLOAK_AUTHORIZATION`, or [`OnlinePermissions`] and [`GuardBuilder::permissions`] |
//! | ask it only about what an export leaves open | [`HybridPermissions`] |
//! | give tickets, and accept RPTs | [`KeycloakBuilder::permission_tickets`], or [`OnlinePermissions::tickets`] |
//! | ask yourself | [`UmaClient`] |
//! | register resources | [`ProtectionClient`] |
//!
//! A permission goes by the **id** of the resource. A rule names the service's own resource, and a resource of a user by the
//! same name is another one: Keycloak's answer to a name is of both.
//!
//! ```
//! # use std::sync::Arc;
//! # use kc_core::transport::{Transport, TransportError};
//! use kc_core::uma::{PushedClaims, UmaClient, Wanted};
//!
//! # async fn example(transport: Arc<dyn Transport>, token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = "https://kc.example.com/realms/shop/protocol/openid-connect/token".parse()?;
//! let keycloak = UmaClient::new(transport, endpoint, "inventory");
//! let wanted = Wanted::of("7a4d2c1e-6f0b-4f7c-9d50-3a9c1b2e8f11", ["inventory:view", "inventory:add"]);
//! if keycloak.allows(token, &[wanted], &PushedClaims::new()).await? {
//!     // Both of them.
//! }
//! # Ok(()) }
//! ```
//!
//! [`GuardBuilder::permissions`]: crate::GuardBuilder::permissions
//! [`KeycloakBuilder::permission_tickets`]: crate::KeycloakBuilder::permission_tickets

mod ask;
mod client;
mod decider;
mod error;
mod hybrid;
mod online;
mod presented;
mod protection;
mod protection_error;
mod resource;
#[cfg(test)]
mod tests;

use http::HeaderValue;
use http::header::InvalidHeaderValue;

pub use self::ask::{Granted, PushedClaims, Wanted};
pub use self::client::UmaClient;
pub use self::decider::{PermissionDecider, PermissionRequest, TicketChallenge};
pub use self::error::UmaError;
pub use self::hybrid::HybridPermissions;
pub use self::online::{ClaimsOf, OnlinePermissions};
pub use self::protection::{PermissionTicket, ProtectionClient, TicketPermission};
pub use self::protection_error::ProtectionError;
pub use self::resource::{Resource, ResourceDescription, ResourceFilter};

/// Credentials, which no log shows.
fn bearer(token: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}
