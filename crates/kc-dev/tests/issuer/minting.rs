//! Tokens made to order, as the tests of a service want them.

use std::time::Duration;

use kc_dev::{Alg, Defect, DevIssuer, Mint};
use serde_json::{Value, json};

use crate::asking::{issuer, keys, part};

async fn claims(mint: Mint) -> Value {
    part(&mint.sign().await.expect("minted"), 1)
}

#[tokio::test]
async fn roles_and_groups_are_added_to_those_that_the_user_has() {
    let issuer = issuer().await;
    let mint =
        issuer.mint().user("carol").role("admin").client_role("api", "judge").client_role("shop", "clerk");
    let claims = claims(mint.group("/night-shift").group("/night-shift")).await;
    let roles = claims["realm_access"]["roles"].as_array().expect("roles");
    assert!(roles.contains(&json!("admin")) && roles.contains(&json!("user")), "{roles:?}");
    assert_eq!(claims["resource_access"]["api"]["roles"], json!(["judge"]));
    assert_eq!(claims["resource_access"]["shop"]["roles"], json!(["clerk"]));
    assert!(claims["resource_access"]["account"]["roles"].is_array(), "what she had stays");
    assert_eq!(claims["groups"], json!(["/staff/warehouse", "/night-shift"]));
}

#[tokio::test]
async fn without_roles_means_none_but_those_that_come_after() {
    let issuer = issuer().await;
    let none = claims(issuer.mint().user("alice").without_roles()).await;
    assert!(none.get("realm_access").is_none() && none.get("resource_access").is_none());
    let one = claims(issuer.mint().user("alice").without_roles().role("reader")).await;
    assert_eq!(one["realm_access"], json!({ "roles": ["reader"] }));
    assert!(one.get("resource_access").is_none());
}

#[tokio::test]
async fn somebody_is_made_up_and_has_nothing_that_was_not_given() {
    let issuer = issuer().await;
    let zoe = claims(issuer.mint().somebody("Zoe").role("clerk").acr("gold").audience("shop")).await;
    assert_eq!(
        (&zoe["preferred_username"], &zoe["realm_access"]["roles"]),
        (&json!("zoe"), &json!(["clerk"]))
    );
    assert_eq!((&zoe["acr"], &zoe["aud"]), (&json!("gold"), &json!("shop")));
    for absent in ["resource_access", "groups", "email"] {
        assert!(zoe.get(absent).is_none(), "{absent}");
    }
    let again = claims(issuer.mint().somebody("zoe")).await;
    let other = claims(issuer.mint().somebody("yan")).await;
    assert_eq!(zoe["sub"], again["sub"]);
    assert_ne!(zoe["sub"], other["sub"]);
}

#[tokio::test]
async fn scopes_can_be_granted_that_nobody_may_ask_for() {
    let issuer = issuer().await;
    let mint = issuer.mint().user("alice").scope("openid email").granted_scope("orders:read");
    let claims = claims(mint.granted_scope("orders:read").audiences(["a", "b"])).await;
    let scope = claims["scope"].as_str().expect("scope");
    assert_eq!(scope.matches("orders:read").count(), 1, "{scope}");
    assert!(scope.contains("email"), "{scope}");
    assert_eq!(claims["aud"], json!(["a", "b"]));
}

#[tokio::test]
async fn a_claim_of_another_form_gives_way_to_a_role() {
    let issuer = issuer().await;
    let odd = issuer.mint().user("alice").claim("realm_access", "none").claim("groups", 7);
    let claims = claims(odd.role("reader").group("/a")).await;
    assert_eq!(
        (&claims["realm_access"], &claims["groups"]),
        (&json!({ "roles": ["reader"] }), &json!(["/a"]))
    );
}

#[tokio::test]
async fn the_login_was_when_it_is_said_to_have_been() {
    let issuer = issuer().await;
    let before = issuer.now();
    let claims = claims(issuer.mint().user("alice").logged_in_ago(Duration::from_secs(900))).await;
    let at = claims["auth_time"].as_i64().expect("a time");
    assert!((before - 900..=issuer.now() - 900).contains(&at), "{at}");
}

#[tokio::test]
async fn every_defect_is_what_it_says() {
    let issuer = issuer().await;
    let good = issuer.mint().user("alice");
    let real = issuer.kid(Alg::Rs256).await.expect("a key");
    for defect in Defect::ALL {
        assert_eq!(Defect::from_name(defect.name()), Some(defect));
        let token = good.clone().broken(defect).sign().await.expect("minted");
        let (header, claims) = (part(&token, 0), part(&token, 1));
        let number = |claim: &str| claims[claim].as_i64().expect("a time") - issuer.now();
        match defect {
            Defect::Expired => assert!(number("exp") < -3000 && number("iat") < number("exp")),
            Defect::NotYetValid => assert!(number("nbf") > 3000 && number("exp") > number("nbf")),
            Defect::NoExpiry => assert!(claims.get("exp").is_none()),
            Defect::OtherAudience => assert_eq!(claims["aud"], "another-service"),
            Defect::NoAudience => assert!(claims.get("aud").is_none()),
            Defect::OtherIssuer => assert_ne!(claims["iss"], json!(issuer.issuer())),
            Defect::UnknownKey => {
                assert_eq!(header["alg"], "RS256");
                assert!(keys(&issuer).await.iter().all(|key| key["kid"] != header["kid"]));
            }
            Defect::ForgedSignature => {
                assert_eq!((&header["alg"], &header["kid"]), (&json!("RS256"), &json!(real)));
                assert!(!crate::asking::is_active(&issuer, &token).await, "it is not the realm's");
            }
            Defect::Unsigned => assert!(header["alg"] == "none" && token.ends_with('.')),
            Defect::PublicKeyAsSecret => {
                assert_eq!((&header["alg"], &header["kid"]), (&json!("HS256"), &json!(real)));
            }
            Defect::IdToken => assert_eq!(claims["typ"], "ID"),
            Defect::RefreshToken => assert_eq!(claims["typ"], "Refresh"),
            other => panic!("{other} is not looked at"),
        }
    }
}

#[tokio::test]
async fn a_replaced_key_is_gone_and_a_rotated_one_stays() {
    let issuer = DevIssuer::builder().shared_keys().start().await.expect("kc-dev starts");
    let token = issuer.token("alice", "api").await.expect("minted");
    issuer.rotate(Alg::Rs256).await.expect("rotated");
    assert!(crate::asking::is_active(&issuer, &token).await);
    let second = issuer.token("alice", "api").await.expect("minted");
    let kid = issuer.replace_key().await.expect("replaced");
    assert!(!crate::asking::is_active(&issuer, &second).await);
    assert_eq!(issuer.kid(Alg::Rs256).await, Ok(kid));
}

#[tokio::test]
async fn the_issuers_clock_goes_on_when_it_is_moved() {
    let issuer = issuer().await;
    let before = issuer.now();
    issuer.advance(Duration::from_secs(600));
    issuer.advance(Duration::from_secs(60));
    assert!(issuer.now() >= before + 660);
    issuer.advance(Duration::MAX);
    assert!(issuer.now() > before, "it saturates");
}
