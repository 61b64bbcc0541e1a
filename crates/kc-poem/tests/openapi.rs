//! Routes from an API of poem-openapi, with real tokens of the embedded issuer.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod realm;

use http::Method;
use kc_core::rules::{Requirement, Rule, all_roles, any_role, authenticated};
use kc_core::{Access, Guard, RouteError};
use kc_poem::{Allowed, Principal, Routes, get, openapi, require, router};
use poem::EndpointExt;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::PlainText;
use poem_openapi::{OpenApi, OpenApiService};

use self::realm::{Realm, send};

struct Admins;

impl Requirement for Admins {
    const RULE: Rule = all_roles(&["admin"]);
}

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/health", method = "get")]
    async fn health(&self) -> PlainText<&'static str> {
        PlainText("fine")
    }

    #[oai(path = "/me", method = "get")]
    async fn me(&self, caller: Principal) -> PlainText<String> {
        PlainText(caller.username().unwrap_or_default().to_owned())
    }

    #[oai(path = "/me", method = "post")]
    async fn change(&self, n: Query<u8>, caller: Allowed<Admins>) -> PlainText<String> {
        PlainText(format!("{} {}", caller.username().unwrap_or_default(), n.0))
    }

    #[oai(path = "/pages/:book/:page", method = "get")]
    async fn page(&self, book: Path<String>, page: Path<u8>) -> PlainText<String> {
        PlainText(format!("page {} of {}", page.0, book.0))
    }
}

fn routes(guard: &Guard) -> Routes {
    let routes = openapi::routes(Api, |operations| {
        Ok(Routes::new(guard)
            .public("/health", operations.at("/health")?)
            .route("/me", any_role(&["user", "admin"]), operations.at("/me")?)
            .route("/pages/{title}/{nr}", authenticated(), operations.at("/pages/{title}/{nr}")?))
    });
    routes.unwrap()
}

#[tokio::test]
async fn an_operation_is_answered_where_its_route_is() {
    let realm = Realm::start().await;
    let app = router(routes(realm.guard())).unwrap();
    let alice = realm.bearer("alice").await;
    for (method, path, said) in [
        (Method::GET, "/health", "fine"),
        (Method::GET, "/me", "alice"),
        (Method::POST, "/me?n=7", "alice 7"),
        (Method::GET, "/pages/a%20book/3", "page 3 of a book"),
    ] {
        assert_eq!(send(&app, method, path, Some(&alice)).await.1, said);
    }
    let (status, body, response) = send(&app, Method::HEAD, "/me", Some(&alice)).await;
    assert_eq!((status.as_u16(), body.as_str()), (200, ""));
    assert_eq!(response.headers()["content-length"], "5");
}

#[tokio::test]
async fn the_rule_is_asked_before_the_parameters_and_after_the_router() {
    let realm = Realm::start().await;
    let app = router(routes(realm.guard())).unwrap();
    let bob = realm.bearer("bob").await;
    for (method, path, authorization, status, code) in [
        (Method::GET, "/me", None, 401, "not_authenticated"),
        (Method::GET, "/me", Some("Bearer"), 400, "invalid_request"),
        (Method::POST, "/me?n=x", None, 401, "not_authenticated"),
        (Method::GET, "/pages/x/y", Some("Bearer a.b.c"), 401, "malformed_token"),
        (Method::POST, "/me?n=7", Some(bob.as_str()), 403, "missing_roles"),
        (Method::PUT, "/me", None, 405, "method_not_allowed"),
        (Method::GET, "/pages/x", None, 404, "not_found"),
        (Method::GET, "/pages//3", None, 404, "not_found"),
        (Method::GET, "/%6de", None, 404, "not_found"),
    ] {
        let (got, body, response) = send(&app, method, path, authorization).await;
        assert_eq!(got, status, "{path} {body}");
        assert!(body.contains(&format!(r#""code":"{code}""#)), "{body}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        if status == 405 {
            assert_eq!(response.headers()["allow"], "GET,HEAD,POST");
        }
    }
    assert_eq!(send(&app, Method::GET, "/pages/x/y", Some(&bob)).await.0, 400);
    drop(app);
    let told: Vec<_> = realm.audited().iter().map(|event| event["route"].clone()).collect();
    assert_eq!(told.get(3).unwrap(), "/pages/{title}/{nr}");
    assert_eq!(told.last().unwrap(), "/pages/{title}/{nr}");
}

#[tokio::test]
async fn an_operation_keeps_its_parameters_in_a_nest_that_has_one_too_and_others_their_names() {
    #[poem::handler]
    fn tenant(request: &poem::Request) -> String {
        request.raw_path_param("tenant").unwrap_or_default().to_owned()
    }
    let realm = Realm::start().await;
    let outer = Routes::new(realm.guard()).public("/{tenant}/name", [get(tenant)]);
    let app = router(outer.nest("/{tenant}", routes(realm.guard()))).unwrap();
    let alice = realm.bearer("alice").await;
    assert_eq!(send(&app, Method::GET, "/acme/name", None).await.1, "acme");
    assert_eq!(send(&app, Method::GET, "/acme/pages/b/3", Some(&alice)).await.1, "page 3 of b");
    assert_eq!(send(&app, Method::GET, "/acme/pages/b/3", None).await.0, 401);
}

#[tokio::test]
async fn an_operation_without_a_route_is_an_error_at_start_and_so_is_a_route_without_an_operation() {
    let realm = Realm::start().await;
    let left_out = openapi::routes(Api, |operations| {
        Ok(Routes::new(realm.guard()).public("/health", operations.at("/health")?).route(
            "/me",
            authenticated(),
            operations.at("/me")?,
        ))
    });
    assert_eq!(
        left_out.err().unwrap(),
        RouteError::NoRoute { pattern: "/pages/{param0}/{param1}".to_owned() }
    );
    let unknown = openapi::routes(Api, |operations| {
        Ok(Routes::new(realm.guard()).public("/healthy", operations.at("/healthy")?))
    });
    assert_eq!(unknown.err().unwrap(), RouteError::NoOperation { pattern: "/healthy".to_owned() });
}

#[tokio::test]
async fn a_whole_service_of_poem_openapi_is_guarded_by_the_middleware() {
    let realm = Realm::start().await;
    let service = OpenApiService::new(Api, "Items", "1.0").with(require(realm.guard(), Access::Optional));
    let app = poem::Route::new().nest("/api", service);
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    assert_eq!(send(&app, Method::GET, "/api/health", None).await.1, "fine");
    assert_eq!(send(&app, Method::POST, "/api/me?n=7", Some(&alice)).await.1, "alice 7");
    for (authorization, status) in [(None, 401), (Some("Bearer a.b.c"), 401), (Some(bob.as_str()), 403)] {
        assert_eq!(send(&app, Method::POST, "/api/me?n=7", authorization).await.0, status);
    }
    drop(app);
    let told: Vec<_> = realm.audited().iter().map(|event| event["route"].clone()).collect();
    assert_eq!(told.first().unwrap(), "/api/health");
}

#[tokio::test]
async fn an_operation_of_an_api_that_is_not_guarded_lets_nobody_in() {
    let realm = Realm::start().await;
    let app = poem::Route::new().nest("/", OpenApiService::new(Api, "Items", "1.0"));
    let alice = realm.bearer("alice").await;
    for authorization in [None, Some(alice.as_str())] {
        let (status, body, _) = send(&app, Method::GET, "/me", authorization).await;
        assert_eq!(status, 500);
        assert!(body.contains("internal_error") && !body.contains("alice"), "{body}");
    }
}
