//! Parts of a service's own behind kc's traits: keys from a file, and roles from groups.
//!
//! The service of this folder (`main.rs`) does without them; they are here to be copied.

pub mod file_keys;
pub mod group_roles;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/custom-framework.md")]
mod guide {}
