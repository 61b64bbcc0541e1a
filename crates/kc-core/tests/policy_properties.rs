//! What holds of every configuration.

#![cfg(test)]

use std::collections::BTreeSet;

use kc_core::clock::UnixTime;
use kc_core::policy::{AuthorizationConfig, IdentityClaims, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

const ROLES: [&str; 3] = ["a", "b", "c"];
const SCOPES: [&str; 3] = ["s", "t", "u"];
const STRATEGIES: [&str; 3] = ["AFFIRMATIVE", "CONSENSUS", "UNANIMOUS"];

/// Policies that are decided, and with `scripts` some that are not; aggregates of those before them.
fn policies(scripts: bool) -> impl Strategy<Value = Vec<Value>> {
    let leaf = (0..4_usize, any::<bool>()).prop_map(move |(n, negative)| {
        let logic = if negative { "NEGATIVE" } else { "POSITIVE" };
        match ROLES.get(n) {
            Some(role) => {
                json!({ "type": "role", "logic": logic, "config": { "roles": json!([{ "id": role }]).to_string() } })
            }
            None if scripts => json!({ "type": "js", "logic": logic, "config": {} }),
            None => json!({ "type": "user", "logic": logic, "config": { "users": "[\"eve\"]" } }),
        }
    });
    let above = (prop::collection::vec(0..5_usize, 1..4), 0..3_usize, any::<bool>());
    (prop::collection::vec(leaf, 5), prop::collection::vec(above, 3)).prop_map(|(mut policies, aggregates)| {
        for (of, strategy, negative) in aggregates {
            let of: Vec<String> = of.iter().map(|n| format!("policy {n}")).collect();
            policies.push(json!({ "type": "aggregate", "logic": if negative { "NEGATIVE" } else { "POSITIVE" },
                "decisionStrategy": STRATEGIES[strategy], "config": { "applyPolicies": json!(of).to_string() } }));
        }
        for (n, policy) in policies.iter_mut().enumerate() {
            policy["name"] = json!(format!("policy {n}"));
        }
        policies
    })
}

/// Whether it is about resources, its scopes, its resource or the type, its policies, its strategy.
type Drawn = (bool, Vec<usize>, usize, Vec<usize>, usize);

fn permissions() -> impl Strategy<Value = Vec<Value>> {
    let one = (
        any::<bool>(),
        prop::collection::vec(0..3_usize, 1..3),
        0..4_usize,
        prop::collection::vec(0..8_usize, 0..4),
        0..3_usize,
    );
    prop::collection::vec(one, 0..6).prop_map(|permissions| {
        let permission = |(n, (of_resource, scopes, resource, policies, strategy)): (usize, Drawn)| {
            let policies: Vec<String> = policies.iter().map(|n| format!("policy {n}")).collect();
            let mut config = json!({ "applyPolicies": json!(policies).to_string() });
            match resource {
                3 if of_resource => config["defaultResourceType"] = json!("type"),
                3 => {}
                _ => config["resources"] = json!(json!([format!("resource {resource}")]).to_string()),
            }
            if !of_resource {
                let scopes: Vec<&str> = scopes.iter().map(|n| SCOPES[*n]).collect();
                config["scopes"] = json!(json!(scopes).to_string());
            }
            json!({ "name": format!("permission {n}"), "type": if of_resource { "resource" } else { "scope" },
                "decisionStrategy": STRATEGIES[strategy], "config": config })
        };
        permissions.into_iter().enumerate().map(permission).collect()
    })
}

fn file(policies: &[Value], permissions: &[Value], affirmative: bool, permissive: bool) -> Value {
    let scopes = |names: &[&str]| names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
    let all: Vec<&Value> = policies.iter().chain(permissions).collect();
    json!({
        "policyEnforcementMode": if permissive { "PERMISSIVE" } else { "ENFORCING" },
        "decisionStrategy": if affirmative { "AFFIRMATIVE" } else { "UNANIMOUS" },
        "scopes": scopes(&SCOPES),
        "resources": [
            { "name": "resource 0", "type": "type", "scopes": scopes(&["s", "t"]) },
            { "name": "resource 1", "type": "type", "owner": { "name": "eve" }, "scopes": scopes(&["u"]) },
            { "name": "resource 2" },
        ],
        "policies": all,
    })
}

/// Verdict and granted scopes of every request about whoever has these roles.
fn all(file: &Value, roles: &[bool]) -> Vec<(Verdict, Vec<String>)> {
    let config = AuthorizationConfig::from_json(file.to_string().as_bytes()).unwrap();
    let roles: Vec<&str> = ROLES.iter().zip(roles).filter(|(_, has)| **has).map(|(role, _)| *role).collect();
    let claims = json!({ "preferred_username": "bob", "realm_access": { "roles": roles } }).to_string();
    let claims = IdentityClaims::from_json(claims.as_bytes()).unwrap();
    let mut decisions = Vec::new();
    for resource in [Some("resource 0"), Some("resource 1"), Some("resource 2"), None] {
        for scopes in [&[][..], &["s"], &["t"], &["u"], &["s", "t"], &["s", "t", "u"]] {
            let decision =
                config.decide(&claims.identity(), resource, scopes, UnixTime::from_secs(1_800_000_000));
            decisions.push((decision.verdict(), decision.granted_scopes().to_vec()));
        }
    }
    decisions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_order_of_the_file_decides_nothing(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive) in any::<(bool, bool)>(),
        roles in prop::collection::vec(any::<bool>(), 3),
    ) {
        let decided = all(&file(&policies, &permissions, affirmative, permissive), &roles);
        let mut turned = file(&policies, &permissions, affirmative, permissive);
        for list in ["scopes", "resources", "policies"] {
            turned[list].as_array_mut().unwrap().reverse();
        }
        prop_assert_eq!(decided, all(&turned, &roles));
    }

    /// A further permission that grants takes nothing away where one is enough.
    #[test]
    fn a_further_grant_takes_nothing_away_from_an_affirmative_server(
        policies in policies(false),
        permissions in permissions(),
        roles in prop::collection::vec(any::<bool>(), 3),
    ) {
        let before = all(&file(&policies, &permissions, true, false), &roles);
        let mut more = permissions;
        more.push(json!({ "name": "yes", "type": "scope", "config": {
            "scopes": json!(SCOPES).to_string(), "applyPolicies": "[\"everybody\"]" } }));
        let mut policies = policies;
        policies.push(json!({ "name": "everybody", "type": "user", "logic": "NEGATIVE", "config": { "users": "[\"eve\"]" } }));
        let after = all(&file(&policies, &more, true, false), &roles);
        for ((verdict, scopes), (then, more)) in before.iter().zip(&after) {
            prop_assert!(*verdict != Verdict::Grant || *then == Verdict::Grant);
            prop_assert!(scopes.iter().all(|scope| more.contains(scope)));
        }
    }

    /// Whatever the scripts would say, what is certain stays: nobody is let in, and nobody kept out, by what is not known.
    #[test]
    fn what_is_certain_does_not_depend_on_what_is_unknown(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive) in any::<(bool, bool)>(),
        roles in prop::collection::vec(any::<bool>(), 3),
        answers in prop::collection::vec(any::<bool>(), 5),
    ) {
        let unknown = all(&file(&policies, &permissions, affirmative, permissive), &roles);
        let mut known = policies;
        for (policy, answer) in known.iter_mut().zip(&answers) {
            if policy["type"] == "js" {
                policy["type"] = json!("user");
                policy["config"] = json!({ "users": if *answer { "[\"bob\"]" } else { "[\"eve\"]" } });
            }
        }
        let known = all(&file(&known, &permissions, affirmative, permissive), &roles);
        for ((verdict, scopes), (really, granted)) in unknown.iter().zip(&known) {
            match verdict {
                Verdict::Grant => prop_assert_eq!(*really, Verdict::Grant),
                Verdict::Deny => prop_assert_eq!(*really, Verdict::Deny),
                Verdict::Indeterminate => {}
            }
            prop_assert!(scopes.iter().all(|scope| granted.contains(scope)));
        }
    }

    #[test]
    fn a_text_of_any_kind_is_a_configuration_or_an_error_of_one_line(text in ".*") {
        if let Err(error) = AuthorizationConfig::from_json(text.as_bytes()) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}

