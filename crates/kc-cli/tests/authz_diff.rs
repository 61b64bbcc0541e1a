#![cfg(test)]
//! `kc authz diff` of two files, as whoever types it sees it.

use std::process::Command;

use serde_json::{Value, json};

const DEMO: &str = include_str!("../../kc-core/tests/policy/authorization-config.json");
const TRUTH: &str = include_str!("../../kc-core/tests/policy/truth.json");

fn demo() -> Value {
    serde_json::from_str(DEMO).unwrap()
}

/// What `kc authz diff` says of two files, with its exit code. `claims` are a line each.
fn diff(before: &str, after: &str, claims: &[&Value], options: &[&str]) -> (String, String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("old.json", before);
    write("new.json", after);
    let mut kc = Command::new(env!("CARGO_BIN_EXE_kc"));
    kc.args(["authz", "diff"]).args(options).args(["old.json", "new.json"]).current_dir(folder.path());
    if !claims.is_empty() {
        write("claims.jsonl", &claims.iter().map(|claims| format!("{claims}\n")).collect::<String>());
        kc.args(["--identities", "claims.jsonl"]);
    }
    let output = kc.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn report(before: &Value, after: &Value, claims: &[&Value]) -> (Value, i32) {
    let (stdout, stderr, code) = diff(&before.to_string(), &after.to_string(), claims, &["--json"]);
    assert!(stderr.is_empty(), "{stderr}");
    (serde_json::from_str(&stdout).unwrap(), code)
}

/// All that may be written otherwise.
fn written_otherwise(mut file: Value) -> Value {
    fn turn(value: &mut Value) {
        match value {
            Value::Array(items) => {
                items.reverse();
                items.iter_mut().for_each(turn);
            }
            Value::Object(members) => members.values_mut().for_each(turn),
            Value::String(text) => {
                if let Ok(mut within @ Value::Array(_)) = serde_json::from_str(text) {
                    turn(&mut within);
                    *text = serde_json::to_string_pretty(&within).unwrap();
                }
            }
            _ => {}
        }
    }
    turn(&mut file);
    for policy in file["policies"].as_array_mut().unwrap() {
        policy["id"] = json!("a1");
        let members = policy.as_object_mut().unwrap();
        members.retain(|name, value| name != "logic" || value != "POSITIVE");
        members.retain(|name, value| name != "decisionStrategy" || value != "UNANIMOUS");
    }
    for resource in file["resources"].as_array_mut().unwrap() {
        resource["_id"] = json!(format!("id of {}", resource["name"]));
        resource.as_object_mut().unwrap().remove("ownerManagedAccess");
    }
    file
}

#[test]
fn ids_order_and_defaults_are_no_difference() {
    let (stdout, stderr, code) = diff(DEMO, &written_otherwise(demo()).to_string(), &[], &[]);
    assert_eq!((stdout.as_str(), stderr.as_str(), code), ("no difference\n", "", 0));
    let (report, code) = report(&demo(), &written_otherwise(demo()), &[]);
    assert_eq!((&report["same"], &report["changes"], code), (&json!(true), &json!([]), 0));
}

#[test]
fn a_changed_policy_is_told_with_what_it_decides_and_for_whom() {
    let mut after = demo();
    let policies = after["policies"].as_array_mut().unwrap();
    let not_admin = policies.iter_mut().find(|policy| policy["name"] == "not-admin").unwrap();
    not_admin["logic"] = json!("POSITIVE");
    let truth: Value = serde_json::from_str(TRUTH).unwrap();
    let identities = &truth["identities"];
    let (stdout, stderr, code) = diff(
        DEMO,
        &after.to_string(),
        &[&identities["alice:api"], &identities["carol:api"]],
        &["--at", "2026-11-22T12:00:00Z"],
    );
    assert_eq!((stderr.as_str(), code), ("", 1));
    // What both say is left out.
    assert!(!stdout.contains("engineering or management"), "{stdout}");
    for line in [
        "- old.json\n+ new.json\n",
        "\npolicies\n  ~ \"not-admin\"\n      logic: NEGATIVE -> POSITIVE\n",
        "  permission \"report: not for admins\": its policy \"not-admin\" was changed\n",
        "    about: report#inventory:view\n    names: not: role admin, role admin\n",
        " differ; identities: 2\n",
        "  line 1 (alice): report#inventory:view: deny -> grant\n",
        "      - resource \"report\": permission \"report: not for admins\" says deny (UNANIMOUS): policy \"not-admin\" says deny: \
         the token has what is needed, turned round\n",
    ] {
        assert!(stdout.contains(line), "{line}\n{stdout}");
    }
}

/// The other way round from what is told: whoever is said to be untouched is.
#[test]
fn whose_decisions_differ_has_something_that_is_told_of() {
    let truth: Value = serde_json::from_str(TRUTH).unwrap();
    let callers: Vec<&Value> = truth["identities"].as_object().unwrap().values().collect();
    let mut cases: Vec<(Value, Value)> = Vec::new();
    let mut case = |mode: &str, change: &dyn Fn(&mut Value)| {
        let mut before = demo();
        before["policyEnforcementMode"] = json!(mode);
        let mut after = before.clone();
        change(&mut after);
        cases.push((before, after));
    };
    for place in 0..demo()["policies"].as_array().unwrap().len() {
        let mode = if place % 2 == 0 { "ENFORCING" } else { "PERMISSIVE" };
        case(mode, &|after| {
            let policy = &mut after["policies"][place];
            match policy["type"].as_str().unwrap() {
                "scope" | "resource" => policy["decisionStrategy"] = json!("AFFIRMATIVE"),
                _ if policy["logic"] == "NEGATIVE" => policy["logic"] = json!("POSITIVE"),
                _ => policy["logic"] = json!("NEGATIVE"),
            }
        });
        if place % 3 == 0 {
            case(mode, &|after| drop(after["policies"].as_array_mut().unwrap().remove(place)));
        }
    }
    for place in 0..demo()["resources"].as_array().unwrap().len() {
        case("PERMISSIVE", &|after| drop(after["resources"].as_array_mut().unwrap().remove(place)));
        case("PERMISSIVE", &|after| after["resources"][place]["type"] = json!("urn:other"));
        case("PERMISSIVE", &|after| after["resources"][place]["scopes"] = json!([]));
        case("ENFORCING", &|after| after["resources"][place]["name"] = json!("renamed"));
    }
    let mut differing = 0;
    for (before, after) in cases {
        let (report, _) = report(&before, &after, &callers);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let touched = report["touched"].as_array().unwrap().iter();
        let about: Vec<String> = touched.flat_map(|one| one["on"].as_array().unwrap()).map(text).collect();
        let unguarded: Vec<String> =
            report["unguarded"].as_array().unwrap().iter().map(|one| text(&one["about"])).collect();
        for different in report["decisions"]["different"].as_array().unwrap() {
            differing += 1;
            let asked = different["asked"].as_str().unwrap();
            let resource = asked.split('#').next().unwrap();
            // A scope of any resource is touched if it is with one.
            let told = about
                .iter()
                .any(|about| about == asked || (resource.is_empty() && about.ends_with(asked)))
                || unguarded.iter().any(|about| about == asked || about == resource || resource.is_empty());
            let changes = &report["changes"];
            assert!(told, "{changes}\n{different} is not among {about:?} {unguarded:?}");
        }
    }
    assert!(differing > 500, "{differing}");
}

#[test]
fn what_no_decision_depends_on_is_a_difference_for_nobody() {
    let mut after = demo();
    after["policies"][0]["description"] = json!("who runs it");
    after["resources"][0]["displayName"] = json!("The store");
    let (stdout, _, code) = diff(DEMO, &after.to_string(), &[], &[]);
    assert_eq!(code, 1);
    assert!(stdout.contains("      description: (none) -> who runs it\n"), "{stdout}");
    assert!(stdout.contains("      displayName: store -> The store\n"), "{stdout}");
    assert!(stdout.ends_with("for whom\n  nobody: no decision depends on what differs\n"), "{stdout}");
}

#[test]
fn settings_of_the_server_are_for_everybody() {
    let mut after = demo();
    after["policyEnforcementMode"] = json!("PERMISSIVE");
    let (stdout, _, code) = diff(DEMO, &after.to_string(), &[], &[]);
    assert_eq!(code, 1);
    assert!(stdout.contains("settings\n  ~ policyEnforcementMode: ENFORCING -> PERMISSIVE\n"), "{stdout}");
    assert!(
        stdout.contains("  everybody, in all resources: the setting policyEnforcementMode was changed\n"),
        "{stdout}"
    );
}

#[test]
fn an_added_and_a_removed_permission_are_shown_in_full() {
    let mut after = demo();
    let policies = after["policies"].as_array_mut().unwrap();
    policies.retain(|policy| policy["name"] != "report: not for admins");
    policies.push(json!({ "name": "news", "type": "scope", "decisionStrategy": "AFFIRMATIVE", "config": {
        "resources": "[\"report\"]", "scopes": "[\"inventory:view\"]", "applyPolicies": "[\"not-admin\"]" } }));
    let (stdout, _, code) = diff(DEMO, &after.to_string(), &[], &[]);
    assert_eq!(code, 1);
    let shown = "permissions\n  + \"news\"\n      type: scope\n      applyPolicies: not-admin\n      decisionStrategy: AFFIRMATIVE\n      \
                 resources: report\n      scopes: inventory:view\n  - \"report: not for admins\"\n      type: scope\n";
    assert!(stdout.contains(shown), "{stdout}");
    let for_whom =
        "  permission \"news\": it was added\n    about: report#inventory:view\n    names: not: role admin\n";
    assert!(stdout.contains(for_whom), "{stdout}");
}

#[test]
fn what_cannot_be_compared_ends_with_2_and_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.json", DEMO);
    write("adapter.json", "{\"realm\":\"kc-demo\"}");
    write("claims.jsonl", "{}\n[]\n");
    write("secret", "hunter2");
    for (arguments, word) in [
        (&[][..], "two files are missing, or --live"),
        (&["a.json"], "a second file is missing"),
        (&["a.json", "a.json", "a.json"], "one argument too many"),
        (&["a.json", "nowhere.json"], "nowhere.json can't be read"),
        (&["a.json", "adapter.json"], "adapter.json: has nothing of an authorization configuration"),
        (&["-", "-"], "standard input (-) is named more than once"),
        (&["a.json", "a.json", "--identities", "nowhere"], "--identities nowhere can't be read"),
        (
            &["a.json", "a.json", "--identities", "claims.jsonl"],
            "claims.jsonl: line 2 is no object of claims",
        ),
        (&["a.json", "a.json", "--at", "noon"], "--at \"noon\""),
        (&["a.json", "a.json", "--time-zone", "Mars/Olympus"], "--time-zone \"Mars/Olympus\""),
        (&["a.json", "a.json", "--admin-client", "x"], "--admin-client is for --live"),
        (&["--live", "a.json"], "KEYCLOAK_URL"),
        (&["--live", "a.json", "b.json"], "one argument too many: --live stands for it"),
        (&["a.json", "a.json", "--admin-secret", "x"], "--admin-secret"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_kc"))
            .args(["authz", "diff"])
            .args(arguments)
            .env_clear()
            .current_dir(folder.path())
            .output()
            .unwrap();
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(
            (output.status.code(), stdout.as_str(), stderr.lines().count()),
            (Some(2), "", 1),
            "{arguments:?}: {stderr}"
        );
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
    }
    // With a server: what is missing is the file, or somebody who may ask.
    for (arguments, word) in [
        (&["--live"][..], "KEYCLOAK_AUTHORIZATION_CONFIG"),
        (&["--live", "a.json"], "nobody is named who may read the export"),
        (
            &["--live", "a.json", "--admin-client", "kc-diff"],
            "the secret of the client \"kc-diff\" is missing",
        ),
        (
            &["--live", "a.json", "--admin-client", "kc-diff", "--admin-secret-file", "secret"],
            "cannot be reached",
        ),
        (&["--live", "a.json", "--admin-token-file", "secret"], "cannot be reached"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_kc"))
            .args(["authz", "diff"])
            .args(arguments)
            .env_clear()
            .envs([
                // The port of nobody.
                ("KEYCLOAK_URL", "http://127.0.0.1:9"),
                ("KEYCLOAK_REALM", "shop"),
                ("KEYCLOAK_CLIENT_ID", "inventory"),
            ])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{arguments:?}: {stderr}");
        assert!(stderr.contains(word) && !stderr.contains("hunter2"), "{arguments:?}: {stderr}");
    }
}
