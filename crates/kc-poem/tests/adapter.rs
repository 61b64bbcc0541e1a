//! The adapter with real tokens of the embedded issuer: what the middleware, the extractors and the router do with
//! them.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod realm;

use http::{Method, StatusCode};
use kc_core::rules::{Requirement, Rule, all_roles, any_role, authenticated};
use kc_core::wire::cors::CorsPolicy;
use kc_core::{Access, AuthError};
use kc_poem::{Allowed, Principal, Rejection, Routes, cors, delete, get, on, post, require, router};
use poem::endpoint::make_sync;
use poem::error::NotFoundError;
use poem::web::{Data, Path};
use poem::{Endpoint, EndpointExt, Request, Response, handler};

use self::realm::{Realm, request, send};

#[handler]
async fn name(caller: Principal) -> String {
    caller.username().unwrap_or_default().to_owned()
}

#[handler]
async fn maybe(caller: Option<Principal>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |caller| caller.username().unwrap_or_default().to_owned())
}

struct Admins;

impl Requirement for Admins {
    const RULE: Rule = all_roles(&["admin"]);
}

#[handler]
async fn admin(caller: Allowed<Admins>) -> String {
    caller.username().unwrap_or_default().to_owned()
}

fn says(text: &'static str) -> impl Endpoint<Output = &'static str> {
    make_sync(move |_| text)
}

#[tokio::test]
async fn a_route_that_forgot_its_layer_answers_500_and_lets_nobody_in() {
    let realm = Realm::start().await;
    let app = poem::Route::new().at("/name", name).at("/maybe", maybe).at("/admin", admin);
    let alice = realm.bearer("alice").await;
    for authorization in [None, Some(alice.as_str())] {
        for path in ["/name", "/admin"] {
            let (status, body, _) = send(&app, Method::GET, path, authorization).await;
            assert_eq!(status, 500, "{path}");
            assert!(body.contains("internal_error") && !body.contains("alice"), "{body}");
        }
        // poem makes `None` of an extractor's error, and leaves us no say.
        assert_eq!(send(&app, Method::GET, "/maybe", authorization).await.1, "nobody");
    }
}

#[tokio::test]
async fn an_optional_caller_may_be_absent_but_never_bad() {
    let realm = Realm::start().await;
    let app = router(Routes::new(realm.guard()).route("/", Access::Optional, [get(maybe)])).unwrap();
    let alice = realm.bearer("alice").await;
    assert_eq!(send(&app, Method::GET, "/", None).await.1, "nobody");
    assert_eq!(send(&app, Method::GET, "/", Some(&alice)).await.1, "alice");
    assert_eq!(send(&app, Method::GET, "/", Some("Bearer")).await.0, 400);
    assert_eq!(send(&app, Method::GET, "/", Some("Bearer a.b.c")).await.0, 401);
}

#[tokio::test]
async fn a_handler_that_demands_a_caller_answers_401_where_none_is_known() {
    let realm = Realm::start().await;
    let app = router(
        Routes::new(realm.guard())
            .public("/public", [get(name)])
            .route("/optional", Access::Optional, [get(name)])
            .route("/docs", authenticated(), [get(name)]),
    )
    .unwrap();
    for path in ["/public", "/optional", "/docs"] {
        let (status, body, response) = send(&app, Method::GET, path, None).await;
        assert_eq!(status, 401, "{path}");
        assert!(body.contains("Not authenticated"));
        assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="kc-demo""#);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_handler_may_demand_more_than_its_route() {
    let realm = Realm::start().await;
    let app = router(Routes::new(realm.guard()).route("/", authenticated(), [get(admin)])).unwrap();
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    assert_eq!(send(&app, Method::GET, "/", Some(&alice)).await.1, "alice");
    let (status, body, _) = send(&app, Method::GET, "/", Some(&bob)).await;
    assert_eq!(status, 403);
    assert!(body.contains("Missing required roles: admin"), "{body}");
    assert_eq!(send(&app, Method::GET, "/", None).await.0, 401);
}

#[tokio::test]
async fn nested_routes_are_guarded_by_the_path_that_came_in() {
    let realm = Realm::start().await;
    let inner = Routes::new(realm.guard()).route("/docs", authenticated(), [get(says("inner"))]);
    let routes =
        Routes::new(realm.guard()).route("/docs", authenticated(), [get(says("outer"))]).nest("/api", inner);
    assert_eq!(routes.table().to_string(), "/docs      any valid token\n/api/docs  any valid token\n");
    let app = router(routes).unwrap();
    // `/docs` is exempt; `/api/docs` is not.
    assert_eq!(send(&app, Method::GET, "/docs", None).await.1, "outer");
    assert_eq!(send(&app, Method::GET, "/api/docs", None).await.0, 401);
    let alice = realm.bearer("alice").await;
    assert_eq!(send(&app, Method::GET, "/api/docs", Some(&alice)).await.1, "inner");
    assert_eq!(send(&app, Method::GET, "/api/nope", None).await.0, 404);
    // In a nest of poem's own it is `/docs` to the router, too.
    let app = poem::Route::new().nest("/v1", app);
    assert_eq!(send(&app, Method::GET, "/v1/docs", None).await.0, 401);
    assert_eq!(send(&app, Method::GET, "/v1/docs", Some(&alice)).await.1, "outer");
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_method_that_is_lacking_405_for_everybody() {
    let realm = Realm::start().await;
    let app = router(Routes::new(realm.guard()).route("/x", any_role(&["nobody"]), [get(name)]).route(
        "/y",
        any_role(&["nobody"]),
        [post(name), get(name), delete(name)],
    ))
    .unwrap();
    let alice = realm.bearer("alice").await;
    for authorization in [None, Some(alice.as_str()), Some("Bearer"), Some("Bearer a.b.c")] {
        let (status, body, _) = send(&app, Method::GET, "/z", authorization).await;
        assert_eq!(status, 404);
        assert!(body.contains(r#""code":"not_found""#), "{body}");
        for method in [Method::POST, Method::OPTIONS, Method::TRACE] {
            let (status, body, response) = send(&app, method, "/x", authorization).await;
            assert_eq!(status, 405);
            assert!(body.contains(r#""code":"method_not_allowed""#), "{body}");
            assert_eq!(response.headers()["allow"], "GET,HEAD");
        }
        let (_, _, response) = send(&app, Method::PUT, "/y", authorization).await;
        assert_eq!(response.headers()["allow"], "POST,GET,HEAD,DELETE");
    }
    assert_eq!(send(&app, Method::HEAD, "/x", None).await.0, 401);
}

#[tokio::test]
async fn a_method_that_its_rule_does_not_list_is_refused() {
    let realm = Realm::start().await;
    let rule = Rule::by_methods([("GET", authenticated())]);
    let app = router(Routes::new(realm.guard()).route("/", rule, [on(None, name)])).unwrap();
    let alice = realm.bearer("alice").await;
    for (method, status) in
        [(Method::GET, 200), (Method::HEAD, 200), (Method::POST, 403), (Method::TRACE, 403)]
    {
        assert_eq!(send(&app, method, "/", Some(&alice)).await.0, status);
    }
}

#[tokio::test]
async fn a_fallback_of_a_routes_own_is_guarded_like_its_methods() {
    let realm = Realm::start().await;
    let methods = [get(name), on(None, says("by another method"))];
    let app = router(Routes::new(realm.guard()).route("/", all_roles(&["admin"]), methods)).unwrap();
    let alice = realm.bearer("alice").await;
    assert_eq!(send(&app, Method::POST, "/", Some(&alice)).await.1, "by another method");
    assert_eq!(send(&app, Method::POST, "/", None).await.0, 401);
}

#[tokio::test]
async fn a_route_added_twice_is_an_error_at_start() {
    let realm = Realm::start().await;
    for (first, second) in [("/x", "/x"), ("/x/{id}", "/x/{name}")] {
        let routes = Routes::new(realm.guard()).route(first, authenticated(), [get(name)]);
        let error = router(routes.route(second, Access::Public, [post(name)])).err().unwrap();
        assert!(error.to_string().contains(&format!("{second} was added twice")), "{error}");
    }
}

#[tokio::test]
async fn a_pattern_that_poem_would_read_otherwise_is_an_error_at_start() {
    let realm = Realm::start().await;
    for pattern in ["x", "/:id", "/*", "/a//b", "/<[0-9]>", "/a{id}"] {
        let error = router(Routes::new(realm.guard()).public(pattern, [get(name)])).err().unwrap();
        assert!(error.to_string().contains("is no pattern of a route"), "{error}");
    }
}

#[tokio::test]
async fn a_parameter_is_never_empty_and_reaches_its_handler_decoded() {
    #[handler]
    fn id(Path(id): Path<String>) -> String {
        id
    }
    let realm = Realm::start().await;
    let app =
        router(Routes::new(realm.guard()).public("/a/{id}/b", [get(id)]).public("/files/{*rest}", [get(id)]))
            .unwrap();
    assert_eq!(send(&app, Method::GET, "/a/x%2fy/b", None).await.1, "x/y");
    assert_eq!(send(&app, Method::GET, "/files/x/y", None).await.1, "x/y");
    for path in ["/a//b", "/files/", "/files", "/a/x/b/", "//a/x/b", "/a/x//b", "/%61/x/b", "/a/x%2fb"] {
        assert_eq!(send(&app, Method::GET, path, None).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn head_is_answered_as_get_without_its_body() {
    let realm = Realm::start().await;
    let app = router(Routes::new(realm.guard()).route("/", authenticated(), [get(name)])).unwrap();
    let alice = realm.bearer("alice").await;
    for (path, authorization) in [("/", Some(alice.as_str())), ("/", None), ("/nope", None)] {
        let (get, body, _) = send(&app, Method::GET, path, authorization).await;
        let (head, nothing, response) = send(&app, Method::HEAD, path, authorization).await;
        assert_eq!((head, nothing.as_str()), (get, ""));
        assert_eq!(response.headers()["content-length"], body.len().to_string());
    }
}

#[tokio::test]
async fn an_error_of_a_handler_keeps_its_own_response() {
    let realm = Realm::start().await;
    let routes = Routes::new(realm.guard())
        .public("/mine", [get(make_sync(|_| Err::<(), _>(NotFoundError)))])
        .public("/nested", [on(None, poem::Route::new())]);
    let app = router(routes).unwrap();
    for path in ["/mine", "/nested"] {
        let (status, body, _) = send(&app, Method::GET, path, None).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "not found"));
    }
}

#[tokio::test]
async fn a_refusal_is_an_error_of_poems_that_a_service_may_put_into_its_own_words() {
    let realm = Realm::start().await;
    let app = router(Routes::new(realm.guard()).route("/", authenticated(), [get(name)])).unwrap();
    let app = app.catch_error(async |rejection: Rejection| rejection.code());
    assert_eq!(send(&app, Method::GET, "/", None).await.1, "not_authenticated");
    assert_eq!(send(&app, Method::GET, "/nope", None).await.1, "not_found");
}

#[tokio::test]
async fn every_decision_is_audited_with_its_route_and_the_final_status() {
    #[handler]
    fn fails() -> poem::Result<()> {
        Err(poem::Error::from_status(StatusCode::IM_A_TEAPOT))
    }
    #[handler]
    fn picky(guard: Data<&kc_core::Guard>) -> Result<(), Rejection> {
        Err(Rejection::of(&guard, AuthError::BadParameter { detail: "no".to_owned() }))
    }
    let realm = Realm::start().await;
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    let inner = Routes::new(realm.guard()).route("/{id}", authenticated(), [get(admin)]);
    let app = router(
        Routes::new(realm.guard())
            .public("/health", [get(says("fine"))])
            .nest("/items", inner)
            .route("/fails", authenticated(), [get(fails)])
            .route("/picky", authenticated(), [get(picky)]),
    )
    .unwrap()
    .data(realm.guard().clone());
    let around = poem::Route::new()
        .at("/plain/:id", name)
        .nest("/deep", poem::Route::new().at("/:id", name))
        .with(require(realm.guard(), Access::Optional));
    for (path, authorization) in [
        ("/health", None),
        ("/items/1?token=secret", Some(alice.as_str())),
        ("/items/2", Some(bob.as_str())),
        ("/items/3", None),
        ("/fails", Some(bob.as_str())),
        ("/picky", Some(bob.as_str())),
        ("/nope", None),
    ] {
        send(&app, Method::GET, path, authorization).await;
    }
    for (path, authorization) in
        [("/plain/1", None), ("/deep/1", Some(bob.as_str())), ("/deep/1", Some("Bearer a,b"))]
    {
        send(&around, Method::GET, path, authorization).await;
    }
    drop((app, around));
    let seen: Vec<_> = realm
        .audited()
        .iter()
        .map(|event| {
            let text = |member: &str| event[member].as_str().unwrap_or("-").to_owned();
            let [decision, code, route, path, username] =
                ["decision", "code", "route", "path", "username"].map(text);
            format!("{decision} {code} {} {route} {path} {username}", event["status"])
        })
        .collect();
    assert_eq!(
        seen,
        [
            "allow - 200 /items/{id} /items/1 alice",
            "deny missing_roles 403 /items/{id} /items/2 bob",
            "deny not_authenticated 401 /items/{id} /items/3 -",
            "allow - 418 /fails /fails bob",
            "allow - 400 /picky /picky bob",
            "deny not_authenticated 401 /plain/{id} /plain/1 -",
            "allow - 200 /deep/{id} /deep/1 bob",
            // Refused before a route was looked for.
            "deny invalid_request 400 - /deep/1 -",
        ]
    );
}

#[tokio::test]
async fn the_layer_guards_any_endpoint() {
    let realm = Realm::start().await;
    let inner = make_sync(|request: Request| request.method().to_string());
    let service = inner.with(require(realm.guard(), any_role(&["api-admin"])));
    let (alice, bob) = (realm.bearer("alice").await, realm.bearer("bob").await);
    assert_eq!(send(&service, Method::PUT, "/some/thing", Some(&alice)).await.1, "PUT");
    assert_eq!(send(&service, Method::PUT, "/some/thing", Some(&bob)).await.0, 403);
    assert_eq!(send(&service, Method::PUT, "/some/thing", None).await.0, 401);
}

#[tokio::test]
async fn a_server_with_a_plain_router_is_guarded_by_the_layer() {
    use poem::listener::TcpAcceptor;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let realm = Realm::start().await;
    let app = poem::Route::new().at("/", says("secret of poem"));
    let app = app.with(require(realm.guard(), authenticated()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(poem::Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap()).run(app));
    let ask = async |authorization: String| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let refused = ask(String::new()).await;
    assert!(refused.starts_with("HTTP/1.1 401") && !refused.contains("secret of poem"), "{refused}");
    let huge = ask(format!("authorization: Bearer {}\r\n", "a".repeat(49 * 1024))).await;
    assert!(huge.starts_with("HTTP/1.1 401") && huge.contains("token_too_large"), "{huge}");
    let alice = realm.bearer("alice").await;
    let served = ask(format!("authorization: {alice}\r\n")).await;
    assert!(served.starts_with("HTTP/1.1 200") && served.ends_with("secret of poem"), "{served}");
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_a_refusal_can_be_read_by_the_page() {
    let realm = Realm::start().await;
    let policy = CorsPolicy::new(["https://app.example.com"]);
    let app = router(Routes::new(realm.guard()).route("/x", authenticated(), [get(name)])).unwrap();
    let app = app.with(cors(policy));
    let ask = async |method: Method, origin: &'static str| -> Response {
        let headers = [("origin", origin), ("access-control-request-method", "GET")];
        app.get_response(request(method, "/x", &headers)).await
    };
    let preflight = ask(Method::OPTIONS, "https://app.example.com").await;
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-max-age"], "600");
    assert_eq!(ask(Method::OPTIONS, "https://evil.example").await.status(), 405);
    let refused = ask(Method::GET, "https://app.example.com").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], "https://app.example.com");
    assert_eq!(refused.headers()["access-control-expose-headers"], "WWW-Authenticate");
    let other = ask(Method::GET, "https://evil.example").await;
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    assert_eq!(other.headers()["vary"], "Origin");
}

#[cfg(feature = "login")]
#[handler]
async fn user(user: kc_poem::login::CurrentUser) -> String {
    user.0.details.username.unwrap_or_default()
}

#[cfg(feature = "login")]
#[handler]
async fn session(_session: kc_poem::login::Session) -> &'static str {
    "a session"
}

#[cfg(feature = "login")]
#[tokio::test]
async fn a_user_is_known_however_they_came_and_a_session_only_to_who_has_one() {
    let realm = Realm::start().await;
    let routes = Routes::new(realm.guard()).route("/user", Access::Optional, [get(user)]);
    let app = router(routes.route("/session", Access::Optional, [get(session)])).unwrap();
    let alice = realm.bearer("alice").await;
    assert_eq!(send(&app, Method::GET, "/user", Some(&alice)).await.1, "alice");
    for (path, authorization) in [("/user", None), ("/session", None), ("/session", Some(&*alice))] {
        let (status, body, _) = send(&app, Method::GET, path, authorization).await;
        assert_eq!(status, 401, "{path}");
        assert!(body.contains("Not authenticated"), "{body}");
    }
}
