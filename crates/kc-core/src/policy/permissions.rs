//! The permissions of a file: what they are about, and by which policies.

use super::compile::applied;
use super::config::{ByName, Kind, Permission, Resource, Type};
use super::error::ConfigError;
use super::export::{RawPolicy, shown};
use super::finding::Severity;
use super::log::Log;
use super::resources::{ResourceIndex, Scopes, sorted};

pub(super) struct PermissionReader<'r, 'l> {
    pub(super) raw: &'r RawPolicy,
    pub(super) place: u32,
    pub(super) by_name: &'r ByName<Option<u32>>,
    pub(super) index: &'r ResourceIndex,
    pub(super) log: &'l mut Log,
}

impl PermissionReader<'_, '_> {
    fn problem(&mut self, key: &str, what: String) {
        self.log.permission(self.place, Severity::Problem, self.raw.place_of(key), what);
    }

    pub(super) fn read(
        &mut self,
        resources: &[Resource],
        names: &mut Scopes,
    ) -> Result<Permission, ConfigError> {
        let raw = self.raw;
        let mut unclear = false;
        let policies = applied(raw, self.by_name, |what| {
            self.log.permission(self.place, Severity::Problem, raw.place_of("applyPolicies"), what);
        })?;
        if policies.is_empty() {
            let what = "the permission has no policy: it neither grants nor denies".to_owned();
            self.log.permission(self.place, Severity::Note, raw.place(), what);
        }
        let named = raw.names("resources")?.unwrap_or_default();
        let names_resources = named.iter().any(|name| !name.is_empty());
        let mut linked = Vec::new();
        for name in named.iter().filter(|name| !name.is_empty()) {
            let found = self.index.by_id.get(name).map(std::slice::from_ref);
            let found = found.or_else(|| self.index.by_name.get(name).map(Vec::as_slice)).unwrap_or_default();
            let owned =
                |place: &u32| resources.get(*place as usize).is_some_and(|found| found.owner.is_none());
            let own: Vec<u32> = found.iter().copied().filter(owned).collect();
            match (own.as_slice(), found) {
                ([], []) => {
                    self.problem(
                        "resources",
                        format!("refers to the resource {:?}, which does not exist", shown(name)),
                    );
                }
                ([one], _) | ([], [one]) => linked.push(*one),
                (_, several) => {
                    unclear = true;
                    linked.extend(several);
                    self.problem(
                        "resources",
                        format!("refers to {:?}, a name that more than one have", shown(name)),
                    );
                }
            }
        }
        let mut scopes = Vec::new();
        for name in raw.names("scopes")?.unwrap_or_default() {
            if !names.by_name.contains_key(&name) {
                self.problem(
                    "scopes",
                    format!("refers to the scope {:?}, which does not exist", shown(&name)),
                );
            }
            scopes.push(names.intern(name));
        }
        let kind = match raw.kind.as_str() {
            "resource" => Kind::Resource,
            "scope" => Kind::Scope,
            _ => Kind::Uma,
        };
        let for_type = raw.get("defaultResourceType").is_some();
        match kind {
            Kind::Scope if scopes.is_empty() => {
                self.problem("scopes", "names none: it grants nothing".to_owned())
            }
            Kind::Resource if linked.is_empty() && !for_type && !names_resources => {
                self.problem(
                    "resources",
                    "names neither a resource nor a type: it applies to nothing".to_owned(),
                );
            }
            Kind::Uma => {
                unclear = true;
                let what = "is what a user granted to others, which only Keycloak decides".to_owned();
                self.log.permission(self.place, Severity::Problem, raw.place(), what);
            }
            _ => {}
        }
        if raw.negative {
            let what = "is NEGATIVE, which Keycloak does not look at in a permission".to_owned();
            self.log.permission(self.place, Severity::Note, format!("{}.logic", raw.place()), what);
        }
        let mut permission = Permission::new(kind, raw.strategy, &policies, &sorted(scopes), &sorted(linked));
        permission.names_resources = names_resources;
        permission.for_type = for_type;
        permission.unclear = unclear;
        Ok(permission)
    }
}

/// Adds a permission to the types that it is for.
pub(super) fn of_types(
    raw: &RawPolicy,
    place: u32,
    permission: &Permission,
    types: &mut [Type],
    log: &mut Log,
) {
    let Some(wanted) = raw.get("defaultResourceType") else { return };
    let mut found = false;
    for kind in types.iter_mut().filter(|kind| like(wanted, &kind.name)) {
        found = true;
        // Keycloak finds one without a policy only if it looks for it by a resource.
        if !permission.policies().is_empty() {
            kind.permissions.push(place);
        }
        if kind.name != wanted {
            let what = format!(
                "takes in the type {:?} too, whose % or _ Keycloak takes for wildcards",
                shown(&kind.name)
            );
            log.permission(place, Severity::Note, raw.place_of("defaultResourceType"), what);
        }
    }
    if !found {
        let what = format!("is {:?}, and no resource has that type", shown(wanted));
        log.permission(place, Severity::Note, raw.place_of("defaultResourceType"), what);
    }
}

/// SQL's `text LIKE pattern`, by which Keycloak looks for the permissions of a type.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    // Where to go on after the last `%`: the pattern behind it, and the text that it took so far.
    let (mut t, mut p, mut again) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                p += 1;
                again = Some((p, t));
            }
            Some(letter) if *letter == '_' || text.get(t) == Some(letter) => (t, p) = (t + 1, p + 1),
            _ => match again {
                Some((behind, taken)) => {
                    again = Some((behind, taken + 1));
                    (t, p) = (taken + 1, behind);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|letter| *letter == '%'))
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn a_type_is_looked_for_as_sql_likes_it() {
        for (text, pattern, yes) in [
            ("urn:a", "urn:a", true),
            ("urn:a", "urn:b", false),
            ("urn:a-b", "urn:a_b", true),
            ("urn:a_b", "urn:a-b", false),
            ("urn:abc", "urn:%c", true),
            ("urn:abcd", "urn:%c", false),
            ("aXbXc", "a%X%c", true),
            ("", "", true),
            ("", "%", true),
            ("a", "", false),
        ] {
            assert_eq!(like(text, pattern), yes, "{text} like {pattern}");
        }
    }
}
