//! What the permissions of a resource come to, together.

use super::config::{Kind, Permission, Resource};
use super::effect::Strategy;

/// Collects what permissions say about one [`Ask`](super::resolve::Ask), each being a plain yes or no.
#[derive(Clone)]
pub(super) struct Collector<'c> {
    resource: Option<(u32, &'c Resource)>,
    asked: &'c [u32],
    /// As long as `asked`.
    granted: Vec<bool>,
    denied: Vec<bool>,
    granted_by_users: Option<Vec<bool>>,
    resource_granted: bool,
    any_deny: bool,
    any: bool,
}

impl<'c> Collector<'c> {
    pub(super) fn new(resource: Option<(u32, &'c Resource)>, asked: &'c [u32]) -> Self {
        Self {
            resource,
            asked,
            granted: vec![false; asked.len()],
            denied: vec![false; asked.len()],
            granted_by_users: None,
            resource_granted: false,
            any_deny: false,
            any: false,
        }
    }

    /// Adds a permission that has policies.
    pub(super) fn add(&mut self, permission: &Permission, grants: bool) {
        self.any = true;
        let names_it =
            self.resource.is_some_and(|(place, _)| permission.resources().binary_search(&place).is_ok());
        if grants {
            self.grant(permission, names_it);
        } else {
            self.deny(permission, names_it);
        }
    }

    fn grant(&mut self, permission: &Permission, names_it: bool) {
        match permission.kind {
            Kind::Resource => self.granted.fill(true),
            Kind::Scope => {
                let places = self.granted.iter_mut().zip(&mut self.denied).zip(self.asked);
                for ((granted, denied), scope) in places {
                    if permission.scopes().binary_search(scope).is_ok() {
                        *granted = true;
                        // A scope that the resource has by its type only.
                        if self.resource.is_some_and(|(_, found)| found.scopes.binary_search(scope).is_err())
                        {
                            *denied = false;
                        }
                    }
                }
            }
            Kind::Uma => {
                if self.resource.is_some_and(|(_, found)| found.managed) {
                    let granted = self.granted_by_users.get_or_insert_with(|| vec![false; self.asked.len()]);
                    for (granted, scope) in granted.iter_mut().zip(self.asked) {
                        *granted |= permission.scopes().binary_search(scope).is_ok();
                    }
                }
            }
        }
        let grants_resource =
            permission.kind != Kind::Scope || self.resource.is_some_and(|(_, found)| found.owner.is_some());
        self.resource_granted |= names_it && grants_resource;
    }

    fn deny(&mut self, permission: &Permission, names_it: bool) {
        self.any_deny = true;
        match permission.kind {
            Kind::Resource if names_it || !self.resource_granted => self.denied.fill(true),
            Kind::Resource => {}
            Kind::Scope | Kind::Uma if names_it || !permission.names_resources => {
                for (denied, scope) in self.denied.iter_mut().zip(self.asked) {
                    *denied |= permission.scopes().binary_search(scope).is_ok();
                }
            }
            Kind::Scope | Kind::Uma => {}
        }
    }

    /// Which of the asked scopes are granted; `None` when the resource is not granted at all.
    pub(super) fn finish(self, server: Strategy) -> Option<Vec<bool>> {
        if !self.any {
            return None;
        }
        let affirmative = server == Strategy::Affirmative;
        let mut granted: Vec<bool> = self
            .granted
            .iter()
            .zip(&self.denied)
            .map(|(granted, denied)| *granted && (affirmative || !denied))
            .collect();
        let none = |granted: &[bool]| !granted.contains(&true);
        let mut any_deny = self.any_deny;
        match self.granted_by_users {
            None => {
                if !self.resource_granted && none(&granted) && !self.asked.is_empty() {
                    return None;
                }
            }
            Some(by_users) => {
                for (granted, by_user) in granted.iter_mut().zip(by_users) {
                    *granted |= by_user;
                }
                if none(&granted) && self.resource.is_some_and(|(_, found)| !found.scopes.is_empty()) {
                    return None;
                }
                any_deny = false;
            }
        }
        (!(any_deny && none(&granted))).then_some(granted)
    }
}
