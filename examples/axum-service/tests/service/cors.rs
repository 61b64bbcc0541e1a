//! Which web pages may call the service.

use kc_dev::DevIssuer;

use crate::harness::{Answer, Request, Service, Setup, issuer};

const PAGE: &str = "https://app.example.com";

async fn for_page(issuer: &DevIssuer) -> Service {
    Setup::of(issuer)
        .set("CORS_ALLOWED_ORIGINS", "https://app.example.com, http://localhost:9000")
        .start()
        .await
}

fn preflight<'s>(service: &'s Service, target: &str, origin: &str, method: &str) -> Request<'s> {
    service
        .request("OPTIONS", target)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", "authorization")
}

#[track_caller]
fn assert_readable(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("WWW-Authenticate"));
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[track_caller]
fn assert_unreadable(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert_eq!(answer.header("access-control-allow-methods"), None);
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_needs_no_token() {
    let issuer = issuer().await;
    let service = for_page(&issuer).await;
    for (target, method) in [("/me", "GET"), ("/items", "POST"), ("/items/1", "DELETE"), ("/nothing", "PUT")]
    {
        for origin in [PAGE, "http://localhost:9000"] {
            let answer = preflight(&service, target, origin, method).send().await;
            assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{target}");
            assert_readable(&answer, origin);
            let methods = answer.header("access-control-allow-methods");
            assert_eq!(methods, Some("GET, HEAD, POST, PUT, PATCH, DELETE"));
            let headers = answer.header("access-control-allow-headers");
            assert_eq!(headers, Some("authorization, content-type, dpop, x-csrf-token"));
            assert_eq!(answer.header("access-control-max-age"), Some("600"));
        }
    }
}

#[tokio::test]
async fn any_other_options_is_a_method_that_the_route_lacks() {
    let issuer = issuer().await;
    let service = for_page(&issuer).await;
    let options = || service.request("OPTIONS", "/me");
    for request in [
        options(),
        options().header("Origin", PAGE),
        options().header("Access-Control-Request-Method", "GET"),
        preflight(&service, "/me", "https://evil.example", "GET"),
        preflight(&service, "/me", "null", "GET"),
        preflight(&service, "/me", "", "GET"),
        preflight(&service, "/me", PAGE, "GET").header("Origin", PAGE),
    ] {
        let answer = request.send().await;
        answer.assert_refused(405, "method_not_allowed");
        assert_eq!(answer.header("access-control-allow-methods"), None);
    }
}

#[tokio::test]
async fn an_origin_is_compared_to_the_letter() {
    let issuer = issuer().await;
    let service = for_page(&issuer).await;
    for origin in [
        "https://app.example.com.evil.com",
        "https://evil-app.example.com",
        "https://sub.app.example.com",
        "http://app.example.com",
        "https://app.example.com:443",
        "https://APP.example.com",
        "https://app.example.com/",
        "http://localhost:9001",
        "http://localhost:3000",
        "null",
        "*",
    ] {
        assert_unreadable(&preflight(&service, "/me", origin, "GET").send().await);
        assert_unreadable(&service.request("GET", "/health").header("Origin", origin).send().await);
    }
}

#[tokio::test]
async fn every_answer_can_be_read_by_a_listed_page_refusals_too() {
    let issuer = issuer().await;
    let service = for_page(&issuer).await;
    let carol = issuer.token("carol", "api").await.unwrap();
    let page = |method: &str, target: &str| service.request(method, target).header("Origin", PAGE);
    for (request, status) in [
        (page("GET", "/health"), 200),
        (page("GET", "/me").bearer(&carol), 200),
        (page("HEAD", "/me").bearer(&carol), 200),
        (page("GET", "/me"), 401),
        (page("GET", "/me").header("Authorization", "Bearer"), 400),
        (page("GET", "/reports").bearer(&carol), 403),
        (page("GET", "/nothing"), 404),
        (page("PUT", "/me"), 405),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status, status);
        assert_readable(&answer, PAGE);
    }
}

#[tokio::test]
async fn every_answer_says_that_it_varies_with_the_origin() {
    let issuer = issuer().await;
    let service = for_page(&issuer).await;
    for target in ["/health", "/me", "/nothing"] {
        assert_unreadable(&service.request("GET", target).send().await);
    }
}

#[tokio::test]
async fn by_default_the_usual_development_servers_are_listed_while_keycloak_is_on_this_machine() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for origin in ["http://localhost:3000", "http://localhost:5173"] {
        assert_eq!(preflight(&service, "/me", origin, "GET").send().await.status, 204);
    }
    assert_eq!(preflight(&service, "/me", "http://localhost:8080", "GET").send().await.status, 405);
    let service = Setup::of(&issuer).set("KEYCLOAK_URL", "https://keycloak.example.com").start().await;
    for origin in ["http://localhost:3000", "http://localhost:5173"] {
        assert_eq!(preflight(&service, "/me", origin, "GET").send().await.status, 405);
        assert_unreadable(&service.request("GET", "/health").header("Origin", origin).send().await);
    }
}
