//! Asks a real Keycloak and kc-dev the same questions about the realm `kc-demo` and compares the answers field by field.
//!
//! The real server is at `KC_TEST_KEYCLOAK_URL`, by default `http://127.0.0.1:18080`. Without it these tests fail:
//! agreement that nobody checked is none.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test a panic is how it fails"
)]

#[path = "agrees_with_keycloak/browser.rs"]
mod browser;
#[path = "agrees_with_keycloak/codes.rs"]
mod codes;
#[path = "agrees_with_keycloak/documents.rs"]
mod documents;
#[path = "agrees_with_keycloak/endings.rs"]
mod endings;
#[path = "agrees_with_keycloak/leaving.rs"]
mod leaving;
#[path = "agrees_with_keycloak/logins.rs"]
mod logins;
#[path = "agrees_with_keycloak/observed.rs"]
mod observed;
#[path = "agrees_with_keycloak/origins.rs"]
mod origins;
#[path = "agrees_with_keycloak/settings.rs"]
mod settings;

use std::future::Future;

use kc_dev::DevIssuer;
use observed::{Observed, PROTOCOL, Server, decoded};
use serde_json::{Value, json};

const USERS: [&str; 5] = ["alice", "bob", "carol", "erin", "frank"];

/// Every client that the password grant works with.
const CLIENTS: [&str; 11] = [
    "api",
    "no-aud",
    "signed-userinfo",
    "es256",
    "ps256",
    "eddsa",
    "spa",
    "lightweight",
    "jwt-introspect",
    "inventory",
    "admin-cli",
];

/// Runs the same questions against both servers.
async fn compare<F, Fut>(questions: F)
where
    F: Fn(Server) -> Fut,
    Fut: Future<Output = Observed>,
{
    compare_with(&[], questions).await;
}

/// The same in a realm that has these clients too. Keycloak gets them by its admin API and loses them afterwards.
async fn compare_with<F, Fut>(clients: &[Value], questions: F)
where
    F: Fn(Server) -> Fut,
    Fut: Future<Output = Observed>,
{
    let url = std::env::var("KC_TEST_KEYCLOAK_URL").unwrap_or_else(|_| "http://127.0.0.1:18080".to_owned());
    let real = Server::new(&url);
    assert!(
        real.is_up().await,
        "no Keycloak with the realm kc-demo at {url}; start it: cargo xtask keycloak start"
    );
    let mut realm: Value = serde_json::from_str(kc_dev::DEMO_REALM).expect("JSON");
    realm["clients"].as_array_mut().expect("clients").extend(clients.iter().cloned());
    let builder = DevIssuer::builder().shared_keys().realm_json(realm.to_string());
    let issuer = builder.start().await.expect("kc-dev starts");
    let dev = questions(Server::new(issuer.base_url())).await;
    // A run that failed half-way may have left some.
    real.remove_clients(clients).await;
    real.add_clients(clients).await;
    let asked = questions(real.clone()).await;
    real.remove_clients(clients).await;
    let real = asked;
    let differences = dev.differences(&real);
    assert!(dev.len() > 0, "nothing was asked");
    assert!(
        differences.is_empty(),
        "{} of {} answers differ:\n{}",
        differences.len(),
        dev.len(),
        differences.join("\n")
    );
}

