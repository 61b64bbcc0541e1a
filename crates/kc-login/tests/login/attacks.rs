//! The attacks on a relying party that are known (RFC 9700, OpenID Connect Core §16, and what was found in others).

use kc_dev::Alg;
use serde_json::{Value, json};

use crate::harness::{Browser, HTML, SESSION, Service, parameter, service};

/// A login up to the callback, which is not called yet.
async fn begun<'s>(service: &'s Service, next: &str) -> (Browser<'s>, String) {
    let mut browser = service.browser();
    let begun = browser.get(&format!("/oidc/authenticate?next={next}"), &[HTML]).await;
    let callback = browser.at_keycloak(begun.location(), "alice").await;
    (browser, callback)
}

/// The callback's URL with a parameter changed, or taken away.
fn with(callback: &str, name: &str, value: Option<&str>) -> String {
    let url = url::Url::parse("http://host.invalid").unwrap().join(callback).unwrap();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(url.query_pairs().filter(|(found, _)| found != name));
    if let Some(value) = value {
        query.append_pair(name, value);
    }
    format!("{}?{}", url.path(), query.finish())
}

async fn refused(browser: &mut Browser<'_>, callback: &str, why: &str) {
    let answer = browser.get(callback, &[HTML]).await;
    assert_eq!(answer.status, 400, "{why}: {answer:?}");
    assert!(!browser.cookies.contains_key(SESSION), "{why}");
    assert!(answer.body.contains("Try again") && !answer.body.contains("<script"), "{why}");
    assert_eq!(browser.who().await, "nobody", "{why}");
}

#[tokio::test]
async fn state_missing_foreign_or_changed() {
    let service = service().await;
    let (browser, callback) = begun(&service, "/").await;
    let (_, foreign) = begun(&service, "/").await;
    let state = parameter(&callback, "state").unwrap();
    let (most, end) = state.split_at(42);
    let other_end = format!("{most}{}", if end == "A" { "E" } else { "A" });
    let twice = format!("{callback}&state={state}");
    for (callback, why) in [
        (with(&callback, "state", None), "missing"),
        (with(&callback, "state", Some("")), "empty"),
        (with(&callback, "state", Some(&other_end)), "changed"),
        (with(&callback, "state", parameter(&foreign, "state").as_deref()), "of another browser"),
        (foreign, "a callback of another browser: login CSRF"),
        (twice, "twice"),
    ] {
        refused(&mut browser.clone(), &callback, why).await;
    }
    let (mut browser, callback) = (browser, callback);
    assert_eq!(browser.get(&callback, &[HTML]).await.status, 302, "the good one still is");
}

#[tokio::test]
async fn state_replayed_and_callback_twice() {
    let service = service().await;
    let (mut browser, callback) = begun(&service, "/").await;
    let before = browser.clone();
    assert_eq!(browser.get(&callback, &[HTML]).await.status, 302);
    let again = browser.get(&callback, &[HTML]).await;
    assert_eq!(again.status, 400, "the browser's cookie for it is gone");
    assert_eq!(browser.who().await, "alice", "and the login stands");
    // Whoever kept the cookie.
    refused(&mut before.clone(), &callback, "replayed with its cookie").await;
    assert_eq!(
        browser.who().await,
        "alice",
        "no code was sent to Keycloak again, which would have ended the session"
    );
}

#[tokio::test]
async fn nonce_wrong_or_missing() {
    let service = service().await;
    for nonce in [json!("of-another-login"), Value::Null] {
        let (mut browser, callback) = begun(&service, "/").await;
        let mint = service.issuer.mint().kind(kc_dev::TokenKind::Id).user("alice");
        let mint = if nonce.is_null() { mint.without("nonce") } else { mint.claim("nonce", nonce.clone()) };
        let forged = mint.without("at_hash").sign().await.unwrap();
        service.meddler.with_tokens(move |answer| answer["id_token"] = json!(forged));
        refused(&mut browser, &callback, &format!("nonce {nonce}")).await;
        service.meddler.stop();
    }
}

#[tokio::test]
async fn code_injected() {
    let service = service().await;
    let (_, stolen) = begun(&service, "/").await;
    let (mut browser, callback) = begun(&service, "/").await;
    let injected = with(&callback, "code", parameter(&stolen, "code").as_deref());
    refused(&mut browser, &injected, "a stolen code under a state of one's own: PKCE").await;
    for code in [None, Some(""), Some("x"), Some("a b\r\nc: d")] {
        let (mut browser, callback) = begun(&service, "/").await;
        refused(&mut browser, &with(&callback, "code", code), "no code of Keycloak's").await;
    }
}

