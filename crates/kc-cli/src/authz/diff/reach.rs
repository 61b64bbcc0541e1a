//! For whom a change is one: the permissions that it touches, what they are about, and whom their policies name.

use std::collections::{BTreeMap, BTreeSet};

use kc_core::clock::UnixTime;
use serde::Serialize;

use super::compare::{Change, How, What};
use super::model::{Item, Key, Model, Named};
use super::open::Open;
use super::side::{Asked, Side, nobody, shown};

/// A permission that may decide otherwise than before.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Touched {
    pub(super) permission: String,
    /// What of it, or of what it refers to, is not as it was.
    pub(super) because: Vec<String>,
    /// What it is about, before or after: `resource#scope`, `resource`, or `#scope` of any resource.
    pub(super) on: Vec<String>,
    /// Whom its policies name, before or after.
    pub(super) names: Vec<String>,
}

/// The permissions that are touched by changes on which a decision can depend, by name.
pub(super) fn touched(before: &Side, after: &Side, changes: &[Change]) -> Result<Vec<Touched>, String> {
    let changed = |what: What| {
        let those = changes.iter().filter(move |change| change.what == what && change.decides);
        those.map(|change| (change.name.as_str(), change.how)).collect::<BTreeMap<&str, How>>()
    };
    let (policies, permissions, resources) =
        (changed(What::Policy), changed(What::Permission), changed(What::Resource));
    let about = [about(before)?, about(after)?];
    let nobody = nobody()?;
    let mut touched = Vec::new();
    // Many permissions are about the same.
    let mut opened: BTreeMap<Asked, bool> = BTreeMap::new();
    let names: BTreeSet<&Key> =
        before.model.permissions.keys().chain(after.model.permissions.keys()).collect();
    for key in names {
        let mut because: BTreeSet<String> = BTreeSet::new();
        if let Some(how) = permissions.get(key.name.as_str()) {
            because.insert(format!("it {}", passive(*how)));
        }
        let (mut on, mut named, mut asks) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (side, about) in [before, after].into_iter().zip(&about) {
            let asked = about.get(&key.name).into_iter().flatten();
            asks.extend(asked.clone());
            on.extend(asked.clone().map(|(resource, scope)| shown(resource.as_deref(), scope.as_deref())));
            for (resource, _) in asked {
                let how = resource.as_deref().and_then(|name| Some((name, resources.get(name)?)));
                because.extend(how.map(|(name, how)| format!("the resource {name:?} {}", passive(*how))));
            }
            for item in side.model.permissions.get(key).into_iter().flatten() {
                let below = below(&side.model.policies, item);
                let those = below.iter().filter_map(|name| Some((name, policies.get(name)?)));
                because.extend(those.map(|(name, how)| format!("its policy {name:?} {}", passive(*how))));
                whom(&side.model.policies, item, &mut named);
            }
        }
        if !because.is_empty() {
            let open = asks.into_iter().any(|asked: &Asked| {
                *opened.entry(asked.clone()).or_insert_with(|| {
                    let (resource, scope) = (asked.0.as_deref(), asked.1.as_deref());
                    [before, after]
                        .into_iter()
                        .any(|side| side.open(&nobody, resource, scope) == Open::Everybody)
                })
            });
            if open {
                named.insert("everybody, where no permission applies".to_owned());
            }
            touched.push(Touched {
                permission: key.name.clone(),
                because: because.into_iter().collect(),
                on: on.into_iter().collect(),
                names: named.into_iter().collect(),
            });
        }
    }
    Ok(touched)
}

fn passive(how: How) -> &'static str {
    match how {
        How::Added => "was added",
        How::Removed => "was removed",
        How::Changed => "was changed",
    }
}