#[tokio::test]
async fn tokens_of_every_user_at_every_client() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for client in CLIENTS {
            for user in USERS {
                let plain = server.login(user, client, None).await;
                seen.add(format!("{user} at {client}"), server.observe(&plain));
                if client == "admin-cli" {
                    continue;
                }
                let openid = server.login(user, client, Some("openid")).await;
                seen.add(format!("{user} at {client}, openid"), server.observe(&openid));
                let info = server.userinfo(&openid.text("access_token")).await;
                seen.add(format!("userinfo of {user} at {client}"), server.observe(&info));
                for asking in ["api", "no-aud", "inventory", "lightweight"] {
                    for token in ["access_token", "id_token"] {
                        let answer = server.introspect(&openid.text(token), asking, None).await;
                        seen.add(
                            format!("{token} of {user} at {client}, asked by {asking}"),
                            server.observe(&answer),
                        );
                    }
                }
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn scopes_and_what_they_bring() {
    const SCOPES: [&str; 19] = [
        "",
        " ",
        "openid openid email",
        "basic",
        "service_account roles",
        "address phone microprofile-jwt inventory-write",
        "openid microprofile-jwt",
        "openid offline_access",
        "offline_access",
        "organization",
        "openid organization",
        "organization:acme",
        "openid organization:*",
        "organization:nope",
        "organization organization:acme",
        "nope",
        "nope email",
        "openid phone nope",
        "openid inventory-write",
    ];
    compare(|server| async move {
        let mut seen = Observed::default();
        for scope in SCOPES {
            for (user, client) in [("alice", "api"), ("carol", "api"), ("frank", "api"), ("alice", "no-aud")]
            {
                let answer = server.login(user, client, Some(scope)).await;
                seen.add(format!("{user} at {client}, scope {scope:?}"), server.observe(&answer));
                if let Some(token) = answer.json()["access_token"].as_str() {
                    let info = server.userinfo(token).await;
                    seen.add(
                        format!("userinfo of {user} at {client}, scope {scope:?}"),
                        server.observe(&info),
                    );
                }
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn service_accounts() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for client in ["api", "inventory"] {
            let secret = format!("{client}-secret");
            for scope in [None, Some("openid"), Some("offline_access"), Some("organization"), Some("nope")] {
                let mut form = vec![("grant_type", "client_credentials"), ("client_id", client)];
                form.push(("client_secret", &secret));
                form.extend(scope.map(|scope| ("scope", scope)));
                let answer = server.token(&form).await;
                seen.add(format!("{client}, scope {scope:?}"), server.observe(&answer));
                if let Some(token) = answer.json()["access_token"].as_str() {
                    let told = server.introspect(token, "api", None).await;
                    seen.add(format!("introspection of {client}, scope {scope:?}"), server.observe(&told));
                    let info = server.userinfo(token).await;
                    seen.add(format!("userinfo of {client}, scope {scope:?}"), server.observe(&info));
                }
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn errors_of_the_token_endpoint() {
    const API: &str = "client_id=api&client_secret=api-secret";
    const ALICE: &str = "grant_type=password&username=alice&password=alice";
    const ASSERTION: &str = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let bodies = [
        String::new(),
        "client_id=nope".to_owned(),
        "client_id=nope&grant_type=xx".to_owned(),
        format!("{API}&grant_type="),
        format!("{API}&grant_type=xx&grant_type=xx"),
        ALICE.to_owned(),
        format!("client_id=nope&{ALICE}"),
        format!("client_id=api&{ALICE}"),
        format!("client_id=api&client_secret=wrong&{ALICE}"),
        format!("client_id=api&client_secret=wrong&{ALICE}&username=bob"),
        format!("{API}&{ALICE}&foo=1&foo=1"),
        format!("{API}&client_id=api&{ALICE}"),
        format!("{API}&grant_type=password&username=alice&password=wrong"),
        format!("{API}&grant_type=password&username=nobody&password=x"),
        format!("{API}&grant_type=password&username=alice"),
        format!("{API}&grant_type=password&username=&password="),
        format!("{API}&grant_type=password&password=alice"),
        format!("{API}&grant_type=password&username=dave&password=dave"),
        format!("{API}&grant_type=password&username=dave&password=wrong"),
        format!("{API}&grant_type=password&username=service-account-api&password=x"),
        format!("{API}&grant_type=password&username=alice&password=wrong&scope=nope"),
        format!("{API}&grant_type=password&password=wrong&scope=nope"),
        format!("{API}&grant_type=password&username=ALICE&password=alice"),
        format!("{API}&grant_type=password&username=alice@example.test&password=alice"),
        format!("{API}&grant_type=refresh_token"),
        format!("{API}&grant_type=refresh_token&refresh_token="),
        format!("{API}&grant_type=refresh_token&refresh_token=garbage"),
        format!("{API}&grant_type=refresh_token&refresh_token=garbage&scope=nope"),
        "client_id=spa&grant_type=client_credentials".to_owned(),
        "client_id=spa&grant_type=client_credentials&scope=nope".to_owned(),
        "client_id=no-aud&client_secret=no-aud-secret&grant_type=client_credentials".to_owned(),
        format!("client_id=spa&client_secret=ignored&{ALICE}"),
        format!("client_id=dpop&client_secret=dpop-secret&{ALICE}"),
        format!("client_id=dpop&client_secret=wrong&{ALICE}"),
        "client_id=dpop&client_secret=dpop-secret&grant_type=client_credentials".to_owned(),
        format!("client_id=account&{ALICE}"),
        format!("client_id=account&{ALICE}&scope=nope"),
        format!("client_id=broker&{ALICE}"),
        format!("client_id=realm-management&{ALICE}"),
        format!("client_id=security-admin-console&{ALICE}"),
        format!("{ASSERTION}&{ALICE}"),
        format!("{ASSERTION}&client_assertion=garbage&{ALICE}"),
        format!("{ASSERTION}&client_assertion={}&{ALICE}", assertion("api")),
        format!("{ASSERTION}&client_assertion={}&{ALICE}", assertion("nope")),
    ];
    compare(|server| {
        let bodies = bodies.clone();
        async move {
            let mut seen = Observed::default();
            let url = format!("{PROTOCOL}/token");
            for body in bodies {
                let request = server.request("POST", &url).body(body.clone());
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                let answer = server.send(request).await;
                seen.add(body, server.observe(&answer));
            }
            for (id, secret) in
                [("api", "api-secret"), ("api", "api%2Dsecret"), ("api", "wrong"), ("nope", "x")]
            {
                for extra in [
                    "",
                    "&client_id=api",
                    "&client_id=no-aud",
                    "&client_secret=wrong",
                    "&client_secret=api-secret",
                ] {
                    let request = server
                        .request("POST", &url)
                        .basic_auth(id, Some(secret))
                        .body(format!("{ALICE}{extra}"));
                    let request = request.header("content-type", "application/x-www-form-urlencoded");
                    seen.add(
                        format!("Basic {id}:{secret}, {extra}"),
                        server.observe(&server.send(request).await),
                    );
                }
            }
            for value in ["Bearer x", "Basic !!!", "Basic", "Basic Zm9v"] {
                let request = server.request("POST", &url).header("authorization", value).body(ALICE);
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                seen.add(format!("Authorization: {value}"), server.observe(&server.send(request).await));
            }
            for kind in ["application/json", "text/plain"] {
                let request =
                    server.request("POST", &url).header("content-type", kind).body(format!("{API}&{ALICE}"));
                seen.add(format!("as {kind}"), server.observe(&server.send(request).await));
            }
            seen
        }
    })
    .await;
}

/// An assertion by a client that is registered for secrets.
fn assertion(client: &str) -> String {
    let part = |value: Value| base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string());
    let claims = json!({ "iss": client, "sub": client, "aud": "x", "exp": 4_102_444_800_i64, "jti": "1" });
    format!("{}.{}.AAAA", part(json!({ "alg": "RS256", "kid": "x" })), part(claims))
}

/// The token with another signature of the same length.
fn tampered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    format!("{signed}.{}", "A".repeat(signature.len()))
}

#[tokio::test]
async fn introspection_and_its_errors() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let login = server.login("alice", "api", Some("openid")).await;
        let token = login.text("access_token");
        for hint in ["access_token", "refresh_token", "junk"] {
            let told = server.introspect(&token, "api", Some(hint)).await;
            seen.add(format!("access token with hint {hint}"), server.observe(&told));
        }
        for (name, token) in
            [("garbage", "garbage".to_owned()), ("empty", String::new()), ("tampered", tampered(&token))]
        {
            seen.add(name, server.observe(&server.introspect(&token, "api", None).await));
        }
        let url = format!("{PROTOCOL}/token/introspect");
        for form in [
            vec![("client_id", "api"), ("client_secret", "wrong")],
            vec![("client_id", "api")],
            vec![("client_id", "nope"), ("client_secret", "x")],
            vec![],
            vec![("client_id", "spa")],
            vec![("client_id", "account")],
            vec![("client_id", "broker")],
            vec![("client_id", "api"), ("client_secret", "api-secret"), ("token", "twice")],
        ] {
            let name = format!("asked with {form:?}");
            let form: Vec<_> = form.into_iter().chain([("token", token.as_str())]).collect();
            seen.add(name, server.observe(&server.post(&url, &form).await));
        }
        let form = [("client_id", "api"), ("client_secret", "api-secret")];
        seen.add("no token", server.observe(&server.post(&url, &form).await));
        for (id, secret) in [("api", "api-secret"), ("api", "wrong"), ("nope", "x")] {
            let request =
                server.request("POST", &url).basic_auth(id, Some(secret)).form(&[("token", &token)]);
            seen.add(format!("Basic {id}:{secret}"), server.observe(&server.send(request).await));
        }
        let request = server.request("POST", &url).bearer_auth(&token).form(&[("token", &token)]);
        seen.add("Bearer", server.observe(&server.send(request).await));

        let own = server.login("alice", "jwt-introspect", Some("openid")).await.text("access_token");
        for (name, token) in
            [("own", own.as_str()), ("not in the audience", &token), ("garbage, as JWT", "garbage")]
        {
            for (asking, accept) in [
                ("jwt-introspect", "application/jwt"),
                ("jwt-introspect", "application/json"),
                ("api", "application/jwt"),
            ] {
                let secret = format!("{asking}-secret");
                let form = [("token", token), ("client_id", asking), ("client_secret", secret.as_str())];
                let request = server.request("POST", &url).header("accept", accept).form(&form);
                seen.add(
                    format!("{name}, by {asking}, {accept}"),
                    server.observe(&server.send(request).await),
                );
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn userinfo_and_its_errors() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let url = format!("{PROTOCOL}/userinfo");
        let login = server.login("alice", "api", Some("openid")).await;
        let (token, id) = (login.text("access_token"), login.text("id_token"));
        let lightweight = server.login("alice", "lightweight", Some("openid")).await.text("access_token");
        let values = [
            ("lower case", format!("bearer {token}")),
            ("empty", "Bearer ".to_owned()),
            ("no credentials", "Bearer".to_owned()),
            ("two words", format!("Bearer {token} x")),
            ("garbage", "Bearer garbage".to_owned()),
            ("tampered", format!("Bearer {}", tampered(&token))),
            ("ID token", format!("Bearer {id}")),
            ("refresh token", format!("Bearer {}", login.text("refresh_token"))),
            ("lightweight", format!("Bearer {lightweight}")),
            ("Basic", "Basic YXBpOmFwaS1zZWNyZXQ=".to_owned()),
            ("DPoP", format!("DPoP {token}")),
        ];
        for (name, value) in values {
            let request = server.request("GET", &url).header("authorization", value);
            seen.add(name, server.observe(&server.send(request).await));
        }
        seen.add("nothing", server.observe(&server.get(&url).await));
        seen.add("in the query", server.observe(&server.get(&format!("{url}?access_token={token}")).await));
        seen.add("in the form", server.observe(&server.post(&url, &[("access_token", &token)]).await));
        seen.add("an empty form", server.observe(&server.post(&url, &[("x", "1")]).await));
        let request = server.request("POST", &url).bearer_auth(&token).form(&[("access_token", &token)]);
        seen.add("twice", server.observe(&server.send(request).await));
        let request = server.request("GET", &url).bearer_auth(&token).header("accept", "application/jwt");
        seen.add("accept JWT", server.observe(&server.send(request).await));
        seen
    })
    .await;
}

#[tokio::test]
async fn the_issuer_does_not_follow_the_host_header() {
    let issuer = DevIssuer::builder().shared_keys().start().await.expect("kc-dev starts");
    let by_name = Server::new(&issuer.base_url().replace("127.0.0.1", "localhost"));
    let token = by_name.login("alice", "api", None).await.text("access_token");
    // Keycloak would say localhost here: an issuer of one name is what tests need.
    assert_eq!(decoded(&token)["claims"]["iss"], json!(issuer.issuer()));
}
