//! The security scheme for poem-openapi, with real tokens of the embedded issuer.

mod realm;

use http::Method;
use kc_core::Access;
use kc_core::rules::{Requirement, Rule, all_roles};
use kc_poem::openapi::KcBearer;
use kc_poem::require;
use poem::{EndpointExt, Route};
use poem_openapi::param::Query;
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
    async fn me(&self, caller: KcBearer) -> PlainText<String> {
        PlainText(caller.username().unwrap_or_default().to_owned())
    }

    #[oai(path = "/admin/:id", method = "get")]
    async fn admin(&self, caller: KcBearer<Admins>, n: Query<u8>) -> PlainText<String> {
        let name = caller.into_principal().username().unwrap_or_default().to_owned();
        PlainText(format!("{name} {}", n.0))
    }
}

fn service() -> OpenApiService<Api, ()> {
    OpenApiService::new(Api, "Items", "1.0")
}

#[test]
fn the_document_says_which_operations_need_a_token() {
    let document: serde_json::Value = serde_json::from_str(&service().spec()).unwrap();
    assert_eq!(
        document["components"]["securitySchemes"]["KcBearer"],
        serde_json::json!({
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token of Keycloak"
        })
    );
    let security = |path: &str| &document["paths"][path]["get"]["security"];
    assert!(security("/health").is_null());
    for path in ["/me", "/admin/{id}"] {
        assert_eq!(security(path), &serde_json::json!([{"KcBearer": []}]), "{path}");
    }
}

#[tokio::test]
async fn an_operation_enforces_what_it_documents() {
    let realm = Realm::start().await;
    let app = Route::new().nest("/api", service().with(require(realm.guard(), Access::Optional)));
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    assert_eq!(send(&app, Method::GET, "/api/health", None).await.1, "fine");
    assert_eq!(send(&app, Method::GET, "/api/me", Some(&bob)).await.1, "bob");
    assert_eq!(send(&app, Method::GET, "/api/admin/1?n=7", Some(&alice)).await.1, "alice 7");
    for (path, authorization, status, code, challenge) in [
        ("/api/me", None, 401, "not_authenticated", r#"Bearer realm="kc-demo""#),
        ("/api/me", Some("Bearer a.b.c"), 401, "malformed_token", r#"error="invalid_token""#),
        ("/api/me", Some("Bearer"), 400, "invalid_request", r#"error="invalid_request""#),
        ("/api/me", Some("Basic YTpi"), 401, "not_authenticated", r#"Bearer realm="kc-demo""#),
        // The token is looked at before the parameter that is bad.
        ("/api/admin/1?n=x", Some(bob.as_str()), 403, "missing_roles", r#"error="insufficient_scope""#),
        ("/api/admin/1?n=x", None, 401, "not_authenticated", r#"Bearer realm="kc-demo""#),
    ] {
        let (got, body, response) = send(&app, Method::GET, path, authorization).await;
        assert_eq!(got, status, "{path} {body}");
        assert!(body.contains(&format!(r#""code":"{code}""#)), "{body}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let header = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(header.contains(challenge), "{header}");
    }
    drop(app);
    let routes: Vec<_> = realm.audited().iter().map(|event| event["route"].clone()).collect();
    assert_eq!(routes.first().unwrap(), "/api/health");
    // poem-openapi keeps the parameter's own name to itself.
    assert_eq!(routes.get(2).unwrap(), "/api/admin/{param0}");
}

#[tokio::test]
async fn an_operation_of_an_api_that_is_not_guarded_lets_nobody_in() {
    let realm = Realm::start().await;
    let app = Route::new().nest("/", service());
    let alice = realm.bearer("alice").await;
    for authorization in [None, Some(alice.as_str())] {
        let (status, body, _) = send(&app, Method::GET, "/me", authorization).await;
        assert_eq!(status, 500);
        assert!(body.contains("internal_error") && !body.contains("alice"), "{body}");
    }
}
