//! Roles from groups, for a realm that gives rights by group membership.

use kc_core::roles::{RoleExtractor, RoleSet};
use kc_core::token::{Names, TokenError, VerifiedToken};

/// `/services/shop/editors` is the role `editors` of this client, when the prefix is `/services/shop/`. Groups below
/// that one, and all others, give nothing.
#[derive(Clone, Debug)]
pub struct GroupRoles {
    prefix: String,
}

impl GroupRoles {
    /// `prefix` begins and ends with a slash.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }
}

impl RoleExtractor for GroupRoles {
    fn extract(&self, token: &VerifiedToken) -> Result<RoleSet, TokenError> {
        let groups = token.claims().groups.iter();
        let names = groups
            .filter_map(|path| path.strip_prefix(self.prefix.as_str()))
            .filter(|name| !name.contains('/'));
        Ok(RoleSet::new(Names::default(), Names::new(names)))
    }
}
