//! Clients with other settings than those of the realm, and requests that were pushed.

use serde_json::{Value, json};

use crate::browser::{Browser, login_query};
use crate::codes::{CHALLENGE, S256, exchange};
use crate::observed::{Answer, Observed, PROTOCOL};
use crate::{compare, compare_with};

type Changes = [(&'static str, Option<&'static str>)];

#[tokio::test]
async fn clients_with_other_settings() {
    let client = |id: &str, members: Value| {
        let mut client = json!({
            "clientId": id, "publicClient": true, "standardFlowEnabled": true, "webOrigins": ["*"],
            "redirectUris": ["http://app.test/cb"], "attributes": {},
        });
        client.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        client
    };
    let attribute = |name: &str, value: &str| json!({ "attributes": { name: value } });
    let uris = json!({ "redirectUris": ["http://app.test/cb", "http://app.test/w/*", "myapp://cb"] });
    let clients = vec![
        client("t-off", json!({ "standardFlowEnabled": false })),
        client("t-disabled", json!({ "enabled": false })),
        client("t-pushed", attribute("require.pushed.authorization.requests", "true")),
        client("t-level", attribute("default.acr.values", "gold")),
        client("t-plain", attribute("pkce.code.challenge.method", "plain")),
        client(
            "t-quiet",
            json!({ "attributes": {
            "exclude.issuer.from.auth.response": "true", "exclude.session.state.from.auth.response": "true",
        } }),
        ),
        client("t-uris", uris),
        client("t-any", json!({ "redirectUris": ["*"] })),
        client("t-root", json!({ "redirectUris": ["/rel/*"], "rootUrl": "http://root.test/app" })),
        client("t-host", json!({ "redirectUris": ["http://app.test*"] })),
        client(
            "t-loopback",
            json!({ "redirectUris": ["http://127.0.0.1:9/cb", "http://[::1]/cb", "https://127.0.0.1/cb"] }),
        ),
    ];
    compare_with(&clients, |server| async move {
        let mut seen = Observed::default();
        let cb = Some("http://app.test/cb");
        let plain = [("code_challenge", Some(CHALLENGE)), ("code_challenge_method", Some("plain"))];
        for id in ["t-off", "t-disabled", "t-pushed", "t-level", "t-plain", "t-quiet"] {
            let changes = [("client_id", Some(id)), ("redirect_uri", cb)];
            seen.add(id, server.shown(&Browser::new(&server).login("alice", &changes).await));
            let changes: Vec<_> = changes.into_iter().chain(plain).collect();
            seen.add(
                format!("{id}, plain"),
                server.shown(&Browser::new(&server).login("alice", &changes).await),
            );
            let changes = [("client_id", Some(id)), ("redirect_uri", None), ("scope", Some("nope"))];
            seen.add(
                format!("{id}, no address"),
                server.shown(&Browser::new(&server).authorize(&changes).await),
            );
        }
        for (id, uris) in [
            (
                "t-uris",
                vec![
                    "http://app.test/cb",
                    "http://app.test/cb/",
                    "http://app.test:80/cb",
                    "http://app.test/cb?x=1",
                    "http://APP.test/cb",
                    "http://app.test/w/",
                    "http://app.test/w",
                    "http://app.test/w/a/b",
                    "http://app.test/w/a?x=1",
                    "http://app.test/w?x=1",
                    "http://app.test/w/../cb",
                    "http://app.test/w/%2e%2e/cb",
                    "http://app.test/w/a#f",
                    "http://app.test/wx",
                    "http://app.test/w/a?b#c",
                    "http://app.test/w/..%2fcb",
                    "http://app.test/w/*",
                    "http://x@app.test/w/a",
                    "http://app.test\\@evil.test/w/",
                    "http://app.test/w/%252e%252e/x",
                    "http://app.test/w/a b",
                    "http://app.test/w/..;/cb",
                    "http://app.test/c%62",
                    "http://app.test/w/a%20b",
                    "http://app.test/w/%61",
                    "http://app.test/w/a%2Fb",
                    "http://app.test/w/a?x=../b",
                    "http://app.test/w/.",
                    "http://app.test/w/a..b",
                    "http://app.test/w/%zz",
                    "http://app.test/w/ü",
                    "myapp://cb",
                    "MYAPP://cb",
                    "myapp://cb/",
                ],
            ),
            (
                "t-any",
                vec![
                    "http://evil.test/x",
                    "javascript:alert(1)",
                    "data:text/html,x",
                    "custom:/x",
                    "http://a/b#c",
                ],
            ),
            ("t-root", vec!["http://root.test/app/rel/x", "http://root.test/rel/x", "/rel/x"]),
            ("t-host", vec!["http://app.test.evil/x", "http://app.test/x", "http://app.test"]),
            (
                "t-loopback",
                vec![
                    "http://127.0.0.1:9/cb",
                    "http://127.0.0.1:10/cb",
                    "http://127.0.0.1/cb",
                    "http://[::1]:9/cb",
                    "https://127.0.0.1/cb",
                    "https://127.0.0.1:9/cb",
                ],
            ),
        ] {
            for uri in uris {
                let changes = [("client_id", Some(id)), ("redirect_uri", Some(uri)), ("scope", Some("nope"))];
                let answer = Browser::new(&server).authorize(&changes).await;
                seen.add(format!("{id}: {uri}"), server.shown(&answer));
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn pushed_requests() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let url = format!("{PROTOCOL}/ext/par/request");
        let push = async |changes: &[(&str, Option<&str>)]| {
            let all = [&[("client_secret", Some("api-secret"))], changes].concat();
            let body = login_query(&all);
            let request = server.request("POST", &url).body(body);
            server.send(request.header("content-type", "application/x-www-form-urlencoded")).await
        };
        let cases: [&Changes; 16] = [
            &[("client_id", Some("nope"))],
            &[("client_id", Some("spa"))],
            &[("client_id", Some("spa")), S256[0], S256[1]],
            &[("redirect_uri", Some("http://evil.test"))],
            &[("redirect_uri", None)],
            &[("scope", Some("nope"))],
            &[("response_type", None)],
            &[("response_type", Some("x"))],
            &[("response_type", Some("token"))],
            &[("request_uri", Some("x"))],
            &[("request", Some("x"))],
            &[("code_challenge", Some("x"))],
            &[("response_mode", Some("x"))],
            &[("max_age", Some("x"))],
            &[("foo", Some("1")), ("foo", Some("2"))],
            &[("prompt", Some("none"))],
        ];
        let plain = |answer: &Answer| {
            let mut seen = server.observe(answer);
            if let Some(uri) = answer.json()["request_uri"].as_str() {
                seen["body"]["request_uri"] =
                    json!(uri.rsplit_once(':').map(|(start, id)| (start, id.len())));
            }
            seen
        };
        for case in cases {
            seen.add(format!("{case:?}"), plain(&push(case).await));
        }
        let wrong = server.post(&url, &[("client_id", "api"), ("client_secret", "wrong")]).await;
        seen.add("wrong secret", server.observe(&wrong));
        seen.add("GET", server.observe(&server.get(&url).await));

        let uri = push(&[("scope", Some("openid phone"))]).await.text("request_uri");
        let mut browser = Browser::new(&server);
        for client in [Some("no-aud"), None] {
            let changes = [("client_id", client), ("request_uri", Some(&*uri))];
            seen.add(format!("used by {client:?}"), server.shown(&browser.authorize(&changes).await));
        }
        let changes = [("request_uri", Some(&*uri)), ("scope", Some("nope")), ("state", Some("other"))];
        let login = browser.login("alice", &changes).await;
        seen.add("the browser can't change it", server.shown(&login));
        seen.add("tokens", server.observe(&exchange(&server, &login, &[]).await));
        let again = Browser::new(&server).authorize(&[("request_uri", Some(&*uri))]).await;
        seen.add("used twice", server.shown(&again));
        seen
    })
    .await;
}
