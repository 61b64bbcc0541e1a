//! The local users, and `GET /admin/users`.

use kc_dev::DevIssuer;
use serde_json::Value;

use crate::harness::{Service, Setup, issuer};

async fn listed(service: &Service, issuer: &DevIssuer) -> Vec<Value> {
    let alice = issuer.token("alice", "api").await.unwrap();
    let answer = service.get("/admin/users", &alice).await.json();
    answer["users"].as_array().unwrap().clone()
}

fn names(users: &[Value]) -> Vec<&str> {
    users.iter().map(|user| user["username"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_list_has_those_who_called_with_their_members_in_order() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let alice = issuer.token("alice", "api").await.unwrap();
    let answer = service.get("/admin/users", &alice).await;
    let joined = answer.json()["users"][0]["date_joined"].as_str().unwrap().to_owned();
    assert!(joined.contains('T') && joined.ends_with('Z'), "{joined}");
    answer.assert_json(
        200,
        &format!(
            r#"{{"message":"Admin access granted","admin_user":"alice","users":[{{"sub":"{}","username":"alice","email":"alice@example.test","is_staff":true,"is_active":true,"date_joined":"{joined}"}}]}}"#,
            issuer.user_id("alice").unwrap()
        ),
    );
}

#[tokio::test]
async fn users_are_listed_oldest_first_and_once_however_often_they_call() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for name in ["carol", "bob", "carol", "alice", "bob"] {
        assert_eq!(service.get("/me", &issuer.token(name, "api").await.unwrap()).await.status, 200);
    }
    let users = listed(&service, &issuer).await;
    assert_eq!(names(&users), ["carol", "bob", "alice"]);
    let staff: Vec<_> = users.iter().map(|user| user["is_staff"].as_bool().unwrap()).collect();
    assert_eq!(staff, [false, true, true]);
}

#[tokio::test]
async fn a_user_is_known_by_issuer_and_subject_not_by_name() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for (sub, name) in [("s1", "dora"), ("s2", "dora"), ("s1", "dora-married")] {
        let token = issuer.mint().user("carol").claim("sub", sub).claim("preferred_username", name);
        assert_eq!(service.get("/me", &token.sign().await.unwrap()).await.status, 200);
    }
    assert_eq!(names(&listed(&service, &issuer).await), ["dora-married", "dora", "alice"]);
}

#[tokio::test]
async fn a_caller_who_is_refused_by_the_rule_is_a_user_and_one_with_a_bad_token_is_not() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let carol = issuer.token("carol", "api").await.unwrap();
    service.get("/reports", &carol).await.assert_refused(403, "missing_roles");
    let expired = issuer.mint().user("bob").expires_in(-60).sign().await.unwrap();
    service.get("/me", &expired).await.assert_refused(401, "token_expired");
    assert_eq!(names(&listed(&service, &issuer).await), ["carol", "alice"]);
}

#[tokio::test]
async fn a_token_without_a_subject_makes_no_user() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.mint().user("carol").without("sub").sign().await.unwrap();
    assert_eq!(service.get("/me", &token).await.status, 200);
    assert_eq!(names(&listed(&service, &issuer).await), ["alice"]);
}

#[tokio::test]
async fn at_most_a_hundred_users_are_listed() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for n in 0..105 {
        let token = issuer.mint().user("carol").claim("sub", n.to_string());
        assert_eq!(service.get("/me", &token.sign().await.unwrap()).await.status, 200);
    }
    let users = listed(&service, &issuer).await;
    assert_eq!(users.len(), 100);
    let subs: Vec<usize> = users.iter().map(|user| user["sub"].as_str().unwrap().parse().unwrap()).collect();
    // Those who came within one millisecond have the same name and any order.
    assert!(subs.iter().all(|sub| *sub < 105), "the oldest, alice is not among them: {subs:?}");
}

#[tokio::test]
async fn nobody_comes_in_for_the_first_time_when_users_are_not_created() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_CREATE_USERS", "false").start().await;
    for name in ["alice", "frank"] {
        let token = issuer.token(name, "api").await.unwrap();
        for _ in 0..2 {
            service.get("/me", &token).await.assert_refused(401, "user_unknown");
        }
    }
    // Who has no subject needs no user.
    let token = issuer.mint().user("alice").without("sub").sign().await.unwrap();
    let answer = service.get("/admin/users", &token).await;
    answer.assert_json(200, r#"{"message":"Admin access granted","admin_user":"alice","users":[]}"#);
}

#[tokio::test]
async fn users_in_a_file_are_there_when_the_service_starts_again_and_are_all_who_may_come() {
    let issuer = issuer().await;
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("users.db").display());
    let first = Setup::of(&issuer).set("USERS_DATABASE", &url).start().await;
    let before = listed(&first, &issuer).await;
    assert!(!first.stderr().contains("USERS_DATABASE"), "{}", first.stderr());
    drop(first);
    let setup = Setup::of(&issuer).set("USERS_DATABASE", &url).set("KEYCLOAK_CREATE_USERS", "false");
    let second = setup.start().await;
    assert_eq!(listed(&second, &issuer).await, before);
    let frank = issuer.token("frank", "api").await.unwrap();
    second.get("/me", &frank).await.assert_refused(401, "user_unknown");
}

#[tokio::test]
async fn users_in_memory_are_warned_of() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    assert!(service.stderr().contains("USERS_DATABASE is not set"), "{}", service.stderr());
}