/// What each permission is about. What applies to what is the evaluator's business (types, wildcards, resources of users),
/// so it is asked what it would look at; who asks does not matter.
fn about(side: &Side) -> Result<BTreeMap<String, BTreeSet<Asked>>, String> {
    let nobody = nobody()?;
    let mut about: BTreeMap<String, BTreeSet<Asked>> = BTreeMap::new();
    let now = UnixTime::from_secs(0);
    let names: BTreeSet<&str> = side.config.resources().collect();
    for name in names {
        let of_it = side.config.scopes_of(name).unwrap_or_default();
        let explained = side.config.explain::<&str>(&nobody.identity(), Some(name), &[], now);
        for permission in explained.resources.iter().flat_map(|resource| &resource.permissions) {
            let asked = about.entry(permission.permission.clone()).or_default();
            let own: BTreeSet<&str> = match permission.kind {
                "resource" => of_it.iter().copied().collect(),
                _ => scopes(&side.model, &permission.permission)
                    .filter(|scope| of_it.contains(scope))
                    .collect(),
            };
            asked.extend(own.iter().map(|scope| (Some(name.to_owned()), Some((*scope).to_owned()))));
            if own.is_empty() && permission.kind == "resource" {
                asked.insert((Some(name.to_owned()), None));
            }
        }
    }
    // What the evaluator does not come by: names that more than one resource has, scopes that no resource has, a server that
    // is DISABLED.
    for (key, item) in
        side.model.permissions.iter().flat_map(|(key, items)| items.iter().map(move |item| (key, item)))
    {
        let asked = about.entry(key.name.clone()).or_default();
        if asked.is_empty() {
            let resources: Vec<&str> = item.list("resources").collect();
            let scopes: Vec<&str> = item.list("scopes").collect();
            match (resources.as_slice(), scopes.as_slice()) {
                (all, []) => asked.extend(all.iter().map(|one| (Some((*one).to_owned()), None))),
                ([], all) => asked.extend(all.iter().map(|scope| (None, Some((*scope).to_owned())))),
                (all, scopes) => {
                    for one in all {
                        asked.extend(
                            scopes.iter().map(|scope| (Some((*one).to_owned()), Some((*scope).to_owned()))),
                        );
                    }
                }
            }
        }
    }
    Ok(about)
}

fn scopes<'m>(model: &'m Model, permission: &str) -> impl Iterator<Item = &'m str> {
    model.permissions.get(&Key::of(permission)).into_iter().flatten().flat_map(|item| item.list("scopes"))
}

/// The names of all policies that a permission is made of, those of aggregates included.
fn below<'m>(policies: &'m Named, permission: &'m Item) -> BTreeSet<&'m str> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = permission.list("applyPolicies").collect();
    while let Some(name) = open.pop() {
        if found.insert(name) {
            let those = policies.get(&Key::of(name)).into_iter().flatten();
            open.extend(
                those
                    .filter(|item| item.text("type") == Some("aggregate"))
                    .flat_map(|item| item.list("applyPolicies")),
            );
        }
    }
    found
}

/// Whom the policies of a permission name.
fn whom(policies: &Named, permission: &Item, named: &mut BTreeSet<String>) {
    let mut seen = BTreeSet::new();
    let mut open: Vec<(&str, bool)> = permission.list("applyPolicies").map(|name| (name, false)).collect();
    while let Some((name, not)) = open.pop() {
        if !seen.insert((name, not)) {
            continue;
        }
        let Some(items) = policies.get(&Key::of(name)) else {
            named.insert(format!("nobody: there is no policy {name:?}"));
            continue;
        };
        for item in items {
            let not = not != (item.text("logic") == Some("NEGATIVE"));
            if item.text("type") == Some("aggregate") {
                open.extend(item.list("applyPolicies").map(|name| (name, not)));
            } else {
                let who = who(name, item).into_iter();
                named.extend(who.map(|who| if not { format!("not: {who}") } else { who }));
            }
        }
    }
    if permission.list("applyPolicies").next().is_none() {
        named.insert("nobody: it has no policy".to_owned());
    }
}

