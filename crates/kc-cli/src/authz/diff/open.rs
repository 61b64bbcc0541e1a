//! What is open or closed to everybody, because no permission is about it.

use std::collections::BTreeSet;

use kc_core::clock::UnixTime;
use kc_core::policy::{IdentityClaims, Verdict};
use serde::Serialize;

use super::compare::{Change, What};
use super::side::{Asked, Side, nobody, shown};

/// A resource or scope that differs, and that no permission is about before or after.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Unguarded {
    /// As in [`Touched::on`](super::reach::Touched::on).
    pub(super) about: String,
    pub(super) before: Open,
    pub(super) after: Open,
}

/// Who is let in where no permission is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Open {
    /// There is a permission that decides.
    ByPermission,
    /// The server is PERMISSIVE or DISABLED.
    Everybody,
    Nobody,
    NotThere,
}

/// The resources and scopes that differ, where that opens or closes them without a permission.
pub(super) fn unguarded(before: &Side, after: &Side, changes: &[Change]) -> Result<Vec<Unguarded>, String> {
    let nobody = nobody()?;
    let mut differing: BTreeSet<Asked> = BTreeSet::new();
    for change in changes.iter().filter(|change| change.decides) {
        match change.what {
            What::Resource => {
                let scopes =
                    [before, after].map(|side| side.config.scopes_of(&change.name).unwrap_or_default());
                let of = |scope: Option<&str>| (Some(change.name.clone()), scope.map(str::to_owned));
                differing.extend(scopes.concat().into_iter().map(|scope| of(Some(scope))));
                if scopes.iter().any(Vec::is_empty) {
                    differing.insert(of(None));
                }
            }
            What::Scope => {
                differing.insert((None, Some(change.name.clone())));
            }
            What::Setting | What::Policy | What::Permission => {}
        }
    }
    let mut unguarded = Vec::new();
    for (resource, scope) in differing {
        let open = |side: &Side| side.open(&nobody, resource.as_deref(), scope.as_deref());
        let (before, after) = (open(before), open(after));
        let without = [before, after].iter().any(|open| matches!(open, Open::Everybody | Open::Nobody));
        if before != after && without {
            unguarded.push(Unguarded { about: shown(resource.as_deref(), scope.as_deref()), before, after });
        }
    }
    Ok(unguarded)
}

impl Side {
    pub(super) fn open(&self, nobody: &IdentityClaims, resource: Option<&str>, scope: Option<&str>) -> Open {
        let there = match (resource, scope) {
            (Some(resource), Some(scope)) => {
                self.config.scopes_of(resource).is_some_and(|scopes| scopes.contains(&scope))
            }
            (Some(resource), None) => self.config.resources().any(|name| name == resource),
            (None, Some(scope)) => self.config.scopes().any(|name| name == scope),
            (None, None) => false,
        };
        if !there {
            return Open::NotThere;
        }
        let scopes: Vec<&str> = scope.into_iter().collect();
        let explained = self.config.explain(&nobody.identity(), resource, &scopes, UnixTime::from_secs(0));
        let guarded = explained.resources.iter().any(|trace| !trace.permissions.is_empty());
        match explained.decision {
            _ if guarded => Open::ByPermission,
            Verdict::Grant => Open::Everybody,
            Verdict::Deny | Verdict::Indeterminate => Open::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::compare::changes;
    use super::super::side::tests::{file, side};
    use super::*;

    fn unguarded_by(change: impl Fn(&mut Value)) -> Vec<(String, Open, Open)> {
        let mut before = file();
        before["policyEnforcementMode"] = json!("PERMISSIVE");
        let mut after = before.clone();
        change(&mut after);
        let (before, after) = (side(&before), side(&after));
        let changes = changes(&before.model, &after.model);
        let unguarded = unguarded(&before, &after, &changes).unwrap();
        unguarded.into_iter().map(|one| (one.about, one.before, one.after)).collect()
    }

    #[test]
    fn what_is_open_to_everybody_without_a_permission_is_told_so() {
        let new = |file: &mut Value| {
            file["resources"].as_array_mut().unwrap().push(json!({ "name": "new" }));
        };
        assert_eq!(unguarded_by(new), [("new".to_owned(), Open::NotThere, Open::Everybody)]);
        let enforcing = |file: &mut Value| {
            new(file);
            file["policyEnforcementMode"] = json!("ENFORCING");
        };
        assert_eq!(unguarded_by(enforcing), [("new".to_owned(), Open::NotThere, Open::Nobody)]);
        let untyped = |file: &mut Value| file["resources"][1]["type"] = Value::Null;
        assert_eq!(unguarded_by(untyped), [("shed".to_owned(), Open::ByPermission, Open::Everybody)]);
        let with_scope = |file: &mut Value| {
            file["resources"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "name": "new", "scopes": ["loose", "edit"] }));
        };
        // About the other scope there is a permission whatever the resource.
        assert_eq!(unguarded_by(with_scope), [("new#edit".to_owned(), Open::NotThere, Open::Everybody)]);
        let scope = |file: &mut Value| file["scopes"].as_array_mut().unwrap().push(json!("free"));
        assert_eq!(unguarded_by(scope), [("#free".to_owned(), Open::NotThere, Open::Everybody)]);
        assert_eq!(unguarded_by(|file| file["policies"][1]["logic"] = json!("NEGATIVE")), []);
    }
}
