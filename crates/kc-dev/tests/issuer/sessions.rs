//! What ends a token's usefulness before its time.

use kc_dev::Alg;
use serde_json::json;

use crate::asking::{is_active, issuer, keys, login, part, post, refresh, refused, text, userinfo};

#[tokio::test]
async fn without_rotation_a_refresh_token_can_be_used_again() {
    let issuer = issuer().await;
    let first = login(&issuer).await;
    let (status, second) = refresh(&issuer, &first).await;
    assert_eq!(status, 200);
    assert_eq!(refresh(&issuer, &first).await.0, 200);
    assert_eq!(refresh(&issuer, &second).await.0, 200);
    let (before, after) = (part(text(&first, "access_token"), 1), part(text(&second, "access_token"), 1));
    assert_eq!(before["sid"], after["sid"]);
    assert!(text(&before, "jti").starts_with("onrtro:") && text(&after, "jti").starts_with("onrtrt:"));
}

#[tokio::test]
async fn with_rotation_a_used_refresh_token_takes_the_session_with_it() {
    let issuer = issuer().await;
    issuer.set_refresh_rotation(true, 0);
    let first = login(&issuer).await;
    let (_, second) = refresh(&issuer, &first).await;
    assert!(is_active(&issuer, text(&second, "access_token")).await);
    let again = refresh(&issuer, &first).await;
    assert_eq!(again, refused("invalid_grant", "Maximum allowed refresh token reuse exceeded"));
    assert_eq!(
        refresh(&issuer, &second).await,
        refused("invalid_grant", "Session doesn't have required client")
    );
    assert!(!is_active(&issuer, text(&second, "access_token")).await);
}

#[tokio::test]
async fn reuse_is_counted_where_the_realm_allows_some() {
    let issuer = issuer().await;
    issuer.set_refresh_rotation(true, 1);
    let first = login(&issuer).await;
    assert_eq!(refresh(&issuer, &first).await.0, 200);
    assert_eq!(refresh(&issuer, &first).await.0, 200);
    assert_eq!(refresh(&issuer, &first).await.0, 400);
}

#[tokio::test]
async fn a_disabled_user_is_out_and_comes_back() {
    let issuer = issuer().await;
    let session = login(&issuer).await;
    let token = text(&session, "access_token");
    assert!(issuer.set_user_enabled("alice", false));
    assert!(!is_active(&issuer, token).await);
    assert_eq!(userinfo(&issuer, token).await, 401);
    assert_eq!(refresh(&issuer, &session).await, refused("invalid_grant", "User disabled"));
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "alice")];
    assert_eq!(post(&issuer, "token", &form).await, refused("invalid_grant", "Account disabled"));
    assert!(issuer.set_user_enabled("alice", true));
    assert!(is_active(&issuer, token).await);
    assert!(!issuer.set_user_enabled("nobody", false));
}

#[tokio::test]
async fn a_not_before_makes_older_tokens_stale() {
    let issuer = issuer().await;
    let session = login(&issuer).await;
    let token = text(&session, "access_token");
    issuer.set_not_before(issuer.now() + 1);
    assert!(!is_active(&issuer, token).await);
    assert_eq!(userinfo(&issuer, token).await, 401);
    assert_eq!(refresh(&issuer, &session).await, refused("invalid_grant", "Stale token"));
    assert!(login(&issuer).await["not-before-policy"].as_i64() > Some(0));
    issuer.set_not_before(0);
    assert!(is_active(&issuer, token).await);
}

#[tokio::test]
async fn an_administrators_logout_ends_all_of_a_users_sessions() {
    let issuer = issuer().await;
    let (one, two) = (login(&issuer).await, login(&issuer).await);
    let others = issuer.token("bob", "api").await.expect("minted");
    assert!(issuer.logout_user("alice"));
    for session in [&one, &two] {
        assert!(!is_active(&issuer, text(session, "access_token")).await);
        assert_eq!(refresh(&issuer, session).await, refused("invalid_grant", "Session not active"));
    }
    assert!(is_active(&issuer, &others).await);
    assert!(login(&issuer).await["not-before-policy"].as_i64() > Some(0), "the user's own not-before");
}

