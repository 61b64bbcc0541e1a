//! Roles and groups of an export, with what Keycloak adds by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::export::{self, Settings};
use super::load::list;
use super::{RealmError, Role, builtin};

/// Roles of realm and clients, and what the composite ones bring.
pub(super) struct RoleTables {
    pub(super) default_role: Role,
    pub(super) composites: BTreeMap<Role, BTreeSet<Role>>,
    pub(super) of_clients: BTreeMap<String, BTreeSet<String>>,
}

impl RoleTables {
    pub(super) fn load(
        root: &Value,
        settings: &Settings,
        realm: &str,
        clients: &[export::Client],
    ) -> Result<Self, RealmError> {
        let default_name = settings
            .default_role
            .as_ref()
            .map_or_else(|| format!("default-roles-{realm}"), |role| role.name.clone());
        let default_role = Role::realm(&default_name);
        let mut composites: BTreeMap<Role, BTreeSet<Role>> = BTreeMap::new();
        let mut of_clients: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut add = |owner: Role, inner: &export::Composites| {
            let inner = named_roles(&inner.realm, &inner.client);
            if !inner.is_empty() {
                composites.entry(owner).or_default().extend(inner);
            }
        };
        let roles = root.get("roles").unwrap_or(&Value::Null);
        for role in list::<export::Role>(roles, "realm", "name")? {
            add(Role::realm(&role.name), &role.composites);
        }
        if let Some(role) = &settings.default_role {
            add(default_role.clone(), &role.composites);
        }
        let no_clients = serde_json::Map::new();
        let client_roles = roles.get("client").and_then(Value::as_object).unwrap_or(&no_clients);
        for client in client_roles.keys() {
            for role in list::<export::Role>(roles.get("client").unwrap_or(&Value::Null), client, "name")? {
                add(Role::of(client, &role.name), &role.composites);
                of_clients.entry(client.clone()).or_default().insert(role.name);
            }
        }

        let is_listed = |id: &str| clients.iter().any(|client| client.client_id == id);
        for builtin in builtin::CLIENTS.iter().filter(|builtin| !is_listed(builtin.id)) {
            for (name, inner) in builtin.roles {
                of_clients.entry(builtin.id.to_owned()).or_default().insert((*name).to_owned());
                if !inner.is_empty() {
                    let inner = inner.iter().map(|inner| Role::of(builtin.id, inner));
                    composites.entry(Role::of(builtin.id, name)).or_default().extend(inner);
                }
            }
        }
        // An export of a running realm says what the default role holds; a hand-written one leaves it to Keycloak.
        let has_default = composites.contains_key(&default_role);
        let held = composites.entry(default_role.clone()).or_default();
        if !has_default {
            held.extend(builtin::REALM_ROLES.map(Role::realm));
        }
        if !is_listed("account") {
            held.extend(builtin::DEFAULT_ACCOUNT_ROLES.map(|name| Role::of("account", name)));
        }
        Ok(Self { default_role, composites, of_clients })
    }
}

/// Every group's path with the roles it gives, those of the groups above it included.
pub(super) struct Groups(pub(super) BTreeMap<String, BTreeSet<Role>>);

impl Groups {
    pub(super) fn load(root: &Value) -> Result<Self, RealmError> {
        let mut groups = Self(BTreeMap::new());
        for group in list::<export::Group>(root, "groups", "name")? {
            groups.add("", &BTreeSet::new(), &group);
        }
        Ok(groups)
    }

    fn add(&mut self, above: &str, inherited: &BTreeSet<Role>, group: &export::Group) {
        let path = format!("{above}/{}", group.name);
        let mut roles = inherited.clone();
        roles.extend(named_roles(&group.realm_roles, &group.client_roles));
        for below in &group.sub_groups {
            self.add(&path, &roles, below);
        }
        self.0.insert(path, roles);
    }
}

/// Roles that an export lists by name.
pub(super) fn named_roles(realm: &[String], clients: &BTreeMap<String, Vec<String>>) -> BTreeSet<Role> {
    let of_clients =
        clients.iter().flat_map(|(client, names)| names.iter().map(|name| Role::of(client, name)));
    realm.iter().map(|name| Role::realm(name)).chain(of_clients).collect()
}
