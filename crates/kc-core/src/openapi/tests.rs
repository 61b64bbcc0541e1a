use proptest::prelude::*;

use super::*;
use crate::rules::{Rule, acr, active, all_roles, any_role, authenticated, by_method, scope};
use crate::wire::Problem;

fn completion() -> Completion {
    Completion::new("https://id.example.com/auth", "https://id.example.com/token")
}

fn table(routes: &[(&str, Access)]) -> RouteTable {
    let mut table = RouteTable::default();
    for (pattern, access) in routes {
        table.add(*pattern, access.clone());
    }
    table
}

/// A document with an operation for each, and nothing in it.
fn document(operations: &[(&str, &str)]) -> Value {
    let mut paths = json!({});
    for (method, path) in operations {
        paths[path][method] = json!({"responses": {"200": {"description": "good"}}});
    }
    json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths})
}

/// What becomes of one operation under an access.
fn completed(method: &str, access: impl Into<Access>) -> Value {
    let table = table(&[("/x", access.into())]);
    let mut document = completion().complete(document(&[(method, "/x")]), &table).unwrap();
    document["paths"]["/x"][method].take()
}

fn statuses(operation: &Value) -> Vec<&str> {
    operation["responses"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn mismatches(document: Value, routes: &[(&str, Access)]) -> Vec<Mismatch> {
    completion().complete(document, &table(routes)).unwrap_err().mismatches
}

#[test]
fn security_is_what_the_route_asks_for() {
    assert_eq!(completed("get", Access::Public)["security"], json!([]));
    assert_eq!(
        completed("get", Access::Optional)["security"],
        json!([{}, {"bearer": []}, {"keycloak": ["openid"]}])
    );
    assert_eq!(
        completed("get", authenticated())["security"],
        json!([{"bearer": []}, {"keycloak": ["openid"]}])
    );
    assert_eq!(
        completed("get", scope("write").and(scope("read")))["security"],
        json!([{"bearer": []}, {"keycloak": ["read", "write"]}])
    );
}

#[test]
fn refusals_are_those_that_the_rule_can_come_to() {
    let of = |access: Access| statuses(&completed("get", access)).join(" ");
    assert_eq!(of(Access::Public), "200");
    assert_eq!(of(Access::Optional), "200 400 401 503");
    assert_eq!(of(authenticated().into()), "200 400 401 503");
    assert_eq!(of(acr("gold").into()), "200 400 401 503");
    assert_eq!(of(any_role(&["a"]).into()), "200 400 401 403 503");
    assert_eq!(of(active().into()), "200 400 401 502 503");
    assert_eq!(of(all_roles(&["a"]).and(active()).into()), "200 400 401 403 502 503");
}

#[test]
fn a_rule_by_method_counts_for_its_method_and_head_as_get() {
    let rule = by_method(const { &[("GET", authenticated()), ("POST", all_roles(&["a"]))] });
    let operations = [("get", "/x"), ("head", "/x"), ("post", "/x")];
    let document = completion().complete(document(&operations), &table(&[("/x", rule.into())])).unwrap();
    let item = &document["paths"]["/x"];
    assert_eq!(item["get"]["x-kc-access"], "any valid token");
    assert_eq!(item["head"]["x-kc-access"], "any valid token");
    assert_eq!(item["post"]["x-kc-access"], "role a");
    assert_eq!(statuses(&item["get"]), ["200", "400", "401", "503"]);
    assert_eq!(statuses(&item["post"]), ["200", "400", "401", "403", "503"]);
    assert!(item["get"]["responses"]["401"]["content"].is_object());
    assert!(item["head"]["responses"]["401"].get("content").is_none());
}

#[test]
fn an_operation_of_a_method_of_its_own_is_completed_too() {
    let mut document = document(&[("get", "/x")]);
    document["paths"]["/x"]["additionalOperations"] = json!({"PURGE": {"security": []}});
    let document = completion().complete(document, &table(&[("/x", authenticated().into())])).unwrap();
    let purge = &document["paths"]["/x"]["additionalOperations"]["PURGE"];
    assert_eq!(purge["x-kc-access"], "any valid token");
    assert_ne!(purge["security"], json!([]));
}

#[test]
fn a_response_that_is_there_keeps_what_it_has_and_gets_what_it_lacks() {
    let mut document = document(&[("get", "/x")]);
    document["paths"]["/x"]["get"]["responses"] = json!({
        "200": {"description": "good"},
        "400": {"description": "a bad parameter"},
        "401": {
            "description": "who?",
            "headers": {"www-authenticate": {"schema": {"type": "string"}}},
            "content": {"application/problem+json": {"schema": {"type": "object"}}, "text/plain": {}}
        },
        "503": {"$ref": "#/components/responses/Busy"}
    });
    let before = document["paths"]["/x"]["get"]["responses"].clone();
    let document = completion().complete(document, &table(&[("/x", authenticated().into())])).unwrap();
    let after = &document["paths"]["/x"]["get"]["responses"];
    assert_eq!(after["400"]["description"], "a bad parameter");
    assert_eq!(
        after["400"]["content"],
        json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}})
    );
    assert!(after["400"]["headers"]["WWW-Authenticate"].is_object());
    for status in ["200", "401", "503"] {
        assert_eq!(after[status], before[status], "{status}");
    }
}

