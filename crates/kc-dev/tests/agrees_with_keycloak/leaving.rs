//! Logging out of a browser, and telling clients of it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::browser::Browser;
use crate::codes::exchange;
use crate::observed::{Answer, Observed, PROTOCOL, Server};
use crate::{compare, compare_with, decoded};

const BYE: &str = "http://127.0.0.1:5555/bye";

fn url(fields: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("{PROTOCOL}/logout?{}", query.extend_pairs(fields).finish())
}

/// A browser that is logged in, and the tokens of that login.
async fn logged_in(server: &Server, user: &str, scope: &str) -> (Browser, Answer) {
    let mut browser = Browser::new(server);
    let login = browser.login(user, &[("scope", Some(scope))]).await;
    let tokens = exchange(server, &login, &[]).await;
    (browser, tokens)
}

/// What is left of a session: the access token, and the browser.
async fn left(server: &Server, browser: &mut Browser, tokens: &Answer) -> Value {
    let active = server.introspect(&tokens.text("access_token"), "api", None).await.json()["active"].clone();
    let identity = browser.cookie_names().contains(&"KEYCLOAK_IDENTITY");
    let silent = browser.authorize(&[("prompt", Some("none"))]).await;
    let refreshed = server.refresh(&tokens.text("refresh_token"), "api", None).await.status;
    json!({ "active": active, "cookie": identity, "refresh": refreshed, "browser": server.shown(&silent) })
}

#[tokio::test]
async fn logging_out_of_a_browser() {
    compare(|server| async move {
        let mut seen = Observed::default();
        type More = &'static [(&'static str, &'static str)];
        let with_hint: [(&str, More); 16] = [
            ("back", &[("post_logout_redirect_uri", BYE), ("state", "a state")]),
            ("hint alone", &[]),
            ("no address", &[("post_logout_redirect_uri", "")]),
            ("no state", &[("post_logout_redirect_uri", BYE), ("state", "")]),
            ("its client", &[("post_logout_redirect_uri", BYE), ("client_id", "api")]),
            ("another client", &[("post_logout_redirect_uri", BYE), ("client_id", "no-aud")]),
            ("elsewhere", &[("post_logout_redirect_uri", "http://evil.test/")]),
            ("longer host", &[("post_logout_redirect_uri", "http://127.0.0.1.evil.test/x")]),
            ("a query", &[("post_logout_redirect_uri", "http://127.0.0.1:5/bye?a=1"), ("state", "s t")]),
            ("a fragment", &[("post_logout_redirect_uri", "http://127.0.0.1:5/bye#a"), ("state", "s")]),
            ("localhost", &[("post_logout_redirect_uri", "http://localhost:1/x")]),
            ("no path", &[("post_logout_redirect_uri", "http://127.0.0.1:5")]),
            ("a way up", &[("post_logout_redirect_uri", "http://127.0.0.1:5/a/../b")]),
            ("https", &[("post_logout_redirect_uri", "https://127.0.0.1:5/a")]),
            ("old name", &[("redirect_uri", BYE)]),
            ("not there", &[("post_logout_redirect_uri", "/bye")]),
        ];
        for (name, more) in with_hint {
            let (mut browser, tokens) = logged_in(&server, "alice", "openid").await;
            let hint = tokens.text("id_token");
            let fields = [&[("id_token_hint", &*hint)], more].concat();
            seen.add(name, server.shown(&browser.get(&url(&fields)).await));
            let rest = left(&server, &mut browser, &tokens).await;
            seen.add(format!("{name}, after it"), rest);
        }

        let (mut browser, tokens) = logged_in(&server, "alice", "openid").await;
        let hint = tokens.text("id_token");
        let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
        for (name, hint) in [("garbage", "x"), ("access token", &*access), ("refresh token", &*refresh)] {
            let fields = [("id_token_hint", hint), ("post_logout_redirect_uri", BYE)];
            seen.add(format!("{name} as hint"), server.shown(&browser.get(&url(&fields)).await));
        }
        let back = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE)];
        let mut other = logged_in(&server, "bob", "openid").await.0;
        let question = other.get(&url(&back)).await;
        seen.add("the hint of another's session", server.shown(&question));
        seen.add("which goes on", left(&server, &mut browser, &tokens).await);
        seen.add("without cookies", server.shown(&Browser::new(&server).get(&url(&back)).await));
        seen.add("after that", left(&server, &mut browser, &tokens).await);
        seen.add("again", server.shown(&browser.get(&url(&back)).await));

        let (mut browser, tokens) = logged_in(&server, "alice", "openid").await;
        let hint = tokens.text("id_token");
        let fields = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE), ("state", "p")];
        seen.add("posted", server.shown(&browser.post(&format!("{PROTOCOL}/logout"), &fields).await));
        seen.add("after the post", left(&server, &mut browser, &tokens).await);

        let (mut browser, tokens) = logged_in(&server, "alice", "openid offline_access").await;
        let hint = tokens.text("id_token");
        seen.add("offline", server.shown(&browser.get(&url(&[("id_token_hint", &hint)])).await));
        seen.add("an offline session goes on", left(&server, &mut browser, &tokens).await);

        let by_password = server.login("alice", "api", Some("openid")).await;
        let hint = by_password.text("id_token");
        let answer = Browser::new(&server).get(&url(&[("id_token_hint", &hint)])).await;
        seen.add("of a password grant", server.shown(&answer));
        let told = server.introspect(&by_password.text("access_token"), "api", None).await;
        seen.add("the password grant's token", server.observe(&told));
        seen
    })
    .await;
}

