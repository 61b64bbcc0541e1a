//! What the services tell of themselves.
//!
//! | what | where |
//! | --- | --- |
//! | requests of every kind, as a real Prometheus counts them; audit and log of the same run | [`scraped`] |
//! | `docs/observability.md` against the code; spans and events | [`contract`] |
//! | where metrics and health are served, and where not | [`listener`] |

#![cfg(test)]

mod contract;
mod listener;
mod scraped;
