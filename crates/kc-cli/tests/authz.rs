#![cfg(test)]
//! `kc authz`, as whoever types it sees it.

mod kc;

use std::process::Output;

use serde_json::{Value, json};

const DEMO: &str = include_str!("../../kc-core/tests/policy/authorization-config.json");
const TRUTH: &str = include_str!("../../kc-core/tests/policy/truth.json");

/// A folder with a configuration in it.
struct Setup {
    folder: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        Self::with(DEMO)
    }

    fn with(config: &str) -> Self {
        let setup = Self { folder: tempfile::tempdir().unwrap() };
        setup.write("authz.json", config);
        setup
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str], input: &str) -> (String, String, i32) {
        let arguments = [&["authz"], arguments].concat();
        let Output { status, stdout, stderr } =
            kc::run(self.folder.path(), &[], &arguments, input.as_bytes());
        (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap(), status.code().unwrap())
    }

    fn evaluate(&self, options: &[&str], input: &str) -> (Vec<Value>, i32) {
        let mut arguments = vec!["evaluate", "--config", "authz.json", "--requests", "-"];
        arguments.extend(options);
        let (stdout, stderr, code) = self.run(&arguments, input);
        assert!(stderr.is_empty(), "{stderr}");
        (stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), code)
    }

    /// The answer to one line, which counts as no request if `code` is 1.
    fn answer(&self, line: &str, code: i32) -> Value {
        let (answers, got) = self.evaluate(&[], line);
        let [answer] = answers.as_slice() else { panic!("{line}: {answers:?}") };
        assert_eq!(got, code, "{line}: {answer}");
        let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(members.len(), 4, "{members:?}");
        answer.clone()
    }
}

fn alice() -> Value {
    serde_json::from_str::<Value>(TRUTH).unwrap()["identities"]["alice:api"].clone()
}

#[test]
fn all_that_a_keycloak_decided_is_decided_alike_line_by_line() {
    let truth: Value = serde_json::from_str(TRUTH).unwrap();
    for table in truth["tables"].as_array().unwrap() {
        let mut config: Value = serde_json::from_str(DEMO).unwrap();
        config["policyEnforcementMode"] = table["mode"].clone();
        config["decisionStrategy"] = table["strategy"].clone();
        let setup = Setup::with(&config.to_string());
        let (mut lines, mut expected) = (String::new(), Vec::new());
        for (name, row) in table["decisions"].as_object().unwrap() {
            for (ask, digit) in truth["asks"].as_array().unwrap().iter().zip(row.as_str().unwrap().chars()) {
                let scopes: Vec<&Value> = ask[1].as_str().map(|_| &ask[1]).into_iter().collect();
                let line = json!({"id": expected.len(), "claims": truth["identities"][name], "resource": ask[0],
                    "scopes": scopes, "at": table["evaluated_at"]});
                lines.push_str(&format!("{line}\n"));
                expected.push(digit == '1');
            }
        }
        let (answers, code) = setup.evaluate(&["--client-id", "inventory"], &lines);
        assert_eq!((answers.len(), code), (396, 0));
        for (n, (answer, granted)) in answers.iter().zip(expected).enumerate() {
            assert_eq!(answer["id"], n);
            assert_eq!(answer["decision"] == "grant", granted, "{} {answer}", lines.lines().nth(n).unwrap());
            assert!(!answer["reasons"].as_array().unwrap().is_empty());
        }
    }
}

#[test]
fn granted_scopes_are_sorted_and_all_that_is_asked_has_to_be_granted() {
    let setup = Setup::new();
    let ask = |scopes: Value| {
        setup.answer(
            &json!({"id": "a", "claims": alice(), "resource": "store", "scopes": scopes}).to_string(),
            0,
        )
    };
    let answer = ask(json!(["inventory:view", "inventory:delete", "inventory:view"]));
    assert_eq!(answer["decision"], "grant");
    assert_eq!(answer["granted_scopes"], json!(["inventory:delete", "inventory:view"]));
    let answer = ask(json!(["inventory:view", "inventory:add"]));
    assert_eq!(answer["decision"], "deny");
    assert_eq!(answer["granted_scopes"], json!(["inventory:view"]));
    // Nothing in particular: anything of it.
    for none in [json!([]), Value::Null] {
        let answer = ask(none);
        assert_eq!(answer["decision"], "grant");
        assert_eq!(answer["granted_scopes"], json!(["inventory:delete", "inventory:view"]));
    }
    let answer = ask(json!(["inventory:view", "no-such-scope"]));
    assert_eq!(answer["decision"], "deny");
    assert_eq!(answer["granted_scopes"], json!(["inventory:view"]));
    assert!(answer["reasons"].to_string().contains("no-such-scope"));
}

