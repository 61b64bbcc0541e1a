//! A session's life: renewed, kept through outages, ended.

use std::sync::atomic::Ordering;

use kc_dev::{Endpoint, Fault};
use kc_login::LoginOptions;

use crate::harness::{HTML, Made, SESSION, service};

#[tokio::test]
async fn a_script_gets_a_refusal_and_a_page_is_sent_to_the_login() {
    let service = service().await;
    let mut browser = service.browser();
    for headers in [
        &[("accept", "application/json")][..],
        &[("accept", "text/html"), ("sec-fetch-mode", "cors")],
        &[("accept", "*/*"), ("x-requested-with", "XMLHttpRequest")],
    ] {
        let answer = browser.get("/account", headers).await;
        assert_eq!((answer.status, &*answer.code()), (401, "not_authenticated"), "{headers:?}");
    }
    assert_eq!(browser.get("/account", &[HTML]).await.status, 302);
    assert_eq!(browser.get("/me", &[HTML]).await.status, 401, "an API is no page");
    let bearer = browser.get("/account", &[HTML, ("authorization", "Bearer x")]).await;
    assert_eq!((bearer.status, &*bearer.code()), (401, "malformed_token"));
}

#[tokio::test]
async fn a_bad_token_is_an_error_also_beside_a_good_session() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    assert_eq!(browser.get("/me", &[("authorization", "Bearer x")]).await.code(), "malformed_token");
    assert_eq!(
        browser.get("/me", &[("authorization", "Basic x")]).await.status,
        200,
        "not the bearer's business"
    );
    let bob = service.issuer.token("bob", "api").await.unwrap();
    let both = browser.get("/me", &[("authorization", &format!("Bearer {bob}"))]).await;
    assert!(both.body.starts_with("bob "), "{}", both.body);
}

#[tokio::test]
async fn a_page_for_others_says_why_it_is_not_shown() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("carol").await;
    let refused = browser.get("/admin/", &[HTML]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("Missing required roles: staff"), "{}", refused.body);
    let again = "href=\"/oidc/authenticate?prompt=login&amp;next=/admin/\"";
    assert!(refused.body.contains(again), "as somebody else, and back to this page: {}", refused.body);
    let script = browser.get("/admin/", &[("accept", "application/json")]).await;
    assert_eq!((script.status, &*script.code()), (403, "missing_roles"));
}

#[tokio::test]
async fn fifty_requests_at_once_renew_the_tokens_once() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    service.issuer.set_refresh_rotation(true, 0);
    // A token that will end soon, and one that has ended.
    let mut skew = 0;
    for seconds in [285, 310] {
        service.clock.advance(seconds);
        // The tokens that come are dated by the issuer's clock: it moves along.
        skew += i64::try_from(seconds).unwrap();
        service.issuer.set_clock_skew(skew);
        let before = service.issuer.requests(Endpoint::Token);
        let requests: Vec<_> = (0..50)
            .map(|_| {
                let mut tab = browser.clone();
                async move { tab.get("/me", &[]).await.status }
            })
            .collect();
        let mut answers = Vec::new();
        // All of them are polled before any of them is done.
        let mut all: Vec<_> = requests.into_iter().map(Box::pin).collect();
        std::future::poll_fn(|context| {
            all.retain_mut(|request| match request.as_mut().poll(context) {
                std::task::Poll::Ready(status) => {
                    answers.push(status);
                    false
                }
                std::task::Poll::Pending => true,
            });
            if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        assert_eq!(answers, vec![200; 50]);
        assert_eq!(service.issuer.requests(Endpoint::Token) - before, 1, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_refresh_that_keycloak_refuses_ends_the_session() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    assert!(service.issuer.logout_user("alice"));
    assert_eq!(browser.get("/me", &[]).await.status, 200, "nobody has told us");
    service.clock.advance(280);
    let refused = browser.get("/me", &[]).await;
    assert_eq!((refused.status, &*refused.code()), (401, "session_expired"));
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.get("/account", &[HTML]).await.status, 302);
}

#[tokio::test]
async fn an_outage_keeps_the_session() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    for fault in [Fault::Cut, Fault::Status(500), Fault::Garbage, Fault::Status(401)] {
        service.issuer.fault(Endpoint::Token, fault.clone());
        service.clock.advance(if fault == Fault::Cut { 280 } else { 0 });
        assert_eq!(browser.get("/me", &[]).await.status, 200, "{fault:?}: its token still lives");
    }
    service.clock.advance(30);
    for fault in [Fault::Cut, Fault::Status(500), Fault::Garbage, Fault::Status(401)] {
        service.issuer.fault(Endpoint::Token, fault.clone());
        let answer = browser.get("/me", &[]).await;
        assert_eq!((answer.status, &*answer.code()), (503, "login_unavailable"), "{fault:?}");
        assert!(answer.headers.contains_key("retry-after"));
        let page = browser.get("/account", &[HTML]).await;
        assert_eq!((page.status, page.body.contains("Try again")), (503, true), "a page says it in words");
    }
    service.issuer.clear_fault(Endpoint::Token);
    service.issuer.set_clock_skew(310);
    assert_eq!(browser.get("/me", &[]).await.status, 200, "and it goes on");
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_when_its_time_is_up() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    service.clock.advance(30 * 60 + 1);
    assert_eq!(browser.get("/me", &[]).await.code(), "session_expired");
    let lifetime = std::time::Duration::from_secs(120);
    let mut options = LoginOptions::default();
    options.lifetime = lifetime;
    let service = Made { options, ..Made::default() }.service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    for _ in 0..2 {
        service.clock.advance(59);
        assert_eq!(browser.get("/me", &[]).await.status, 200);
    }
    service.clock.advance(3);
    assert_eq!(browser.get("/me", &[]).await.code(), "session_expired", "however often it was used");
}

#[tokio::test]
async fn a_session_that_is_used_lives_on() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let mut skew = 0;
    for _ in 0..4 {
        service.clock.advance(20 * 60);
        skew += 20 * 60;
        service.issuer.set_clock_skew(skew);
        assert_eq!(browser.get("/me", &[]).await.status, 200, "after {skew} s");
    }
}

