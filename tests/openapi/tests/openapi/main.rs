//! What the example services say of themselves: valid, the same in each, and true.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod description;
mod validator;

use kc_dev::DevIssuer;
use openapi_tests::{Answer, SERVICES, Service};
use serde_json::{Value, json};

use crate::description::{Description, Operation};

/// The issuer lives on the other threads of the runtime: the test's waits for sockets.
/// Whoever has the role `staff` may do all of `/inventory`.
const INVENTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi/inventory.json");

async fn started(more: &[(&str, &str)]) -> (DevIssuer, Vec<Service>) {
    let issuer = DevIssuer::start().await.unwrap();
    let mut settings = vec![
        ("KEYCLOAK_URL", issuer.base_url()),
        ("KEYCLOAK_REALM", issuer.realm()),
        ("KEYCLOAK_CLIENT_ID", "api"),
        ("KEYCLOAK_CLIENT_SECRET", "api-secret"),
        ("PUBLIC_URL", "http://service.localhost"),
    ];
    settings.extend(more);
    let services = SERVICES.map(|name| Service::start(name, &settings)).into();
    (issuer, services)
}

fn document(service: &Service) -> Value {
    let answer = service.send("GET", "/openapi.json", &[]);
    assert_eq!((&*answer.status, answer.header("content-type")), ("200", Some("application/json")));
    serde_json::from_slice(&answer.body).unwrap()
}