#[test]
fn what_is_unknown_is_denied_with_a_reason() {
    let setup = Setup::new();
    for (resource, scopes, reason) in [
        (json!("nowhere"), json!([]), "there is no resource"),
        (json!("store"), json!(["nothing"]), "there is none of the scopes"),
        (json!("report"), json!(["inventory:add"]), "has none of the scopes"),
        (Value::Null, json!(["nothing"]), "there is none of the scopes"),
        (Value::Null, json!([]), "neither a resource nor a scope"),
        (json!(""), json!([""]), "there is no resource"),
    ] {
        let line = json!({"id": 1, "claims": alice(), "resource": resource, "scopes": scopes});
        let answer = setup.answer(&line.to_string(), 0);
        assert_eq!(answer["decision"], "deny", "{line}");
        assert_eq!(answer["granted_scopes"], json!([]));
        assert!(answer["reasons"].to_string().contains(reason), "{answer}");
    }
}

#[test]
fn a_line_that_is_no_request_is_answered_in_its_place() {
    let setup = Setup::new();
    let good =
        json!({"id": 7, "claims": alice(), "resource": "store", "scopes": ["inventory:view"]}).to_string();
    for (line, id) in [
        ("not json", Value::Null),
        ("[]", Value::Null),
        ("{\"id\":1}", json!(1)),
        (r#"{"id":"x","claims":[]}"#, json!("x")),
        (r#"{"id":"x","claims":{"realm_access":"admin"},"resource":"store"}"#, json!("x")),
        (r#"{"id":"x","claims":{"sub":"a","sub":"b"},"resource":"store"}"#, json!("x")),
        (r#"{"id":"x","claims":{},"claims":{},"resource":"store"}"#, json!("x")),
        (r#"{"id":"x","claims":{},"resource":["store"]}"#, json!("x")),
        (r#"{"id":"x","claims":{},"resource":"store","scopes":"inventory:view"}"#, json!("x")),
        (r#"{"id":"x","claims":{},"resource":"store","scopes":[1]}"#, json!("x")),
        (r#"{"id":"x","claims":{},"resource":"store","scope":"inventory:view"}"#, json!("x")),
        (r#"{"id":"x","claims":{},"resource":"store","at":"yesterday"}"#, json!("x")),
        (r#"{"id":"x","claims":{},"resource":"store","at":1}"#, json!("x")),
        (r#"{"id":"x","claims":{},"resource":"store"} {}"#, Value::Null),
    ] {
        let (answers, code) = setup.evaluate(&[], &format!("{line}\n\n  \r\n{good}\n"));
        assert_eq!((answers.len(), code), (2, 1), "{line}");
        assert_eq!(answers[0]["id"], id, "{line}");
        assert_eq!(answers[0]["decision"], "indeterminate", "{line}");
        assert!(answers[0]["reasons"][0].as_str().unwrap().starts_with("line 1 is no request"), "{line}");
        assert_eq!((&answers[1]["id"], &answers[1]["decision"]), (&json!(7), &json!("grant")));
    }
}

#[test]
fn an_id_comes_back_as_it_is_and_a_line_without_one_is_decided() {
    let setup = Setup::new();
    let line = |id: Value| json!({"id": id, "claims": alice(), "resource": "store"}).to_string();
    for id in [json!(1.5), json!("ü\n"), json!({"a": [1]}), json!(false), Value::Null] {
        assert_eq!(setup.answer(&line(id.clone()), 0)["id"], id);
    }
    let without = json!({"claims": alice(), "resource": "store", "further": {"a": 1}}).to_string();
    let answer = setup.answer(&without, 0);
    assert_eq!((&answer["id"], &answer["decision"]), (&Value::Null, &json!("grant")));
    // Without an end of line, and with a byte order mark.
    assert_eq!(setup.answer(&format!("\u{feff}{}", line(json!(1))), 0)["decision"], "grant");
    assert_eq!(setup.evaluate(&[], ""), (Vec::new(), 0));
}

/// Nobody is let in by what is not decided, however it is turned.
#[test]
fn what_cannot_be_decided_is_indeterminate_under_negative_logic_too() {
    let config = |kind: &str, logic: &str, config: Value| {
        json!({"policyEnforcementMode": "ENFORCING", "decisionStrategy": "UNANIMOUS", "scopes": [{"name": "s"}],
            "resources": [{"name": "r", "scopes": [{"name": "s"}]}],
            "policies": [{"name": "p", "type": kind, "logic": logic, "config": config},
                {"name": "perm", "type": "scope", "config": {"resources": "[\"r\"]", "scopes": "[\"s\"]", "applyPolicies": "[\"p\"]"}}]})
        .to_string()
    };
    for (kind, settings) in [
        ("js", json!({"code": "$evaluation.grant()"})),
        ("script-mine.js", json!({})),
        ("role", json!({"roles": r#"[{"id":"a"}]"#, "fetchRoles": "true"})),
        ("group", json!({"groups": r#"[{"path":"/a"}]"#})),
        ("group", json!({"groups": r#"[{"path":"/a"}]"#, "groupsClaim": "groups"})),
        ("regex", json!({"targetClaim": "a", "pattern": "(a)\\1"})),
        ("regex", json!({"targetClaim": "a", "pattern": "a", "targetContextAttributes": "true"})),
        ("time", json!({"nbf": "tomorrow"})),
        ("no-such-type", json!({})),
    ] {
        for logic in ["POSITIVE", "NEGATIVE"] {
            let setup = Setup::with(&config(kind, logic, settings.clone()));
            let answer = setup.answer(r#"{"id":1,"claims":{"sub":"1"},"resource":"r","scopes":["s"]}"#, 0);
            assert_eq!(answer["decision"], "indeterminate", "{kind} {logic}: {answer}");
            assert_eq!(answer["granted_scopes"], json!([]));
        }
    }
}

#[test]
fn time_policies_are_asked_in_the_zone_that_is_given() {
    let config = json!({"scopes": [], "resources": [{"name": "r"}], "policies": [
        {"name": "hours", "type": "time", "config": {"hour": "9", "hourEnd": "16"}},
        {"name": "perm", "type": "resource", "config": {"resources": "[\"r\"]", "applyPolicies": "[\"hours\"]"}}]});
    let setup = Setup::with(&config.to_string());
    let line = r#"{"id":1,"claims":{},"resource":"r","at":"2026-07-01T09:30:00+02:00"}"#;
    let decision = |options: &[&str]| setup.evaluate(options, line).0[0]["decision"].clone();
    assert_eq!(decision(&[]), "deny");
    assert_eq!(decision(&["--time-zone", "Europe/Berlin"]), "grant");
    let (_, said, code) =
        setup.run(&["evaluate", "--config", "authz.json", "--requests", "-", "--time-zone=Mars/Olympus"], "");
    assert_eq!(code, 2);
    assert!(said.contains("--time-zone \"Mars/Olympus\"") && said.lines().count() == 1, "{said}");
    // For requests that do not say when.
    let silent = r#"{"id":1,"claims":{},"resource":"r"}"#;
    let at = |time: &str| setup.evaluate(&["--at", time], silent).0[0]["decision"].clone();
    assert_eq!((at("2026-07-01T09:30:00Z"), at("2026-07-01T08:30:00Z")), (json!("grant"), json!("deny")));
}

#[test]
fn what_cannot_be_read_ends_with_2_and_one_line() {
    let setup = Setup::new();
    setup.write("bad.json", "{\"policyEnforcementMode\":\"SOMETIMES\"}");
    setup.write("adapter.json", "{\"realm\":\"kc-demo\",\"resource\":\"inventory\"}");
    for (arguments, word) in [
        (&["check"][..], "is missing"),
        (&["check", "nowhere.json"], "nowhere.json can't be read"),
        (&["check", "."], "can't be read"),
        (&["check", "bad.json"], "policyEnforcementMode: is \"SOMETIMES\""),
        (&["check", "adapter.json"], "nothing of an authorization configuration"),
        (&["check", "authz.json", "more"], "one argument too many"),
        (&["check", "--wrong", "authz.json"], "--wrong"),
        (&["explain", "authz.json"], "--claims is missing"),
        (&["explain", "authz.json", "--claims", "bad.json"], "name a --resource"),
        (&["evaluate", "--config", "authz.json"], "--requests is missing"),
        (&["evaluate", "--requests", "-"], "--config is missing"),
        (&["evaluate", "--config", "authz.json", "--requests", "nowhere"], "nowhere can't be read"),
        (&["evaluate", "--config", "authz.json", "--requests", "."], "it is a folder"),
        (&["evaluate", "--config"], "--config needs a value"),
        (&["evaluate", "--config", "authz.json", "--requests", "-", "--at", "noon"], "--at \"noon\""),
        (&["wrong"], "\"wrong\" is not known"),
    ] {
        let (stdout, stderr, code) = setup.run(arguments, "");
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (2, "", 1), "{arguments:?}: {stderr}");
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
    }
}

#[test]
fn check_tells_what_is_not_decided_and_what_depends_on_it() {
    let setup = Setup::new();
    let (stdout, _, code) = setup.run(&["check", "authz.json"], "");
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("note: policies[14]: has no groupsClaim"), "{stdout}");
    assert!(stdout.ends_with("10 resources, 3 scopes; 0 problems, 1 notes\n"), "{stdout}");

    let mut config: Value = serde_json::from_str(DEMO).unwrap();
    config["policies"][0]["config"]["fetchRoles"] = json!("true");
    setup.write("problem.json", &config.to_string());
    let (stdout, _, code) = setup.run(&["check", "--json", "problem.json"], "");
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let finding = &report["findings"][0];
    assert_eq!((&finding["severity"], &finding["place"]), (&json!("problem"), &json!("policies[0]")));
    assert_eq!(
        finding["permissions"],
        json!([
            "store: admins delete",
            "warehouse-a: delete needs majority",
            "ledger: consensus",
            "vault: nested aggregate",
            "bin: no majority"
        ])
    );
}

#[test]
fn explain_shows_the_way_from_the_permission_to_the_reason() {
    let setup = Setup::new();
    setup.write("claims.json", &alice().to_string());
    let explain = ["explain", "authz.json", "--claims", "claims.json", "--resource", "report"];
    let (stdout, _, code) = setup.run(&[&explain[..], &["--scope", "inventory:view"]].concat(), "");
    assert_eq!(code, 1);
    assert_eq!(
        stdout,
        "deny; granted scopes: none\n\
         resource \"report\", asked for: inventory:view; not granted\n\
         \x20 permission \"report: engineering or management\" (resource, AFFIRMATIVE; names the resource): grant\n\
         \x20   policy \"department-engineering\" (regex, pattern for the claim department): grant, the claim matches\n\
         \x20   policy \"group-management-model\" (group, group /management): grant, the user is in one of the groups\n\
         \x20 permission \"report: not for admins\" (scope, UNANIMOUS; names the resource): deny\n\
         \x20   policy \"not-admin\" (role, not: role admin): deny, the token has what is needed\n"
    );
    let (stdout, _, code) = setup
        .run(&["explain", "authz.json", "--claims=-", "--scope", "inventory:view"], &alice().to_string());
    assert_eq!(code, 0, "{stdout}");
    let (stdout, _, code) = setup.run(&[&explain[..], &["--json"]].concat(), "");
    assert_eq!(code, 1);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["decision"], "deny");
}
