//! Two and three services that share a Redis and a PostgreSQL, in front of the embedded issuer.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod logout;
mod outages;
mod refresh;
mod sharing;
mod start;
