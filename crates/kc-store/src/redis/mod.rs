//! Redis: what the replicas of a service have to know in common.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use kc_core::secret::Secret;
//! use kc_login::Seal;
//! use kc_store::redis::RedisStore;
//!
//! let seal = Seal::new([&[7; 32]]).ok_or("there is no key")?;
//! let store = RedisStore::connect(&Secret::new("redis://:password@localhost:6379"), seal).await?;
//! let revocations = store.revocations().await?;
//! # let _ = revocations;
//! # Ok(())
//! # }
//! ```

mod connection;
mod failure;
mod replay;
mod revocations;
mod sessions;
mod store;
mod target;

pub use self::revocations::RedisRevocations;
pub use self::store::{RedisOptions, RedisStore};
