//! `KEYCLOAK_EXEMPT_PATHS`: which paths need no token, and how little gets past that.

use crate::harness::{Service, Setup, issuer};

async fn exempting(paths: &str) -> (kc_dev::DevIssuer, Service) {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_EXEMPT_PATHS", paths).start().await;
    (issuer, service)
}

#[tokio::test]
async fn the_rule_of_an_exempt_path_is_dropped() {
    let (issuer, service) = exempting("/health,/cases,/items").await;
    service.request("GET", "/cases").send().await.assert_json(200, r#"{"cases":[]}"#);
    service.request("POST", "/cases").send().await.assert_json(201, r#"{"cases":[]}"#);
    // Without the rule, introspection is not asked either.
    assert_eq!(service.request("DELETE", "/items/1").send().await.status, 204);
    assert_eq!(issuer.requests(kc_dev::Endpoint::Introspect), 0);
    let carol = issuer.token("carol", "api").await.unwrap();
    assert_eq!(service.get("/cases", &carol).await.status, 200);
}

#[tokio::test]
async fn credentials_are_not_looked_at_on_an_exempt_path() {
    let (_issuer, service) = exempting("/cases").await;
    for value in ["Bearer", "Bearer garbage", "Bearer\tx", "Basic YTpi"] {
        let answer = service.request("GET", "/cases").header("Authorization", value).send().await;
        assert_eq!(answer.status, 200, "{value}");
    }
}

#[tokio::test]
async fn a_handler_that_asks_who_calls_refuses_on_an_exempt_path_even_with_a_good_token() {
    let (issuer, service) = exempting("/health,/me,/items").await;
    let alice = issuer.token("alice", "api").await.unwrap();
    for (method, target) in [("GET", "/me"), ("GET", "/items"), ("POST", "/items?item_name=x")] {
        for request in [service.request(method, target), service.request(method, target).bearer(&alice)] {
            let answer = request.send().await;
            answer.assert_refused(401, "not_authenticated");
            assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="kc-demo""#));
        }
    }
}

#[tokio::test]
async fn whole_segments_are_compared_in_the_case_in_which_they_are_written() {
    for (setting, is_exempt) in [
        ("/items", true),
        ("/items/1", true),
        (" /items , /other ", true),
        ("/items/", true),
        ("/ITEMS", false),
        ("/item", false),
        ("/items/11", false),
        ("/it", false),
        ("/tems", false),
        ("/items/1/2", false),
    ] {
        let (_issuer, service) = exempting(setting).await;
        let answer = service.request("DELETE", "/items/1").send().await;
        assert_eq!(answer.status, if is_exempt { 204 } else { 401 }, "{setting:?}");
    }
}

#[tokio::test]
async fn what_is_not_exempt_beside_an_exempt_path_stays_guarded() {
    let (_issuer, service) = exempting("/health,/items").await;
    for target in ["/me", "/cases", "/reports", "/admin/users"] {
        service.request("GET", target).send().await.assert_refused(401, "not_authenticated");
    }
}

/// Spellings of a path that some router, proxy or framework takes for another.
const TRICKS: &[&str] = &[
    "/items/.",
    "/items/..",
    "/items/%2e",
    "/items/%2E%2E",
    "/items/.%2e",
    "/items/%2f",
    "/items/1%2f..%2f..%2fme",
    "/items/1%2F2",
    "/items/%5c",
    "/items/1%5c..%5c",
    "/items/1\\",
    "/items/..\\me",
    "/items/1;",
    "/items/1;x=1",
    "/items/;",
    "/items/1%3b",
    "/items/1%3Bx=1",
    "/items/%31",
    "/items/%252e%252e",
    "/items/1%25",
    "/items/1%23",
    "/items/1%3f",
    "/items/1%00",
    "/items/1%0d%0a",
    "/items/1%7f",
    "/items/%",
    "/items/%2",
    "/items/%zz",
];

#[tokio::test]
async fn a_path_that_normalisation_would_change_is_never_exempt() {
    let (issuer, service) = exempting("/health,/items").await;
    let carol = issuer.token("carol", "api").await.unwrap();
    for target in TRICKS {
        let answer = service.request("DELETE", target).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "not_authenticated"), "{target}");
        let answer = service.request("DELETE", target).bearer(&carol).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "missing_roles"), "{target}");
    }
}

#[tokio::test]
async fn percent_encoding_that_every_reader_leaves_alone_does_not_end_an_exemption() {
    let (_issuer, service) = exempting("/items").await;
    for target in ["/items/%C3%A4", "/items/a%20b", "/items/x", "/items/-"] {
        // The handler is reached: the id is no number.
        let answer = service.request("DELETE", target).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"), "{target}");
    }
}

#[tokio::test]
async fn a_path_that_only_normalised_would_be_a_route_is_none() {
    let (_issuer, service) = exempting("/health,/me").await;
    for target in [
        "//me",
        "/./me",
        "/me/",
        "/me//",
        "/me/.",
        "/me/..",
        "/me/../cases",
        "/health/../me",
        "/health/..%2fme",
        "/health/..;/me",
        "/health;/../me",
        "/health/%2e%2e/me",
        "/x/../me",
        "/me;x=1",
        "/me%3Bx=1",
        "/me%2f",
        "/%2fme",
        "/me%00",
        "/me%20",
        "/me.json",
        "/%6de",
        "/ME",
        "/health%2f..%2fcases",
        "/health/cases",
        "\\me",
    ] {
        let answer = service.request("GET", target).send().await;
        assert!(
            matches!(answer.status, 400 | 401 | 404) && !answer.body.contains("cases"),
            "{target}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_query_or_a_fragment_does_not_make_another_path_exempt() {
    let (_issuer, service) = exempting("/health").await;
    for target in [
        "/me?/health",
        "/me?x=/health",
        "/me?/../health",
        "/me#/health",
        "/me?#/health",
        "/me??/health",
        "/me?;/health",
    ] {
        let answer = service.request("GET", target).send().await;
        assert!(matches!(answer.status, 400 | 401), "{target}: {answer:?}");
    }
    // And an exempt path stays exempt whatever its query holds.
    assert_eq!(service.request("GET", "/health?/me=/../x").send().await.status, 200);
}

#[tokio::test]
async fn an_absolute_target_is_judged_by_its_path() {
    let (_issuer, service) = exempting("/cases").await;
    for (target, status) in [
        ("http://other.example/cases", 200),
        ("http://other.example/me", 401),
        ("http://cases/me", 401),
        ("http://other.example/me?/cases", 401),
        ("http://user:password@other.example/me", 401),
    ] {
        let answer = service.request("GET", target).send().await;
        assert_eq!(answer.status, status, "{target}");
    }
}