#[tokio::test]
async fn without_the_store_sessions_are_refused_and_bearer_tokens_go_on() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let begun = browser.get("/oidc/authenticate?next=/account", &[HTML]).await;
    let callback = browser.at_keycloak(begun.location(), "alice").await;
    service.store.off.store(true, Ordering::Relaxed);
    let refused = browser.get("/me", &[]).await;
    assert_eq!((refused.status, &*refused.code()), (503, "session_store_unavailable"));
    assert_eq!(browser.get("/", &[HTML]).await.status, 503, "nobody is thought to be somebody else");
    assert_eq!(browser.get("/oidc/logout?csrf_token=x", &[]).await.status, 503);
    assert_eq!(browser.clone().get(&callback, &[HTML]).await.status, 503);
    let token = service.issuer.token("alice", "api").await.unwrap();
    assert_eq!(service.bearer(&token).await.status, 200);
    service.store.off.store(false, Ordering::Relaxed);
    assert_eq!(browser.who().await, "alice", "nothing was lost");
}

#[tokio::test]
async fn a_session_whose_token_is_revoked_is_over() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let issuer = service.issuer.issuer();
    let later = kc_core::clock::Clock::now(&*service.clock).plus(std::time::Duration::from_secs(5));
    let revocation = kc_core::revocations::Revocation::NotBefore(Some(later));
    service.keycloak.revocations().revoke(issuer, revocation).await.unwrap();
    assert_eq!(browser.get("/me", &[]).await.code(), "session_expired");
    assert!(browser.cookies.contains_key(SESSION));
    assert_eq!(browser.who().await, "nobody");
}

#[tokio::test]
async fn a_session_outlives_the_key_that_its_token_was_signed_with() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    let old = service.issuer.kid(kc_dev::Alg::Rs256).await.unwrap();
    service.issuer.rotate(kc_dev::Alg::Rs256).await.unwrap();
    service.issuer.disable_key(&old).unwrap();
    // The keys are fetched again for whatever is signed with the new one.
    let token = service.issuer.token("bob", "api").await.unwrap();
    assert_eq!(service.bearer(&token).await.status, 200);
    assert_eq!(browser.get("/me", &[]).await.status, 200, "its token is good no more, and was renewed");
}

#[tokio::test]
async fn a_token_that_is_over_by_the_issuer_s_clock_is_renewed() {
    let service = service().await;
    let mut browser = service.browser();
    // Keycloak's clock is behind: its tokens end sooner by ours than it says.
    service.issuer.set_clock_skew(-200);
    browser.log_in("alice").await;
    service.clock.advance(150);
    service.issuer.fault(Endpoint::Token, Fault::Cut);
    assert_eq!(browser.get("/me", &[]).await.code(), "login_unavailable", "it cannot be asked");
    service.issuer.clear_fault(Endpoint::Token);
    service.issuer.set_clock_skew(-50);
    assert_eq!(browser.get("/me", &[]).await.status, 200);
}

#[tokio::test]
async fn made_up_key_ids_log_nobody_out_while_the_realm_changes_its_key() {
    let service = service().await;
    let mut browser = service.browser();
    browser.log_in("alice").await;
    // The keys are fetched for it, and may not be fetched again for the next ten seconds.
    let stranger = service.issuer.mint().user("alice").unknown_key(kc_dev::Alg::Es256).sign().await.unwrap();
    assert_eq!(service.bearer(&stranger).await.code(), "unknown_key");
    service.issuer.rotate(kc_dev::Alg::Rs256).await.unwrap();
    service.clock.advance(280);
    service.issuer.set_clock_skew(280);
    let answer = browser.get("/me", &[]).await;
    assert_eq!((answer.status, &*answer.code()), (503, "login_unavailable"));
    assert_eq!(browser.get("/me", &[]).await.status, 503, "it is still there");
}
