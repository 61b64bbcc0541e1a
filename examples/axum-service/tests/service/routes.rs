//! Every route: who may call it with which method, and what it answers.

use kc_dev::DevIssuer;
use serde_json::json;

use crate::harness::{Service, Setup, issuer};

/// The users of the realm who can log in, and the client's service account.
const CALLERS: [&str; 6] = ["alice", "bob", "carol", "erin", "frank", "service account"];

async fn token_of(issuer: &DevIssuer, caller: &str) -> String {
    match caller {
        "service account" => issuer.mint().sign().await.unwrap(),
        user => issuer.token(user, "api").await.unwrap(),
    }
}

/// What a route answers to whom; who is not named is refused by that code.
struct Row {
    method: &'static str,
    target: &'static str,
    allowed: &'static [&'static str],
    status: u16,
    refused: &'static str,
}

const fn row(
    method: &'static str,
    target: &'static str,
    allowed: &'static [&'static str],
    status: u16,
    refused: &'static str,
) -> Row {
    Row { method, target, allowed, status, refused }
}

const ROUTES: &[Row] = &[
    row("GET", "/health", &CALLERS, 200, ""),
    row("GET", "/.well-known/oauth-protected-resource", &CALLERS, 200, ""),
    row("GET", "/me", &CALLERS, 200, ""),
    row("GET", "/items", &["alice", "bob", "erin", "service account"], 200, "insufficient_permissions"),
    row("POST", "/items?item_name=Gizmo", &["alice"], 201, "missing_roles"),
    row("DELETE", "/items/1", &["alice"], 204, "missing_roles"),
    row("GET", "/admin/users", &["alice"], 200, "missing_roles"),
    row("GET", "/reports", &["bob", "erin", "service account"], 200, "missing_roles"),
    row("GET", "/cases", &[], 200, "missing_roles"),
    row("POST", "/cases", &[], 201, "missing_roles"),
    row("GET", "/service-token", &["alice"], 200, "missing_roles"),
];

#[tokio::test]
async fn every_caller_is_let_in_by_every_route_that_wants_their_roles_and_by_no_other() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for caller in CALLERS {
        let token = token_of(&issuer, caller).await;
        for Row { method, target, allowed, status, refused } in ROUTES {
            let answer = service.request(method, target).bearer(&token).send().await;
            if allowed.contains(&caller) {
                assert_eq!(answer.status, *status, "{caller}: {method} {target}: {answer:?}");
            } else {
                answer.assert_refused(403, refused);
            }
        }
    }
}

#[tokio::test]
async fn without_a_token_the_public_routes_answer_and_all_others_want_one() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for Row { method, target, refused, .. } in ROUTES {
        let answer = service.request(method, target).send().await;
        match *refused {
            "" if *target != "/me" => assert_eq!(answer.status, 200, "{target}"),
            _ => answer.assert_refused(401, "not_authenticated"),
        }
    }
}

#[tokio::test]
async fn health_and_the_resource_metadata_say_what_anybody_may_know() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("PUBLIC_URL", "https://shop.example.com").start().await;
    service.request("GET", "/health").send().await.assert_json(200, r#"{"status":"healthy"}"#);
    let metadata = service.request("GET", "/.well-known/oauth-protected-resource").send().await;
    let expected = format!(
        r#"{{"resource":"https://shop.example.com","authorization_servers":["{}"],"bearer_methods_supported":["header"]}}"#,
        issuer.issuer()
    );
    metadata.assert_json(200, &expected);
}

#[tokio::test]
async fn public_routes_do_not_look_at_a_bad_token() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for target in ["/health", "/.well-known/oauth-protected-resource"] {
        assert_eq!(service.get(target, "garbage").await.status, 200);
    }
}

