//! The adapter with real tokens of the embedded issuer: what the layer, the extractors and the router do with them.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use axum::routing::{any, get};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use kc_axum::{Allowed, Principal, Routes, require};
use kc_core::rules::{Requirement, Rule, all_roles, any_role, authenticated};
use kc_core::secret::Secret;
use kc_core::settings::Settings;
use kc_core::wire::cors::CorsPolicy;
use kc_core::{Access, Caller, Keycloak};
use kc_dev::DevIssuer;
use tower::{Layer, Service, ServiceExt};

struct Realm {
    issuer: DevIssuer,
    kc: Keycloak,
}

async fn realm() -> Realm {
    let issuer = DevIssuer::start().await.unwrap();
    let settings = Settings::builder(issuer.base_url(), issuer.realm(), "api")
        .client_secret(Secret::new("api-secret"))
        .exempt_paths(["/docs"])
        .audit_log("off")
        .build()
        .unwrap();
    Realm { kc: Keycloak::new(&settings).unwrap(), issuer }
}

impl Realm {
    async fn bearer(&self, user: &str) -> Option<String> {
        Some(format!("Bearer {}", self.issuer.token(user, "api").await.unwrap()))
    }
}

/// Status, body, and the rest of the response.
async fn send<S, B>(
    service: S,
    method: Method,
    path: &str,
    authorization: Option<&str>,
) -> (StatusCode, String, Response<()>)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: axum::body::HttpBody<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let mut request = Request::builder().method(method).uri(path);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(body.to_vec()).unwrap(), Response::from_parts(parts, ()))
}

async fn name(caller: Principal) -> String {
    caller.username().unwrap_or_default().to_owned()
}

async fn maybe(caller: Option<Principal>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |caller| caller.username().unwrap_or_default().to_owned())
}

struct Admins;

impl Requirement for Admins {
    const RULE: Rule = all_roles(&["admin"]);
}

