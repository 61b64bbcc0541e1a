#![cfg(test)]
//! `kc routes`, and `kc explain --routes`, as whoever types them sees them.

mod kc;

use std::process::Output;

use kc_core::routes::{ReportFormat, RouteReport};
use kc_core::rules::{Rule, active, all_roles, any_role, authenticated, by_method, custom, realm_role};
use kc_core::{Access, Guard, RouteTable};
use kc_dev::DevIssuer;
use serde_json::{Value, json};

const ITEMS: Rule = by_method(
    const { &[("GET", any_role(&["reader", "admin"])), ("POST", all_roles(&["admin", "writer"]))] },
);

fn table() -> RouteTable {
    let mut table = RouteTable::default();
    table.add("/health", Access::Public);
    table.add("/", Access::Optional);
    table.add("/items", ITEMS);
    table.add("/items/{id}", all_roles(&["admin"]).and(active()));
    table.add("/staff", Access::Page(realm_role("staff")));
    table.add("/own", custom("is the owner", |_| true));
    table.add("/me", authenticated());
    table
}

fn json_of(table: &RouteTable) -> String {
    RouteReport::new(table, &Guard::builder("r").build()).to(ReportFormat::Json)
}

/// A folder with `routes.json`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("routes.json"), json_of(&table())).unwrap();
    folder
}

const PATH: (&str, &str) = ("PATH", "/usr/bin:/bin");

fn routes(folder: &tempfile::TempDir, arguments: &[&str], input: &str) -> Output {
    kc::run(folder.path(), &[PATH], &[&["routes"], arguments].concat(), input.as_bytes())
}

fn said(output: &Output) -> (String, String, i32) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

/// Prints `routes.json` if it is started with `--routes=json`, as a service does.
const SERVICE: [&str; 5] = ["--", "sh", "-c", "test \"$1\" = --routes=json && cat routes.json", "sh"];

#[test]
fn a_file_standard_input_and_a_service_say_the_same() {
    let folder = folder();
    let expected = RouteReport::new(&table(), &Guard::builder("r").build()).to_string();
    assert_eq!(said(&routes(&folder, &["routes.json"], "")), (expected.clone(), String::new(), 0));
    assert_eq!(said(&routes(&folder, &["-"], &json_of(&table()))).0, expected);
    assert_eq!(said(&routes(&folder, &SERVICE, "")), (expected, String::new(), 0));
    let (again, _, _) = said(&routes(&folder, &["--json", "routes.json"], ""));
    assert_eq!(again, json_of(&table()));
    let (markdown, _, _) = said(&routes(&folder, &["--markdown", "routes.json"], ""));
    assert!(markdown.contains("| POST | `/items` | all roles of admin, writer |\n"), "{markdown}");
}

#[test]
fn roles_mark_what_they_pass_and_what_is_missing() {
    let folder = folder();
    let (text, _, code) = said(&routes(&folder, &["--role", "admin", "routes.json"], ""));
    assert_eq!(
        (text.as_str(), code),
        (
            "\
✓ any   /health      public
✓ any   /            anybody, or any valid token
✓ GET   /items       any role of reader, admin
✗ POST  /items       all roles of admin, writer   missing: role writer
? any   /items/{id}  role admin and active by introspection   depends on: whether the token is still active (introspection)
✗ any   /staff       realm role staff (page)   missing: realm role staff
? any   /own         is the owner   depends on: is the owner (in the service's code)
✓ any   /me          any valid token
",
            0
        )
    );
    let (text, _, _) =
        said(&routes(&folder, &["--json", "--role=reader", "--role", "staff", "routes.json"], ""));
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["roles"], json!(["reader", "staff"]));
    assert_eq!(report["routes"][3]["missing_roles"], json!(["admin", "writer"]), "{report:#}");
    assert_eq!(
        (&report["routes"][2]["passes"], &report["routes"][5]["passes"]),
        (&json!(true), &Value::Null)
    );
}

