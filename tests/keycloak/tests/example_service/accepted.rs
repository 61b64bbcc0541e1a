//! Who gets in, and as whom.

use std::collections::BTreeSet;

use keycloak_tests::{Realm, Service, Tokens, token};
use serde_json::{Value, json};

/// Alice, whichever client and algorithm her token came by.
async fn gets_in_as_alice(service: &Service, tokens: &Tokens, algorithm: &str) {
    assert_eq!(token::header(&tokens.access)["alg"], algorithm);
    let me = service.get("/me", &tokens.access).await.is(200).json();
    assert_eq!(
        me,
        json!({
            "sub": token::claims(&tokens.access)["sub"],
            "email": "alice@example.test",
            "username": "alice",
            "first_name": "Alice",
            "last_name": "Test",
            "realm_roles": ["admin", "default-roles-kc-demo", "offline_access", "uma_authorization", "user"],
            "client_roles": ["admin", "api-admin", "api-read"],
            "is_staff": true,
            "is_superuser": true,
        }),
        "{algorithm}"
    );
}

#[tokio::test]
async fn a_token_of_every_algorithm_the_realm_is_set_up_for_gets_in() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    for (client, algorithm) in [("api", "RS256"), ("es256", "ES256"), ("ps256", "PS256"), ("eddsa", "EdDSA")]
    {
        gets_in_as_alice(&service, &realm.log_in(client, "alice").await, algorithm).await;
    }
}

#[tokio::test]
async fn a_token_of_every_other_algorithm_keycloak_offers_gets_in() {
    let realm = Realm::alone().await;
    let rsa = |algorithm: &str| ("rsa-generated", json!({ "algorithm": algorithm, "keySize": "2048" }));
    let ec = |curve: &str| ("ecdsa-generated", json!({ "ecdsaEllipticCurveKey": curve }));
    let kinds = [
        ("RS384", rsa("RS384")),
        ("RS512", rsa("RS512")),
        ("PS384", rsa("PS384")),
        ("PS512", rsa("PS512")),
        ("ES384", ec("P-384")),
        ("ES512", ec("P-521")),
    ];
    let mut made = Vec::new();
    for (algorithm, (provider, config)) in kinds {
        let key = realm.temporary_key(provider, 50, config).await;
        let client = realm
            .temporary_client("algorithm", json!({ "access.token.signed.response.alg": algorithm }))
            .await;
        made.push((algorithm, key, client));
    }
    let service = Service::of(&realm).start().await;
    for (algorithm, _key, client) in &made {
        gets_in_as_alice(&service, &realm.log_in(client.name(), "alice").await, algorithm).await;
    }
}

async fn me(realm: &Realm, service: &Service, user: &str) -> Value {
    service.get("/me", &realm.log_in("api", user).await.access).await.is(200).json()
}

#[tokio::test]
async fn roles_are_the_realms_and_this_clients_sorted() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let bob = me(&realm, &service, "bob").await;
    assert_eq!(
        bob["realm_roles"],
        json!(["default-roles-kc-demo", "offline_access", "staff", "uma_authorization", "user"])
    );
    assert_eq!(bob["client_roles"], json!(["api-read", "staff"]));
    assert_eq!((&bob["is_staff"], &bob["is_superuser"]), (&json!(true), &json!(false)));

    let carol = me(&realm, &service, "carol").await;
    assert_eq!(
        carol["realm_roles"],
        json!(["default-roles-kc-demo", "offline_access", "uma_authorization", "user"])
    );
    // She has roles of the client `account`: another client's are nobody's here.
    assert_eq!(carol["client_roles"], json!([]));
    assert_eq!((&carol["is_staff"], &carol["is_superuser"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn a_user_without_any_role_gets_in_and_may_do_nothing() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let frank = realm.log_in("api", "frank").await.access;
    let claims = token::claims(&frank);
    assert_eq!((&claims["realm_access"], &claims["resource_access"]), (&Value::Null, &Value::Null));
    assert_eq!(claims["aud"], "api", "a single audience is a string, not an array");
    let me = service.get("/me", &frank).await.is(200).json();
    assert_eq!((&me["realm_roles"], &me["client_roles"]), (&json!([]), &json!([])));
    service.get("/items", &frank).await.is_refused(403, "insufficient_permissions");
    service.delete("/items/1", &frank).await.is_refused(403, "missing_roles");
}

#[tokio::test]
async fn a_composite_role_brings_what_it_is_made_of() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let erin = realm.log_in("api", "erin").await.access;
    let me = service.get("/me", &erin).await.is(200).json();
    let roles: BTreeSet<_> = me["realm_roles"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(roles.is_superset(&BTreeSet::from(["manager", "staff", "user"])), "{me}");
    assert_eq!(me["client_roles"], json!(["api-read"]));
    service.get("/items", &erin).await.is(200);
    service.get("/reports", &erin).await.is(200);
    service.get("/admin/users", &erin).await.is_refused(403, "missing_roles");
}

#[tokio::test]
async fn a_service_account_gets_in_without_an_email_address() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let robot = realm.service_account("api").await;
    let me = service.get("/me", &robot).await.is(200).json();
    assert_eq!(me["username"], "service-account-api");
    for absent in ["email", "first_name", "last_name"] {
        assert_eq!(me[absent], Value::Null, "{absent}");
    }
    assert!(me["realm_roles"].as_array().unwrap().contains(&json!("staff")), "{me}");
    assert_eq!(me["client_roles"], json!(["api-read"]));
    service.get("/reports", &robot).await.is(200);
}

#[tokio::test]
async fn whoever_was_here_is_listed_and_the_audit_names_who_did_what() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let (alice, bob) = (realm.log_in("api", "alice").await, realm.log_in("api", "bob").await);
    service.get("/me", &bob.access).await.is(200);
    service.get("/admin/users", &bob.access).await.is_refused(403, "missing_roles");
    let page = service.get("/admin/users", &alice.access).await.is(200).json();
    assert_eq!(page["admin_user"], "alice");
    let names: Vec<_> = page["users"].as_array().unwrap().iter().map(|user| &user["username"]).collect();
    assert_eq!(names, ["bob", "alice"], "the oldest first");
    let sid = token::claims(&bob.access)["sid"].as_str().unwrap().to_owned();
    service
        .audits(
            r#""decision":"deny","code":"missing_roles","status":403,"method":"GET","route":"/admin/users""#,
        )
        .await;
    service.audits(&format!(r#""username":"bob","client":"api","sid":"{sid}""#)).await;
}

#[tokio::test]
async fn the_services_own_token_is_fetched_and_is_not_shown() {
    let realm = Realm::reached().await;
    let service = Service::of(&realm).start().await;
    let alice = realm.log_in("api", "alice").await.access;
    for _ in 0..2 {
        let answer = service.get("/service-token", &alice).await.is(200).json();
        assert_eq!(answer.as_object().unwrap().len(), 1);
        let left = answer["expires_in"].as_u64().unwrap();
        assert!((1..=300).contains(&left), "{left}");
    }
}