/// Whom a policy that is no aggregate names.
fn who(name: &str, item: &Item) -> Vec<String> {
    let each = |member: &str, what: &str| -> Vec<String> {
        let all: Vec<String> = item.list(member).map(|one| format!("{what} {one}")).collect();
        if all.is_empty() { vec![format!("no {what} (policy {name:?})")] } else { all }
    };
    match item.text("type").unwrap_or_default() {
        "role" => each("roles", "role"),
        "user" => each("users", "user"),
        "group" => each("groups", "group"),
        "client" => each("clients", "client"),
        "client-scope" => each("clientScopes", "client scope"),
        "regex" => vec![format!(
            "whose claim {} matches {}",
            item.text("targetClaim").unwrap_or("?"),
            item.text("pattern").unwrap_or("?")
        )],
        "time" => vec![format!("everybody at times (policy {name:?})")],
        kind => vec![format!("whom the policy {name:?} of type {kind} lets in")],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::compare::changes;
    use super::super::side::tests::{file, side};
    use super::*;

    fn touched_by(change: impl Fn(&mut Value)) -> Vec<Touched> {
        let (before, mut after) = (file(), file());
        change(&mut after);
        let (before, after) = (side(&before), side(&after));
        let changes = changes(&before.model, &after.model);
        touched(&before, &after, &changes).unwrap()
    }

    #[test]
    fn a_policy_touches_what_is_made_of_it_and_tells_whom_it_names() {
        let touched =
            touched_by(|file| file["policies"][0]["config"]["roles"] = json!(r#"[{"id":"staff"}]"#));
        let [loose, view] = touched.as_slice() else { panic!("{touched:?}") };
        assert_eq!(
            (loose.permission.as_str(), loose.on.as_slice()),
            ("loose", ["#loose".to_owned()].as_slice())
        );
        assert_eq!(view.permission, "view");
        assert_eq!(view.because, ["its policy \"staff\" was changed"]);
        assert_eq!(view.on, ["store#view"]);
        assert_eq!(view.names, ["role api/clerk (required)", "role staff", "user alice"]);
    }

    #[test]
    fn a_permission_for_a_type_is_about_all_resources_of_it() {
        let touched = touched_by(|file| file["policies"][4]["decisionStrategy"] = json!("AFFIRMATIVE"));
        let [typed] = touched.as_slice() else { panic!("{touched:?}") };
        assert_eq!(typed.on, ["shed", "store#edit", "store#view"]);
        assert_eq!(
            (typed.because.as_slice(), typed.names.as_slice()),
            (["it was changed".to_owned()].as_slice(), ["user alice".to_owned()].as_slice())
        );
    }

    #[test]
    fn a_resource_touches_the_permissions_about_it() {
        let touched = touched_by(|file| file["resources"][0]["scopes"] = json!(["view"]));
        let all: Vec<&str> = touched.iter().map(|one| one.permission.as_str()).collect();
        assert_eq!(all, ["typed", "view"]);
        assert!(touched.iter().all(|one| one.because == ["the resource \"store\" was changed"]));
    }

    #[test]
    fn who_is_kept_out_is_told_as_such() {
        let touched = touched_by(|file| file["policies"][2]["logic"] = json!("NEGATIVE"));
        let [view] = touched.as_slice() else { panic!("{touched:?}") };
        assert_eq!(
            view.names,
            [
                "not: role api/clerk (required)",
                "not: role staff",
                "not: user alice",
                "role api/clerk (required)",
                "role staff",
                "user alice"
            ]
        );
    }

    #[test]
    fn what_no_decision_depends_on_touches_nothing() {
        assert_eq!(touched_by(|file| file["policies"][0]["description"] = json!("new")), []);
        assert_eq!(touched_by(|file| file["policies"][3]["logic"] = json!("NEGATIVE")), []);
        assert_eq!(touched_by(|file| file["resources"][0]["uris"] = json!(["/x"])), []);
    }
}
