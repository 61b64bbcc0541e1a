//! What was added, removed and changed between two configurations.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::model::{Fact, Item, Key, Model, Named};

/// One thing that is not in both alike.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Change {
    pub(super) what: What,
    pub(super) name: String,
    /// The user that a resource belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
    pub(super) how: How,
    /// Whether a decision can depend on it.
    pub(super) decides: bool,
    /// What was said and what is; of what was added or removed, all that is not a default.
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Setting,
    Scope,
    Resource,
    Policy,
    Permission,
}

impl What {
    pub(super) const ALL: [Self; 5] =
        [Self::Setting, Self::Scope, Self::Resource, Self::Policy, Self::Permission];
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "setting",
            Self::Scope => "scope",
            Self::Resource => "resource",
            Self::Policy => "policy",
            Self::Permission => "permission",
        })
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    Added,
    Removed,
    Changed,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        })
    }
}

/// A member that says something else.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Member {
    pub(super) member: String,
    #[serde(flatten)]
    pub(super) said: Said,
}

#[derive(Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Said {
    List { added: Vec<String>, removed: Vec<String> },
    Text { before: Option<String>, after: Option<String> },
}

/// All that differs, by kind and name.
pub(super) fn changes(before: &Model, after: &Model) -> Vec<Change> {
    let mut changes = Vec::new();
    for member in members(What::Setting, &before.settings, &after.settings) {
        changes.push(Change {
            what: What::Setting,
            name: member.member.clone(),
            owner: None,
            how: How::Changed,
            decides: decisive(What::Setting, "", &member.member),
            members: vec![member],
        });
    }
    for (what, before, after) in [
        (What::Scope, &before.scopes, &after.scopes),
        (What::Resource, &before.resources, &after.resources),
        (What::Policy, &before.policies, &after.policies),
        (What::Permission, &before.permissions, &after.permissions),
    ] {
        named(what, before, after, &mut changes);
    }
    changes
}

fn named(what: What, before: &Named, after: &Named, changes: &mut Vec<Change>) {
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let of = |named: &Named| named.get(key).cloned().unwrap_or_default();
        let (mut old, mut new) = (of(before), of(after));
        // Of several with one name those that are in both are left out, wherever they stand.
        old.retain(|item| match new.iter().position(|other| other == item) {
            Some(place) => {
                new.remove(place);
                false
            }
            None => true,
        });
        let (mut old, mut new) = (old.iter(), new.iter());
        loop {
            changes.push(match (old.next(), new.next()) {
                (None, None) => break,
                (Some(item), None) => all_of(what, key, item, How::Removed),
                (None, Some(item)) => all_of(what, key, item, How::Added),
                (Some(old), Some(new)) => {
                    let members = members(what, old, new);
                    let of = |member: &Member| {
                        [old, new]
                            .iter()
                            .any(|item| decisive(what, item.text("type").unwrap_or_default(), &member.member))
                    };
                    let decides = members.iter().any(of);
                    Change {
                        what,
                        name: key.name.clone(),
                        owner: key.owner.clone(),
                        how: How::Changed,
                        decides,
                        members,
                    }
                }
            });
        }
    }
}

fn all_of(what: What, key: &Key, item: &Item, how: How) -> Change {
    let nothing = Item::default();
    let mut members = match how {
        How::Removed => members(what, item, &nothing),
        How::Added | How::Changed => members(what, &nothing, item),
    };
    let default = |member: &Member| match &member.said {
        Said::Text { before, after } => {
            let text = before.as_deref().or(after.as_deref());
            matches!(
                (member.member.as_str(), text),
                ("logic", Some("POSITIVE")) | ("decisionStrategy", Some("UNANIMOUS"))
            )
        }
        Said::List { .. } => false,
    };
    members.retain(|member| !default(member));
    Change { what, name: key.name.clone(), owner: key.owner.clone(), how, decides: true, members }
}

fn members(what: What, old: &Item, new: &Item) -> Vec<Member> {
    let names: BTreeSet<&String> = old.facts.keys().chain(new.facts.keys()).collect();
    let mut members: Vec<Member> = names
        .into_iter()
        .filter(|name| old.facts.get(*name) != new.facts.get(*name))
        .map(|name| Member { member: name.clone(), said: said(old.facts.get(name), new.facts.get(name)) })
        .collect();
    // What kind of thing it is comes first, then what decides.
    members.sort_by_key(|member| (member.member != "type", !decisive(what, "aggregate", &member.member)));
    members
}

