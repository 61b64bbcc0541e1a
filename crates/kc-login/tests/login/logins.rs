//! Logins as they go, and as they go wrong by themselves.

use kc_dev::{Endpoint, Fault};

use crate::harness::{HTML, Made, SESSION, parameter, service};

#[tokio::test]
async fn a_browser_is_sent_to_keycloak_and_comes_back_to_the_page_it_asked_for() {
    let service = service().await;
    let mut browser = service.browser();
    let refused = browser.get("/account?tab=2&x=%2F", &[HTML]).await;
    assert_eq!(
        (refused.status, refused.location()),
        (302, "/oidc/authenticate?next=/account%3Ftab%3D2%26x%3D%252F")
    );
    let begun = browser.get(refused.location(), &[HTML]).await;
    let callback = browser.at_keycloak(begun.location(), "alice").await;
    let done = browser.get(&callback, &[HTML]).await;
    assert_eq!((done.status, done.location()), (302, "/account?tab=2&x=%2F"), "{}", done.body);
    assert_eq!(browser.get(done.location(), &[HTML]).await.status, 200);
    assert_eq!(browser.who().await, "alice");
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), [SESSION], "the login's own cookie is gone");
}

#[tokio::test]
async fn keycloak_is_asked_by_a_pushed_request_with_pkce_state_and_nonce() {
    let service = service().await;
    let begun = service.browser().get("/oidc/authenticate?login_hint=alice&kc_idp_hint=x&evil=1", &[]).await;
    assert_eq!(service.issuer.requests(Endpoint::Par), 1);
    for (name, expected) in [
        ("response_type", Some("code")),
        ("client_id", Some("api")),
        ("redirect_uri", Some("http://127.0.0.1:8000/oidc/callback")),
        ("code_challenge_method", Some("S256")),
        ("login_hint", None),
        ("evil", None),
        ("client_secret", None),
    ] {
        assert_eq!(begun.parameter(name).as_deref(), expected, "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(begun.parameter(name).map(|value| value.len()), Some(43), "{name}");
    }
    assert!(begun.parameter("request_uri").is_some());
    assert!(begun.headers["cache-control"] == "no-store");
}

#[tokio::test]
async fn without_pushing_the_same_is_asked_by_the_browser() {
    let service = service().await;
    service.issuer.fault(Endpoint::Par, Fault::Status(400));
    let mut browser = service.browser();
    let begun = browser.get("/oidc/authenticate?next=/account&login_hint=alice", &[]).await;
    assert_eq!(begun.parameter("request_uri"), None);
    assert_eq!(begun.parameter("login_hint").as_deref(), Some("alice"));
    let callback = browser.at_keycloak(begun.location(), "alice").await;
    assert_eq!(browser.get(&callback, &[]).await.location(), "/account");
}

#[tokio::test]
async fn several_tabs_log_in_at_once() {
    let service = service().await;
    let mut browser = service.browser();
    let mut begun = Vec::new();
    // Each begins with the cookies that there were before any of them.
    let before = browser.clone();
    for n in 0..4 {
        let mut tab = before.clone();
        begun
            .push(tab.get(&format!("/oidc/authenticate?next=/tab/{n}"), &[HTML]).await.location().to_owned());
        browser.cookies.extend(tab.cookies);
    }
    for (n, location) in begun.iter().enumerate().rev() {
        let callback = browser.at_keycloak(location, "alice").await;
        let done = browser.get(&callback, &[HTML]).await;
        assert_eq!(done.location(), format!("/tab/{n}"), "{}", done.body);
    }
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn a_login_page_that_ran_out_is_begun_once_more_and_not_for_ever() {
    let service = service().await;
    let mut browser = service.browser();
    let mut location = browser.get("/oidc/authenticate?next=/account", &[HTML]).await.location().to_owned();
    let run_out = |location: &str| {
        let state = parameter(location, "state").expect("a state");
        let issuer =
            url::form_urlencoded::byte_serialize(service.issuer.issuer().as_bytes()).collect::<String>();
        format!(
            "/oidc/callback?error=temporarily_unavailable&error_description=authentication_expired&state={state}&iss={issuer}"
        )
    };
    let again = browser.get(&run_out(&location), &[HTML]).await;
    assert_eq!(again.status, 302, "{}", again.body);
    location = again.location().to_owned();
    assert_eq!(browser.get(&run_out(&location), &[HTML]).await.status, 400);
    let third = browser.get("/oidc/authenticate?next=/account", &[HTML]).await;
    let callback = browser.at_keycloak(third.location(), "alice").await;
    assert_eq!(browser.get(&callback, &[HTML]).await.location(), "/account");
}

#[tokio::test]
async fn while_keycloak_is_down_there_is_a_page_that_says_so() {
    let service = service().await;
    for fault in [Fault::Cut, Fault::Status(500), Fault::Status(503)] {
        let mut browser = service.browser();
        let begun = browser.get("/oidc/authenticate?next=/account", &[HTML]).await;
        let callback = browser.at_keycloak(begun.location(), "alice").await;
        service.issuer.fault(Endpoint::Token, fault.clone());
        let failed = browser.get(&callback, &[HTML]).await;
        assert_eq!(failed.status, 503, "{fault:?}");
        assert!(
            failed.body.contains("Try again") && failed.headers["content-type"] == "text/html; charset=utf-8"
        );
        assert_eq!(browser.who().await, "nobody");
        service.issuer.clear_fault(Endpoint::Token);
        // What came is used up; the link leads to a new login, without a password.
        let again = browser.log_in("alice").await;
        assert_eq!(again.location(), "/account", "{fault:?}");
    }
}

#[tokio::test]
async fn a_service_that_has_never_reached_keycloak_says_so_before_it_sends_anybody_there() {
    let service = service().await;
    service.issuer.fault(Endpoint::Discovery, Fault::Cut);
    let page = service.browser().get("/oidc/authenticate?next=/account", &[HTML]).await;
    assert_eq!(page.status, 503);
    assert!(page.body.contains("Login is not possible at the moment"), "{}", page.body);
    let asked = service.issuer.requests(Endpoint::Discovery);
    for _ in 0..10 {
        assert_eq!(service.browser().get("/oidc/authenticate?next=/account", &[HTML]).await.status, 503);
    }
    // The test may be slower than the second for which it is left alone.
    assert!(service.issuer.requests(Endpoint::Discovery) - asked < 10);
    service.issuer.clear_fault(Endpoint::Discovery);
    service.clock.advance(1);
    assert_eq!(service.browser().log_in("alice").await.location(), "/account");
}

#[tokio::test]
async fn nonsense_from_the_token_endpoint_logs_nobody_in() {
    let service = service().await;
    for fault in
        [Fault::Garbage, Fault::Html, Fault::Empty, Fault::Redirect("http://127.0.0.1:1/".to_owned())]
    {
        let mut browser = service.browser();
        let begun = browser.get("/oidc/authenticate?next=/account", &[HTML]).await;
        let callback = browser.at_keycloak(begun.location(), "alice").await;
        service.issuer.fault(Endpoint::Token, fault.clone());
        let failed = browser.get(&callback, &[HTML]).await;
        assert_eq!(failed.status, 400, "{fault:?}");
        assert_eq!(browser.who().await, "nobody");
        service.issuer.clear_fault(Endpoint::Token);
    }
}

#[tokio::test]
async fn who_has_no_account_here_is_told_so_when_none_is_made() {
    let service = Made { create_users: false, ..Made::default() }.service().await;
    let mut browser = service.browser();
    let refused = browser.log_in("alice").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("have no account here"), "{}", refused.body);
    assert_eq!(browser.who().await, "nobody");
}

#[tokio::test]
async fn a_page_that_needs_a_stronger_login_asks_for_it_and_is_not_satisfied_with_less() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let refused = browser.get("/gold", &[HTML]).await;
    assert_eq!((refused.status, refused.location()), (302, "/oidc/authenticate?next=/gold&acr_values=gold"));
    let done = browser.log_in_by(refused.location(), "alice").await;
    assert_eq!(done.location(), "/gold", "{}", done.body);
    assert_eq!(browser.get("/gold", &[HTML]).await.status, 200);
    // A level that the realm does not know is ignored by Keycloak; going round in circles would be the end of it.
    let weaker = browser.log_in_by("/oidc/authenticate?next=/gold&acr_values=platinum", "alice").await;
    assert_eq!(weaker.status, 403, "{}", weaker.body);
}