#[test]
fn what_the_document_says_of_security_is_replaced() {
    let mut document = document(&[("get", "/x")]);
    document["security"] = json!([{"apiKey": []}]);
    document["paths"]["/x"]["get"]["security"] = json!([]);
    document["components"] = json!({
        "securitySchemes": {"apiKey": {"type": "apiKey", "in": "query", "name": "key"}},
        "schemas": {"Item": {"type": "object"}}
    });
    let routes = table(&[("/x", scope("orders").into())]);
    let document = completion().complete(document, &routes).unwrap();
    assert!(document.get("security").is_none());
    assert_eq!(document["paths"]["/x"]["get"]["security"], json!([{"bearer": []}, {"keycloak": ["orders"]}]));
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes.as_object().unwrap().keys().collect::<Vec<_>>(), ["bearer", "keycloak"]);
    assert_eq!(
        schemes["keycloak"]["flows"],
        json!({"authorizationCode": {
            "authorizationUrl": "https://id.example.com/auth",
            "tokenUrl": "https://id.example.com/token",
            "scopes": {"openid": "Log in", "orders": "Asked for by the operations"}
        }})
    );
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.keys().collect::<Vec<_>>(), ["Item", "Problem"]);
}

#[test]
fn the_schema_of_a_problem_is_that_of_the_problems_sent() {
    let schema = problem();
    let sent = serde_json::to_value(Problem::new(401, "token_expired", "Token has expired")).unwrap();
    let names: Vec<_> = sent.as_object().unwrap().keys().collect();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.keys().collect::<Vec<_>>(), names);
    assert_eq!(schema["required"].as_array().unwrap().len(), names.len());
    assert!(schema["properties"]["code"]["enum"].as_array().unwrap().contains(&sent["code"]));
}

#[test]
fn a_path_is_found_whatever_its_parameters_are_called() {
    for (pattern, path) in [
        ("/items/{id}", "/items/{name}"),
        ("/files/{*rest}", "/files/{path}"),
        ("/items/{id:[0-9]{2}}", "/items/{id}"),
    ] {
        let document = completion()
            .complete(document(&[("get", path)]), &table(&[(pattern, authenticated().into())]))
            .unwrap();
        assert_eq!(document["paths"][path]["get"]["x-kc-access"], "any valid token", "{pattern}");
    }
}

#[test]
fn of_two_routes_that_fit_the_one_that_is_spelled_alike_is_meant() {
    let routes = [("/{a:x+}", Access::Public), ("/{a:y+}", authenticated().into())];
    assert_eq!(
        mismatches(document(&[("get", "/{a}")]), &routes),
        [
            Mismatch::Ambiguous {
                path: "/{a}".to_owned(),
                patterns: vec!["/{a:x+}".to_owned(), "/{a:y+}".to_owned()]
            },
            Mismatch::NotDocumented { pattern: "/{a:y+}".to_owned(), access: "any valid token".to_owned() }
        ]
    );
    assert!(completion().complete(document(&[("get", "/{a:y+}")]), &table(&routes)).is_ok());
}