#[tokio::test]
async fn logging_out_without_a_hint() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let cases: [&[(&str, &str)]; 9] = [
            &[],
            &[("state", "x")],
            &[("client_id", "api")],
            &[("client_id", "nope")],
            &[("post_logout_redirect_uri", BYE)],
            &[("client_id", "api"), ("post_logout_redirect_uri", BYE), ("state", "x")],
            &[("client_id", "nope"), ("post_logout_redirect_uri", BYE)],
            &[("client_id", "api"), ("post_logout_redirect_uri", "http://evil.test/")],
            &[("id_token_hint", "x"), ("client_id", "api"), ("post_logout_redirect_uri", BYE)],
        ];
        for case in cases {
            let nobody = Browser::new(&server).get(&url(case)).await;
            seen.add(format!("{case:?}, nobody logged in"), server.shown(&nobody));
            let (mut browser, tokens) = logged_in(&server, "alice", "openid").await;
            let page = browser.get(&url(case)).await;
            seen.add(format!("{case:?}"), server.shown(&page));
            if page.body.contains("session_code") {
                let told = server.introspect(&tokens.text("access_token"), "api", None).await;
                seen.add(format!("{case:?}, unconfirmed"), told.json()["active"].clone());
                let done = browser.confirm_logout(&page).await;
                seen.add(format!("{case:?}, confirmed"), server.shown(&done));
            }
            seen.add(format!("{case:?}, after it"), left(&server, &mut browser, &tokens).await);
        }
        let confirm = format!("{PROTOCOL}/logout/logout-confirm");
        let lost = Browser::new(&server).post(&confirm, &[("confirmLogout", "Logout")]).await;
        seen.add("a confirmation of nothing", server.shown(&lost));
        let posted = Browser::new(&server).post(&format!("{PROTOCOL}/logout"), &[]).await;
        seen.add("posted nothing", server.shown(&posted));
        seen.add(
            "put",
            server.shown(&server.send(server.request("PUT", &format!("{PROTOCOL}/logout"))).await),
        );
        seen
    })
    .await;
}