#[test]
fn what_became_wider_is_exit_code_1() {
    let folder = folder();
    let mut wider = table();
    wider.add("/open", Access::Public);
    std::fs::write(folder.path().join("new.json"), json_of(&wider)).unwrap();
    let (text, _, code) = said(&routes(&folder, &["--diff", "routes.json", "new.json"], ""));
    assert_eq!(
        (text.as_str(), code),
        (
            "+ any  /open  public\n    wider: a new route that needs no credentials\n\nsomebody may do more than before\n",
            1
        )
    );
    let (text, _, code) = said(&routes(&folder, &["--diff", "new.json", "routes.json"], ""));
    assert_eq!((text.as_str(), code), ("- any  /open  public\n\nnobody may do more than before\n", 0));
    let with_service = [&["--diff", "--json", "new.json"][..], &SERVICE].concat();
    let report: Value = serde_json::from_str(&said(&routes(&folder, &with_service, "")).0).unwrap();
    assert_eq!(
        (&report["wider"], &report["changes"][0]["change"]),
        (&json!(false), &json!("removed")),
        "{report:#}"
    );
    let same = said(&routes(&folder, &["--diff", "routes.json", "routes.json"], ""));
    assert_eq!(same, ("no difference\n".to_owned(), String::new(), 0));
}

#[test]
fn what_cannot_be_done_says_why_and_exits_with_2() {
    let folder = folder();
    for (arguments, word) in [
        (&[][..], "a file is missing"),
        (&["a", "b"], "more than one file"),
        (&["routes.json", "--", "true"], "more than one file"),
        (&["nowhere.json"], "nowhere.json can't be read"),
        (&["."], "can't be read"),
        (&["--json", "--markdown", "routes.json"], "choose one"),
        (&["--role", "a", "--markdown", "routes.json"], "--role does not go with --markdown"),
        (&["--diff", "routes.json"], "--diff needs OLD and NEW"),
        (&["--diff", "-", "-"], "named twice"),
        (&["--diff", "--role", "a", "x", "y"], "--diff goes with --json alone"),
        (&["--", "./no-such-service"], "can't be started"),
        (&["--", "sh", "-c", "exit 3"], "exit status: 3"),
        (&["--", "echo", "listening"], "--routes=json"),
    ] {
        let (text, why, code) = said(&routes(&folder, arguments, ""));
        assert_eq!((text.as_str(), code), ("", 2), "{arguments:?}: {why}");
        assert!(why.starts_with("kc routes: ") && why.contains(word), "{arguments:?}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_held_against_every_route_and_what_is_missing_is_named() {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let folder = folder();
    let service = [
        ("KEYCLOAK_URL", issuer.base_url()),
        ("KEYCLOAK_REALM", issuer.realm()),
        ("KEYCLOAK_CLIENT_ID", "api"),
    ];
    let explained = |options: &[&str], token: &str| {
        let arguments = [&["explain", "--routes", "routes.json"], options, &["-"]].concat();
        said(&kc::run(folder.path(), &service, &arguments, token.as_bytes()))
    };
    let mint =
        || issuer.mint().user("alice").realm_roles(["writer"]).client_roles("api", ["staff", "reader"]);
    let token = mint().sign().await.unwrap();
    let (text, why, code) = explained(&[], &token);
    let expected = "
Routes

  ✓ any   /health      public
  ✓ any   /            anybody, or any valid token
  ✓ GET   /items       any role of reader, admin
  ✗ POST  /items       all roles of admin, writer   missing: role admin
  ✗ any   /items/{id}  role admin and active by introspection   missing: role admin
  ✗ any   /staff       realm role staff (page)   missing: realm role staff
  ? any   /own         is the owner   depends on: is the owner (in the service's code)
  ✓ any   /me          any valid token
";
    assert!(text.ends_with(expected), "{text}{why}");
    assert_eq!(code, 0, "routes do not count");
    assert!(token.split('.').all(|part| !text.contains(part)), "{text}");

    let expired = mint().expires_in(-60).sign().await.unwrap();
    let (text, _, code) = explained(&["--json"], &expired);
    let report: Value = serde_json::from_str(&text).unwrap();
    let passed: Vec<&str> = report["routes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|route| route["passes"] == true)
        .map(|route| route["pattern"].as_str().unwrap())
        .collect();
    assert_eq!((passed, code), (vec!["/health"], 1), "{report:#}");
    assert!(expired.split('.').all(|part| !text.contains(part)));

    let twice = kc::run(folder.path(), &service, &["explain", "--routes", "-", "-"], b"x");
    assert!(said(&twice).1.contains("named twice"), "{twice:?}");
}