#[test]
fn every_difference_is_named_with_its_remedy() {
    let rule: Rule = by_method(const { &[("GET", authenticated())] });
    let routes = [
        ("/x", rule.into()),
        ("/y", any_role(&["a"]).into()),
        ("/open", Access::Public),
        ("/whoever", Access::Optional),
    ];
    let error = completion()
        .complete(document(&[("get", "/x"), ("post", "/x"), ("get", "/z")]), &table(&routes))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "POST /x of the OpenAPI document is refused to everybody, the route's rule is GET: any valid token: add the \
         method to the rule, or take the operation out\n\
         GET /z of the OpenAPI document has no route: add the route, or correct the path of the operation\n\
         the route /y (any role of a) has no operation in the OpenAPI document: describe its handlers, or leave the \
         route out of the document by name\n\
         the route /whoever (anybody, or any valid token) has no operation in the OpenAPI document: describe its \
         handlers, or leave the route out of the document by name"
    );
}

#[test]
fn a_route_can_be_left_out_by_name() {
    let routes = table(&[("/x", authenticated().into()), ("/internal", authenticated().into())]);
    assert!(completion().complete(document(&[("get", "/x")]), &routes).is_err());
    assert!(completion().leave_out("/internal").complete(document(&[("get", "/x")]), &routes).is_ok());
}

#[test]
fn an_exempt_path_is_described_as_open() {
    let routes = table(&[("/x/{id}", authenticated().into()), ("/y", authenticated().into())]);
    let document = completion()
        .exempt(ExemptPaths::new(["/x"]).unwrap())
        .complete(document(&[("get", "/x/{id}"), ("get", "/y")]), &routes)
        .unwrap();
    assert_eq!(document["paths"]["/x/{id}"]["get"]["security"], json!([]));
    assert_ne!(document["paths"]["/y"]["get"]["security"], json!([]));
}

#[test]
fn what_is_no_openapi_document_is_named() {
    let at = |document: Value| {
        let found = mismatches(document, &[("/x", Access::Public)]);
        found
            .into_iter()
            .map(|mismatch| match mismatch {
                Mismatch::Malformed { at, .. } => at,
                other => other.to_string(),
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(at(json!([])), "the whole");
    assert_eq!(at(json!({"swagger": "2.0", "paths": {}})), "`openapi`");
    assert_eq!(at(json!({"openapi": "3.0.0"})), "`paths`");
    assert_eq!(at(json!({"openapi": "3.0.0", "paths": {"/x": 1}})), "/x");
    assert_eq!(at(json!({"openapi": "3.0.0", "paths": {"/x": {"get": 1}}})), "GET /x");
    assert_eq!(at(json!({"openapi": "3.0.0", "paths": {}, "components": 1})), "`components`");
    let guarded = |responses: Value| {
        let document = json!({"openapi": "3.0.0", "paths": {"/x": {"get": {"responses": responses}}}});
        mismatches(document, &[("/x", authenticated().into())]).first().map(ToString::to_string).unwrap()
    };
    assert!(guarded(json!(1)).starts_with("`responses` of GET /x of"));
    assert!(guarded(json!({"401": "x"})).starts_with("`responses.401` of GET /x of"));
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), Just(json!("x")), Just(json!(7))];
    let names = prop_oneof![
        Just("get"),
        Just("post"),
        Just("responses"),
        Just("401"),
        Just("headers"),
        Just("content"),
        Just("security"),
        Just("$ref"),
        Just("description"),
        Just("/x")
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn completing_twice_is_completing_once_and_nothing_but_security_is_taken_away(
        item in json_values(),
        components in prop_oneof![Just(json!({})), json_values()],
    ) {
        let before = json!({"openapi": "3.0.3", "paths": {"/x": item}, "components": components});
        let routes = table(&[("/x", any_role(&["a"]).or(active()).into())]);
        if let Ok(once) = completion().leave_out("/x").complete(before.clone(), &routes) {
            let twice = completion().leave_out("/x").complete(once.clone(), &routes);
            prop_assert_eq!(twice.as_ref(), Ok(&once));
            prop_assert!(contains(&once, &before), "{} lost something of {}", once, before);
        }
    }
}

/// Whether all of `less` is in `more`, but for what it says of security.
fn contains(more: &Value, less: &Value) -> bool {
    match (more, less) {
        (Value::Object(more), Value::Object(less)) => less.iter().all(|(name, value)| {
            name.starts_with("security") || more.get(name).is_some_and(|found| contains(found, value))
        }),
        (more, less) => more == less,
    }
}
