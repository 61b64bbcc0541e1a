//! Local users: the service's own record of those who call.
//!
//! A token says who somebody is at the issuer; a local user is what the service keeps about them: an id of its own, groups
//! and permissions of its own, whether they may come in. [`LocalUsers`] finds or makes the user of each checked token, by
//! the steps of a [`UserPipeline`]; a [`UserDirectory`] keeps them.
//!
//! ```
//! use std::sync::Arc;
//! use kc_core::users::{GroupMap, LocalUsers, MemoryUsers, Stage, UserPipeline};
//!
//! let map = GroupMap::from_json(
//!     r#"{"roles": {"editor": {"groups": ["Editors"], "permissions": ["items.change_item"]}}}"#,
//! )?;
//! let users = LocalUsers::new(Arc::new(MemoryUsers::default()))
//!     .create(false)
//!     .pipeline(UserPipeline::standard().replace(Stage::Groups, Arc::new(map)));
//! # let _ = users;
//! # Ok::<(), kc_core::users::GroupMapError>(())
//! ```
//!
//! `docs/users.md` explains it by goal.

mod directory;
mod email;
mod groups;
mod memory;
mod pipeline;
mod sign_in;
mod steps;
mod user;

pub use self::directory::{UserDirectory, UsersUnavailable};
pub use self::email::EmailKey;
pub use self::groups::{Grants, GroupMap, GroupMapError};
pub use self::memory::MemoryUsers;
pub use self::pipeline::{Stage, UserPipeline, UserStep};
pub use self::sign_in::{LocalUsers, SignIn, SignInError};
pub use self::steps::{Associate, Create, Find, Privileges, Profile, Save};
pub use self::user::{Details, Identity, NewUser, User, UserEntry, UserId};

#[cfg(test)]
mod tests;