async fn admin(caller: Allowed<Admins>) -> String {
    caller.username().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_route_that_forgot_its_layer_answers_500_and_lets_nobody_in() {
    let realm = realm().await;
    let app = Router::new().route("/name", get(name)).route("/maybe", get(maybe)).route("/admin", get(admin));
    let alice = realm.bearer("alice").await;
    for path in ["/name", "/maybe", "/admin"] {
        for authorization in [None, alice.as_deref()] {
            let (status, body, _) = send(app.clone(), Method::GET, path, authorization).await;
            assert_eq!(status, 500, "{path}");
            assert!(body.contains("internal_error") && !body.contains("alice"), "{body}");
        }
    }
}

#[tokio::test]
async fn an_optional_caller_may_be_absent_but_never_bad() {
    let realm = realm().await;
    let app = Routes::new(realm.kc.guard()).route("/", Access::Optional, get(maybe)).into_router().unwrap();
    let alice = realm.bearer("alice").await;
    assert_eq!(send(app.clone(), Method::GET, "/", None).await.1, "nobody");
    assert_eq!(send(app.clone(), Method::GET, "/", alice.as_deref()).await.1, "alice");
    assert_eq!(send(app.clone(), Method::GET, "/", Some("Bearer")).await.0, 400);
    assert_eq!(send(app, Method::GET, "/", Some("Bearer a.b.c")).await.0, 401);
}

#[tokio::test]
async fn a_handler_that_demands_a_caller_answers_401_where_none_is_known() {
    let realm = realm().await;
    let app = Routes::new(realm.kc.guard())
        .public("/public", get(name))
        .route("/optional", Access::Optional, get(name))
        .route("/docs", authenticated(), get(name))
        .into_router()
        .unwrap();
    for path in ["/public", "/optional", "/docs"] {
        let (status, body, response) = send(app.clone(), Method::GET, path, None).await;
        assert_eq!(status, 401, "{path}");
        assert!(body.contains("Not authenticated"));
        assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="kc-demo""#);
    }
}

#[tokio::test]
async fn a_handler_may_demand_more_than_its_route() {
    let realm = realm().await;
    let app = Routes::new(realm.kc.guard()).route("/", authenticated(), get(admin)).into_router().unwrap();
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    assert_eq!(send(app.clone(), Method::GET, "/", alice.as_deref()).await.1, "alice");
    let (status, body, _) = send(app.clone(), Method::GET, "/", bob.as_deref()).await;
    assert_eq!(status, 403);
    assert!(body.contains("Missing required roles: admin"), "{body}");
    assert_eq!(send(app, Method::GET, "/", None).await.0, 401);
}

#[tokio::test]
async fn nested_routes_are_guarded_by_the_path_that_came_in() {
    let realm = realm().await;
    let inner = Routes::new(realm.kc.guard()).route("/docs", authenticated(), get(|| async { "inner" }));
    let routes = Routes::new(realm.kc.guard())
        .route("/docs", authenticated(), get(|| async { "outer" }))
        .nest("/api", inner);
    assert_eq!(routes.table().to_string(), "/docs      any valid token\n/api/docs  any valid token\n");
    let app = routes.into_router().unwrap();
    // `/docs` is exempt; `/api/docs` is not, though it is `/docs` to the nested router.
    assert_eq!(send(app.clone(), Method::GET, "/docs", None).await.1, "outer");
    assert_eq!(send(app.clone(), Method::GET, "/api/docs", None).await.0, 401);
    let alice = realm.bearer("alice").await;
    assert_eq!(send(app.clone(), Method::GET, "/api/docs", alice.as_deref()).await.1, "inner");
    assert_eq!(send(app, Method::GET, "/api/nope", None).await.0, 404);
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_method_that_is_lacking_405_for_everybody() {
    let realm = realm().await;
    let app =
        Routes::new(realm.kc.guard()).route("/x", any_role(&["nobody"]), get(name)).into_router().unwrap();
    let alice = realm.bearer("alice").await;
    for authorization in [None, alice.as_deref(), Some("Bearer"), Some("Bearer a.b.c")] {
        let (status, body, _) = send(app.clone(), Method::GET, "/y", authorization).await;
        assert_eq!(status, 404);
        assert!(body.contains(r#""code":"not_found""#), "{body}");
        for method in [Method::POST, Method::OPTIONS, Method::TRACE] {
            let (status, body, response) = send(app.clone(), method, "/x", authorization).await;
            assert_eq!(status, 405);
            assert!(body.contains(r#""code":"method_not_allowed""#), "{body}");
            assert_eq!(response.headers()["allow"], "GET,HEAD");
        }
    }
    assert_eq!(send(app, Method::HEAD, "/x", None).await.0, 401);
}

#[tokio::test]
async fn a_method_that_its_rule_does_not_list_is_refused() {
    let realm = realm().await;
    let rule = Rule::by_methods([("GET", authenticated())]);
    let app = Routes::new(realm.kc.guard()).route("/", rule, any(name)).into_router().unwrap();
    let alice = realm.bearer("alice").await;
    for (method, status) in
        [(Method::GET, 200), (Method::HEAD, 200), (Method::POST, 403), (Method::TRACE, 403)]
    {
        assert_eq!(send(app.clone(), method, "/", alice.as_deref()).await.0, status);
    }
}

#[tokio::test]
async fn a_fallback_of_a_routes_own_is_guarded_like_its_methods() {
    let realm = realm().await;
    let methods = get(name).fallback(|| async { "by another method" });
    let app = Routes::new(realm.kc.guard()).route("/", all_roles(&["admin"]), methods).into_router().unwrap();
    let alice = realm.bearer("alice").await;
    assert_eq!(send(app.clone(), Method::POST, "/", alice.as_deref()).await.1, "by another method");
    assert_eq!(send(app, Method::POST, "/", None).await.0, 401);
}

#[tokio::test]
async fn a_route_added_twice_is_an_error_at_start() {
    let realm = realm().await;
    let routes: Routes = Routes::new(realm.kc.guard()).route("/x", authenticated(), get(name));
    let routes = routes.route("/x", Access::Public, axum::routing::post(name));
    assert!(routes.into_router().unwrap_err().to_string().contains("/x was added twice"));
}

#[tokio::test]
async fn the_layer_guards_any_tower_service() {
    let realm = realm().await;
    // What is below is neither axum's nor a router: plain hyper and tonic services look like this.
    let inner = tower::service_fn(|request: Request<Body>| async move {
        let caller =
            request.extensions().get::<Caller>().and_then(Caller::known).and_then(|caller| caller.username());
        let caller = caller.unwrap_or_default();
        let method = format!("{} by {caller}", request.method());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(method))))
    });
    let service = require(realm.kc.guard(), any_role(&["api-admin"])).layer(inner);
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    assert_eq!(
        send(service.clone(), Method::PUT, "/grpc.Service/Call", alice.as_deref()).await.1,
        "PUT by alice"
    );
    assert_eq!(send(service.clone(), Method::PUT, "/grpc.Service/Call", bob.as_deref()).await.0, 403);
    assert_eq!(send(service, Method::PUT, "/grpc.Service/Call", None).await.0, 401);
}

#[tokio::test]
async fn a_plain_hyper_server_is_guarded_by_the_layer() {
    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let realm = realm().await;
    let inner = tower::service_fn(|_: Request<hyper::body::Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"secret of hyper"))))
    });
    let service = require(realm.kc.guard(), authenticated()).layer(inner);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let ask = async |authorization: String| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let refused = ask(String::new()).await;
    assert!(refused.starts_with("HTTP/1.1 401") && !refused.contains("secret of hyper"), "{refused}");
    let alice = realm.bearer("alice").await.unwrap();
    let served = ask(format!("authorization: {alice}\r\n")).await;
    assert!(served.starts_with("HTTP/1.1 200") && served.ends_with("secret of hyper"), "{served}");
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_a_refusal_can_be_read_by_the_page() {
    let realm = realm().await;
    let policy = CorsPolicy::new(["https://app.example.com"]);
    let app = Routes::new(realm.kc.guard()).route("/x", authenticated(), get(name)).into_router().unwrap();
    let app = app.layer(axum::middleware::from_fn_with_state(policy, kc_axum::cors));
    let ask = |method: Method, origin: &'static str| {
        let request = Request::builder().method(method).uri("/x").header("origin", origin);
        let request = request.header("access-control-request-method", "GET").body(Body::empty()).unwrap();
        app.clone().oneshot(request)
    };
    let preflight = ask(Method::OPTIONS, "https://app.example.com").await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(ask(Method::OPTIONS, "https://evil.example").await.unwrap().status(), 405);
    let refused = ask(Method::GET, "https://app.example.com").await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], "https://app.example.com");
    assert_eq!(refused.headers()["access-control-expose-headers"], "WWW-Authenticate");
    let other = ask(Method::GET, "https://evil.example").await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    assert_eq!(other.headers()["vary"], "Origin");
}

#[cfg(feature = "login")]
async fn user(user: kc_axum::login::CurrentUser) -> String {
    user.0.details.username.unwrap_or_default()
}

#[cfg(feature = "login")]
async fn session(_: kc_axum::login::Session) -> &'static str {
    "a session"
}

#[cfg(feature = "login")]
#[tokio::test]
async fn a_user_is_known_however_they_came_and_a_session_only_to_who_has_one() {
    let realm = realm().await;
    let app = Routes::new(realm.kc.guard())
        .route("/user", Access::Optional, get(user))
        .route("/session", Access::Optional, get(session))
        .into_router()
        .unwrap();
    let alice = realm.bearer("alice").await;
    assert_eq!(send(app.clone(), Method::GET, "/user", alice.as_deref()).await.1, "alice");
    for (path, authorization) in [("/user", None), ("/session", None), ("/session", alice.as_deref())] {
        let (status, body, _) = send(app.clone(), Method::GET, path, authorization).await;
        assert_eq!(status, 401, "{path}");
        assert!(body.contains("Not authenticated"), "{body}");
    }
}
