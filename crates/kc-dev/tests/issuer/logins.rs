//! Logging in and out with a browser, where no real server is needed to say what is right.

use kc_dev::{DEMO_REALM, DevIssuer};
use serde_json::{Value, json};

use crate::asking::{http, is_active, issuer, part, post, refused, text, url};

const CALLBACK: &str = "http://127.0.0.1:5555/oidc/callback";

/// What a page request came to.
struct Page {
    status: u16,
    location: String,
    cookies: Vec<String>,
    body: String,
}

async fn page(request: reqwest::RequestBuilder, cookies: &[String]) -> Page {
    let answer = request.header("cookie", cookies.join("; ")).send().await.expect("an answer");
    let header = |name: &str| {
        answer.headers().get_all(name).iter().map(|value| value.to_str().expect("text").to_owned())
    };
    let cookies =
        header("set-cookie").map(|line| line.split(';').next().expect("a pair").to_owned()).collect();
    let location = header("location").next().unwrap_or_default();
    Page { status: answer.status().as_u16(), location, cookies, body: answer.text().await.expect("text") }
}

async fn authorize(issuer: &DevIssuer, more: &[(&str, &str)], cookies: &[String]) -> Page {
    let usual =
        [("client_id", "api"), ("redirect_uri", CALLBACK), ("response_type", "code"), ("scope", "openid")];
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(usual.iter().chain(more)).finish();
    page(http().get(format!("{}?{query}", url(issuer, "auth"))), cookies).await
}

fn action(page: &Page) -> String {
    let action = page.body.split("action=\"").nth(1).expect("a form").split('"').next().expect("its address");
    action.replace("&amp;", "&")
}

async fn submit(form: &Page, name: &str, password: &str, cookies: &[String]) -> Page {
    page(http().post(action(form)).form(&[("username", name), ("password", password)]), cookies).await
}

/// A whole login: where it led, and the cookies of the browser.
async fn login(issuer: &DevIssuer, more: &[(&str, &str)]) -> (Page, Vec<String>) {
    let form = authorize(issuer, more, &[]).await;
    let done = submit(&form, "alice", "alice", &form.cookies).await;
    let cookies = form.cookies.iter().chain(&done.cookies).cloned().collect();
    (done, cookies)
}