#[tokio::test]
async fn me_shows_who_calls_with_sorted_roles() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let person = |name: &str, first_name: &str| {
        let sub = issuer.user_id(name).unwrap();
        format!(
            r#""sub":"{sub}","email":"{name}@example.test","username":"{name}","first_name":"{first_name}","last_name":"Test""#
        )
    };
    let usual = r#""default-roles-kc-demo""#;
    for (name, first_name, realm_roles, client_roles, is_staff, is_superuser) in [
        (
            "alice",
            "Alice",
            format!(r#""admin",{usual},"offline_access","uma_authorization","user""#),
            r#""admin","api-admin","api-read""#,
            true,
            true,
        ),
        (
            "bob",
            "Bob",
            format!(r#"{usual},"offline_access","staff","uma_authorization","user""#),
            r#""api-read","staff""#,
            true,
            false,
        ),
        (
            "carol",
            "Carol",
            format!(r#"{usual},"offline_access","uma_authorization","user""#),
            "",
            false,
            false,
        ),
        (
            "erin",
            "Erin",
            format!(r#"{usual},"manager","offline_access","staff","uma_authorization","user""#),
            r#""api-read""#,
            true,
            false,
        ),
        ("frank", "Frank", String::new(), "", false, false),
    ] {
        let expected = format!(
            r#"{{{},"realm_roles":[{realm_roles}],"client_roles":[{client_roles}],"is_staff":{is_staff},"is_superuser":{is_superuser}}}"#,
            person(name, first_name)
        );
        service.get("/me", &token_of(&issuer, name).await).await.assert_json(200, &expected);
    }
}

#[tokio::test]
async fn me_shows_null_for_what_the_token_does_not_say() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.mint().user("frank");
    let token = ["sub", "email", "preferred_username", "given_name", "family_name"]
        .into_iter()
        .fold(token, kc_dev::Mint::without)
        .sign()
        .await
        .unwrap();
    service.get("/me", &token).await.assert_json(
        200,
        r#"{"sub":null,"email":null,"username":null,"first_name":null,"last_name":null,"realm_roles":[],"client_roles":[],"is_staff":false,"is_superuser":false}"#,
    );
}

#[tokio::test]
async fn roles_of_the_realm_and_of_this_client_count_and_those_of_other_clients_never() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let frank = || issuer.mint().user("frank");
    for (token, status) in [
        (frank().realm_roles(["admin"]), 200),
        (frank().client_roles("api", ["admin"]), 200),
        (frank().client_roles("web", ["admin"]), 403),
        (frank().client_roles("API", ["admin"]), 403),
        (frank().realm_roles(["Admin"]), 403),
        (frank().realm_roles(["api.admin"]), 403),
        (frank().realm_roles(["staff"]), 403),
        (frank().claim("roles", json!(["admin"])), 403),
        (frank().claim("scope", "admin"), 403),
        (frank().claim("groups", json!(["/admin", "admin"])), 403),
    ] {
        let token = token.sign().await.unwrap();
        assert_eq!(service.get("/admin/users", &token).await.status, status);
    }
}

#[tokio::test]
async fn staff_and_superusers_are_told_by_their_roles_wherever_these_are() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let frank = || issuer.mint().user("frank");
    for (token, is_staff, is_superuser) in [
        (frank().realm_roles(["admin"]), true, true),
        (frank().client_roles("api", ["admin"]), true, true),
        (frank().realm_roles(["staff"]), true, false),
        (frank().client_roles("api", ["staff"]), true, false),
        (frank().client_roles("web", ["admin", "staff"]), false, false),
    ] {
        let me = service.get("/me", &token.sign().await.unwrap()).await.json();
        assert_eq!((&me["is_staff"], &me["is_superuser"]), (&json!(is_staff), &json!(is_superuser)));
    }
}

