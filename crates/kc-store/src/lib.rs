//! What outlives a process.
//!
//! | feature | what |
//! | --- | --- |
//! | `redis` | sessions, revocations and what was used once, shared by the replicas of a service: [`redis`] |

#[cfg(feature = "redis")]
pub mod redis;
