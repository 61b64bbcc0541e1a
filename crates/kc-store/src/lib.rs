//! What outlives a process: sessions and revocations in Redis, local users in SQLite or PostgreSQL.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | keep browser sessions where all replicas find them, and have a logout known to all of them | `redis::RedisStore` (feature `redis`) |
//! | keep local users in a file or a data base | `users::SqlUsers` (features `sqlite`, `postgres`) |
//!
//! # Features
//!
//! None is on by default; each brings its store and nothing else changes.
//!
//! - `redis`: sessions, revocations and what was used once in Redis, for services on several machines. TLS is rustls with aws-lc-rs.
//! - `sqlite`: users in a SQLite file, for one machine, or in memory. SQLite itself is compiled in, so a C compiler is needed.
//! - `postgres`: users in PostgreSQL, for services on several machines. TLS is rustls with aws-lc-rs.
//!
//! A Tokio runtime is needed.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod users;

/// The README's example, compiled.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// The guide's examples, compiled.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../../../docs/users.md")]
mod guide {}
