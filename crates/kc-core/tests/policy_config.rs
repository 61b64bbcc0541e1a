//! Authorization configurations as files: what is refused, what is found, what is read again.

#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use kc_core::clock::{Clock, FakeClock, UnixTime};
use kc_core::policy::{AuthorizationConfig, AuthorizationFile, IdentityClaims, Severity, Verdict};
use serde_json::{Value, json};

fn policy(name: &str, kind: &str, config: Value) -> Value {
    json!({ "name": name, "type": kind, "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "config": config })
}

fn role(name: &str, role: &str) -> Value {
    policy(name, "role", json!({ "roles": json!([{ "id": role }]).to_string() }))
}

fn permission(name: &str, resource: &str, policies: &[&str]) -> Value {
    let config =
        json!({ "resources": json!([resource]).to_string(), "applyPolicies": json!(policies).to_string() });
    policy(name, "resource", config)
}

fn file(policies: &[Value]) -> Value {
    json!({
        "policyEnforcementMode": "ENFORCING",
        "decisionStrategy": "UNANIMOUS",
        "scopes": [{ "name": "view" }],
        "resources": [{ "name": "store", "scopes": [{ "name": "view" }] }, { "name": "bare" }],
        "policies": policies,
    })
}

fn config(file: &Value) -> AuthorizationConfig {
    AuthorizationConfig::from_json(file.to_string().as_bytes())
        .unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn decide(config: &AuthorizationConfig, claims: &Value, resource: &str) -> Verdict {
    let claims = IdentityClaims::from_json(claims.to_string().as_bytes()).unwrap();
    let none: [&str; 0] = [];
    config.decide(&claims.identity(), Some(resource), &none, UnixTime::from_secs(1_800_000_000)).verdict()
}

/// `severity place: what [permissions]` of each.
fn findings(file: &Value) -> Vec<String> {
    let config = config(file);
    let line = |finding: &kc_core::policy::Finding| {
        let severity = if finding.severity() == Severity::Problem { "problem" } else { "note" };
        format!("{severity} {}: {} {:?}", finding.place(), finding.what(), finding.permissions())
    };
    config.findings().iter().map(line).collect()
}

#[test]
fn a_file_that_is_none_is_refused_with_the_place() {
    let with = |place: &str, value: Value| {
        let mut file = file(&[role("a", "x"), permission("p", "store", &["a"])]);
        *file.pointer_mut(place).unwrap() = value;
        file.to_string()
    };
    for (text, error) in [
        (String::new(), "is no JSON"),
        ("[]".to_owned(), "is no JSON object: export it by the admin console"),
        ("{\"a\":1,\"a\":2}".to_owned(), "has a member twice"),
        ("{} x".to_owned(), "is no JSON"),
        (format!("{}1{}", "[".repeat(40), "]".repeat(40)), "is nested too deep"),
        (json!({ "realm": "r" }).to_string(), "has nothing of an authorization configuration"),
        (
            with("/policyEnforcementMode", json!("STRICT")),
            "policyEnforcementMode: is \"STRICT\", not one of ENFORCING",
        ),
        (with("/policyEnforcementMode", json!(1)), "policyEnforcementMode: is not a string"),
        (with("/decisionStrategy", json!("CONSENSUS")), "decisionStrategy: is \"CONSENSUS\""),
        (with("/scopes", json!({})), "scopes: is no array"),
        (with("/scopes/0", json!(1)), "scopes[0]: is no object"),
        (with("/scopes/0/name", json!(null)), "scopes[0].name: is missing"),
        (with("/resources/0/name", json!("")), "resources[0].name: is missing"),
        (with("/resources/0/scopes", json!("view")), "resources[0].scopes: is no array"),
        (with("/resources/0/scopes/0", json!({})), "resources[0].scopes[0].name: is missing"),
        (with("/policies/0/type", json!(null)), "policies[0].type: is missing"),
        (with("/policies/0/logic", json!("MAYBE")), "policies[0].logic: is \"MAYBE\""),
        (with("/policies/0/decisionStrategy", json!("ALL")), "policies[0].decisionStrategy: is \"ALL\""),
        (with("/policies/0/config", json!([])), "policies[0].config: is no object"),
        (with("/policies/0/config/roles", json!(["x"])), "policies[0].config.roles: is not a string"),
        (with("/policies/0/config/roles", json!("x")), "policies[0].config.roles: is no JSON"),
        (with("/policies/0/config/roles", json!("{}")), "policies[0].config.roles: is no JSON array"),
        (with("/policies/0/config/roles", json!("[\"x\"]")), "policies[0].config.roles[0]: is no object"),
        (with("/policies/0/config/roles", json!("[{}]")), "policies[0].config.roles[0].id: is missing"),
        (
            with("/policies/0/config/roles", json!("[{\"id\":\"x\",\"required\":\"no\"}]")),
            "roles[0].required: is neither",
        ),
        (
            with("/policies/1/config/applyPolicies", json!("[1]")),
            "policies[1].config.applyPolicies[0]: is not a string",
        ),
        (with("/policies/1/config/resources", json!("[\"a\",")), "policies[1].config.resources: is no JSON"),
    ] {
        let error_of =
            AuthorizationConfig::from_json(text.as_bytes()).map(|_| text.clone()).unwrap_err().to_string();
        assert!(error_of.contains(error), "{text}: {error_of}");
        assert_eq!(error_of.lines().count(), 1);
    }
}

#[test]
fn a_byte_order_mark_a_bare_file_and_what_jackson_takes_are_taken() {
    let text = format!("\u{feff}{}", file(&[]));
    assert!(AuthorizationConfig::from_json(text.as_bytes()).is_ok());
    let bare = config(&json!({ "resources": [] }));
    assert_eq!(decide(&bare, &json!({}), "store"), Verdict::Deny);
    // Numbers and booleans for strings, scopes by their name alone, a single URI, null for nothing.
    let other = config(&json!({
        "scopes": ["view"],
        "resources": [{ "name": "r", "scopes": ["view"], "uri": "/r", "owner": null, "attributes": null }],
        "policies": [policy("t", "time", json!({ "hour": 0, "hourEnd": 23, "minute": null })), permission("p", "r", &["t"])],
    }));
    assert_eq!(decide(&other, &json!({}), "r"), Verdict::Grant);
    assert_eq!(other.resource_of_route("/r/"), Some("r"));
    assert_eq!(other.scopes_of("r"), Some(vec!["view"]));
}

#[test]
fn a_file_without_anything_odd_has_no_findings() {
    assert_eq!(findings(&file(&[role("a", "x"), permission("p", "store", &["a"])])), [""; 0]);
}

#[test]
fn what_refers_to_nothing_or_to_two_is_named_and_lets_nobody_in() {
    let mut odd = file(&[
        role("twice", "x"),
        role("twice", "y"),
        role("good", "x"),
        permission("to nobody", "store", &["good", "nowhere"]),
        permission("to two", "bare", &["twice"]),
        permission("elsewhere", "no such resource", &["good"]),
    ]);
    odd["policies"].as_array_mut().unwrap().push(policy(
        "scoped",
        "scope",
        json!({ "scopes": "[\"no such scope\"]", "applyPolicies": "[\"good\"]" }),
    ));
    assert_eq!(
        findings(&odd),
        [
            "problem policies[1].name: \"twice\" is the name of another policy or permission too: who refers to it is not decided here []",
            "problem policies[3].config.applyPolicies: refers to the policy \"nowhere\", which does not exist [\"to nobody\"]",
            "problem policies[4].config.applyPolicies: refers to \"twice\", a name that more than one have [\"to two\"]",
            "problem policies[5].config.resources: refers to the resource \"no such resource\", which does not exist [\"elsewhere\"]",
            "problem policies[6].config.scopes: refers to the scope \"no such scope\", which does not exist [\"scoped\"]",
        ]
    );
    let config = config(&odd);
    let holder = json!({ "realm_access": { "roles": ["x", "y"] } });
    assert_eq!(decide(&config, &holder, "store"), Verdict::Indeterminate);
    assert_eq!(decide(&config, &holder, "bare"), Verdict::Indeterminate);
    // What is certain stays so.
    assert_eq!(decide(&config, &json!({}), "store"), Verdict::Deny);
}

#[test]
fn what_goes_round_in_circles_is_named_and_lets_nobody_in() {
    let aggregate = |name: &str, of: &[&str]| {
        policy(name, "aggregate", json!({ "applyPolicies": json!(of).to_string() }))
    };
    let round = file(&[
        aggregate("a", &["b"]),
        aggregate("b", &["c", "good"]),
        aggregate("c", &["a"]),
        aggregate("self", &["self"]),
        role("good", "x"),
        permission("round", "store", &["b"]),
        permission("fine", "bare", &["good"]),
    ]);
    let found = findings(&round);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].contains("refers to itself: b → c → a → b"), "{found:#?}");
    assert!(found.iter().any(|finding| finding.contains("refers to itself: self → self")), "{found:#?}");
    assert!(found[0].ends_with("[\"round\"]"));
    let config = config(&round);
    let holder = json!({ "realm_access": { "roles": ["x"] } });
    assert_eq!(decide(&config, &holder, "store"), Verdict::Indeterminate);
    assert_eq!(decide(&config, &holder, "bare"), Verdict::Grant);
}

#[test]
fn a_tower_of_policies_is_cut_off_and_does_not_overflow_the_stack() {
    for backwards in [false, true] {
        let mut policies = vec![role("0", "x")];
        for n in 1..20_000 {
            let of = json!([(n - 1).to_string()]).to_string();
            policies.push(policy(&n.to_string(), "aggregate", json!({ "applyPolicies": of })));
        }
        if backwards {
            policies.reverse();
        }
        policies.push(permission("high", "store", &["19999"]));
        policies.push(permission("low", "bare", &["40"]));
        let config = config(&file(&policies));
        let holder = json!({ "realm_access": { "roles": ["x"] } });
        assert_eq!(decide(&config, &holder, "store"), Verdict::Indeterminate);
        if !backwards {
            assert_eq!(decide(&config, &holder, "bare"), Verdict::Grant);
        }
        assert!(config.findings().iter().any(|finding| finding.what().contains("one on the other")));
    }
}

#[test]
fn a_resource_of_a_user_does_not_stand_in_for_the_servers() {
    let both = json!({
        "resources": [
            { "name": "store", "owner": { "name": "mallory" } },
            { "name": "store" },
            { "name": "only", "owner": { "name": "mallory" } },
            { "name": "shared", "owner": { "name": "mallory" } },
            { "name": "shared", "owner": { "name": "alice" } },
        ],
        "policies": [
            role("nobody", "no-such-role"),
            policy("all", "role", json!({ "roles": "[{\"id\":\"user\"}]" })),
            permission("strict", "store", &["nobody"]),
            permission("open", "only", &["all"]),
        ],
    });
    let config = config(&both);
    let mallory = json!({ "preferred_username": "mallory", "realm_access": { "roles": ["user"] } });
    assert_eq!(decide(&config, &mallory, "store"), Verdict::Deny);
    assert_eq!(decide(&config, &mallory, "only"), Verdict::Grant);
    let stranger = json!({ "preferred_username": "eve", "realm_access": { "roles": ["user"] } });
    assert_eq!(decide(&config, &stranger, "only"), Verdict::Grant);
    assert_eq!(decide(&config, &stranger, "shared"), Verdict::Indeterminate, "which one?");
    assert_eq!(decide(&config, &mallory, "shared"), Verdict::Deny);
}

#[test]
fn code_answers_in_the_place_of_a_policy_before_its_logic() {
    let mut script = policy("script", "js", json!({}));
    script["logic"] = json!("NEGATIVE");
    let file = file(&[script, permission("p", "store", &["script"])]);
    assert_eq!(decide(&config(&file), &json!({}), "store"), Verdict::Indeterminate);
    let builder = AuthorizationConfig::builder()
        .answer("script", |identity, _| identity.claims().username.as_deref() == Some("eve"));
    let answered = builder.build(file.to_string().as_bytes()).unwrap();
    assert!(answered.findings().is_empty());
    assert_eq!(decide(&answered, &json!({ "preferred_username": "eve" }), "store"), Verdict::Deny);
    assert_eq!(decide(&answered, &json!({ "preferred_username": "bob" }), "store"), Verdict::Grant);
    let lost = AuthorizationConfig::builder().answer("no such policy", |_, _| true);
    let lost = lost.build(file.to_string().as_bytes()).unwrap();
    assert!(lost.findings().iter().any(|finding| finding.what().contains("there is no such policy")));
}

#[test]
fn a_permission_without_a_policy_neither_grants_nor_closes_what_is_permissive() {
    let mut open = file(&[permission("empty", "store", &[])]);
    open["policyEnforcementMode"] = json!("PERMISSIVE");
    let config = config(&open);
    assert_eq!(decide(&config, &json!({}), "bare"), Verdict::Grant);
    assert_eq!(decide(&config, &json!({}), "store"), Verdict::Deny, "as Keycloak has it");
}

/// What changes is taken; what is bad is not, and is told; nobody waits for it.
#[test]
fn a_file_is_read_again_when_it_changes_unless_it_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authz.json");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let (open, closed) = (role("a", "x"), role("a", "y"));
    let of = |role: &Value| file(&[role.clone(), permission("p", "store", &["a"])]).to_string();
    write(&of(&open));
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(1000)));
    let opened =
        AuthorizationFile::open(&path, AuthorizationConfig::builder(), Arc::clone(&clock) as Arc<dyn Clock>);
    let opened = opened.unwrap();
    let holder = json!({ "realm_access": { "roles": ["x"] } });
    let now = || decide(&opened.current(), &holder, "store");
    assert_eq!(now(), Verdict::Grant);
    let first = opened.status();
    assert_eq!((first.sha256.len(), first.outdated, first.problems), (64, false, 0));

    // Another length, or another time, tells.
    write(&(of(&closed) + " "));
    assert_eq!(now(), Verdict::Grant, "nobody looks twice in a second");
    clock.advance(Duration::from_secs(1));
    now();
    assert_eq!(now(), Verdict::Deny);
    let second = opened.status();
    assert_ne!(second.sha256, first.sha256);
    clock.advance(Duration::from_secs(60));
    assert_eq!(opened.status().age, Duration::from_secs(60));

    for bad in ["", "{", "{\"policyEnforcementMode\":\"NEVER\"}"] {
        write(bad);
        clock.advance(Duration::from_secs(1));
        now();
        assert_eq!(now(), Verdict::Deny, "{bad}");
        assert!(opened.status().outdated && opened.status().sha256 == second.sha256);
    }
    std::fs::remove_file(&path).unwrap();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1));
        assert_eq!(now(), Verdict::Deny);
    }
    write(&(of(&open) + "  "));
    clock.advance(Duration::from_secs(1));
    now();
    assert_eq!(now(), Verdict::Grant);
    assert!(!opened.status().outdated);
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_runtime_the_file_is_read_beside_the_requests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authz.json");
    std::fs::write(&path, file(&[]).to_string()).unwrap();
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(1000)));
    let builder = AuthorizationConfig::builder();
    let opened = AuthorizationFile::open(&path, builder, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let before = opened.status().sha256;
    std::fs::write(&path, file(&[role("a", "x")]).to_string()).unwrap();
    clock.advance(Duration::from_secs(1));
    let _ = opened.current();
    for _ in 0..500 {
        if opened.status().sha256 != before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it was not read again");
}

#[test]
fn an_owner_that_is_the_client_itself_is_the_server() {
    let file = json!({
        "resources": [
            { "name": "store", "owner": { "name": "inventory" } },
            { "name": "store", "owner": { "name": "mallory" } },
        ],
        "policies": [policy("all", "user", json!({ "users": "[\"mallory\"]" })), permission("open", "store", &["all"])],
    });
    let mallory = json!({ "preferred_username": "mallory" });
    let of = |client: &str| {
        AuthorizationConfig::builder().client_id(client).build(file.to_string().as_bytes()).unwrap()
    };
    assert_eq!(decide(&of("inventory"), &mallory, "store"), Verdict::Grant);
    // Otherwise there are two users of which each has a store, and the permission is for one of them.
    assert_eq!(decide(&of("other"), &mallory, "store"), Verdict::Indeterminate);
}
