//! Realm exports: good ones, sparse ones and bad ones.

use kc_dev::{Alg, DEMO_REALM, DevIssuer, RealmError, StartError};
use serde_json::{Value, json};

use crate::asking::{keys, part, text};

async fn start(realm: &Value) -> Result<DevIssuer, RealmError> {
    start_text(&realm.to_string()).await
}

async fn start_text(realm: &str) -> Result<DevIssuer, RealmError> {
    match DevIssuer::builder().shared_keys().realm_json(realm).start().await {
        Ok(issuer) => Ok(issuer),
        Err(StartError::Realm(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn demo_with(change: impl FnOnce(&mut Value)) -> Value {
    let mut realm = serde_json::from_str(DEMO_REALM).expect("JSON");
    change(&mut realm);
    realm
}

async fn error(change: impl FnOnce(&mut Value)) -> String {
    start(&demo_with(change)).await.expect_err("refused").to_string()
}

#[tokio::test]
async fn the_demo_realm_is_supported_whole() {
    let issuer = DevIssuer::builder().shared_keys().start().await.expect("kc-dev starts");
    assert_eq!(issuer.warnings(), [] as [String; 0]);
}

#[tokio::test]
async fn a_sparse_realm_gets_what_keycloak_would_give_it() {
    let realm = json!({
        "realm": "tiny",
        "clients": [{ "clientId": "api", "secret": "s", "directAccessGrantsEnabled": true, "serviceAccountsEnabled": true }],
        "users": [{ "username": "Zoe", "enabled": true, "realmRoles": ["default-roles-tiny", "made-up"], "email": "z@x.test" }],
    });
    let issuer = start(&realm).await.expect("kc-dev starts");
    let claims = part(&issuer.token("zoe", "api").await.expect("minted"), 1);
    assert_eq!(
        claims["realm_access"]["roles"],
        json!(["default-roles-tiny", "made-up", "offline_access", "uma_authorization"])
    );
    assert_eq!(
        claims["resource_access"]["account"]["roles"],
        json!(["manage-account", "manage-account-links", "view-profile"])
    );
    assert_eq!((&claims["aud"], &claims["acr"]), (&json!("account"), &json!("1")));
    assert_eq!((&claims["preferred_username"], &claims["email"]), (&json!("zoe"), &json!("z@x.test")));
    assert_eq!(
        part(&issuer.mint().sign().await.expect("minted"), 1)["preferred_username"],
        "service-account-api"
    );
    let algs: Vec<String> = keys(&issuer).await.iter().map(|key| text(key, "alg").to_owned()).collect();
    assert_eq!(algs, ["RS256", "RSA-OAEP"]);
}

#[tokio::test]
async fn roles_come_from_groups_above_and_from_composites() {
    let realm = demo_with(|realm| {
        realm["groups"][0]["realmRoles"] = json!(["manager"]);
        realm["groups"][0]["subGroups"][0]["clientRoles"] = json!({ "api": ["judge"] });
    });
    let issuer = start(&realm).await.expect("kc-dev starts");
    let claims = part(&issuer.token("carol", "api").await.expect("minted"), 1);
    assert_eq!(claims["resource_access"]["api"]["roles"], json!(["api-read", "judge"]));
    assert!(claims["realm_access"]["roles"].as_array().expect("roles").contains(&json!("staff")));
}

#[tokio::test]
async fn user_ids_survive_a_restart() {
    let ids = [start(&demo_with(|_| {})).await, start(&demo_with(|_| {})).await];
    let ids = ids.map(|issuer| issuer.expect("kc-dev starts").user_id("alice").expect("a user").to_owned());
    assert_eq!(ids[0], ids[1]);
    let given = demo_with(|realm| realm["users"][0]["id"] = json!("11111111-2222-3333-4444-555555555555"));
    let issuer = start(&given).await.expect("kc-dev starts");
    assert_eq!(issuer.user_id("alice"), Some("11111111-2222-3333-4444-555555555555"));
}

#[tokio::test]
async fn what_is_not_supported_is_a_warning_that_names_it() {
    let realm = demo_with(|realm| {
        realm["clients"][0]["protocolMappers"][0]["protocolMapper"] = json!("acme-mapper");
        let keys = realm["components"]["org.keycloak.keys.KeyProvider"].as_array_mut().expect("keys");
        keys.push(json!({ "name": "odd", "providerId": "java-keystore", "config": {} }));
    });
    let issuer = start(&realm).await.expect("kc-dev starts");
    let warnings = issuer.warnings();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("client \"api\"") && warnings[0].contains("acme-mapper"), "{warnings:?}");
    assert!(warnings[1].contains("\"odd\"") && warnings[1].contains("java-keystore"), "{warnings:?}");
}

#[tokio::test]
async fn a_bad_realm_is_refused_with_the_place() {
    let not_json = start_text("{\n  \"realm\": nope").await.expect_err("refused");
    assert!(matches!(not_json, RealmError::Json { line: 2, .. }), "{not_json:?}");
    assert_eq!(
        start(&json!({})).await.expect_err("refused"),
        RealmError::Missing { place: "realm".to_owned() }
    );
    let cases = [
        (error(|realm| realm["users"] = json!({})).await, "users"),
        (error(|realm| realm["users"][1]["enabled"] = json!("perhaps")).await, "users[1] (\"bob\"), enabled"),
        (
            error(|realm| realm["clients"][3]["secret"] = json!(["hush-hush"])).await,
            "clients[3] (\"es256\"), secret",
        ),
        (
            error(|realm| realm["clients"][0]["protocolMappers"][1]["config"] = json!("hush-hush")).await,
            "clients[0] (\"api\"), protocolMappers[1].config",
        ),
        (error(|realm| realm["clients"][0]["clientId"] = json!("")).await, "clients[0].clientId"),
        (error(|realm| realm["clients"][0]["defaultClientScopes"] = json!(["nope"])).await, "\"nope\""),
        (error(|realm| realm["users"][0]["groups"] = json!(["/nope"])).await, "users[0]"),
        (error(|realm| realm["accessTokenLifespan"] = json!(-1)).await, "settings, accessTokenLifespan"),
        (error(|realm| realm["attributes"]["acr.loa.map"] = json!("nope")).await, "acr.loa.map"),
    ];
    for (message, place) in cases {
        assert!(message.contains(place), "{message} names {place}");
        assert!(!message.contains("hush-hush"));
    }
}

#[tokio::test]
async fn a_list_of_realms_is_refused_and_the_command_for_one_is_named() {
    let error = start(&json!([{ "realm": "a" }, { "realm": "b" }])).await.expect_err("refused");
    assert!(error.to_string().contains("kc.sh export --realm"), "{error}");
}

#[tokio::test]
async fn json_without_bottom_and_a_hundred_megabytes_are_refused_before_they_hurt() {
    let deep = format!("{{\"realm\":{}", "[".repeat(1_000_000));
    let error = start_text(&deep).await.expect_err("refused");
    assert!(matches!(error, RealmError::TooDeep { line: 1, .. }), "{error}");
    let large = format!("{{\"realm\":\"{}\"}}", "x".repeat(100 * 1024 * 1024));
    let error = start_text(&large).await.expect_err("refused");
    assert!(error.to_string().contains("larger than 32 MiB"), "{error}");
    // Groups in groups as deep as JSON may be.
    let nested = (0..40).fold(json!([]), |inner, n| json!([{ "name": format!("g{n}"), "subGroups": inner }]));
    start(&json!({ "realm": "nested", "groups": nested })).await.expect("kc-dev starts");
}

#[tokio::test]
async fn a_realm_file_is_read_no_further_than_a_realm_may_reach() {
    for (file, said) in [("/dev/zero", "larger than 32 MiB"), ("/nowhere/realm.json", "/nowhere/realm.json")]
    {
        let error = DevIssuer::builder().realm_file(file).start().await.expect_err("refused");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn lifespans_and_key_providers_are_the_realms() {
    let realm = demo_with(|realm| {
        realm["accessTokenLifespan"] = json!(77);
        realm["defaultSignatureAlgorithm"] = json!("ES384");
        let providers = json!([{
            "name": "p384", "providerId": "ecdsa-generated",
            "config": { "priority": ["1"], "ecdsaEllipticCurveKey": ["P-384"] },
        }]);
        realm["components"]["org.keycloak.keys.KeyProvider"] = providers;
        realm["clients"][1]["attributes"]["access.token.lifespan"] = json!("11");
    });
    let issuer = start(&realm).await.expect("kc-dev starts");
    let token = issuer.token("alice", "api").await.expect("minted");
    let claims = part(&token, 1);
    assert_eq!(part(&token, 0)["alg"], "ES384");
    assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(77));
    let claims = part(&issuer.token("alice", "no-aud").await.expect("minted"), 1);
    assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(11));
    assert_eq!(keys(&issuer).await.len(), 1);
    issuer.kid(Alg::Rs512).await.expect("made on demand");
    assert_eq!(keys(&issuer).await.len(), 2);
}

#[tokio::test]
async fn hardcoded_claims_and_organizations_take_every_form() {
    for (config, expected) in [
        (json!({ "multivalued": "true" }), json!(["acme"])),
        (json!({ "multivalued": "false" }), json!("acme")),
        (json!({ "addOrganizationAttributes": "true" }), json!({ "acme": { "tier": ["gold"] } })),
    ] {
        let realm = demo_with(|realm| {
            let mappers = realm["clients"][0]["protocolMappers"].as_array_mut().expect("mappers");
            let mut organization = json!({ "claim.name": "org.nested", "access.token.claim": "true" });
            organization.as_object_mut().expect("config").extend(config.as_object().expect("config").clone());
            mappers.push(json!({
                "name": "o", "protocol": "openid-connect", "protocolMapper": "oidc-organization-membership-mapper",
                "config": organization,
            }));
            mappers.push(json!({
                "name": "h", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
                "config": { "claim.name": "a\\.b.c", "claim.value": "7", "jsonType.label": "int", "access.token.claim": "true" },
            }));
        });
        let issuer = start(&realm).await.expect("kc-dev starts");
        let token = issuer.mint().user("alice").scope("openid organization").sign().await.expect("minted");
        let claims = part(&token, 1);
        assert_eq!(claims["org"]["nested"], expected);
        assert_eq!(claims["a.b"]["c"], json!(7));
    }
}

#[tokio::test]
async fn an_address_that_is_not_loopback_needs_insistence() {
    let anywhere = "0.0.0.0:0".parse().expect("an address");
    let refused = DevIssuer::builder().listen(anywhere).start().await.expect_err("refused");
    assert!(matches!(refused, StartError::NotLoopback { .. }));
    let taken = DevIssuer::builder().shared_keys().start().await.expect("kc-dev starts");
    let refused = DevIssuer::builder().listen(taken.address()).start().await.expect_err("refused");
    assert!(refused.to_string().contains(&taken.address().to_string()), "{refused}");
}