/// `list` in the order of `keys`, which may be fewer.
fn shuffled(list: &mut Value, keys: &[u32]) {
    let Some(items) = list.as_array_mut() else { return };
    let mut keyed: Vec<(u32, Value)> = keys.iter().copied().cycle().zip(std::mem::take(items)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    *items = keyed.into_iter().map(|(_, item)| item).collect();
}

/// The JSON within a member of a policy's `config`.
fn change_list(policy: &mut Value, member: &str, change: impl FnOnce(&mut Value)) {
    let Some(text) = policy["config"][member].as_str() else { return };
    let mut list: Value = serde_json::from_str(text).unwrap();
    change(&mut list);
    policy["config"][member] = json!(list.to_string());
}

/// Nobody who was let in is kept out, and no scope is taken away.
fn takes_nothing_away(
    before: &[(Verdict, Vec<String>)],
    after: &[(Verdict, Vec<String>)],
) -> Result<(), TestCaseError> {
    for ((verdict, scopes), (then, more)) in before.iter().zip(after) {
        prop_assert!(*verdict != Verdict::Grant || *then == Verdict::Grant);
        prop_assert!(*verdict == Verdict::Deny || *then != Verdict::Deny);
        prop_assert!(scopes.iter().all(|scope| more.contains(scope)));
    }
    Ok(())
}

/// Lets in whoever is asked about here, or nobody.
fn policy_of(name: &str, lets_in: bool) -> Value {
    let logic = if lets_in { "NEGATIVE" } else { "POSITIVE" };
    json!({ "name": name, "type": "user", "logic": logic, "config": { "users": "[\"eve\"]" } })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_order_decides_anything_nor_that_something_is_named_twice(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive) in any::<(bool, bool)>(),
        roles in prop::collection::vec(any::<bool>(), 3),
        keys in prop::collection::vec(any::<u32>(), 14),
    ) {
        let mut turned = file(&policies, &permissions, affirmative, permissive);
        let decided = all(&turned, &roles);
        for list in ["scopes", "resources", "policies"] {
            shuffled(&mut turned[list], &keys);
        }
        for resource in turned["resources"].as_array_mut().unwrap() {
            shuffled(&mut resource["scopes"], &keys);
        }
        for policy in turned["policies"].as_array_mut().unwrap() {
            for member in ["applyPolicies", "scopes", "resources"] {
                change_list(policy, member, |list| {
                    let again = list[0].clone();
                    if !again.is_null() {
                        list.as_array_mut().unwrap().push(again);
                    }
                    shuffled(list, &keys);
                });
            }
        }
        prop_assert_eq!(decided, all(&turned, &roles));
    }

    #[test]
    fn a_further_grant_takes_nothing_away_from_affirmative_permissions(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive) in any::<(bool, bool)>(),
        roles in prop::collection::vec(any::<bool>(), 3),
    ) {
        let (mut policies, mut permissions) = (policies, permissions);
        policies.push(policy_of("everybody", true));
        for permission in &mut permissions {
            permission["decisionStrategy"] = json!("AFFIRMATIVE");
        }
        // One without a policy says nothing, not yes.
        permissions.retain(|permission| permission["config"]["applyPolicies"] != "[]");
        let before = all(&file(&policies, &permissions, affirmative, permissive), &roles);
        for permission in &mut permissions {
            change_list(permission, "applyPolicies", |list| list.as_array_mut().unwrap().push(json!("everybody")));
        }
        takes_nothing_away(&before, &all(&file(&policies, &permissions, affirmative, permissive), &roles))?;
    }

    #[test]
    fn a_further_denial_lets_nobody_in(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive) in any::<(bool, bool)>(),
        roles in prop::collection::vec(any::<bool>(), 3),
        unanimous in any::<bool>(),
    ) {
        let (mut policies, mut permissions) = (policies, permissions);
        policies.push(policy_of("nobody", false));
        let before = all(&file(&policies, &permissions, affirmative, permissive), &roles);
        if unanimous {
            for permission in permissions.iter_mut().filter(|one| one["decisionStrategy"] == "UNANIMOUS") {
                change_list(permission, "applyPolicies", |list| list.as_array_mut().unwrap().push(json!("nobody")));
            }
        } else {
            permissions.push(json!({ "name": "no", "type": "scope", "config": {
                "scopes": json!(SCOPES).to_string(), "applyPolicies": "[\"nobody\"]" } }));
        }
        takes_nothing_away(&all(&file(&policies, &permissions, affirmative, permissive), &roles), &before)?;
    }

    #[test]
    fn whoever_has_more_roles_may_do_no_less_where_nothing_is_negative(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive) in any::<(bool, bool)>(),
        roles in prop::collection::vec(any::<bool>(), 3),
        more in prop::collection::vec(any::<bool>(), 3),
    ) {
        let mut policies = policies;
        for policy in &mut policies {
            policy["logic"] = json!("POSITIVE");
        }
        let file = file(&policies, &permissions, affirmative, permissive);
        let more: Vec<bool> = roles.iter().zip(&more).map(|(has, gets)| *has || *gets).collect();
        takes_nothing_away(&all(&file, &roles), &all(&file, &more))?;
    }

    /// Not (not a and not b) is a or b; not (not a) is a. What is unknown stays so.
    #[test]
    fn what_is_turned_round_twice_is_as_it_was(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive) in any::<(bool, bool)>(),
        roles in prop::collection::vec(any::<bool>(), 3),
    ) {
        let mut turned = policies.clone();
        let mut inner = Vec::new();
        let not = |name: &str, strategy: &str, of: Value| json!({ "name": name, "type": "aggregate", "logic": "NEGATIVE",
            "decisionStrategy": strategy, "config": { "applyPolicies": json!(of).to_string() } });
        for policy in &mut turned {
            let strategy = policy["decisionStrategy"].as_str().unwrap_or("UNANIMOUS").to_owned();
            let positive = policy["logic"] == "POSITIVE";
            let name = policy["name"].as_str().unwrap().to_owned();
            match (policy["type"].as_str().unwrap(), strategy.as_str()) {
                // Made of the same, each turned round, by the other strategy, and turned round as a whole.
                ("aggregate", "AFFIRMATIVE" | "UNANIMOUS") => {
                    let of: BTreeSet<String> = serde_json::from_str(policy["config"]["applyPolicies"].as_str().unwrap()).unwrap();
                    let nots: Vec<String> = of.iter().map(|one| format!("{name}: not {one}")).collect();
                    inner.extend(of.iter().zip(&nots).map(|(one, not_one)| not(not_one, "CONSENSUS", json!([one]))));
                    let other = if strategy == "AFFIRMATIVE" { "UNANIMOUS" } else { "AFFIRMATIVE" };
                    *policy = not(&name, other, json!(nots));
                    policy["logic"] = json!(if positive { "NEGATIVE" } else { "POSITIVE" });
                }
                ("aggregate", _) => {}
                // The policy goes by another name, and by its own goes what turns it twice.
                _ => {
                    let (under, over) = (format!("{name}: itself"), format!("{name}: not"));
                    policy["name"] = json!(under);
                    inner.push(not(&over, "UNANIMOUS", json!([under])));
                    inner.push(not(&name, "AFFIRMATIVE", json!([over])));
                }
            }
        }
        turned.extend(inner);
        let before = all(&file(&policies, &permissions, affirmative, permissive), &roles);
        prop_assert_eq!(before, all(&file(&turned, &permissions, affirmative, permissive), &roles));
    }

    #[test]
    fn what_is_about_something_else_changes_nothing(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive, lets_in) in any::<(bool, bool, bool)>(),
        roles in prop::collection::vec(any::<bool>(), 3),
    ) {
        let mut policies = policies;
        policies.push(policy_of("other", lets_in));
        let mut other = file(&policies, &permissions, affirmative, permissive);
        let before = all(&other, &roles);
        other["resources"].as_array_mut().unwrap().push(json!({ "name": "elsewhere", "type": "other type" }));
        for further in [
            json!({ "name": "x", "type": "resource", "config": { "resources": "[\"elsewhere\"]", "applyPolicies": "[\"other\"]" } }),
            json!({ "name": "y", "type": "scope", "config": { "resources": "[\"elsewhere\"]", "scopes": "[\"s\"]",
                "applyPolicies": "[\"other\"]" } }),
            json!({ "name": "z", "type": "resource", "config": { "defaultResourceType": "other type", "applyPolicies": "[\"other\"]" } }),
        ] {
            other["policies"].as_array_mut().unwrap().push(further);
        }
        prop_assert_eq!(before, all(&other, &roles));
    }

    /// So that whoever compares configurations scope by scope has compared all.
    #[test]
    fn several_scopes_of_a_resource_are_granted_together_if_each_is_by_itself(
        policies in policies(false),
        permissions in permissions(),
        affirmative in any::<bool>(),
        roles in prop::collection::vec(any::<bool>(), 3),
    ) {
        let decided = all(&file(&policies, &permissions, affirmative, false), &roles);
        // Of each resource: nothing in particular, s, t, u, s and t, all three. (Of no resource in particular it is not so: another scope
        // brings in another resource.)
        for of_resource in decided.chunks(6).take(3) {
            let granted = |place: usize| of_resource[place].0 == Verdict::Grant;
            prop_assert_eq!(granted(4), granted(1) && granted(2), "{:?}", of_resource);
            prop_assert_eq!(granted(5), granted(1) && granted(2) && granted(3), "{:?}", of_resource);
        }
    }

    #[test]
    fn an_explanation_comes_to_the_same(
        policies in policies(true),
        permissions in permissions(),
        (affirmative, permissive) in any::<(bool, bool)>(),
    ) {
        let file = file(&policies, &permissions, affirmative, permissive);
        let config = AuthorizationConfig::from_json(file.to_string().as_bytes()).unwrap();
        let claims = IdentityClaims::from_json(b"{\"preferred_username\":\"eve\",\"realm_access\":{\"roles\":[\"a\"]}}").unwrap();
        let now = UnixTime::from_secs(1_800_000_000);
        for resource in [Some("resource 0"), Some("resource 1"), Some("resource 2"), Some("resource 3"), None] {
            for scopes in [&[][..], &["s"], &["t", "u"], &["s", "v"]] {
                let decided = config.decide(&claims.identity(), resource, scopes, now);
                let explained = config.explain(&claims.identity(), resource, scopes, now);
                prop_assert_eq!((decided.verdict(), decided.granted_scopes()), (explained.decision, &*explained.granted_scopes));
                prop_assert!(!explained.reasons.is_empty());
            }
        }
    }
}