#[tokio::test]
async fn pkce_stripped() {
    let service = service().await;
    let mut browser = service.browser();
    let begun = browser.get("/oidc/authenticate", &[HTML]).await;
    // Somebody in between takes the challenge out of the request.
    let stripped = ["code_challenge", "code_challenge_method", "request_uri"].into_iter().fold(
        begun.location().to_owned(),
        |url, name| {
            let parsed = url::Url::parse(&url).unwrap();
            let path = with(&url, name, None);
            format!("{}{path}", parsed.origin().ascii_serialization())
        },
    );
    let callback = browser.at_keycloak(&stripped, "alice").await;
    refused(&mut browser, &callback, "a code without a challenge").await;
}

#[tokio::test]
async fn issuer_mixed_up() {
    let service = service().await;
    for (issuer, why) in [
        (Some("https://evil.test/realms/kc-demo"), "another issuer"),
        (Some(""), "empty"),
        (None, "missing, though this server says that it names itself"),
    ] {
        let (mut browser, callback) = begun(&service, "/").await;
        refused(&mut browser, &with(&callback, "iss", issuer), why).await;
    }
    let (mut browser, callback) = begun(&service, "/").await;
    refused(&mut browser, &format!("{callback}&iss=https%3A%2F%2Fevil.test"), "two issuers").await;
}

#[tokio::test]
async fn open_redirects() {
    let service = service().await;
    for next in [
        "//evil.test",
        "/\\evil.test",
        "/%5Cevil.test",
        "/%09/evil.test",
        "https:evil.test",
        "https://evil.test",
        "/%0d%0aLocation:%20https://evil.test",
        "//user@evil.test",
        "/%E2%80%A8/evil.test",
        "/..//evil.test",
        "/oidc/logout",
        "javascript:alert(1)",
    ] {
        let (mut browser, callback) = begun(&service, next).await;
        let done = browser.get(&callback, &[HTML]).await;
        assert_eq!((done.status, done.location()), (302, "/"), "{next}");
        assert_eq!(done.headers.get_all("location").iter().count(), 1);
    }
}

#[tokio::test]
async fn session_fixed_before_the_login() {
    let service = service().await;
    let planted = "A".repeat(43);
    let (mut browser, callback) = begun(&service, "/").await;
    browser.cookies.insert(SESSION.to_owned(), planted.clone());
    browser.get(&callback, &[HTML]).await;
    let id = browser.cookies[SESSION].clone();
    assert_ne!(id, planted);
    let mut attacker = service.browser();
    attacker.cookies.insert(SESSION.to_owned(), planted);
    assert_eq!(attacker.who().await, "nobody");
    // A second login has a new id too, and the one before is worth nothing.
    browser.log_in("alice").await;
    assert_ne!(browser.cookies[SESSION], id);
    attacker.cookies.insert(SESSION.to_owned(), id);
    assert_eq!(attacker.who().await, "nobody");
}

#[tokio::test]
async fn cookies_tampered_with_and_oversized() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let id = browser.cookies[SESSION].clone();
    let last = if id.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{last}", id.split_at(42).0);
    for value in
        [&changed, "", "x", &"A".repeat(43), &"A".repeat(100_000), &format!("{id}="), &id.to_lowercase()]
    {
        let mut other = browser.clone();
        other.cookies.insert(SESSION.to_owned(), value.to_owned());
        assert_eq!(other.who().await, "nobody");
        assert_eq!(other.get("/me", &[]).await.code(), "session_expired");
    }
    // Two cookies of one name: one was planted.
    let mut headers = http::HeaderMap::new();
    headers.insert("cookie", format!("{SESSION}={id}; {SESSION}={changed}").parse().unwrap());
    assert_eq!(service.ask("GET", "/me", &headers, b"").await.status, 200, "the other one names nothing");
    let mut attacker = service.browser();
    attacker.log_in("bob").await;
    let planted = attacker.cookies[SESSION].clone();
    headers.insert("cookie", format!("{SESSION}={id}; {SESSION}={planted}").parse().unwrap());
    assert_eq!(service.ask("GET", "/me", &headers, b"").await.code(), "session_expired", "which is whose?");
    let blank = http::HeaderValue::from_bytes(format!("\u{2000}{SESSION}={planted}").as_bytes()).unwrap();
    headers.insert("cookie", blank);
    assert_eq!(service.ask("GET", "/me", &headers, b"").await.code(), "not_authenticated");
    // The cookie of a login under way.
    let (browser, callback) = begun(&service, "/").await;
    let (name, sealed) = browser.cookies.iter().next().unwrap();
    for value in ["", "x", &sealed.replace(sealed.split_at(30).1.split_at(1).0, "_"), &"A".repeat(100_000)] {
        let mut other = browser.clone();
        other.cookies.insert(name.clone(), value.to_owned());
        if value != sealed {
            refused(&mut other, &callback, "a cookie that was tampered with").await;
        }
    }
}

