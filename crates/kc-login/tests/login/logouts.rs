//! Logging out here.

use crate::harness::{HTML, SESSION, service};

#[tokio::test]
async fn logging_out_ends_the_session_here_and_goes_to_keycloak_to_end_it_there() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let before = browser.clone();
    let (csrf, _) = browser.values().await;
    let out = browser.post("/oidc/logout", &format!("csrf_token={csrf}"), &[]).await;
    assert_eq!(out.status, 302, "{}", out.body);
    assert!(
        out.location().starts_with(&format!("{}/protocol/openid-connect/logout?", service.issuer.issuer()))
    );
    assert_eq!(out.parameter("client_id").as_deref(), Some("api"));
    assert_eq!(out.parameter("post_logout_redirect_uri").as_deref(), Some("http://127.0.0.1:8000/"));
    assert!(out.parameter("id_token_hint").is_some() && out.parameter("state").is_some());
    assert!(!browser.cookies.contains_key(SESSION));
    assert_eq!(before.clone().get("/me", &[]).await.code(), "session_expired", "whoever kept the cookie");
    let home = browser.at_keycloak(out.location(), "nobody").await;
    assert!(home.starts_with("/?state="), "{home}");
    // Keycloak's own session is over: it asks for a password again.
    let begun = browser.get("/oidc/authenticate?prompt=none", &[HTML]).await;
    let silent = browser.at_keycloak(begun.location(), "nobody").await;
    assert!(silent.contains("error=login_required"), "{silent}");
}

#[tokio::test]
async fn the_bearer_tokens_of_the_session_are_refused_from_then_on() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let page = browser.get("/me", &[]).await;
    assert_eq!(page.status, 200);
    // A token of the same session, as an application in the browser would have it.
    let mut tab = browser.clone();
    let begun = tab.get("/oidc/authenticate", &[HTML]).await;
    let callback = tab.at_keycloak(begun.location(), "alice").await;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let sees = std::sync::Arc::clone(&seen);
    service.meddler.with_tokens(move |answer| {
        *sees.lock().unwrap() = answer["access_token"].as_str().unwrap().to_owned();
    });
    tab.get(&callback, &[HTML]).await;
    service.meddler.stop();
    let token = seen.lock().unwrap().clone();
    assert_eq!(service.bearer(&token).await.status, 200);
    let (csrf, _) = tab.values().await;
    tab.post("/oidc/logout", &format!("csrf_token={csrf}"), &[]).await;
    assert_eq!(service.bearer(&token).await.code(), "token_revoked");
}

#[tokio::test]
async fn a_logout_changes_a_cookie_so_that_browsers_forget_the_pages_of_the_session() {
    let service = service().await;
    let mut browser = service.browser();
    let mut values = Vec::new();
    for _ in 0..2 {
        browser.log_in("alice").await;
        let (csrf, _) = browser.values().await;
        browser.post("/oidc/logout", &format!("csrf_token={csrf}"), &[]).await;
        values.extend(browser.cookies.get("kc-logged-out").cloned());
    }
    assert_eq!(values.len(), 2);
    assert_ne!(values.first(), values.last(), "the same value again would be no change");
}

#[tokio::test]
async fn a_link_logs_out_with_its_own_value() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let (_, link) = browser.values().await;
    assert_eq!(
        browser.post("/items", "", &[("x-csrf-token", &link)]).await.status,
        403,
        "good for nothing else"
    );
    assert_eq!(browser.get(&format!("/oidc/logout?csrf_token={link}"), &[HTML]).await.status, 302);
    assert_eq!(browser.who().await, "nobody");
}

#[tokio::test]
async fn a_second_click_is_no_error() {
    let service = service().await;
    let mut browser = service.browser();
    let answer = browser.post("/oidc/logout", "", &[]).await;
    assert_eq!((answer.status, answer.location()), (302, "/"));
}

#[tokio::test]
async fn logging_out_of_this_service_only_leaves_keycloak_alone() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let (csrf, _) = browser.values().await;
    let out = browser.post("/oidc/logout", &format!("csrf_token={csrf}&only=here"), &[]).await;
    assert_eq!((out.status, out.location()), (302, "/"));
    assert_eq!(browser.who().await, "nobody");
    let begun = browser.get("/oidc/authenticate?prompt=none&next=/account", &[HTML]).await;
    let callback = browser.at_keycloak(begun.location(), "nobody").await;
    assert_eq!(browser.get(&callback, &[HTML]).await.location(), "/account", "without a password");
}

#[tokio::test]
async fn who_logged_out_here_and_never_got_to_keycloak_is_shown_the_way() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let (csrf, _) = browser.values().await;
    // Where it leads is never gone to: the tab was closed.
    browser.post("/oidc/logout", &format!("csrf_token={csrf}"), &[]).await;
    let refused = browser.log_in("alice").await;
    assert_eq!(refused.status, 400);
    let link = refused
        .body
        .split("href=\"")
        .find(|part| part.contains("/protocol/openid-connect/logout"))
        .expect("a link");
    let link = link.split('"').next().unwrap_or_default().replace("&amp;", "&");
    browser.at_keycloak(&link, "nobody").await;
    assert_eq!(browser.log_in("alice").await.location(), "/account");
}

#[tokio::test]
async fn a_cookie_planted_beside_the_real_one_keeps_nobody_from_logging_out() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let (csrf, _) = browser.values().await;
    let mut other = service.browser();
    other.log_in("bob").await;
    let (mine, planted) = (browser.cookies[SESSION].clone(), other.cookies[SESSION].clone());
    let mut headers = http::HeaderMap::new();
    headers.insert(
        "cookie",
        http::HeaderValue::from_bytes(format!("x=\u{fc}; {SESSION}={planted}; {SESSION}={mine}").as_bytes())
            .unwrap(),
    );
    let out = service.ask("GET", &format!("/oidc/logout?csrf_token={csrf}"), &headers, b"").await;
    assert!(out.location().contains("/protocol/openid-connect/logout"), "{out:?}");
    assert_eq!(browser.get("/me", &[]).await.code(), "session_expired");
    assert_eq!(other.get("/me", &[]).await.status, 200);
}
