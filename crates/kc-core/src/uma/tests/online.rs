use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::AuthError;
use crate::policy::Verdict;
use crate::session::{Session, SessionFacts};
use crate::token::TokenError;

fn may_view() -> Answer {
    grants(&[granted(STORE, &["view"])])
}

#[tokio::test(start_paused = true)]
async fn a_rules_resource_is_the_services_own_whoever_calls_theirs_alike() {
    let realm = realm(grants(&[granted(OTHER, &["view"])]), resources());
    let online = online_of(&realm);
    assert_eq!(decide(&online, &Caller::alice(), Some("store"), "view").await, Ok(Verdict::Deny));
    assert!(form(&realm.decisions.last()).contains(&("permission".to_owned(), format!("{STORE}#view"))));
    let listed = realm.protection.last();
    assert_eq!(
        listed.uri().path_and_query().unwrap(),
        "/realms/demo/authz/protection/resource_set?name=store&exactName=true&owner=inventory&deep=true"
    );
    assert_eq!(listed.headers()["authorization"], "Bearer the-services-own");
    // Where the service has none of its own, a user's does not take its place.
    let theirs = json!([{ "_id": OTHER, "name": "store", "owner": { "id": "x", "name": "bob" } }]);
    realm.protection.answer_from_now(Answer::reply(200, theirs.to_string()));
    let online = online_of(&realm);
    let outcome = decide(&online, &Caller::alice(), Some("store"), "view").await;
    assert_eq!((outcome, realm.decisions.requests()), (Ok(Verdict::Indeterminate), 1));
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_remembered_for_a_while_and_never_beyond_the_tokens_end() {
    for (exp, lives) in [(NOW + 300, 30), (NOW + 10, 10)] {
        let realm = realm(may_view(), resources());
        let (online, caller) = (online_of(&realm), Caller::named("alice", exp));
        for _ in 0..3 {
            assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Grant));
        }
        advance(lives - 1).await;
        decide(&online, &caller, Some("store"), "view").await.unwrap();
        assert_eq!(realm.decisions.requests(), 1);
        advance(1).await;
        decide(&online, &caller, Some("store"), "view").await.unwrap();
        assert_eq!(realm.decisions.requests(), 2);
        assert_eq!((realm.protection.requests(), realm.tokens.requests()), (1, 1), "ids live longer");
    }
    for exp in [Some(NOW), Some(NOW - 3), None] {
        let realm = realm(may_view(), resources());
        let payload = json!({ "iss": ISSUER, "sub": "a", "jti": "j", "exp": exp });
        let (online, caller) = (online_of(&realm), Caller::of(&payload));
        for _ in 0..2 {
            decide(&online, &caller, Some("store"), "view").await.unwrap();
        }
        assert_eq!(realm.decisions.requests(), 2, "{exp:?}: nothing to remember it for");
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_remembered_for_two_seconds() {
    let realm = realm(denied(), resources());
    let (online, caller) = (online_of(&realm), Caller::alice());
    for _ in 0..10 {
        assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Deny));
    }
    assert_eq!(realm.decisions.requests(), 1);
    realm.decisions.answer_from_now(may_view());
    advance(2).await;
    assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Grant));
}

#[tokio::test(start_paused = true)]
async fn with_a_ttl_of_zero_every_request_is_asked_about() {
    let realm = realm(may_view(), resources());
    let (online, caller) = (online_of(&realm).ttl(Duration::ZERO), Caller::alice());
    for _ in 0..3 {
        assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Grant));
    }
    assert_eq!(realm.decisions.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_of_one_token_resource_scope_and_claims() {
    let realm = realm(may_view(), resources());
    let room = Arc::new(AtomicUsize::new(0));
    let claims = {
        let room = Arc::clone(&room);
        Arc::new(move |_: &PermissionRequest<'_>| {
            PushedClaims::new().with("room", [room.load(Ordering::Relaxed).to_string()])
        })
    };
    let online = online_of(&realm).push_claims(claims);
    let (alice, bob) = (Caller::alice(), Caller::named("bob", NOW + 300));
    assert_eq!(decide(&online, &alice, Some("store"), "view").await, Ok(Verdict::Grant));
    realm.decisions.answer_from_now(denied());
    assert_eq!(decide(&online, &alice, Some("store"), "view").await, Ok(Verdict::Grant));
    assert_eq!(decide(&online, &bob, Some("store"), "view").await, Ok(Verdict::Deny));
    assert_eq!(decide(&online, &alice, Some("store"), "add").await, Ok(Verdict::Deny));
    assert_eq!(decide(&online, &alice, Some("store"), "vie").await, Ok(Verdict::Deny));
    assert_eq!(decide(&online, &alice, None, "view").await, Ok(Verdict::Deny));
    room.store(1, Ordering::Relaxed);
    assert_eq!(decide(&online, &alice, Some("store"), "view").await, Ok(Verdict::Deny));
    assert_eq!(realm.decisions.requests(), 6);
    // The same subject with another token, of a moment ago.
    let earlier = Caller::of(&json!({ "iss": ISSUER, "sub": "alice", "jti": "j-0", "exp": NOW + 300 }));
    assert_eq!(decide(&online, &earlier, Some("store"), "view").await, Ok(Verdict::Deny));
}