#[tokio::test]
async fn id_tokens_that_are_none() {
    let service = service().await;
    type Bend = fn(kc_dev::Mint) -> kc_dev::Mint;
    let bends: [(&str, Bend); 10] = [
        ("alg none", kc_dev::Mint::unsigned),
        ("a key that is nobody's", |mint| mint.unknown_key(Alg::Rs256)),
        ("HS256 with the client's secret", |mint| mint.secret(Alg::Hs256, "api-secret")),
        ("of another issuer", |mint| mint.claim("iss", "https://evil.test/realms/kc-demo")),
        ("for another client", |mint| mint.claim("aud", "spa")),
        ("for several, issued to another", |mint| {
            mint.claim("aud", json!(["api", "spa"])).claim("azp", "spa")
        }),
        ("expired", |mint| mint.expires_in(-60)),
        ("an access token", |mint| mint.kind(kc_dev::TokenKind::Access)),
        ("a logout token", |mint| mint.kind(kc_dev::TokenKind::Logout)),
        ("of another access token", |mint| mint.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")),
    ];
    for (why, bend) in bends {
        let mut browser = service.browser();
        let begun = browser.get("/oidc/authenticate", &[HTML]).await;
        let nonce = begun.parameter("nonce").unwrap();
        let callback = browser.at_keycloak(begun.location(), "alice").await;
        let good = service.issuer.mint().kind(kc_dev::TokenKind::Id).user("alice").claim("nonce", nonce);
        let forged = bend(good.without("at_hash")).sign().await.unwrap();
        service.meddler.with_tokens(move |answer| answer["id_token"] = json!(forged));
        refused(&mut browser, &callback, why).await;
        service.meddler.stop();
    }
}

#[tokio::test]
async fn tokens_of_two_users_in_one_answer() {
    let service = service().await;
    let (mut browser, callback) = begun(&service, "/").await;
    let other = service.issuer.token("bob", "api").await.unwrap();
    service.meddler.with_tokens(move |answer| answer["access_token"] = json!(other));
    refused(&mut browser, &callback, "bob's access token with alice's ID token: at_hash").await;
}

#[tokio::test]
async fn logout_by_another_site() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let mut other = service.browser();
    other.log_in("bob").await;
    let (of_bob, _) = other.values().await;
    for form in
        ["", "csrf_token=", "csrf_token=x", &format!("csrf_token={of_bob}"), "csrf_token=a&csrf_token=b"]
    {
        let answer = browser.post("/oidc/logout", form, &[]).await;
        assert_eq!((answer.status, &*answer.code()), (403, "csrf_failed"), "{form}");
    }
    assert_eq!(browser.get("/oidc/logout", &[HTML]).await.status, 403);
    assert_eq!(browser.get("/oidc/logout?csrf_token=x", &[HTML]).await.status, 403);
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn requests_by_another_site() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let (csrf, link) = browser.values().await;
    let id = browser.cookies[SESSION].clone();
    for (form, header) in
        [("", None), ("csrf_token=x", None), ("", Some("x")), ("", Some(&*link)), ("", Some(&*id))]
    {
        let headers: Vec<_> = header.map(|value| ("x-csrf-token", value)).into_iter().collect();
        let answer = browser.post("/items", form, &headers).await;
        assert_eq!((answer.status, &*answer.code()), (403, "csrf_failed"), "{form} {header:?}");
    }
    // Not in the query, where it would end up in logs.
    assert_eq!(browser.post(&format!("/items?csrf_token={csrf}"), "", &[]).await.status, 403);
    assert_eq!(browser.post("/items", "", &[("x-csrf-token", &csrf)]).await.status, 200);
    assert_eq!(browser.post("/items", &format!("a=b&csrf_token={csrf}"), &[]).await.status, 200);
}

#[tokio::test]
async fn an_error_of_keycloak_s_is_not_repeated() {
    let service = service().await;
    for error in ["access_denied", "<script>alert(1)</script>", "x\r\ny", "invalid_scope"] {
        let mut browser = service.browser();
        let begun = browser.get("/oidc/authenticate?next=/account", &[HTML]).await;
        let state = begun.parameter("state").unwrap();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("error", error)
            .append_pair("error_description", "<b>evil</b>")
            .append_pair("state", &state);
        query.append_pair("iss", service.issuer.issuer());
        let answer = browser.get(&format!("/oidc/callback?{}", query.finish()), &[HTML]).await;
        assert_eq!(answer.status, 400);
        assert!(!answer.body.contains("evil") && !answer.body.contains("alert"), "{}", answer.body);
        assert!(answer.body.contains("next=%2Faccount"), "the way to try again");
    }
}
