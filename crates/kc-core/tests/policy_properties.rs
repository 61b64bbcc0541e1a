//! What holds of every configuration.

#![cfg(test)]

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