fn operations(service: &Service) -> Vec<Operation> {
    Description::read(&document(service)).operations
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_is_valid() {
    let (_issuer, services) = started(&[]).await;
    for service in &services {
        assert_eq!(validator::validate(&document(service)), Ok(()), "{}", service.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_agree() {
    let (_issuer, services) = started(&[]).await;
    let (first, others) = services.split_first().unwrap();
    let expected = Description::read(&document(first));
    assert!(expected.operations.len() >= 11, "{expected:?}");
    for service in others {
        let got = Description::read(&document(service));
        for (expected, got) in expected.operations.iter().zip(&got.operations) {
            assert_eq!(expected, got, "{}", service.name);
        }
        assert_eq!(expected, got, "{}", service.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_asks_for_security_if_and_only_if_the_service_does() {
    let (_issuer, services) = started(&[]).await;
    for service in &services {
        for operation in operations(service) {
            let answer = service.send(&operation.method, &operation.example(), &[]);
            let guarded = answer.status == "401";
            assert_eq!(guarded, operation.security != json!([]), "{} {operation:?}", service.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_one_that_the_document_has() {
    let (issuer, services) = started(&[("KEYCLOAK_AUTHORIZATION_CONFIG", INVENTORY)]).await;
    let everything = issuer.mint().user("alice").client("api").realm_roles(["admin", "staff", "judge"]);
    let everything = everything.client_roles("api", ["api-read", "api-admin"]).claim("acr", "gold");
    let everything = everything.sign().await.unwrap();
    let bearer = [everything, issuer.token("frank", "api").await.unwrap(), "a.b.c".to_owned()]
        .map(|token| format!("Bearer {token}"));
    let callers = bearer.iter().map(String::as_str).chain(["Bearer", "Basic x"]);
    let callers: Vec<_> = callers.map(|value| vec![("authorization", value)]).chain([Vec::new()]).collect();
    for service in &services {
        for operation in operations(service) {
            let mut seen = Vec::new();
            for caller in &callers {
                let answer = service.send(&operation.method, &operation.example(), caller);
                documented(service, &operation, &answer);
                seen.push(answer.status);
            }
            let good = operation.responses.keys().find(|status| status.starts_with('2')).unwrap();
            assert!(seen.contains(good), "{} {operation:?}: {seen:?}", service.name);
            let forbidden = operation.responses.contains_key("403");
            assert_eq!(
                forbidden,
                seen.iter().any(|status| status == "403"),
                "{} {operation:?}",
                service.name
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answers_while_keycloak_is_down_are_ones_that_the_document_has() {
    let (issuer, services) = started(&[("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1")]).await;
    let token = issuer.mint().user("alice").client("api").realm_roles(["admin", "staff", "judge"]);
    let token = token.client_roles("api", ["api-read", "api-admin"]).sign().await.unwrap();
    let bearer = format!("Bearer {token}");
    // The keys are fetched now, introspection and the service's token are not.
    for service in &services {
        assert_eq!(service.send("GET", "/me", &[("authorization", &bearer)]).status, "200");
    }
    issuer.pause().await;
    for service in &services {
        let mut bad_gateways = 0;
        for operation in operations(service) {
            let answer = service.send(&operation.method, &operation.example(), &[("authorization", &bearer)]);
            documented(service, &operation, &answer);
            assert_eq!(answer.status == "502", operation.responses.contains_key("502"), "{operation:?}");
            bad_gateways += u8::from(answer.status == "502");
        }
        assert_eq!(bad_gateways, 2, "{}", service.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_parameter_is_answered_as_the_document_has_it() {
    let (issuer, services) = started(&[]).await;
    let token = issuer.mint().user("alice").client("api").client_roles("api", ["api-admin"]);
    let bearer = format!("Bearer {}", token.sign().await.unwrap());
    for service in &services {
        let operations = operations(service);
        for (method, path, bad) in [("POST", "/items", "/items"), ("DELETE", "/items/{id}", "/items/x")] {
            let operation = operations.iter().find(|one| one.method == method && one.path == path).unwrap();
            let answer = service.send(method, bad, &[("authorization", &bearer)]);
            assert_eq!(answer.status, "400");
            documented(service, operation, &answer);
        }
    }
}

fn documented(service: &Service, operation: &Operation, answer: &Answer) {
    let context = || format!("{} answers {} to {operation:?}", service.name, answer.status);
    let response = operation.responses.get(&answer.status);
    let response = response.unwrap_or_else(|| panic!("{}", context()));
    let media_type = answer.header("content-type").map(str::to_owned);
    assert_eq!(media_type.as_ref(), response.media_types.first(), "{}", context());
    for header in ["www-authenticate", "retry-after"] {
        let allowed = response.headers.iter().any(|name| name == header);
        assert!(allowed || answer.header(header).is_none(), "{header}: {}", context());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_are_the_same_bytes_everywhere() {
    let (issuer, services) = started(&[("OPENAPI_CLIENT_ID", "my-spa")]).await;
    let files = [
        "favicon-16x16.png",
        "favicon-32x32.png",
        "oauth2-redirect.html",
        "oauth2-redirect.js",
        "swagger-initializer.js",
        "swagger-ui-bundle.js",
        "swagger-ui.css",
    ];
    let paths = files.iter().map(|file| format!("/docs/{file}")).chain(["/docs".to_owned()]);
    for path in paths {
        for method in ["GET", "HEAD"] {
            let answers: Vec<_> = services.iter().map(|service| service.send(method, &path, &[])).collect();
            for (answer, service) in answers.iter().zip(&services) {
                assert_eq!(answer.status, "200", "{} {method} {path}", service.name);
                assert_eq!(answer.body.is_empty(), method == "HEAD", "{} {method} {path}", service.name);
                assert!(
                    Some(answer) == answers.first(),
                    "{} {method} {path}: {:?}",
                    service.name,
                    answer.headers
                );
            }
        }
    }
    for service in &services {
        let page = service.send("GET", "/docs", &[]);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains(&format!("connect-src 'self' {};", issuer.base_url())), "{policy}");
        let script = service.send("GET", "/docs/swagger-initializer.js", &[]);
        assert!(String::from_utf8(script.body).unwrap().contains(r#""clientId":"my-spa""#));
        for path in ["/docs/", "/docs/nope.js", "/docs/..%2Fme", "/docs/a/b"] {
            assert_eq!(service.send("GET", path, &[]).status, "404", "{} {path}", service.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_listed_origins_may_read_the_document() {
    let (_issuer, services) = started(&[("CORS_ALLOWED_ORIGINS", "https://docs.example.com")]).await;
    for service in &services {
        for (origin, allowed) in [("https://docs.example.com", true), ("https://other.example.com", false)] {
            let answer = service.send("GET", "/openapi.json", &[("origin", origin)]);
            let header = answer.header("access-control-allow-origin");
            assert_eq!(header, allowed.then_some(origin), "{}", service.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exempt_path_is_described_as_open() {
    let (_issuer, services) = started(&[("KEYCLOAK_EXEMPT_PATHS", "/cases")]).await;
    for service in &services {
        for operation in operations(service).iter().filter(|one| one.path == "/cases") {
            assert_eq!(operation.security, json!([]), "{}", service.name);
            let answer = service.send(&operation.method, "/cases", &[]);
            documented(service, operation, &answer);
        }
    }
}
