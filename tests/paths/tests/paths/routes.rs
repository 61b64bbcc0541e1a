//! The routes that every adapter serves.

use std::sync::{Arc, Mutex};

use kc_core::Access;
use kc_core::rules::all_roles;

use crate::realm::ALL_ROLES;

/// A route, what it asks for, and a path that is on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) pattern: &'static str,
    pub(crate) need: Need,
    pub(crate) methods: &'static [&'static str],
    pub(crate) path: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    Nothing,
    /// One of these roles; `""` is a token without any. Where the routes are ours it is one that no other route asks for.
    Role(&'static [&'static str]),
}

impl Need {
    pub(crate) fn access(self) -> Access {
        match self {
            Self::Nothing => Access::Public,
            Self::Role(role) => all_roles(role).into(),
        }
    }

    /// Whether this lets in: no token, or one with only that role.
    pub(crate) fn lets_in(self, role: Option<&str>) -> bool {
        match self {
            Self::Nothing => true,
            Self::Role(roles) => role.is_some_and(|role| role == ALL_ROLES || roles.contains(&role)),
        }
    }

    /// A role that does.
    pub(crate) fn role(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Role(role) => role.first().copied(),
        }
    }
}

const fn route(
    pattern: &'static str,
    need: Need,
    methods: &'static [&'static str],
    path: &'static str,
) -> Route {
    Route { pattern, need, methods, path }
}

/// In the place of a method: whatever has no handler of its own.
pub(crate) const ANY: &str = "*";

/// Before the nested ones.
pub(crate) const PREFIX: &str = "/api/v1";

use Need::{Nothing, Role};

/// Literal, with parameters, with what is left of a path, overlapping each other, public ones among them.
pub(crate) const FLAT: [Route; 13] = [
    route("/", Role(&["root"]), &["GET"], "/"),
    route("/a", Role(&["a"]), &["GET", "POST"], "/a"),
    route("/a/{id}", Role(&["a-id"]), &["GET", "DELETE"], "/a/7"),
    route("/a/{id}/b", Role(&["a-id-b"]), &["GET"], "/a/7/b"),
    route("/a/fixed", Role(&["a-fixed"]), &["GET"], "/a/fixed"),
    route("/a/fixed/b", Role(&["a-fixed-b"]), &["POST"], "/a/fixed/b"),
    route("/any", Role(&["any"]), &[ANY], "/any"),
    route("/files/{*rest}", Role(&["files"]), &["GET"], "/files/x/y"),
    route("/files/secret", Role(&["secret"]), &["GET"], "/files/secret"),
    route("/open", Nothing, &["GET"], "/open"),
    route("/open/{*rest}", Nothing, &["GET"], "/open/x"),
    route("/open/secret", Role(&["open-secret"]), &["GET"], "/open/secret"),
    route("/Admin.Panel;v=1", Role(&["admin-panel"]), &["GET"], "/Admin.Panel;v=1"),
];

/// Below [`PREFIX`]; their patterns in full.
pub(crate) const NESTED: [Route; 4] = [
    route("/api/v1/items", Role(&["items"]), &["GET", "HEAD"], "/api/v1/items"),
    route("/api/v1/items/{id}", Role(&["item"]), &["PUT"], "/api/v1/items/7"),
    route("/api/v1/open/{id}", Nothing, &["GET"], "/api/v1/open/7"),
    route("/api/v1/open/{id}/{name}", Role(&["named"]), &["GET"], "/api/v1/open/7/n"),
];

/// All of them.
pub(crate) fn all() -> Vec<Route> {
    FLAT.into_iter().chain(NESTED).collect()
}

/// Which handlers ran, by their patterns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran(Arc<Mutex<Vec<&'static str>>>);

impl Ran {
    pub(crate) fn note(&self, pattern: &'static str) {
        self.0.lock().unwrap().push(pattern);
    }

    pub(crate) fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