#[tokio::test]
async fn one_session_can_be_ended_by_its_id() {
    let issuer = issuer().await;
    let (one, two) = (login(&issuer).await, login(&issuer).await);
    assert!(issuer.end_session(text(&one, "session_state")));
    assert!(!issuer.end_session(text(&one, "session_state")));
    assert!(!is_active(&issuer, text(&one, "access_token")).await);
    assert!(is_active(&issuer, text(&two, "access_token")).await);
}

#[tokio::test]
async fn time_passes_by_the_issuers_clock() {
    let issuer = issuer().await;
    let session = login(&issuer).await;
    let token = text(&session, "access_token");
    issuer.set_clock_skew(290);
    assert!(is_active(&issuer, token).await);
    issuer.set_clock_skew(310);
    assert!(!is_active(&issuer, token).await);
    assert_eq!(refresh(&issuer, &session).await.0, 200);
    issuer.set_clock_skew(310 + 1810);
    assert_eq!(refresh(&issuer, &session).await.0, 400, "idle for longer than the realm allows");
    issuer.set_clock_skew(-3600);
    let before = issuer.now();
    let early = issuer.token("alice", "api").await.expect("minted");
    let iat = part(&early, 1)["iat"].as_i64().expect("a time");
    assert!((before..=issuer.now()).contains(&iat));
}

#[tokio::test]
async fn a_rotated_key_signs_and_the_old_one_still_counts_until_disabled() {
    let issuer = issuer().await;
    let session = login(&issuer).await;
    let token = text(&session, "access_token");
    let old = issuer.kid(Alg::Rs256).await.expect("a key");
    let new = issuer.rotate(Alg::Rs256).await.expect("a key");
    assert_ne!(old, new);
    let listed = async |kid: &str| keys(&issuer).await.iter().any(|key| key["kid"] == kid);
    assert!(listed(&old).await && listed(&new).await);
    assert_eq!(part(text(&login(&issuer).await, "access_token"), 0)["kid"], json!(new));
    assert!(is_active(&issuer, token).await);

    issuer.retire_key(&old).expect("known");
    assert!(listed(&old).await && is_active(&issuer, token).await);

    issuer.disable_key(&old).expect("known");
    assert!(!listed(&old).await);
    assert!(!is_active(&issuer, token).await);
    assert_eq!(userinfo(&issuer, token).await, 401);
    assert_eq!(refresh(&issuer, &session).await.0, 200, "refresh tokens have a key of their own");

    issuer.enable_key(&old).expect("known");
    assert!(is_active(&issuer, token).await);
    assert!(issuer.disable_key("nope").is_err());
}

#[tokio::test]
async fn a_restart_with_the_same_keys_keeps_tokens_verifiable_but_no_session() {
    let issuer = issuer().await;
    let session = login(&issuer).await;
    let kid = issuer.kid(Alg::Rs256).await.expect("a key");
    let address = issuer.address();
    issuer.restart(false).await.expect("restarted");
    assert_eq!((issuer.address(), issuer.kid(Alg::Rs256).await.expect("a key")), (address, kid.clone()));
    assert_eq!(refresh(&issuer, &session).await, refused("invalid_grant", "Session not active"));
    issuer.restart(true).await.expect("restarted");
    assert_ne!(issuer.kid(Alg::Rs256).await.expect("a key"), kid);
    assert!(keys(&issuer).await.iter().all(|key| key["kid"] != kid));
    assert_eq!(refresh(&issuer, &session).await, refused("invalid_grant", "Invalid refresh token"));
}

#[tokio::test]
async fn another_issuer_can_take_the_keys_over() {
    let one = kc_dev::DevIssuer::start().await.expect("kc-dev starts");
    let kid = one.kid(Alg::Rs256).await.expect("a key");
    let address = one.address();
    let builder = kc_dev::DevIssuer::builder().keys_of(&one).listen(address);
    one.stop().await;
    let two = builder.start().await.expect("the port is free again");
    assert_eq!(two.kid(Alg::Rs256).await.expect("a key"), kid);
    two.disable_key(&kid).expect("known");
}