#[tokio::test]
async fn over_https_the_cookies_are_bound_to_the_host() {
    let service = Made { public_url: "https://shop.example.com", ..Made::default() }.service().await;
    let begun = service.browser().get("/oidc/authenticate", &[]).await;
    let cookie = begun.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-kc-login-"), "{cookie}");
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age="), "{cookie}");
    assert_eq!(begun.parameter("redirect_uri").as_deref(), Some("https://shop.example.com/oidc/callback"));
}

#[tokio::test]
async fn an_endpoint_says_which_methods_it_has() {
    let service = service().await;
    for (method, path, allow) in [
        ("HEAD", "/oidc/authenticate", "GET"),
        ("POST", "/oidc/callback", "GET"),
        ("GET", "/oidc/backchannel-logout", "POST"),
        ("HEAD", "/oidc/logout", "GET,POST"),
        ("OPTIONS", "/oidc/logout", "GET,POST"),
    ] {
        let answer = service.ask(method, path, &http::HeaderMap::new(), b"").await;
        assert_eq!(
            (answer.status, answer.headers["allow"].to_str().unwrap()),
            (405, allow),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn userinfo_is_asked_once_for_many_requests_plain_or_signed() {
    let plain = Made { userinfo: kc_core::KeycloakBuilder::userinfo, ..Made::default() };
    let signed = Made {
        client: "signed-userinfo",
        userinfo: kc_core::KeycloakBuilder::signed_userinfo,
        ..Made::default()
    };
    for made in [plain, signed] {
        let client = made.client;
        let service = made.service().await;
        let mut browser = service.browser();
        let done = browser.log_in("alice").await;
        assert_eq!(done.location(), "/account", "{client}: {}", done.body);
        for _ in 0..3 {
            assert_eq!(browser.who().await, "alice", "{client}");
        }
        assert_eq!(service.issuer.requests(Endpoint::Userinfo), 1, "{client}");
        // What it does not vouch for is not let in, and what cannot be asked is not believed.
        for (fault, status) in [(Fault::Status(500), 503), (Fault::Cut, 503), (Fault::Garbage, 503)] {
            service.issuer.fault(Endpoint::Userinfo, fault.clone());
            assert_eq!(service.browser().log_in("alice").await.status, status, "{client}: {fault:?}");
        }
    }
    // A client whose answers are not signed, where signed ones are expected.
    let service =
        Made { userinfo: kc_core::KeycloakBuilder::signed_userinfo, ..Made::default() }.service().await;
    assert_eq!(service.browser().log_in("alice").await.status, 503);
}
