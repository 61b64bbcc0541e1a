//! Keycloak's Authorization Services, decided here: resources, scopes, policies and permissions of a client, out of the file
//! that the admin console exports (*Authorization*, *Export*).
//!
//! Pure: the file's text, the claims of a caller and the time go in, a decision comes out. Nobody is asked, so what depends
//! on something that only Keycloak knows (a script, a live look at a user's roles) is [`Verdict::Indeterminate`], which
//! never lets anybody in. How Keycloak 26.7 decides was read from its behaviour, and a test asks a running one.
//!
//! ```
//! use kc_core::clock::UnixTime;
//! use kc_core::policy::{AuthorizationConfig, IdentityClaims, Verdict};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = AuthorizationConfig::from_json(
//!     br#"{"policyEnforcementMode":"ENFORCING","decisionStrategy":"UNANIMOUS",
//!     "scopes":[{"name":"view"}],"resources":[{"name":"store","scopes":[{"name":"view"}]}],
//!     "policies":[
//!       {"name":"clerks","type":"role","logic":"POSITIVE","config":{"roles":"[{\"id\":\"clerk\"}]"}},
//!       {"name":"clerks view","type":"scope","decisionStrategy":"UNANIMOUS",
//!        "config":{"resources":"[\"store\"]","scopes":"[\"view\"]","applyPolicies":"[\"clerks\"]"}}]}"#,
//! )?;
//! assert!(config.findings().is_empty());
//! let claims = IdentityClaims::from_json(br#"{"sub":"1","realm_access":{"roles":["clerk"]}}"#)?;
//! let decision = config.decide(&claims.identity(), Some("store"), &["view"], UnixTime::from_secs(1_800_000_000));
//! assert_eq!(decision.verdict(), Verdict::Grant);
//! assert_eq!(decision.granted_scopes(), ["view"]);
//! # Ok(()) }
//! ```

mod claims;
mod collect;
mod compile;
mod condition;
mod config;
mod decide;
mod effect;
mod error;
mod export;
mod finding;
mod links;
mod log;
mod permissions;
mod regex;
mod reload;
mod resolve;
mod resources;
mod time;
mod trace;
mod uri;

pub use self::claims::{Identity, IdentityClaims};
pub use self::config::{AuthorizationBuilder, AuthorizationConfig, UnknownTimeZone};
pub use self::decide::{Decision, Verdict};
pub use self::error::ConfigError;
pub use self::finding::{Finding, Severity};
pub use self::reload::{AuthorizationFile, AuthorizationStatus};
pub use self::trace::{Explanation, PermissionTrace, PolicyTrace, ResourceTrace};

/// A policy's answer, given by code of the service: see [`AuthorizationBuilder::answer`].
pub type Answer = dyn Fn(&Identity<'_>, crate::clock::UnixTime) -> bool + Send + Sync;