/// Takes back-channel calls and keeps what they brought.
async fn receiver() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/logged-out", listener.local_addr().expect("an address"));
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = String::new();
            let mut bytes = [0; 4096];
            while !request.ends_with("\r\n\r\n") && !request.contains("logout_token=") {
                let read = stream.read(&mut bytes).await.expect("a request");
                request.push_str(std::str::from_utf8(&bytes[..read]).expect("text"));
            }
            let head = request.split("\r\n\r\n").next().expect("a head").to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length: usize = length.expect("a length").parse().expect("a number");
            while request.split_once("\r\n\r\n").expect("a body").1.len() < length {
                let read = stream.read(&mut bytes).await.expect("the rest");
                request.push_str(std::str::from_utf8(&bytes[..read]).expect("text"));
            }
            let token = request.split("logout_token=").nth(1).expect("a token").to_owned();
            kept.lock().await.push(json!({
                "line": request.lines().next(),
                "form": head.contains("content-type: application/x-www-form-urlencoded\r\n"),
                "token": token,
            }));
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await
                .expect("sent");
        }
    });
    (url, calls)
}

#[tokio::test]
async fn clients_are_told_of_the_end_of_a_session() {
    let (receiver_url, calls) = receiver().await;
    let client = |id: &str, attributes: Value| {
        let mut all = json!({ "backchannel.logout.url": receiver_url });
        all.as_object_mut().expect("an object").extend(attributes.as_object().expect("an object").clone());
        json!({
            "clientId": id, "publicClient": true, "standardFlowEnabled": true, "directAccessGrantsEnabled": true,
            "frontchannelLogout": false, "redirectUris": ["http://127.0.0.1/oidc/callback"], "attributes": all,
        })
    };
    let clients = [
        client(
            "t-told",
            json!({
                "backchannel.logout.session.required": "true", "id.token.signed.response.alg": "ES256",
            }),
        ),
        client("t-told-less", json!({ "backchannel.logout.session.required": "false" })),
    ];
    compare_with(&clients, |server| {
        let calls = Arc::clone(&calls);
        async move {
            let mut seen = Observed::default();
            let heard = async || {
                let mut heard: Vec<Value> = calls
                    .lock()
                    .await
                    .drain(..)
                    .map(|mut call| {
                        call["token"] = server.plain("", &decoded(call["token"].as_str().expect("a token")));
                        call
                    })
                    .collect();
                heard.sort_by_key(ToString::to_string);
                json!(heard)
            };
            let public = [("client_id", Some("t-told")), ("client_secret", None)];
            let told = [("client_id", Some("t-told"))];

            let mut browser = Browser::new(&server);
            let login = browser.login("alice", &told).await;
            browser.authorize(&[("client_id", Some("t-told-less"))]).await;
            let tokens = exchange(&server, &login, &public).await;
            browser.get(&url(&[("id_token_hint", &tokens.text("id_token"))])).await;
            seen.add("a browser's logout", heard().await);

            let login = Browser::new(&server).login("alice", &told).await;
            let tokens = exchange(&server, &login, &public).await;
            let refresh = tokens.text("refresh_token");
            let form = [("client_id", "t-told"), ("refresh_token", &*refresh)];
            server.post(&format!("{PROTOCOL}/logout"), &form).await;
            seen.add("a logout by refresh token", heard().await);
            server.post(&format!("{PROTOCOL}/logout"), &form).await;
            seen.add("once more", heard().await);

            let form = [
                ("grant_type", "password"),
                ("client_id", "t-told"),
                ("username", "bob"),
                ("password", "bob"),
            ];
            let refresh = server.token(&form).await.text("refresh_token");
            let form = [("client_id", "t-told"), ("refresh_token", &*refresh)];
            server.post(&format!("{PROTOCOL}/logout"), &form).await;
            seen.add("of a password grant", heard().await);

            let login = Browser::new(&server).login("alice", &told).await;
            let refresh = exchange(&server, &login, &public).await.text("refresh_token");
            server.post(&format!("{PROTOCOL}/revoke"), &[("client_id", "t-told"), ("token", &refresh)]).await;
            seen.add("a revocation", heard().await);
            let login = Browser::new(&server).login("alice", &told).await;
            for _ in 0..2 {
                exchange(&server, &login, &public).await;
            }
            seen.add("a code used twice", heard().await);
            seen
        }
    })
    .await;
}
