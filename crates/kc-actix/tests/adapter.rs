//! The adapter with real tokens of the embedded issuer, over TCP: what the middleware, the extractors and the routes do
//! with them.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::error::ErrorImATeapot;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpServer};
use kc_actix::{Allowed, Principal, Rejection, Routes, config, cors, get, on, post, require};
use kc_core::audit::{AuditEvent, AuditSink, Decision};
use kc_core::rules::{Requirement, Rule, all_roles, any_role, authenticated};
use kc_core::secret::Secret;
use kc_core::settings::Settings;
use kc_core::wire::ExemptPaths;
use kc_core::wire::cors::CorsPolicy;
use kc_core::{Access, AuthError, Guard, Keycloak};
use kc_dev::DevIssuer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    fn routes(&self) -> Routes {
        Routes::new(self.kc.guard())
    }
}

/// A server on loopback.
struct Served {
    address: SocketAddr,
}

fn serve(app: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Served {
    let make = move || App::new().configure(&app).wrap(cors(CorsPolicy::new(["https://app.example.com"])));
    let server = HttpServer::new(make).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    Served { address }
}

fn serve_routes(routes: Routes) -> Served {
    serve(config(routes).unwrap())
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(found, value)| (found == name).then_some(value))
    }
}

impl Served {
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn send(&self, method: Method, path: &str, authorization: Option<&str>) -> Answer {
        let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
        self.ask(method, path, &headers).await
    }
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
async fn a_route_that_forgot_its_middleware_answers_500_and_lets_nobody_in() {
    let realm = realm().await;
    let app = serve(|app| {
        app.route("/name", web::get().to(name))
            .route("/admin", web::get().to(admin))
            .route("/maybe", web::get().to(maybe));
    });
    let alice = realm.bearer("alice").await;
    for authorization in [None, alice.as_deref()] {
        for path in ["/name", "/admin"] {
            let answer = app.send(Method::GET, path, authorization).await;
            assert_eq!(answer.status, 500, "{path}");
            assert!(answer.body.contains("internal_error") && !answer.body.contains("alice"));
        }
        // An `Option` of actix's has no error: nobody is all that it can say.
        assert_eq!(app.send(Method::GET, "/maybe", authorization).await.body, "nobody");
    }
}

#[tokio::test]
async fn an_optional_caller_may_be_absent_but_never_bad() {
    let realm = realm().await;
    let app = serve_routes(realm.routes().route("/", Access::Optional, [get(maybe)]));
    let alice = realm.bearer("alice").await;
    assert_eq!(app.send(Method::GET, "/", None).await.body, "nobody");
    assert_eq!(app.send(Method::GET, "/", alice.as_deref()).await.body, "alice");
    assert_eq!(app.send(Method::GET, "/", Some("Bearer")).await.status, 400);
    assert_eq!(app.send(Method::GET, "/", Some("Bearer a.b.c")).await.status, 401);
}

#[tokio::test]
async fn a_handler_that_demands_a_caller_answers_401_where_none_is_known() {
    let realm = realm().await;
    let routes = realm
        .routes()
        .public("/public", [get(name)])
        .route("/optional", Access::Optional, [get(name)])
        .route("/docs", authenticated(), [get(name)]);
    let app = serve_routes(routes);
    for path in ["/public", "/optional", "/docs"] {
        let answer = app.send(Method::GET, path, None).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.body.contains("Not authenticated"));
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="kc-demo""#));
    }
}

#[tokio::test]
async fn a_handler_may_demand_more_than_its_route() {
    let realm = realm().await;
    let app = serve_routes(realm.routes().route("/", authenticated(), [get(admin)]));
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    assert_eq!(app.send(Method::GET, "/", alice.as_deref()).await.body, "alice");
    let refused = app.send(Method::GET, "/", bob.as_deref()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("Missing required roles: admin"), "{}", refused.body);
    assert_eq!(app.send(Method::GET, "/", None).await.status, 401);
}

