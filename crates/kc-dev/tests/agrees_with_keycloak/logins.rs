//! Logins in a browser: requests, pages, and ways back to the client.

use serde_json::{Value, json};

use crate::browser::{Browser, brought, login_query};
use crate::codes::{CHALLENGE, S256, exchange};
use crate::compare;
use crate::observed::{Observed, PROTOCOL};

type Changes = [(&'static str, Option<&'static str>)];

#[tokio::test]
async fn requests_for_a_login() {
    let short = "A".repeat(42);
    let long = "A".repeat(129);
    let essential =
        |name: &str| format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":["{name}"]}}}}}}"#);
    let (unknown, gold) = (essential("x"), essential("gold"));
    let short: &'static str = short.leak();
    let long: &'static str = long.leak();
    let (unknown, gold): (&'static str, &'static str) = (unknown.leak(), gold.leak());
    let mut cases: Vec<Vec<(&str, Option<&str>)>> = vec![
        vec![],
        vec![("client_id", None)],
        vec![("client_id", Some("nope"))],
        vec![("client_id", Some(""))],
        vec![("client_id", Some("realm-management"))],
        vec![("client_id", Some("admin-cli"))],
        vec![("client_id", Some("dpop"))],
        vec![("client_id", Some("nope")), ("response_type", None)],
        vec![("redirect_uri", None)],
        vec![("state", None), ("scope", Some("nope"))],
        vec![("state", Some("")), ("scope", Some("nope"))],
        vec![("state", Some("a b&c=ü\"<>#")), ("scope", Some("nope"))],
        vec![("scope", None)],
        vec![("scope", Some(""))],
        vec![("scope", Some(" "))],
        vec![("scope", Some("nope email"))],
        vec![("response_type", Some("x")), ("scope", Some("nope"))],
        vec![("response_type", Some("x")), ("response_mode", Some("x"))],
        vec![("response_type", Some("x")), ("response_mode", Some("form_post"))],
        vec![("response_type", None), ("response_mode", Some("fragment"))],
        vec![("response_type", Some("token")), ("response_mode", Some("query"))],
        vec![("response_type", Some("token")), ("scope", Some("nope"))],
        vec![("client_id", Some("spa")), ("scope", Some("nope"))],
        vec![("client_id", Some("spa")), ("response_mode", Some("x"))],
        vec![("max_age", Some("x")), ("redirect_uri", Some("http://evil.test"))],
        vec![("claims", Some(unknown)), ("scope", Some("nope"))],
        vec![("claims", Some(unknown))],
        vec![("claims", Some(gold))],
        vec![("prompt", Some("none")), ("response_mode", Some("form_post")), ("state", Some("a\"<b"))],
        vec![("prompt", Some("none")), ("response_mode", Some("fragment"))],
        vec![("prompt", Some("none")), ("scope", Some("nope"))],
        vec![("request", Some("x"))],
        vec![("request_uri", Some("http://x/"))],
        vec![("request_uri", Some("urn:ietf:params:oauth:request_uri:nope"))],
        vec![("kc_idp_hint", Some("x")), ("ui_locales", Some("de")), ("foo", Some("bar"))],
        vec![("foo", Some("1")), ("foo", Some("2"))],
        vec![("client_id", Some("api")), ("client_id", Some("api"))],
        vec![("redirect_uri", Some(crate::browser::CALLBACK)), ("redirect_uri", Some("x"))],
        vec![("login_hint", Some("bob"))],
    ];
    for response_type in
        [None, Some(""), Some("nope"), Some("token"), Some("id_token"), Some("code token"), Some("none")]
            .into_iter()
            .chain([Some("code code"), Some("CODE"), Some("code none")])
    {
        cases.push(vec![("response_type", response_type)]);
    }
    for mode in
        ["", "nope", "query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"]
    {
        cases.push(vec![("response_mode", Some(mode)), ("scope", Some("nope"))]);
    }
    for prompt in ["", "none", "login", "consent", "create", "select_account", "nope", "none login"] {
        cases.push(vec![("prompt", Some(prompt))]);
    }
    for max_age in ["", "x", "-1", "0", "99"] {
        cases.push(vec![("max_age", Some(max_age))]);
    }
    for uri in [
        "",
        "nope",
        "/oidc/callback",
        "javascript:alert(1)",
        "http://127.0.0.1/oidc/callback",
        "http://127.0.0.1:/oidc/callback",
        "http://127.0.0.1:0/oidc/callback",
        "http://127.0.0.1:99999/oidc/callback",
        "http://127.0.0.1:1/oidc/callback/",
        "http://127.0.0.1:1/oidc/callback?x=1",
        "http://127.0.0.1:1/oidc/callback#f",
        "http://127.0.0.1:1/oidc/Callback",
        "http://127.0.0.1:1/oidc/../oidc/callback",
        "http://127.0.0.1:1/oidc/%63allback",
        "http://127.0.0.1:1\\oidc/callback",
        "http://user@127.0.0.1:1/oidc/callback",
        "HTTP://127.0.0.1:1/oidc/callback",
        "https://127.0.0.1:1/oidc/callback",
        "http://localhost:99/oidc/callback",
        "http://LOCALHOST/oidc/callback",
        "http://127.0.0.2/oidc/callback",
        "http://[::1]:5/oidc/callback",
    ] {
        cases.push(vec![("redirect_uri", Some(uri)), ("prompt", Some("none"))]);
    }
    for (challenge, method) in [
        (None, None),
        (None, Some("S256")),
        (None, Some("nope")),
        (Some(CHALLENGE), None),
        (Some(CHALLENGE), Some("S256")),
        (Some(CHALLENGE), Some("s256")),
        (Some(CHALLENGE), Some("plain")),
        (Some(CHALLENGE), Some("nope")),
        (Some(CHALLENGE), Some("")),
        (Some(short), None),
        (Some(short), Some("S256")),
        (Some(long), Some("S256")),
        (Some(""), Some("S256")),
        (Some(""), Some("")),
        (Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+"), Some("S256")),
    ] {
        for client in ["api", "spa"] {
            let pkce = [("code_challenge", challenge), ("code_challenge_method", method)];
            cases.push([("client_id", Some(client))].into_iter().chain(pkce).collect());
        }
    }
    compare(|server| {
        let cases = cases.clone();
        async move {
            let mut seen = Observed::default();
            for case in cases {
                let answer = Browser::new(&server).authorize(&case).await;
                seen.add(format!("{case:?}"), server.shown(&answer));
            }
            let query = login_query(&[]);
            let fields: Vec<(String, String)> =
                url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let url = format!("{PROTOCOL}/auth");
            let mut browser = Browser::new(&server);
            seen.add("posted", server.shown(&browser.post(&url, &fields).await));
            seen.add(
                "posted, but in the query",
                server.shown(&browser.post(&format!("{url}?{query}"), &[]).await),
            );
            let put = server.send(server.request("PUT", &url)).await;
            seen.add("put", server.shown(&put));
            seen
        }
    })
    .await;
}

#[tokio::test]
async fn the_login_page_and_its_errors() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let mut browser = Browser::new(&server);
        let first = browser.authorize(&[]).await;
        let mut page = browser.send_form(&first, &[("username", "alice"), ("password", "wrong")]).await;
        seen.add("wrong password", server.shown(&page));
        for (user, password) in
            [("dave", "dave"), ("dave", "x"), ("nobody", "x"), ("", ""), ("service-account-api", "x")]
        {
            page = browser.send_form(&page, &[("username", user), ("password", password)]).await;
            seen.add(format!("{user:?} with {password:?}"), server.shown(&page));
        }
        let older = browser.send_form(&first, &[("username", "alice"), ("password", "alice")]).await;
        seen.add("an older page", json!([older.status, server.own_path(&older).is_some()]));
        let again = browser.get(&server.own_path(&older).expect("a way on")).await;
        seen.add("the way on from an older page", server.shown(&again));
        let mut other = Browser::new(&server);
        let lost = other.send_form(&again, &[("username", "alice"), ("password", "alice")]).await;
        seen.add("without cookies", server.shown(&lost));
        let good =
            browser.send_form(&again, &[("username", "ALICE@example.test"), ("password", "alice")]).await;
        seen.add("by e-mail", server.shown(&good));
        let late = browser.send_form(&again, &[("username", "alice"), ("password", "alice")]).await;
        seen.add("once more", server.shown(&late));

        let mut browser = Browser::new(&server);
        let (one, two) = (browser.authorize(&[]).await, browser.authorize(&[]).await);
        let three = browser.authorize(&[]).await;
        for (tab, page, user) in [("first", one, "alice"), ("second", two, "bob"), ("third", three, "alice")]
        {
            let answer = browser.send_form(&page, &[("username", user), ("password", user)]).await;
            seen.add(format!("{tab} tab, {user}"), server.shown(&answer));
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn ways_back_to_the_client() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for mode in ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] {
            let answer = Browser::new(&server).login("alice", &[("response_mode", Some(mode))]).await;
            seen.add(mode, server.shown(&answer));
        }
        let cases: [&Changes; 4] = [
            &[("response_type", Some("none"))],
            &[("state", None)],
            &[("state", Some("ü\" <&"))],
            &[("redirect_uri", Some("http://localhost:1/oidc/callback"))],
        ];
        for case in cases {
            let answer = Browser::new(&server).login("alice", case).await;
            seen.add(format!("{case:?}"), server.shown(&answer));
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn a_session_goes_on_in_the_browser() {
    let spa = [("client_id", Some("spa")), S256[0], S256[1]];
    let cases: Vec<Vec<(&'static str, Option<&'static str>)>> = vec![
        vec![],
        vec![("prompt", Some("none"))],
        vec![("client_id", Some("no-aud"))],
        spa.to_vec(),
        vec![("prompt", Some("login"))],
        vec![("prompt", Some("consent"))],
        vec![("prompt", Some("select_account"))],
        vec![("max_age", Some("1000"))],
        vec![("max_age", Some("0"))],
        vec![("max_age", Some("0")), ("prompt", Some("none"))],
        vec![("max_age", Some("-1"))],
        vec![("acr_values", Some("gold"))],
        vec![("acr_values", Some("gold")), ("prompt", Some("none"))],
        vec![("acr_values", Some("silver"))],
        vec![("login_hint", Some("bob"))],
    ];
    compare(|server| {
        let cases = cases.clone();
        async move {
            let mut seen = Observed::default();
            let mut browser = Browser::new(&server);
            browser.login("alice", &[]).await;
            // So that no answer hangs on the tick of a second.
            tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
            for case in cases {
                seen.add(format!("{case:?}"), server.shown(&browser.authorize(&case).await));
            }
            let page = browser.authorize(&[("prompt", Some("login"))]).await;
            let wrong = browser.send_form(&page, &[("password", "wrong")]).await;
            seen.add("the password again, wrong", server.shown(&wrong));
            let right = browser.send_form(&wrong, &[("password", "alice")]).await;
            seen.add("the password again, right", server.shown(&right));

            let login = browser.authorize(&[]).await;
            let refresh = exchange(&server, &login, &[]).await.text("refresh_token");
            let code = browser.authorize(&[]).await;
            let form = [("client_id", "api"), ("client_secret", "api-secret"), ("refresh_token", &*refresh)];
            seen.add("ended", server.observe(&server.post(&format!("{PROTOCOL}/logout"), &form).await));
            seen.add("a code from before the end", server.observe(&exchange(&server, &code, &[]).await));
            seen.add("the browser after the end", server.shown(&browser.authorize(&[]).await));

            let mut browser = Browser::new(&server);
            let login = browser.login("alice", &[]).await;
            browser.authorize(&[("client_id", Some("no-aud"))]).await;
            let refresh = exchange(&server, &login, &[]).await.text("refresh_token");
            let form = [("client_id", "api"), ("client_secret", "api-secret"), ("token", &*refresh)];
            server.post(&format!("{PROTOCOL}/revoke"), &form).await;
            let silent = browser.authorize(&[("prompt", Some("none"))]).await;
            seen.add("one client's tokens are revoked", server.shown(&silent));
            seen
        }
    })
    .await;
}

#[tokio::test]
async fn levels_of_authentication() {
    let essential =
        |names: &str| format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":[{names}]}}}}}}"#);
    let voluntary = |names: &str| format!(r#"{{"id_token":{{"acr":{{"values":[{names}]}}}}}}"#);
    let mut cases: Vec<(&str, String)> =
        ["x", "0", "1", "2", "3", "-1", "gold", "silver", "gold silver", "nope gold"]
            .into_iter()
            .chain(["2 gold", ""])
            .map(|names| ("acr_values", names.to_owned()))
            .collect();
    cases.extend(
        [
            essential("\"3\""),
            essential("\"2\""),
            essential("\"silver\",\"gold\""),
            voluntary("\"3\""),
            voluntary("\"x\""),
        ]
        .into_iter()
        .chain([
            r#"{"id_token":{"acr":null}}"#.to_owned(),
            r#"{"id_token":{"acr":{"essential":true}}}"#.to_owned(),
        ])
        .chain([r#"{"id_token":{"acr":{"essential":true,"value":"gold"}}}"#.to_owned(), "{".to_owned()])
        .map(|claims| ("claims", claims)),
    );
    compare(|server| {
        let cases = cases.clone();
        async move {
            let mut seen = Observed::default();
            for (parameter, value) in cases {
                let mut browser = Browser::new(&server);
                let mut steps: Vec<Value> = Vec::new();
                for changes in
                    [vec![(parameter, Some(value.as_str()))], vec![], vec![("acr_values", Some("1"))]]
                {
                    let answer = browser.login("alice", &changes).await;
                    if !brought(&answer).contains_key("code") {
                        steps.push(server.shown(&answer));
                        continue;
                    }
                    let tokens = exchange(&server, &answer, &[]).await;
                    let acr = |kind| crate::decoded(&tokens.text(kind))["claims"]["acr"].clone();
                    let refreshed = server.refresh(&tokens.text("refresh_token"), "api", None).await;
                    let later = crate::decoded(&refreshed.text("access_token"))["claims"]["acr"].clone();
                    steps.push(json!([acr("access_token"), acr("id_token"), later]));
                }
                seen.add(format!("{parameter} {value}, then nothing, then 1"), json!(steps));
            }
            let mut browser = Browser::new(&server);
            let page = browser.authorize(&[("acr_values", Some("gold"))]).await;
            let second = browser.send_form(&page, &[("username", "alice"), ("password", "alice")]).await;
            seen.add("the second step", server.shown(&second));
            let wrong = browser.send_form(&second, &[("password", "wrong")]).await;
            seen.add("wrong at the second step", server.shown(&wrong));
            let login = browser.login("alice", &[("acr_values", Some("gold"))]).await;
            let token = exchange(&server, &login, &[]).await.text("access_token");
            browser.authorize(&[("acr_values", Some("silver"))]).await;
            let told = server.introspect(&token, "api", None).await;
            seen.add("introspection follows the last login", server.observe(&told));
            seen
        }
    })
    .await;
}