fn parameter(location: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(location).expect("a URL");
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

async fn exchange(issuer: &DevIssuer, location: &str) -> (u16, Value) {
    let code = parameter(location, "code").expect("a code");
    let form = [("grant_type", "authorization_code"), ("redirect_uri", CALLBACK), ("code", &code)];
    post(issuer, "token", &form).await
}

#[tokio::test]
async fn a_login_gives_a_code_and_the_code_gives_tokens() {
    let issuer = issuer().await;
    let (done, cookies) = login(&issuer, &[("nonce", "n"), ("state", "s")]).await;
    assert_eq!(done.status, 302);
    assert_eq!(parameter(&done.location, "state").as_deref(), Some("s"));
    assert_eq!(parameter(&done.location, "iss").as_deref(), Some(issuer.issuer()));
    let (status, tokens) = exchange(&issuer, &done.location).await;
    assert_eq!(status, 200, "{tokens}");
    let id = part(text(&tokens, "id_token"), 1);
    assert_eq!(id["nonce"], json!("n"));
    assert!(id["auth_time"].as_i64().expect("a time") <= id["iat"].as_i64().expect("a time"));
    assert_eq!(id["sid"], tokens["session_state"]);
    assert!(is_active(&issuer, text(&tokens, "access_token")).await);

    let silent = authorize(&issuer, &[("prompt", "none")], &cookies).await;
    assert!(parameter(&silent.location, "code").is_some(), "the browser stays logged in");
    assert!(issuer.end_session(text(&tokens, "session_state")));
    let silent = authorize(&issuer, &[("prompt", "none")], &cookies).await;
    assert_eq!(parameter(&silent.location, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn a_code_is_worth_nothing_after_its_time() {
    let issuer = issuer().await;
    let (done, _) = login(&issuer, &[]).await;
    issuer.set_clock_skew(61);
    assert_eq!(exchange(&issuer, &done.location).await, refused("invalid_grant", "Code is expired"));
}

#[tokio::test]
async fn a_browser_is_never_sent_to_an_address_that_is_not_registered() {
    let issuer = issuer().await;
    for uri in [
        "http://evil.test/",
        "//evil.test",
        "http://127.0.0.1@evil.test/oidc/callback",
        "javascript:alert(1)",
    ] {
        for wrong in [("scope", "nope"), ("prompt", "none"), ("response_type", "x")] {
            let usual = [("client_id", "api"), ("redirect_uri", uri), ("response_type", "code"), wrong];
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let query = query.extend_pairs(usual).finish();
            let answer = page(http().get(format!("{}?{query}", url(&issuer, "auth"))), &[]).await;
            assert_eq!((answer.status, answer.location.as_str()), (400, ""), "{uri}");
        }
    }
}

#[tokio::test]
async fn the_login_page_says_what_it_is_and_shows_no_markup_of_others() {
    let issuer = issuer().await;
    let form = authorize(&issuer, &[("login_hint", "\"><script>x")], &[]).await;
    assert_eq!(form.status, 200);
    assert!(form.body.contains("DEVELOPMENT ISSUER") && form.body.contains("width=device-width"));
    assert!(form.body.contains("<td>alice</td><td>alice</td>"));
    assert!(!form.body.contains("<script"), "{}", form.body);
    let wrong = submit(&form, "<b>", "wrong", &form.cookies).await;
    assert!(wrong.body.contains("Invalid username or password.") && !wrong.body.contains("<b>"));
}

#[tokio::test]
async fn whoever_is_asked_again_can_make_room_for_somebody_else() {
    let issuer = issuer().await;
    let (_, cookies) = login(&issuer, &[]).await;
    let again = authorize(&issuer, &[("prompt", "login")], &cookies).await;
    assert!(again.body.contains("Logged in as <strong>alice</strong>"), "{}", again.body);
    let link = again.body.split("id=\"reset-login\" href=\"").nth(1).expect("a link");
    let link = link.split('"').next().expect("its address").replace("&amp;", "&");
    assert_eq!(page(http().get(&link), &[]).await.status, 400, "another browser");
    let begun = page(http().get(&link), &cookies).await;
    assert_eq!(begun.status, 302);
    let form = page(http().get(&begun.location), &again.cookies).await;
    let done = submit(&form, "bob", "bob", &again.cookies).await;
    assert!(parameter(&done.location, "code").is_some(), "{}", done.location);
    let alice = authorize(&issuer, &[("prompt", "none")], &cookies).await;
    assert_eq!(
        parameter(&alice.location, "error").as_deref(),
        Some("login_required"),
        "her session has ended"
    );
}

#[tokio::test]
async fn a_login_page_counts_in_the_browser_that_got_it_only_and_once() {
    let issuer = issuer().await;
    let form = authorize(&issuer, &[], &[]).await;
    let other = authorize(&issuer, &[], &[]).await;
    assert_ne!(form.cookies, other.cookies);
    for cookies in [&[][..], &other.cookies] {
        let stolen = submit(&form, "alice", "alice", cookies).await;
        assert_eq!((stolen.status, stolen.location.as_str()), (400, ""));
    }
    let wrong = submit(&form, "alice", "wrong", &form.cookies).await;
    let old = submit(&form, "alice", "alice", &form.cookies).await;
    assert_eq!(parameter(&old.location, "code"), None, "the page is an old one");
    let right = submit(&wrong, "alice", "alice", &form.cookies).await;
    assert!(parameter(&right.location, "code").is_some());
    let again = submit(&wrong, "alice", "alice", &form.cookies).await;
    assert_eq!(parameter(&again.location, "error").as_deref(), Some("temporarily_unavailable"));
    issuer.set_clock_skew(1801);
    let late = submit(&other, "alice", "alice", &other.cookies).await;
    assert!(
        late.location.is_empty() && late.body.contains("Login will start from the beginning."),
        "{}",
        late.body
    );
    let begun_again = submit(&late, "alice", "alice", &other.cookies).await;
    assert!(parameter(&begun_again.location, "code").is_some());
}

#[tokio::test]
async fn a_realm_without_levels_says_1_for_a_login_and_0_for_a_session_that_goes_on() {
    let mut realm: Value = serde_json::from_str(DEMO_REALM).expect("JSON");
    realm["authenticatorConfig"] = json!([]);
    realm["attributes"]["acr.loa.map"] = json!("");
    let builder = DevIssuer::builder().shared_keys().realm_json(realm.to_string());
    let issuer = builder.start().await.expect("kc-dev starts");
    let (done, cookies) = login(&issuer, &[]).await;
    let (_, tokens) = exchange(&issuer, &done.location).await;
    assert_eq!(part(text(&tokens, "id_token"), 1)["acr"], json!("1"));
    let again = authorize(&issuer, &[], &cookies).await;
    let (_, tokens) = exchange(&issuer, &again.location).await;
    assert_eq!(part(text(&tokens, "id_token"), 1)["acr"], json!("0"));
}

#[tokio::test]
async fn a_user_who_is_disabled_is_logged_in_no_more() {
    let issuer = issuer().await;
    let (done, cookies) = login(&issuer, &[]).await;
    assert!(issuer.set_user_enabled("alice", false));
    assert_eq!(exchange(&issuer, &done.location).await, refused("invalid_grant", "User disabled"));
    assert_eq!(authorize(&issuer, &[], &cookies).await.status, 200, "the login page");
}

#[tokio::test]
async fn a_client_that_does_not_answer_does_not_hold_up_a_logout() {
    let mut realm: Value = serde_json::from_str(DEMO_REALM).expect("JSON");
    let unreachable = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = unreachable.local_addr().expect("an address");
    drop(unreachable);
    for client in realm["clients"].as_array_mut().expect("clients") {
        client["attributes"]["backchannel.logout.url"] = json!(format!("http://{address}/"));
    }
    let builder = DevIssuer::builder().shared_keys().realm_json(realm.to_string());
    let issuer = builder.start().await.expect("kc-dev starts");
    let (done, cookies) = login(&issuer, &[]).await;
    let (_, tokens) = exchange(&issuer, &done.location).await;
    let hint = text(&tokens, "id_token");
    let out = page(http().get(format!("{}?id_token_hint={hint}", url(&issuer, "logout"))), &cookies).await;
    assert_eq!(out.status, 200);
    assert!(out.body.contains("You are logged out"));
    assert!(!is_active(&issuer, text(&tokens, "access_token")).await);
}

#[tokio::test]
async fn every_user_of_the_page_logs_in_by_one_click() {
    let issuer = issuer().await;
    let shown = authorize(&issuer, &[], &[]).await;
    let button = shown.body.find("Log in as bob").expect("a button");
    let form =
        shown.body.get(..button).and_then(|before| before.rfind("<form").map(|at| before.split_at(at).1));
    let form = form.expect("its form");
    let value = |name: &str| {
        let after = form.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("a field");
        after.split('"').next().expect("its value").to_owned()
    };
    let fields = [("username", value("username")), ("password", value("password"))];
    let action = form.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("its address");
    let done = page(http().post(action.replace("&amp;", "&")).form(&fields), &shown.cookies).await;
    assert_eq!(done.status, 302);
    assert!(parameter(&done.location, "code").is_some(), "{}", done.location);
}
