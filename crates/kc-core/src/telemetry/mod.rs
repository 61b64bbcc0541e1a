//! What this library tells of itself beside the [audit](crate::audit): metrics, by the facade `metrics` (feature `metrics`), and
//! spans and events, by `tracing`. Names, labels and fields are a contract: `docs/observability.md` has them as tables, and so
//! have [`METRICS`], [`SPANS`] and [`EVENTS`].
//!
//! Labels and fields hold words of ours, names of realms and patterns of routes: never a path, a token, a user or an address.
//! What a label may be is bounded, whoever sends what.
//!
//! Install the recorder before [`Keycloak`](crate::Keycloak) is built: what is counted at each request is held from the first
//! time on, and what was held without a recorder counts nothing.

mod contract;
#[cfg(feature = "metrics")]
mod counted;
#[cfg(not(feature = "metrics"))]
#[path = "uncounted.rs"]
mod counted;
mod endpoint;
mod observed;
#[cfg(test)]
mod tests;

pub use self::contract::{EVENTS, Event, METRICS, Metric, MetricKind, SPANS};
pub(crate) use self::counted::{
    Held, RouteCounters, audit_event_lost, circuit, describe, introspection, key_fetch, keys_fetched,
    outbound, service_token, session_event, token_cache_entries, token_cache_hit, token_cache_miss,
    token_exchange,
};
pub(crate) use self::endpoint::{endpoint, realm};
pub use self::observed::ObservedTransport;

/// Sets `kc_sessions`: for a store of browser sessions that knows how many it has. Without the feature `metrics` nothing
/// happens.
pub fn sessions(count: usize) {
    counted::sessions(count);
}

/// What stands for "none" in a label.
pub(crate) const NONE: &str = "none";
