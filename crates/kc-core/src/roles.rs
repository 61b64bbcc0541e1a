//! Who a token says somebody is: roles, kept apart by who gave them.

use std::fmt;

use crate::token::{Names, TokenError, VerifiedToken};

/// The roles of one caller. The realm's, this client's and other clients' roles are three different things: a role
/// `admin` of some other client never answers for ours.
///
/// # Example
/// ```
/// use kc_core::roles::RoleSet;
/// use kc_core::token::Names;
///
/// let roles = RoleSet::new(Names::from_iter(["staff"]), Names::from_iter(["clerk"]));
/// assert!(roles.has("clerk") && roles.is_staff() && !roles.is_superuser());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RoleSet {
    realm: Names,
    own: Names,
    others: Vec<(String, Names)>,
}

impl RoleSet {
    /// Roles of the realm and of this service's own client.
    #[must_use]
    pub fn new(realm: Names, own: Names) -> Self {
        Self { realm, own, others: Vec::new() }
    }

    /// The same with the roles of other clients, by client id.
    #[must_use]
    pub fn with_others(mut self, others: Vec<(String, Names)>) -> Self {
        self.others = others;
        self
    }

    /// The realm's roles.
    #[must_use]
    pub fn realm(&self) -> &Names {
        &self.realm
    }

    /// The roles of this service's own client.
    #[must_use]
    pub fn own(&self) -> &Names {
        &self.own
    }

    /// The roles of another client; this service's own are not among them.
    #[must_use]
    pub fn of_client(&self, client: &str) -> Names {
        self.others.iter().find(|(id, _)| id == client).map(|(_, roles)| roles.clone()).unwrap_or_default()
    }

    /// Whether they may see the staff's pages: role `staff` or `admin`.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.has("staff") || self.is_superuser()
    }

    /// Whether they may do everything: role `admin`.
    #[must_use]
    pub fn is_superuser(&self) -> bool {
        self.has("admin")
    }

    /// Whether the realm or this client gave the role.
    #[must_use]
    pub fn has(&self, role: &str) -> bool {
        self.realm.contains(role) || self.own.contains(role)
    }
}

/// Reads roles out of a verified token.
///
/// # Contract
/// Pure: the same token gives the same roles. Called once for each token, before any rule.
///
/// # Example
/// ```
/// use kc_core::roles::{RoleExtractor, RoleSet};
/// use kc_core::token::{Names, TokenError, VerifiedToken};
///
/// /// Roles are the groups that somebody is in.
/// #[derive(Debug)]
/// struct Groups;
///
/// impl RoleExtractor for Groups {
///     fn extract(&self, token: &VerifiedToken) -> Result<RoleSet, TokenError> {
///         Ok(RoleSet::new(token.claims().groups.clone(), Names::default()))
///     }
/// }
/// ```
pub trait RoleExtractor: fmt::Debug + Send + Sync {
    /// The roles that `token` carries.
    ///
    /// # Errors
    /// [`TokenError::MalformedClaim`] when the claim it reads has a wrong shape; an absent claim is no roles.
    fn extract(&self, token: &VerifiedToken) -> Result<RoleSet, TokenError>;
}

/// Keycloak's own layout: `realm_access.roles` and `resource_access.{client}.roles`.
#[derive(Clone, Debug)]
pub struct KeycloakRoles {
    client_id: String,
}

impl KeycloakRoles {
    /// `client_id` is this service's own client.
    #[must_use]
    pub fn new(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into() }
    }
}

impl RoleExtractor for KeycloakRoles {
    fn extract(&self, token: &VerifiedToken) -> Result<RoleSet, TokenError> {
        let claims = token.claims();
        let others =
            claims.client_roles.iter().filter(|(client, _)| *client != self.client_id).cloned().collect();
        Ok(RoleSet::new(claims.realm_roles.clone(), claims.roles_of(&self.client_id)).with_others(others))
    }
}

/// Roles from any claim that is an array of strings, found by its path: `groups`, or `["my.app", "roles"]`.
///
/// They count as roles of this client. A segment of the path is a whole member name, dots included.
#[derive(Clone, Debug)]
pub struct ClaimPathRoles {
    path: Vec<String>,
}

impl ClaimPathRoles {
    /// The names of the members from the top down.
    #[must_use]
    pub fn new<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self { path: path.into_iter().map(Into::into).collect() }
    }
}

impl RoleExtractor for ClaimPathRoles {
    fn extract(&self, token: &VerifiedToken) -> Result<RoleSet, TokenError> {
        let wrong =
            TokenError::MalformedClaim { claim: "(the roles claim)", expected: "an array of strings" };
        let mut value = token.claims_as::<serde_json::Value>().map_err(|_| wrong.clone())?;
        for segment in &self.path {
            value = match value {
                serde_json::Value::Object(mut members) => members.remove(segment).unwrap_or_default(),
                serde_json::Value::Null => serde_json::Value::Null,
                _ => return Err(wrong),
            };
        }
        let names = match value {
            serde_json::Value::Null => Names::default(),
            serde_json::Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().ok_or(()))
                .collect::<Result<Vec<_>, _>>()
                .map(Names::new)
                .map_err(|()| wrong)?,
            _ => return Err(wrong),
        };
        Ok(RoleSet::new(Names::default(), names))
    }
}

/// The words of `scope` as roles of this client, for issuers without roles.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScopeRoles;

impl RoleExtractor for ScopeRoles {
    fn extract(&self, token: &VerifiedToken) -> Result<RoleSet, TokenError> {
        Ok(RoleSet::new(Names::default(), token.claims().scope.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use crate::token::Claims;

    fn token(payload: &'static str) -> VerifiedToken {
        let claims = Claims::read(&json::parse_object(payload.as_bytes(), 16).unwrap()).unwrap();
        VerifiedToken::new(claims, bytes::Bytes::from_static(payload.as_bytes()))
    }

    #[test]
    fn a_role_of_another_client_never_counts() {
        let token = token(
            r#"{"realm_access":{"roles":["user"]},"resource_access":{"api":{"roles":["api-read"]},"other":{"roles":["admin"]}}}"#,
        );
        let roles = KeycloakRoles::new("api").extract(&token).unwrap();
        assert!(roles.has("user") && roles.has("api-read") && !roles.has("admin"));
        assert!(roles.of_client("other").contains("admin") && roles.of_client("api").is_empty());
    }

    #[test]
    fn a_name_with_a_slash_or_a_colon_is_only_a_name() {
        let token = token(r#"{"realm_access":{"roles":["api/api-read","realm:admin","api:admin"]}}"#);
        let roles = KeycloakRoles::new("api").extract(&token).unwrap();
        assert!(!roles.has("api-read") && !roles.has("admin"));
    }

    #[test]
    fn roles_are_read_from_any_path() {
        let token = token(
            r#"{"groups":["/a"],"my.app":{"roles":["x"]},"flat":"no","deep":{"a":1},"none":null,"scope":"r w"}"#,
        );
        let at = |path: &[&str]| ClaimPathRoles::new(path.iter().copied()).extract(&token);
        assert!(at(&["groups"]).unwrap().has("/a"));
        assert!(at(&["my.app", "roles"]).unwrap().has("x"));
        assert_eq!(at(&["absent", "roles"]).unwrap(), RoleSet::default());
        assert_eq!(at(&["none"]).unwrap(), RoleSet::default());
        for path in [&["flat"][..], &["deep"], &["deep", "a"], &["flat", "x"]] {
            assert_eq!(at(path).unwrap_err().code(), "malformed_claim", "{path:?}");
        }
        assert!(ScopeRoles.extract(&token).unwrap().has("w"));
    }
}