/// A realm and a client each have one of their own, and nothing is shared between two of them.
#[tokio::test(start_paused = true)]
async fn what_one_resource_server_grants_another_one_does_not_know() {
    let realm = realm(may_view(), resources());
    let (ours, theirs) = (online_of(&realm), online_of(&realm));
    assert_eq!(decide(&ours, &Caller::alice(), Some("store"), "view").await, Ok(Verdict::Grant));
    realm.decisions.answer_from_now(denied());
    assert_eq!(decide(&theirs, &Caller::alice(), Some("store"), "view").await, Ok(Verdict::Deny));
    assert_eq!(decide(&ours, &Caller::alice(), Some("store"), "view").await, Ok(Verdict::Grant));
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_the_same_at_the_same_time_are_one_question() {
    let realm = realm(may_view().after(Duration::from_secs(3)), resources());
    let online = Arc::new(online_of(&realm));
    let all: Vec<_> = (0..100)
        .map(|_| {
            let online = Arc::clone(&online);
            tokio::spawn(async move { decide(&*online, &Caller::alice(), Some("store"), "view").await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(Verdict::Grant));
    }
    assert_eq!((realm.decisions.requests(), realm.protection.requests(), realm.tokens.requests()), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_an_outage_and_remembered_by_nobody() {
    let timeout = Answer::Fail(TransportError::Timeout { after: Duration::from_secs(5) });
    for answer in
        [timeout.clone(), Answer::reply(500, ""), Answer::reply(200, "<html>"), Answer::reply(403, "")]
    {
        let realm = realm(answer, resources());
        let (online, caller) = (online_of(&realm), Caller::alice());
        for _ in 0..2 {
            let outcome = decide(&online, &caller, Some("store"), "view").await;
            assert!(matches!(outcome, Err(AuthError::Authorization { .. })), "{outcome:?}");
        }
        assert_eq!(realm.decisions.requests(), 2);
        realm.decisions.answer_from_now(may_view());
        assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Grant));
    }
    // The Protection API, and the service's own token.
    for answer in [timeout.clone(), Answer::reply(403, "{}"), Answer::reply(200, "{}")] {
        let realm = realm(may_view(), answer);
        let outcome = decide(&online_of(&realm), &Caller::alice(), Some("store"), "view").await;
        assert!(matches!(outcome, Err(AuthError::Authorization { .. })), "{outcome:?}");
        assert_eq!(realm.decisions.requests(), 0);
    }
    let realm = realm(may_view(), resources());
    realm.tokens.answer_from_now(timeout);
    let outcome = decide(&online_of(&realm), &Caller::alice(), Some("store"), "view").await;
    assert!(matches!(outcome, Err(AuthError::Authorization { .. })), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_keycloak_no_longer_takes_is_inactive() {
    let body = r#"{"error":"invalid_grant","error_description":"Invalid bearer token"}"#;
    let realm = realm(Answer::reply(400, body), resources());
    let outcome = decide(&online_of(&realm), &Caller::alice(), Some("store"), "view").await;
    assert_eq!(outcome, Err(AuthError::Token(TokenError::Inactive)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_of_another_realm_is_asked_about_nowhere() {
    let realm = realm(may_view(), resources());
    let online = online_of(&realm).tickets(ISSUER);
    for issuer in [json!("https://kc.test/realms/other"), json!("https://kc.test/realms/demo/"), json!(null)]
    {
        let caller =
            Caller::of(&json!({ "iss": issuer, "sub": "a", "jti": "j", "exp": NOW + 300, "aud": "inventory",
            "authorization": { "permissions": [granted(STORE, &["view"])] } }));
        assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Indeterminate));
        assert_eq!(decide(&online, &caller, None, "view").await, Ok(Verdict::Indeterminate));
    }
    assert_eq!(realm.decisions.requests() + realm.protection.requests() + realm.tokens.requests(), 0);
}

/// An authenticator of the service's own may know a caller by something else, while the request holds another one's token.
#[tokio::test(start_paused = true)]
async fn the_token_of_somebody_else_in_the_same_request_decides_nothing() {
    let realm = realm(may_view(), resources());
    let online = online_of(&realm);
    let claims = |sub: &str, jti: &str| json!({ "iss": ISSUER, "sub": sub, "jti": jti, "exp": NOW + 300 });
    let known = claims("bob", "j-bob").to_string();
    for token in [
        token_of(&claims("alice", "j-alice").to_string()),
        token_of(&claims("alice", "j-bob").to_string()),
        token_of(&claims("bob", "j-other").to_string()),
        token_of(&json!({ "sub": "bob", "jti": "j-bob" }).to_string()),
        token_of(&json!({ "iss": ISSUER, "sub": "bob" }).to_string()),
        token_of(&json!({ "iss": ISSUER, "jti": "j-bob", "sub": 5 }).to_string()),
        "opaque".to_owned(),
    ] {
        let caller = Caller { principal: principal_of(&known), headers: headers_of(&token), token };
        let outcome = decide(&online, &caller, Some("store"), "view").await;
        assert_eq!(outcome, Ok(Verdict::Indeterminate), "{}", caller.token);
    }
    let caller = Caller { principal: principal_of(&known), headers: HeaderMap::new(), token: String::new() };
    assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Indeterminate));
    assert_eq!(realm.decisions.requests(), 0);
    // Lightweight, and known by what introspection said of it.
    let token = token_of(&json!({ "iss": ISSUER, "jti": "j-bob", "exp": NOW + 300 }).to_string());
    let caller = Caller { principal: principal_of(&known), headers: headers_of(&token), token };
    assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Grant));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_asked_about_by_its_own_token() {
    let realm = realm(may_view(), resources());
    let online = online_of(&realm).tickets(ISSUER);
    let (alice, bob) = (Caller::alice(), Caller::named("bob", NOW + 300));
    let at = UnixTime::from_secs(NOW);
    let session = |token: &str| {
        Session::new(SessionFacts {
            access_token: Secret::new(token),
            csrf_token: Secret::new("c"),
            logout_token: Secret::new("l"),
            started_at: at,
            ends_at: at,
            idle_until: at,
        })
    };
    let with_session = |token: &str| Caller {
        principal: alice.principal.clone().with_session(session(token)),
        headers: bob.headers.clone(),
        token: bob.token.clone(),
    };
    let caller = with_session(&alice.token);
    assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Grant));
    assert_eq!(realm.decisions.last().headers()["authorization"], format!("Bearer {}", alice.token).as_str());
    let outcome = decide(&online, &with_session(&bob.token), Some("store"), "view").await;
    assert_eq!(outcome, Ok(Verdict::Indeterminate), "a session with somebody else's token");
    // A browser has nowhere to take a ticket.
    let request = caller.request();
    let asked = PermissionRequest::new(&caller.principal, &request, Some("store"), "view", at);
    assert_eq!(online.ticket(&asked).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_resource_or_a_scope_that_is_not_there_is_neither_yes_nor_no() {
    for code in ["invalid_resource", "invalid_scope"] {
        let body = json!({ "error": code, "error_description": "x" }).to_string();
        let realm = realm(Answer::reply(400, body), resources());
        let (online, caller) = (online_of(&realm), Caller::alice());
        for _ in 0..5 {
            assert_eq!(decide(&online, &caller, Some("store"), "nope").await, Ok(Verdict::Indeterminate));
        }
        assert_eq!((realm.decisions.requests(), realm.protection.requests()), (1, 2), "{code}");
    }
    let realm = realm(may_view(), Answer::reply(200, "[]"));
    let (online, caller) = (online_of(&realm), Caller::alice());
    for _ in 0..5 {
        assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Indeterminate));
    }
    assert_eq!((realm.decisions.requests(), realm.protection.requests()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_was_registered_anew_is_found_by_its_new_id() {
    let realm = realm(may_view(), resources());
    let (online, caller) = (online_of(&realm).ttl(Duration::ZERO), Caller::alice());
    assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Grant));
    let anew = json!([{ "_id": "new-id", "name": "store", "owner": { "name": "inventory" } }]);
    realm.protection.answer_from_now(Answer::reply(200, anew.to_string()));
    let gone = Answer::reply(400, r#"{"error":"invalid_resource","error_description":"x"}"#);
    realm.decisions.answers_from_now([gone, grants(&[granted("new-id", &["view"])])]);
    assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Grant));
    assert!(form(&realm.decisions.last()).contains(&("permission".to_owned(), "new-id#view".to_owned())));
}

/// The token of a caller who brings an RPT.
fn rpt(change: impl FnOnce(&mut serde_json::Value)) -> Caller {
    let mut claims = json!({ "iss": ISSUER, "sub": "alice", "jti": "ntrtna:1", "exp": NOW + 300, "aud": "inventory",
        "authorization": { "permissions": [granted(STORE, &["view"])] } });
    change(&mut claims);
    Caller::of(&claims)
}

#[tokio::test(start_paused = true)]
async fn the_permissions_of_an_rpt_for_this_resource_server_count() {
    let realm = realm(denied(), resources());
    let online = online_of(&realm).tickets(ISSUER);
    assert_eq!(decide(&online, &rpt(|_| {}), Some("store"), "view").await, Ok(Verdict::Grant));
    assert_eq!(decide(&online, &rpt(|_| {}), None, "view").await, Ok(Verdict::Grant));
    assert_eq!(
        decide(&online, &rpt(|rpt| rpt["aud"] = json!(["inventory"])), None, "view").await,
        Ok(Verdict::Grant)
    );
    assert_eq!(realm.decisions.requests(), 0);
    // Keycloak is asked about what it does not hold.
    assert_eq!(decide(&online, &rpt(|_| {}), Some("store"), "add").await, Ok(Verdict::Deny));
    assert_eq!(realm.decisions.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn permissions_in_any_other_token_count_for_nothing() {
    let realm = realm(denied(), resources());
    let online = online_of(&realm).tickets(ISSUER);
    let permission =
        |value: serde_json::Value| rpt(move |rpt| rpt["authorization"] = json!({ "permissions": value }));
    let others = [
        // For another resource server, for several, for nobody.
        rpt(|rpt| rpt["aud"] = json!("api")),
        rpt(|rpt| rpt["aud"] = json!(["inventory", "api"])),
        rpt(|rpt| rpt["aud"] = json!(["api", "inventory"])),
        rpt(|rpt| rpt["aud"] = json!("Inventory")),
        rpt(|rpt| rpt["aud"] = json!([])),
        rpt(|rpt| rpt["aud"] = json!(null)),
        // Of another resource, though it is called alike; of another scope; of no resource.
        permission(json!([granted(OTHER, &["view"])])),
        permission(json!([granted(STORE, &["add"])])),
        permission(json!([granted(STORE, &[])])),
        permission(json!([{ "rsname": "store", "scopes": ["view"] }])),
        // Of no shape.
        permission(json!(granted(STORE, &["view"]))),
        permission(json!([granted(STORE, &["view"]), 5])),
        permission(json!([{ "rsid": STORE, "scopes": "view" }])),
        rpt(|rpt| rpt["authorization"] = json!([granted(STORE, &["view"])])),
        rpt(|rpt| rpt["authorization"] = json!(null)),
        rpt(|rpt| rpt["permissions"] = json!([granted(STORE, &["view"])])),
    ];
    for (n, caller) in others.iter().enumerate().take(15) {
        assert_eq!(decide(&online, caller, Some("store"), "view").await, Ok(Verdict::Deny), "{n}");
    }
    let without = online_of(&realm);
    assert_eq!(
        decide(&without, &rpt(|_| {}), Some("store"), "view").await,
        Ok(Verdict::Deny),
        "not switched on"
    );
}

/// What introspection answers, or userinfo adds, is not what the token was signed with.
#[tokio::test(start_paused = true)]
async fn permissions_that_were_not_signed_with_the_token_count_for_nothing() {
    let realm = realm(denied(), resources());
    let online = online_of(&realm).tickets(ISSUER);
    let plain =
        json!({ "iss": ISSUER, "sub": "alice", "jti": "ntrtna:1", "exp": NOW + 300, "aud": "inventory" });
    let token = token_of(&plain.to_string());
    let principal = rpt(|_| {}).principal;
    let caller = Caller { principal, headers: headers_of(&token), token };
    assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Deny));
    assert_eq!(realm.decisions.requests(), 1);
    // Nor what somebody writes into the token of a caller who was known before.
    let forged = rpt(|_| {});
    let caller = Caller { principal: principal_of(&plain.to_string()), ..forged };
    assert_eq!(decide(&online, &caller, Some("store"), "view").await, Ok(Verdict::Deny));
    assert_eq!(realm.decisions.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded_and_not_printed() {
    let realm = realm(may_view(), resources());
    let online = online_of(&realm);
    for n in 0..6_000 {
        let payload = json!({ "iss": ISSUER, "sub": "a", "jti": format!("j{n}"), "exp": NOW + 300, "fill": "x".repeat(3000) });
        decide(&online, &Caller::of(&payload), Some("store"), "view").await.unwrap();
    }
    assert!(online.remembered_bytes() <= 8 << 20);
    let text = format!("{online:?}");
    assert!(text.contains("inventory") && !text.contains("e30") && !text.contains(SECRET), "{text}");
}