#[tokio::test]
async fn items_belong_to_who_calls() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = token_of(&issuer, "alice").await;
    let alice = issuer.user_id("alice").unwrap();
    service.get("/items", &token).await.assert_json(
        200,
        &format!(
            r#"[{{"id":1,"name":"Widget","owner":"{alice}"}},{{"id":2,"name":"Gadget","owner":"{alice}"}}]"#
        ),
    );
    for (query, name) in [
        ("item_name=Gizmo", "Gizmo"),
        ("item_name=Blue+box%20%26%20lid", "Blue box & lid"),
        ("x=1&item_name=%C3%84pfel%22&y", r#"Äpfel\""#),
    ] {
        let created = service.request("POST", format!("/items?{query}")).bearer(&token).send().await;
        created.assert_json(201, &format!(r#"{{"id":3,"name":"{name}","owner":"{alice}"}}"#));
    }
    let deleted = service.request("DELETE", "/items/1").bearer(&token).send().await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(deleted.header("content-type"), None);
}

#[tokio::test]
async fn a_bad_parameter_is_a_problem() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = token_of(&issuer, "alice").await;
    for (method, target, detail) in [
        ("POST", "/items", "The parameter item_name is missing"),
        ("POST", "/items?name=x", "The parameter item_name is missing"),
        ("POST", "/items?item_name=", "The parameter item_name is empty"),
        ("POST", "/items?item_name=a&item_name=b", "The parameter item_name is given more than once"),
        ("POST", "/items?item_name=%FF", "The parameter item_name is not UTF-8"),
        ("DELETE", "/items/x", "The item's id is not a number"),
        ("DELETE", "/items/1.5", "The item's id is not a number"),
        ("DELETE", "/items/%FF", "The item's id is not a number"),
        ("DELETE", "/items/99999999999999999999", "The item's id is not a number"),
    ] {
        let answer = service.request(method, target).bearer(&token).send().await;
        answer.assert_refused(400, "invalid_request");
        assert_eq!(answer.json()["detail"], detail);
        assert_eq!(answer.header("www-authenticate"), None, "nothing is wrong with the credentials");
    }
}

#[tokio::test]
async fn a_report_says_who_made_it_and_when() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let report = service.get("/reports", &token_of(&issuer, "bob").await).await;
    let start = r#"{"report":"Monthly authentication summary","generated_by":"bob","generated_at":""#;
    let at = report.body.strip_prefix(start).unwrap_or_else(|| panic!("{report:?}"));
    let at = at.strip_suffix(r#"Z"}"#).unwrap();
    let (date, time) = at.split_once('T').unwrap();
    assert!(date.split('-').chain(time.split([':', '.'])).all(|part| part.parse::<u32>().is_ok()), "{at}");
}

#[tokio::test]
async fn cases_want_other_roles_for_each_method() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for (roles, get, post) in [
        (&["judge"][..], 200, 403),
        (&["admin"], 403, 403),
        (&["judge", "admin"], 200, 201),
        (&["staff"], 403, 403),
    ] {
        let token = issuer.mint().user("frank").client_roles("api", roles.iter().copied());
        let token = token.sign().await.unwrap();
        for (method, expected) in [("GET", get), ("HEAD", get), ("POST", post)] {
            let answer = service.request(method, "/cases").bearer(&token).send().await;
            assert_eq!(answer.status, expected, "{method} with {roles:?}");
            if expected < 400 && method != "HEAD" {
                answer.assert_json(expected, r#"{"cases":[]}"#);
            }
        }
    }
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let alice = token_of(&issuer, "alice").await;
    let carol = token_of(&issuer, "carol").await;
    for Row { method, target, .. } in ROUTES.iter().filter(|row| row.method == "GET") {
        for token in [Some(&alice), Some(&carol), None] {
            let [get, head] = [*method, "HEAD"].map(|method| {
                let request = service.request(method, target);
                match token {
                    Some(token) => request.bearer(token),
                    None => request,
                }
            });
            let (get, head) = (get.send().await, head.send().await);
            assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{target}");
            for name in ["content-type", "www-authenticate"] {
                assert_eq!(head.header(name), get.header(name), "{target}");
            }
        }
    }
}

#[tokio::test]
async fn a_path_that_is_no_route_is_not_found_for_everybody() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let alice = token_of(&issuer, "alice").await;
    for target in ["/nothing", "/me/", "/me/x", "/Me", "/items/1/2", "/items/", "/admin", "/health/", "/*"] {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            for request in [
                service.request(method, target),
                service.request(method, target).bearer(&alice),
                service.request(method, target).bearer("garbage"),
            ] {
                let answer = request.send().await;
                assert_eq!(answer.status, 404, "{method} {target}");
                assert_eq!(answer.header("www-authenticate"), None);
                if method != "HEAD" {
                    answer.assert_refused(404, "not_found");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_method_that_a_route_lacks_is_refused_to_everybody_with_those_it_has() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let alice = token_of(&issuer, "alice").await;
    for (target, has) in [
        ("/health", &["GET", "HEAD"][..]),
        ("/.well-known/oauth-protected-resource", &["GET", "HEAD"]),
        ("/me", &["GET", "HEAD"]),
        ("/items", &["GET", "HEAD", "POST"]),
        ("/items/1", &["DELETE"]),
        ("/admin/users", &["GET", "HEAD"]),
        ("/reports", &["GET", "HEAD"]),
        ("/cases", &["GET", "HEAD", "POST"]),
        ("/service-token", &["GET", "HEAD"]),
    ] {
        let methods =
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get", "Post"];
        for method in methods.into_iter().filter(|method| !has.contains(method)) {
            for request in [
                service.request(method, target),
                service.request(method, target).bearer(&alice),
                service.request(method, target).bearer("garbage"),
            ] {
                let answer = request.send().await;
                assert_eq!(answer.status, 405, "{method} {target}");
                let mut allowed: Vec<_> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
                allowed.sort_unstable();
                assert_eq!(allowed, has, "{method} {target}");
                assert_eq!(answer.header("www-authenticate"), None);
                if method != "HEAD" {
                    answer.assert_refused(405, "method_not_allowed");
                }
            }
        }
    }
}

#[tokio::test]
async fn headers_and_parameters_do_not_make_another_method_or_path_of_a_request() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let answer = service.request("POST", "/me").header(name, "GET").send().await;
        answer.assert_refused(405, "method_not_allowed");
        let answer = service.request("GET", "/me").header(name, "OPTIONS").send().await;
        answer.assert_refused(401, "not_authenticated");
    }
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Prefix"] {
        let answer = service.request("GET", "/me").header(name, "/health").send().await;
        answer.assert_refused(401, "not_authenticated");
    }
    let answer = service.request("GET", "/me").header("User-Agent", "kube-probe/1.30").send().await;
    answer.assert_refused(401, "not_authenticated");
    let answer = service.request("GET", "/me?_method=OPTIONS&method=HEAD").send().await;
    answer.assert_refused(401, "not_authenticated");
}
