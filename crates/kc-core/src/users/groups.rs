//! Roles and groups of the realm → groups and permissions of the service.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;
use serde::Deserialize;

use super::pipeline::UserStep;
use super::sign_in::{SignIn, SignInError};
use super::user::Details;
use crate::roles::RoleSet;
use crate::token::Names;

/// Which groups and permissions of the service's own a role or a group of the realm brings. Data:
///
/// ```json
/// {
///   "roles": {"editor": {"groups": ["Editors"], "permissions": ["items.change_item"]}},
///   "groups": {"/management": {"groups": ["Managers"]}}
/// }
/// ```
///
/// A role is one of the realm or of this client; a group is one of the claim `groups`, to the letter. What the map names is
/// given and taken away as the token says; groups and permissions that it does not name are the service's business and
/// stay. As a step it belongs at [`Stage::Groups`](super::Stage::Groups).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct GroupMap {
    roles: BTreeMap<String, Grants>,
    groups: BTreeMap<String, Grants>,
}

/// What a role or a group brings.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Groups of the service's own.
    pub groups: BTreeSet<String>,
    /// Permissions of the service's own.
    pub permissions: BTreeSet<String>,
}

impl Grants {
    /// A group.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.insert(group.into());
        self
    }

    /// A permission.
    #[must_use]
    pub fn permission(mut self, permission: impl Into<String>) -> Self {
        self.permissions.insert(permission.into());
        self
    }
}

impl GroupMap {
    /// Reads the map's JSON. A member that is not known is an error.
    ///
    /// # Errors
    /// [`GroupMapError`] says where.
    pub fn from_json(json: &str) -> Result<Self, GroupMapError> {
        serde_json::from_str(json).map_err(|error| GroupMapError { what: error.to_string() })
    }

    /// What a role brings; of two calls for one role the last counts.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>, grants: Grants) -> Self {
        self.roles.insert(role.into(), grants);
        self
    }

    /// What a group of the realm brings; of two calls for one group the last counts.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>, grants: Grants) -> Self {
        self.groups.insert(group.into(), grants);
        self
    }

    /// Brings the details in line with the roles and groups of a token.
    fn apply(&self, roles: &RoleSet, groups: &Names, details: &mut Details) {
        let by_role = self.roles.iter().map(|(role, grants)| (roles.has(role), grants));
        let by_group = self.groups.iter().map(|(group, grants)| (groups.contains(group), grants));
        let all: Vec<(bool, &Grants)> = by_role.chain(by_group).collect();
        // All that the map names is taken first: two roles may bring one group.
        for (_, grants) in &all {
            details.groups.retain(|group| !grants.groups.contains(group));
            details.permissions.retain(|permission| !grants.permissions.contains(permission));
        }
        for (_, grants) in all.iter().filter(|(held, _)| *held) {
            details.groups.extend(grants.groups.iter().cloned());
            details.permissions.extend(grants.permissions.iter().cloned());
        }
    }
}

#[async_trait]
impl UserStep for GroupMap {
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
        if self.roles.is_empty() && self.groups.is_empty() {
            return Ok(());
        }
        let Some(mut details) = sign_in.details().cloned() else { return Ok(()) };
        self.apply(sign_in.roles(), &sign_in.claims().groups, &mut details);
        if let Some(all) = sign_in.details_mut() {
            *all = details;
        }
        Ok(())
    }
}

/// The map's JSON can't be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupMapError {
    what: String,
}

impl fmt::Display for GroupMapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the map of roles and groups can't be read: {}", self.what)
    }
}

impl std::error::Error for GroupMapError {}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"{
        "roles": {
            "editor": {"groups": ["Editors"], "permissions": ["items.change", "items.view"]},
            "reader": {"permissions": ["items.view"]}
        },
        "groups": {"/management": {"groups": ["Managers"]}}
    }"#;

    fn applied(roles: &[&str], groups: &[&str], before: &Details) -> Details {
        let roles = RoleSet::new(Names::default(), Names::new(roles));
        let mut details = before.clone();
        GroupMap::from_json(MAP).unwrap().apply(&roles, &Names::new(groups), &mut details);
        details
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn roles_and_groups_bring_what_the_map_says() {
        let details = applied(&["editor", "other"], &["/management", "/management/x"], &Details::default());
        assert_eq!(details.groups, set(&["Editors", "Managers"]));
        assert_eq!(details.permissions, set(&["items.change", "items.view"]));
        let details = applied(&["/management"], &["editor", "/management/x"], &Details::default());
        assert_eq!(details, Details::default(), "a group is no role, and a child is not its parent");
    }

    #[test]
    fn what_the_map_names_is_taken_away_again_and_the_rest_stays() {
        let before = Details {
            groups: set(&["Editors", "Managers", "Chess"]),
            permissions: set(&["items.change", "items.view", "own.thing"]),
            ..Details::default()
        };
        let details = applied(&["reader"], &[], &before);
        assert_eq!(details.groups, set(&["Chess"]));
        assert_eq!(details.permissions, set(&["items.view", "own.thing"]));
    }

    #[test]
    fn a_map_in_code_is_the_same_as_in_json() {
        let in_code = GroupMap::default()
            .role(
                "editor",
                Grants::default().group("Editors").permission("items.change").permission("items.view"),
            )
            .role("reader", Grants::default().permission("items.view"))
            .group("/management", Grants::default().group("Managers"));
        assert_eq!(GroupMap::from_json(MAP).unwrap(), in_code);
    }

    #[test]
    fn a_member_that_is_not_known_is_an_error() {
        for json in [r#"{"role": {}}"#, r#"{"roles": {"a": {"group": []}}}"#, "7", ""] {
            let error = GroupMap::from_json(json).unwrap_err();
            assert!(error.to_string().starts_with("the map of roles and groups can't be read: "), "{error}");
        }
    }
}