#[tokio::test]
async fn nested_routes_are_guarded_by_the_path_that_came_in() {
    let realm = realm().await;
    let inner = realm.routes().route("/docs", authenticated(), [get(|| async { "inner" })]);
    let routes =
        realm.routes().route("/docs", authenticated(), [get(|| async { "outer" })]).nest("/api", inner);
    assert_eq!(routes.table().to_string(), "/docs      any valid token\n/api/docs  any valid token\n");
    let app = serve_routes(routes);
    assert_eq!(app.send(Method::GET, "/docs", None).await.body, "outer");
    assert_eq!(app.send(Method::GET, "/api/docs", None).await.status, 401);
    let alice = realm.bearer("alice").await;
    assert_eq!(app.send(Method::GET, "/api/docs", alice.as_deref()).await.body, "inner");
    assert_eq!(app.send(Method::GET, "/api/nope", None).await.status, 404);
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_method_that_is_lacking_405_for_everybody() {
    let realm = realm().await;
    let app = serve_routes(realm.routes().route("/x", any_role(&["nobody"]), [get(name)]));
    let alice = realm.bearer("alice").await;
    for authorization in [None, alice.as_deref(), Some("Bearer"), Some("Bearer a.b.c")] {
        let unknown = app.send(Method::GET, "/y", authorization).await;
        assert_eq!(unknown.status, 404);
        assert!(unknown.body.contains(r#""code":"not_found""#), "{}", unknown.body);
        for method in [Method::POST, Method::OPTIONS, Method::TRACE] {
            let lacking = app.send(method, "/x", authorization).await;
            assert_eq!(lacking.status, 405);
            assert!(lacking.body.contains(r#""code":"method_not_allowed""#), "{}", lacking.body);
            assert_eq!(lacking.header("allow"), Some("GET,HEAD"));
        }
    }
    assert_eq!(app.send(Method::HEAD, "/x", None).await.status, 401);
}

#[tokio::test]
async fn a_method_that_its_rule_does_not_list_is_refused() {
    let realm = realm().await;
    let rule = Rule::by_methods([("GET", authenticated())]);
    let app = serve_routes(realm.routes().route("/", rule, [on(None, name)]));
    let alice = realm.bearer("alice").await;
    for (method, status) in
        [(Method::GET, 200), (Method::HEAD, 200), (Method::POST, 403), (Method::TRACE, 403)]
    {
        assert_eq!(app.send(method, "/", alice.as_deref()).await.status, status);
    }
}

#[tokio::test]
async fn a_fallback_of_a_routes_own_is_guarded_like_its_methods() {
    let realm = realm().await;
    let endpoints = [on(None, || async { "by another method" }), get(name)];
    let app = serve_routes(realm.routes().route("/", all_roles(&["admin"]), endpoints));
    let alice = realm.bearer("alice").await;
    assert_eq!(app.send(Method::POST, "/", alice.as_deref()).await.body, "by another method");
    assert_eq!(app.send(Method::GET, "/", alice.as_deref()).await.body, "alice");
    assert_eq!(app.send(Method::POST, "/", None).await.status, 401);
}

#[tokio::test]
async fn a_route_added_twice_is_an_error_at_start() {
    let realm = realm().await;
    let routes = realm.routes().route("/x", authenticated(), [get(name)]).public("/x", [post(name)]);
    let error = config(routes).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("/x was added twice"));
}

#[tokio::test]
async fn the_middleware_guards_any_scope_resource_and_route() {
    let realm = realm().await;
    let guard = realm.kc.guard().clone();
    let app = serve(move |app| {
        let admins = || any_role(&["api-admin"]);
        let scope = web::scope("/scope/{x}").wrap(require(&guard, admins()));
        let resource = web::resource("/resource").wrap(require(&guard, admins())).to(name);
        let route = web::route().to(name).wrap(require(&guard, admins()));
        app.service(scope.route("/in", web::put().to(name))).service(resource).route("/route", route);
    });
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    for path in ["/scope/1/in", "/resource", "/route"] {
        assert_eq!(app.send(Method::PUT, path, alice.as_deref()).await.body, "alice", "{path}");
        assert_eq!(app.send(Method::PUT, path, bob.as_deref()).await.status, 403, "{path}");
        assert_eq!(app.send(Method::PUT, path, None).await.status, 401, "{path}");
    }
    assert_eq!(app.send(Method::PUT, "/scope/1/nope", None).await.status, 401);
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let realm = realm().await;
    let routes = realm
        .routes()
        .public("/get", [get(|| async { "four" })])
        .public("/own", [get(|| async { "four" }), on(Method::HEAD, || async { "eleven" })])
        .public("/post", [post(|| async { "four" })])
        .route("/me", authenticated(), [get(name)]);
    let app = serve_routes(routes);
    for (path, status) in [("/get", 200), ("/post", 405), ("/me", 401)] {
        let (got, head) = (app.send(Method::GET, path, None).await, app.send(Method::HEAD, path, None).await);
        assert_eq!((head.status, got.status, head.body.as_str()), (status, status, ""), "{path}");
        assert_eq!(head.header("content-length"), Some(got.body.len().to_string().as_str()), "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
    }
    assert_eq!(app.send(Method::HEAD, "/own", None).await.header("content-length"), Some("6"));
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_a_refusal_can_be_read_by_the_page() {
    let realm = realm().await;
    let app = serve_routes(realm.routes().route("/x", authenticated(), [get(name)]));
    let ask = async |method: Method, origin: &str| {
        app.ask(method, "/x", &[("origin", origin), ("access-control-request-method", "GET")]).await
    };
    let preflight = ask(Method::OPTIONS, "https://app.example.com").await;
    assert_eq!((preflight.status, preflight.body.as_str()), (204, ""));
    assert_eq!(ask(Method::OPTIONS, "https://evil.example").await.status, 405);
    let refused = ask(Method::GET, "https://app.example.com").await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(refused.header("access-control-expose-headers"), Some("WWW-Authenticate"));
    let other = ask(Method::GET, "https://evil.example").await;
    assert_eq!(other.header("access-control-allow-origin"), None);
    assert_eq!(other.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn a_pattern_matches_a_path_as_it_came_and_what_is_literal_first() {
    let realm = realm().await;
    let routes = realm
        .routes()
        .public("/items/{id}", [get(|id: web::Path<String>| async move { format!("item {id}") })])
        .public("/items/new", [get(|| async { "new" })])
        .public("/files/{*rest}", [get(|rest: web::Path<String>| async move { format!("file {rest}") })])
        .public("/caf\u{e9}", [get(|| async { "open" })]);
    let app = serve_routes(routes);
    for (path, body) in [
        ("/items/new", "new"),
        ("/items/7", "item 7"),
        ("/items/%37", "item 7"),
        ("/files/a/b", "file a/b"),
        ("/items/%2F", "item /"),
        ("/items/ne%77", "item new"),
        ("/caf%C3%A9", "open"),
    ] {
        assert_eq!(app.send(Method::GET, path, None).await.body, body, "{path}");
    }
    assert_eq!(app.send(Method::GET, "/%69tems/7", None).await.status, 404);
    for path in ["/items/7/", "/items/", "/files/", "/files"] {
        assert_eq!(app.send(Method::GET, path, None).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_token_of_48_kib_and_one_much_longer_get_an_answer_of_ours() {
    let realm = realm().await;
    let app = serve_routes(realm.routes().route("/", authenticated(), [get(name)]));
    for (kib, code) in [(48, "malformed_token"), (49, "token_too_large"), (120, "token_too_large")] {
        let bearer = format!("Bearer {}", "a".repeat(kib * 1024));
        let answer = app.send(Method::GET, "/", Some(&bearer)).await;
        assert_eq!(answer.status, 401);
        assert!(answer.body.contains(code), "{kib}: {}", answer.body);
    }
}

/// Keeps the events.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<AuditEvent<'static>>>);

impl AuditSink for Kept {
    fn record(&self, event: AuditEvent<'_>) {
        self.0.lock().unwrap().push(event.into_owned());
    }
}

#[tokio::test]
async fn the_audit_has_the_final_status_the_route_and_what_an_extractor_refuses() {
    let kept = Arc::new(Kept::default());
    let guard = Guard::builder("r")
        .exempt(ExemptPaths::new(["/docs"]).unwrap())
        .audit(Arc::clone(&kept) as Arc<dyn AuditSink>)
        .build();
    let bad = {
        let guard = guard.clone();
        move || {
            let error = AuthError::BadParameter { detail: "x".to_owned() };
            std::future::ready(Err::<&str, _>(Rejection::of(&guard, error)))
        }
    };
    let routes = Routes::new(&guard)
        .route("/docs/{page}", authenticated(), [get(name)])
        .route("/optional", Access::Optional, [get(maybe)])
        .route("/bad", Access::Optional, [get(bad)])
        .route("/me", authenticated(), [get(name)])
        .public("/health", [get(|| async { "fine" })]);
    let routes = config(routes).unwrap();
    let app = serve(move |app| {
        let broken = from_fn(|_, _: actix_web::middleware::Next<actix_web::body::BoxBody>| async {
            Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("no"))
        });
        let scope = web::scope("/scope/{x}").route("/in", web::get().to(maybe));
        let scope = scope.wrap(broken).wrap(require(&guard, Access::Optional));
        app.configure(&routes).service(scope);
    });
    for path in ["/docs/a", "/optional", "/bad", "/me", "/health", "/nope", "/scope/1/in"] {
        let answer = app.send(Method::GET, path, None).await;
        assert_eq!(answer.header("vary"), Some("Origin"), "{path}");
    }
    let events = kept.0.lock().unwrap();
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.route.as_deref().unwrap(), event.status.unwrap(), event.decision, event.code))
        .collect();
    assert_eq!(
        seen,
        [
            ("/docs/{page}", 401, Decision::Deny, Some("not_authenticated")),
            ("/optional", 200, Decision::Allow, None),
            ("/bad", 400, Decision::Allow, None),
            ("/me", 401, Decision::Deny, Some("not_authenticated")),
            ("/scope/{x}/in", 418, Decision::Allow, None),
        ]
    );
}

#[cfg(feature = "login")]
async fn user(user: kc_actix::login::CurrentUser) -> String {
    user.0.details.username.unwrap_or_default()
}

#[cfg(feature = "login")]
async fn session(_: kc_actix::login::Session) -> &'static str {
    "a session"
}

#[cfg(feature = "login")]
#[tokio::test]
async fn a_user_is_known_however_they_came_and_a_session_only_to_who_has_one() {
    let realm = realm().await;
    let routes = realm.routes().route("/user", Access::Optional, [get(user)]);
    let app = serve_routes(routes.route("/session", Access::Optional, [get(session)]));
    let alice = realm.bearer("alice").await;
    assert_eq!(app.send(Method::GET, "/user", alice.as_deref()).await.body, "alice");
    for (path, authorization) in [("/user", None), ("/session", None), ("/session", alice.as_deref())] {
        let answer = app.send(Method::GET, path, authorization).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.body.contains("Not authenticated"), "{}", answer.body);
    }
}
