//! Route and decision agree: whatever is done to a path, a handler that ran is one whose own rule let the caller in.
//!
//! Each adapter serves the same routes over TCP, with handlers that record that they ran and a guard whose events are
//! kept. Requests are made from paths of these routes by changes that routers, proxies and guards have been known to read
//! differently, and are sent as they are: a client library would tidy them up.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod actix;
mod axum;
mod custom;
mod mutation;
mod poem;
mod property;
mod realm;
mod routes;
mod wire;

// The adapter of the example as it is, with the handlers of this test.
#[expect(dead_code, reason = "what the example's own handlers call")]
#[path = "../../../../examples/custom-framework/src/adapter.rs"]
mod adapter;
#[path = "../../../../examples/custom-framework/src/router.rs"]
mod router;

mod handlers {
    pub(crate) use crate::custom::handle;
}
