//! Which pages of other origins may read an answer.

use serde_json::{Map, Value, json};

use crate::compare;
use crate::observed::{Answer, Observed, PROTOCOL, REALM, Server};

const FOREIGN: &str = "http://evil.test";

/// The origins that `+` stands for in the realm, and some that are none.
const ORIGINS: [Option<&str>; 6] = [
    Some("http://127.0.0.1"),
    Some("http://localhost"),
    Some("http://127.0.0.1:5555"),
    Some("null"),
    Some(FOREIGN),
    None,
];

fn readable(server: &Server, answer: &Answer) -> Value {
    let mut headers = Map::new();
    for (name, value) in &answer.headers {
        if name.as_str().starts_with("access-control-") {
            // Lists are sets, and Keycloak's order is that of a Java hash set: not the same on every machine.
            let mut words: Vec<&str> = value.to_str().expect("text").split(", ").collect();
            words.sort_unstable();
            headers.insert(name.to_string(), json!(words));
        }
    }
    let refused = (answer.status == 403).then(|| server.observe(answer));
    json!({ "status": answer.status, "headers": headers, "refused": refused })
}

fn from(request: reqwest::RequestBuilder, origin: Option<&str>) -> reqwest::RequestBuilder {
    match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    }
}

#[tokio::test]
async fn preflights() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let of_protocol = [
            "token",
            "userinfo",
            "certs",
            "auth",
            "logout",
            "revoke",
            "token/introspect",
            "ext/par/request",
            "nope",
        ];
        let paths = of_protocol.into_iter().map(|path| format!("{PROTOCOL}/{path}"));
        let documents = [REALM.to_owned(), format!("{REALM}/.well-known/openid-configuration")];
        for path in paths.chain(documents) {
            for origin in ORIGINS {
                let request =
                    server.request("OPTIONS", &path).header("access-control-request-method", "POST");
                let request = request.header("access-control-request-headers", "authorization,x-foo");
                let answer = server.send(from(request, origin)).await;
                seen.add(format!("{path} from {origin:?}"), readable(&server, &answer));
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn answers_to_other_origins() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let login = server.login("alice", "api", Some("openid")).await;
        let (good, narrow) = (login.text("access_token"), server.login("alice", "api", None).await);
        let narrow = narrow.text("access_token");
        const API: [(&str, &str); 2] = [("client_id", "api"), ("client_secret", "api-secret")];
        const ALICE: [(&str, &str); 3] =
            [("grant_type", "password"), ("username", "alice"), ("password", "alice")];
        type Form<'a> = Vec<(&'a str, &'a str)>;
        let with = |more: &[(&'static str, &'static str)]| -> Form<'static> { [&API[..], more].concat() };
        let wrong: Form<'_> =
            vec![("client_id", "api"), ("client_secret", "wrong"), ("token", "x"), ("refresh_token", "x")];
        let posts: Vec<(&str, &str, Form<'_>)> = vec![
            ("good", "token", with(&ALICE)),
            (
                "wrong password",
                "token",
                with(&[("grant_type", "password"), ("username", "alice"), ("password", "x")]),
            ),
            ("wrong scope", "token", with(&[("grant_type", "client_credentials"), ("scope", "nope")])),
            ("wrong code", "token", with(&[("grant_type", "authorization_code"), ("code", "x")])),
            (
                "a field twice",
                "token",
                with(&[("grant_type", "client_credentials"), ("foo", "1"), ("foo", "2")]),
            ),
            ("no grant", "token", with(&[])),
            ("another grant", "token", with(&[("grant_type", "x")])),
            ("wrong secret", "token", [&wrong[..], &ALICE].concat()),
            ("unknown client", "token", [&[("client_id", "nope")], &ALICE[..]].concat()),
            ("garbage", "revoke", with(&[("token", "x")])),
            ("wrong secret", "revoke", wrong.clone()),
            ("garbage", "logout", with(&[("refresh_token", "x")])),
            ("wrong secret", "logout", wrong.clone()),
            ("good", "token/introspect", [&API[..], &[("token", &*good)]].concat()),
            (
                "good",
                "ext/par/request",
                with(&[("redirect_uri", crate::browser::CALLBACK), ("response_type", "code")]),
            ),
            ("wrong secret", "ext/par/request", wrong.clone()),
        ];
        for origin in ORIGINS {
            for path in [
                REALM.to_owned(),
                format!("{REALM}/.well-known/openid-configuration"),
                format!("{PROTOCOL}/certs"),
            ] {
                let answer = server.send(from(server.request("GET", &path), origin)).await;
                seen.add(format!("{path} from {origin:?}"), readable(&server, &answer));
            }
            for (name, path, form) in &posts {
                let request = server.request("POST", &format!("{PROTOCOL}/{path}")).form(form);
                let answer = server.send(from(request, origin)).await;
                seen.add(format!("{path}, {name}, from {origin:?}"), readable(&server, &answer));
            }
            for (name, token) in [("good", &*good), ("garbage", "x"), ("no openid", &*narrow)] {
                let request = server.request("GET", &format!("{PROTOCOL}/userinfo")).bearer_auth(token);
                let answer = server.send(from(request, origin)).await;
                seen.add(format!("userinfo, {name}, from {origin:?}"), readable(&server, &answer));
            }
            let page = crate::browser::login_query(&[]);
            let request = server.request("GET", &format!("{PROTOCOL}/auth?{page}"));
            let answer = server.send(from(request, origin)).await;
            seen.add(format!("the login page from {origin:?}"), readable(&server, &answer));
        }
        for path in ["/realms/nope/protocol/openid-connect/token".to_owned(), format!("{PROTOCOL}/certs")] {
            let answer = server.send(from(server.request("POST", &path), Some(FOREIGN))).await;
            seen.add(format!("POST {path}"), readable(&server, &answer));
        }
        seen
    })
    .await;
}