fn said(old: Option<&Fact>, new: Option<&Fact>) -> Said {
    let empty = BTreeSet::new();
    let list = |fact: Option<&Fact>| match fact {
        Some(Fact::List(items)) => Some(items.clone()),
        Some(Fact::Text(_)) => None,
        None => Some(empty.clone()),
    };
    match (old, new, list(old), list(new)) {
        (Some(Fact::List(_)), _, Some(old), Some(new)) | (_, Some(Fact::List(_)), Some(old), Some(new)) => {
            Said::List {
                added: new.difference(&old).cloned().collect(),
                removed: old.difference(&new).cloned().collect(),
            }
        }
        _ => Said::Text { before: old.map(text), after: new.map(text) },
    }
}

fn text(fact: &Fact) -> String {
    match fact {
        Fact::List(items) => items.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        Fact::Text(text) => text.clone(),
    }
}

/// Whether a decision can depend on a member. `kind` is the type of a policy or permission.
fn decisive(what: What, kind: &str, member: &str) -> bool {
    match what {
        What::Setting => member != "allowRemoteResourceManagement",
        What::Scope => false,
        What::Resource => matches!(member, "type" | "scopes" | "ownerManagedAccess"),
        What::Policy => match member {
            "description" => false,
            // Only what is made of others has something to combine.
            "decisionStrategy" => kind == "aggregate",
            _ => true,
        },
        // Keycloak does not look at the logic of a permission.
        What::Permission => !matches!(member, "description" | "logic"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn changes_of(before: Value, after: Value) -> Vec<Change> {
        changes(&Model::read(&before, None), &Model::read(&after, None))
    }

    #[test]
    fn what_was_added_and_removed_is_told_by_kind_and_name() {
        let before = json!({ "scopes": ["a", "b"], "resources": [{ "name": "r", "scopes": ["a"] }] });
        let after =
            json!({ "scopes": ["b", "c"], "resources": [{ "name": "r", "scopes": ["b"] }, { "name": "q" }] });
        let changes = changes_of(before, after);
        let told: Vec<(What, &str, How)> =
            changes.iter().map(|change| (change.what, change.name.as_str(), change.how)).collect();
        assert_eq!(
            told,
            [
                (What::Scope, "a", How::Removed),
                (What::Scope, "c", How::Added),
                (What::Resource, "q", How::Added),
                (What::Resource, "r", How::Changed)
            ]
        );
        let [.., resource] = changes.as_slice() else { panic!() };
        assert_eq!(
            resource.members,
            [Member {
                member: "scopes".to_owned(),
                said: Said::List { added: vec!["b".to_owned()], removed: vec!["a".to_owned()] }
            }]
        );
    }

    #[test]
    fn what_no_decision_depends_on_is_marked() {
        let policy = |logic: &str, strategy: &str, kind: &str, name: &str| {
            json!({ "policies": [
            { "name": name, "type": kind, "logic": logic, "decisionStrategy": strategy }] })
        };
        for (kind, logic, strategy, decides) in [
            ("role", "NEGATIVE", "UNANIMOUS", true),
            ("role", "POSITIVE", "AFFIRMATIVE", false),
            ("aggregate", "POSITIVE", "AFFIRMATIVE", true),
            ("scope", "NEGATIVE", "UNANIMOUS", false),
            ("scope", "POSITIVE", "AFFIRMATIVE", true),
        ] {
            let changes =
                changes_of(policy("POSITIVE", "UNANIMOUS", kind, "p"), policy(logic, strategy, kind, "p"));
            assert_eq!(
                changes.iter().map(|change| change.decides).collect::<Vec<_>>(),
                [decides],
                "{kind} {logic} {strategy}"
            );
        }
    }

    #[test]
    fn of_two_with_one_name_the_one_that_is_in_both_is_left_out() {
        let role = |id: &str| json!({ "name": "p", "type": "role", "config": { "roles": json!([{ "id": id }]).to_string() } });
        let changes = changes_of(
            json!({ "policies": [role("a"), role("b")] }),
            json!({ "policies": [role("c"), role("a")] }),
        );
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!(
            change.members,
            [Member {
                member: "roles".to_owned(),
                said: Said::List { added: vec!["c".to_owned()], removed: vec!["b".to_owned()] }
            }]
        );
    }
}
