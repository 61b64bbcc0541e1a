use super::*;
use crate::routes::{Endpoint, Routes};
use crate::rules::{active, all_roles, any_role, authenticated, by_method};
use crate::wire::ExemptPaths;

const ITEMS: Rule = by_method(
    const { &[("GET", any_role(&["reader", "admin"])), ("POST", all_roles(&["admin"])), ("PUT", active())] },
);

fn guard() -> Guard {
    Guard::builder("shop").exempt(ExemptPaths::new(["/docs"]).unwrap()).build()
}

fn table() -> RouteTable {
    let mut table = RouteTable::default();
    table.add("/health", Access::Public);
    table.add("/", Access::Optional);
    table.add("/account", Access::Page(authenticated()));
    table.add("/items", ITEMS);
    table.add("/docs/{file}", authenticated());
    table
}

#[test]
fn a_table_tells_apart_the_methods_that_its_rules_list() {
    let report = RouteReport::new(&table(), &guard());
    assert_eq!(
        report.to(ReportFormat::Text),
        "\
any   /health       public
any   /             anybody, or any valid token
any   /account      any valid token (page)
GET   /items        any role of reader, admin
POST  /items        role admin
PUT   /items        active by introspection
any   /docs/{file}  public, by an exempt prefix (else: any valid token)

exempt, so that nobody is asked for credentials: /docs
"
    );
}

#[test]
fn routes_that_know_their_methods_report_those_and_no_others() {
    let on = |method: Option<&str>| Endpoint::new(method, ());
    let routes = Routes::new(&guard())
        .route("/items", ITEMS, [on(Some("GET")), on(Some("POST")), on(Some("DELETE"))])
        .route("/me", authenticated(), [on(Some("GET")), on(Some("POST"))])
        .route("/any", ITEMS, [on(Some("GET")), on(None)])
        .nest("/other", Routes::new(&Guard::builder("r").build()).public("/docs", [on(Some("GET"))]));
    assert_eq!(
        routes.report().to_string(),
        "\
GET       /items       any role of reader, admin
POST      /items       role admin
DELETE    /items       nobody
GET,POST  /me          any valid token
GET       /any         any role of reader, admin
POST      /any         role admin
PUT       /any         active by introspection
GET       /other/docs  public

exempt, so that nobody is asked for credentials: /docs
"
    );
}

#[test]
fn markdown_has_a_line_for_each_and_keeps_its_columns() {
    let mut table = RouteTable::default();
    table.add("/a|b", authenticated());
    let report = RouteReport::new(&table, &guard());
    assert_eq!(
        report.to(ReportFormat::Markdown),
        "| method | path | who may call it |\n| --- | --- | --- |\n| any | `/a\\|b` | any valid token |\n\n\
         Nobody is asked for credentials below `/docs`.\n"
    );
}

/// What other programs read: a change here is a change of the version, unless a member is only added.
#[test]
fn the_json_is_what_it_was() {
    let mut table = RouteTable::default();
    table.add("/health", Access::Public);
    table.add("/items", by_method(const { &[("GET", any_role(&["reader"]))] }));
    let json = RouteReport::new(&table, &guard()).to(ReportFormat::Json);
    let expected = serde_json::json!({
        "kc_routes": 1,
        "exempt": ["/docs"],
        "routes": [
            { "methods": ["*"], "pattern": "/health", "access": "public", "exempt": false, "text": "public", "rule": null },
            {
                "methods": ["GET"], "pattern": "/items", "access": "rule", "exempt": false,
                "text": "any role of reader", "rule": { "any_role": ["reader"] }
            },
        ],
    });
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expected);
}

#[test]
fn what_was_written_is_read_again() {
    let report = RouteReport::new(&table(), &guard());
    let json = report.to(ReportFormat::Json);
    assert_eq!(RouteReport::from_json(json.as_bytes()), Ok(report));
    for (json, word) in [
        (&b"[]"[..], "--routes=json"),
        (br#"{"kc_routes":2,"routes":{}}"#, "version 2"),
        (br#"{"kc_routes":1,"exempt":[],"routes":[{}]}"#, "methods"),
        (b"ready at http://127.0.0.1", "--routes=json"),
    ] {
        let error = RouteReport::from_json(json).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn the_command_line_says_in_which_format() {
    let asked = |words: &[&str]| ReportFormat::asked_for(words);
    assert_eq!(asked(&["service"]), Ok(None));
    assert_eq!(asked(&["service", "--port", "1", "--routes"]), Ok(Some(ReportFormat::Text)));
    assert_eq!(asked(&["service", "--routes=json"]), Ok(Some(ReportFormat::Json)));
    assert_eq!(asked(&["service", "--", "--routes"]), Ok(None));
    let error = asked(&["service", "--routes=xml"]).unwrap_err().to_string();
    assert!(error.contains("xml") && error.contains("--routes=json"), "{error}");
}

#[test]
fn what_a_terminal_would_obey_is_not_printed() {
    let json = br#"{"kc_routes":1,"exempt":["/\u001b[2J"],"routes":[{"methods":["G\u0007"],"pattern":"/\u202e","access":"rule","text":"\u009b1m","rule":null}]}"#;
    let report = RouteReport::from_json(json).unwrap();
    for format in [ReportFormat::Text, ReportFormat::Markdown, ReportFormat::Json] {
        let text = report.to(format);
        assert!(
            format == ReportFormat::Json || text.chars().all(|letter| letter == '\n' || !letter.is_control()),
            "{text:?}"
        );
    }
}
