//! Validators that ask, and the discovery cross-check, against a real Keycloak.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod realm;

use std::sync::Arc;

use kc_core::client::ClientAuthentication;
use kc_core::clock::SystemClock;
use kc_core::discovery::{self, DiscoveryError};
use kc_core::introspection::HttpIntrospector;
use kc_core::keys::{KeySource, RemoteKeys, RemoteKeysOptions};
use kc_core::roles::{KeycloakRoles, RoleExtractor};
use kc_core::secret::Secret;
use kc_core::token::{TokenError, TokenKind, VerifiedToken};
use kc_core::validator::{
    IntrospectionValidator, JwtValidator, TokenValidator, UserinfoEndpoint, UserinfoError, UserinfoSignature,
    UserinfoValidator, ValidationError,
};
use serde_json::{Value, json};

use self::realm::{Realm, transport};

/// A validator that asks as `client`, for tokens whose audience is `api`.
fn introspecting_as(realm: &Realm, client: &str) -> IntrospectionValidator {
    let server = realm.server();
    let secret = Secret::new(format!("{client}-secret"));
    let introspector = HttpIntrospector::new(
        transport(),
        server.endpoints().introspection().parse().unwrap(),
        ClientAuthentication::client_secret_post(client, secret),
        Arc::new(SystemClock),
    );
    IntrospectionValidator::builder(server.issuer(), ["api"], Arc::new(introspector)).build()
}

fn keys(realm: &Realm) -> Arc<dyn KeySource> {
    let certs = realm.server().endpoints().certs().parse().unwrap();
    Arc::new(RemoteKeys::new(transport(), certs, RemoteKeysOptions::default()))
}

fn jwt_validator(realm: &Realm) -> Arc<JwtValidator> {
    Arc::new(JwtValidator::builder(realm.server().issuer(), ["api"], keys(realm)).build())
}

fn endpoint(realm: &Realm) -> UserinfoEndpoint {
    UserinfoEndpoint::new(transport(), realm.server().endpoints().userinfo().parse().unwrap())
}

fn signed_endpoint(realm: &Realm, client: &str) -> UserinfoEndpoint {
    endpoint(realm).signed(UserinfoSignature::new(realm.server().issuer(), [client], keys(realm)))
}

async fn userinfo(
    realm: &Realm,
    endpoint: UserinfoEndpoint,
    token: &str,
) -> Result<VerifiedToken, ValidationError> {
    UserinfoValidator::after(jwt_validator(realm), endpoint).validate(token).await
}

fn token_error(outcome: Result<VerifiedToken, ValidationError>) -> TokenError {
    match outcome {
        Err(ValidationError::Token(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn userinfo_error(outcome: Result<VerifiedToken, ValidationError>) -> UserinfoError {
    match outcome {
        Err(ValidationError::Userinfo(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lightweight_token_is_accepted_by_introspection_with_its_roles_and_by_signature_it_is_not() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("lightweight", "openid").await;
    let token = introspecting_as(&realm, "api").validate(&tokens.access).await.unwrap();
    let roles = KeycloakRoles::new("api").extract(&token).unwrap();
    assert!(roles.realm().contains("admin") && roles.own().contains("api-admin"));
    let claims = token.claims();
    assert!(claims.subject.is_some() && claims.expires_at.is_some());
    assert_eq!(claims.authorized_party.as_deref(), Some("lightweight"));
    assert_eq!(token.claims_as::<Value>().unwrap()["department"], "engineering");
    let by_signature = jwt_validator(&realm).validate(&tokens.access).await;
    assert_eq!(token_error(by_signature), TokenError::MissingClaim { claim: "aud" });
}

#[tokio::test]
async fn a_full_token_is_accepted_by_introspection_too() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "openid").await;
    let token = introspecting_as(&realm, "api").validate(&tokens.access).await.unwrap();
    assert_eq!(token.claims().username.as_deref(), Some("alice"));
}

#[tokio::test]
async fn after_logout_introspection_refuses_the_token() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("lightweight", "openid").await;
    let validator = introspecting_as(&realm, "api");
    validator.validate(&tokens.access).await.unwrap();
    realm.log_out("lightweight", &tokens.refresh).await;
    assert_eq!(token_error(validator.validate(&tokens.access).await), TokenError::Inactive);
}

#[tokio::test]
async fn introspection_refuses_an_id_token_a_refresh_token_and_garbage() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "openid").await;
    let validator = introspecting_as(&realm, "api");
    let id = tokens.id.unwrap();
    assert_eq!(token_error(validator.validate(&id).await), TokenError::WrongType { got: TokenKind::Id });
    for token in [tokens.refresh.as_str(), "opaque"] {
        assert_eq!(token_error(validator.validate(token).await), TokenError::Inactive);
    }
}

#[tokio::test]
async fn introspection_refuses_a_token_for_somebody_else() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("no-aud", "openid").await;
    let outcome = introspecting_as(&realm, "api").validate(&tokens.access).await;
    assert_eq!(token_error(outcome), TokenError::Inactive);
}

#[tokio::test]
async fn introspection_with_wrong_credentials_is_no_fault_of_the_token() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "openid").await;
    let error = introspecting_as(&realm, "nobody").validate(&tokens.access).await.unwrap_err();
    let ValidationError::Introspection { reason } = &error else { panic!("{error:?}") };
    assert!(reason.contains("client `nobody` exists in this realm"), "{reason}");
}

#[tokio::test]
async fn plain_userinfo_belongs_to_the_token_and_changes_none_of_its_claims() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "openid").await;
    let alone = jwt_validator(&realm).validate(&tokens.access).await.unwrap();
    let token = userinfo(&realm, endpoint(&realm), &tokens.access).await.unwrap();
    assert_eq!(token.claims_as::<Value>().unwrap(), alone.claims_as::<Value>().unwrap());
}

#[tokio::test]
async fn signed_userinfo_is_verified_with_the_keys_of_the_realm() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("signed-userinfo", "openid").await;
    let token = userinfo(&realm, signed_endpoint(&realm, "signed-userinfo"), &tokens.access).await.unwrap();
    assert_eq!(token.claims().username.as_deref(), Some("alice"));
    assert_eq!(token.claims().authorized_party.as_deref(), Some("signed-userinfo"));
}

#[tokio::test]
async fn signed_userinfo_alone_gives_the_claims_of_the_user_and_no_expiry() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("signed-userinfo", "openid").await;
    let validator = UserinfoValidator::dangerous(signed_endpoint(&realm, "signed-userinfo"))
        .any_audience(realm.server().issuer());
    let token = validator.validate(&tokens.access).await.unwrap();
    assert!(token.claims().expires_at.is_none() && token.claims().realm_roles.is_empty());
    assert_eq!(token.claims_as::<Value>().unwrap()["aud"], json!("signed-userinfo"));
}

#[tokio::test]
async fn signed_userinfo_for_another_client_is_not_trusted() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("signed-userinfo", "openid").await;
    let error = userinfo_error(userinfo(&realm, signed_endpoint(&realm, "api"), &tokens.access).await);
    assert!(matches!(&error, UserinfoError::Untrusted(TokenError::Audience { .. })), "{error:?}");
}

#[tokio::test]
async fn userinfo_that_is_signed_against_expectation_or_not_signed_is_refused() {
    let realm = Realm::reached().await;
    let signed = realm.log_in("signed-userinfo", "openid").await;
    assert_eq!(
        userinfo_error(userinfo(&realm, endpoint(&realm), &signed.access).await),
        UserinfoError::Signed
    );
    let plain = realm.log_in("api", "openid").await;
    let outcome = userinfo(&realm, signed_endpoint(&realm, "api"), &plain.access).await;
    assert_eq!(userinfo_error(outcome), UserinfoError::Unsigned);
}

#[tokio::test]
async fn userinfo_refuses_a_token_without_the_scope_openid_for_that_reason() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "profile").await;
    assert!(tokens.id.is_none());
    let error = userinfo_error(userinfo(&realm, endpoint(&realm), &tokens.access).await);
    assert_eq!(error, UserinfoError::InsufficientScope);
}

#[tokio::test]
async fn after_logout_userinfo_refuses_a_token_whose_signature_is_still_good() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "openid").await;
    userinfo(&realm, endpoint(&realm), &tokens.access).await.unwrap();
    realm.log_out("api", &tokens.refresh).await;
    jwt_validator(&realm).validate(&tokens.access).await.unwrap();
    let outcome = userinfo(&realm, endpoint(&realm), &tokens.access).await;
    assert_eq!(token_error(outcome), TokenError::Inactive);
}

#[tokio::test]
async fn userinfo_does_not_look_at_the_audience_and_the_validator_before_it_does() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("no-aud", "openid").await;
    let blind = UserinfoValidator::dangerous(endpoint(&realm)).any_audience(realm.server().issuer());
    blind.validate(&tokens.access).await.unwrap();
    let error = token_error(userinfo(&realm, endpoint(&realm), &tokens.access).await);
    assert_eq!(error.code(), "invalid_audience");
}

#[tokio::test]
async fn userinfo_alone_refuses_id_tokens_and_lightweight_ones() {
    let realm = Realm::reached().await;
    let blind = UserinfoValidator::dangerous(endpoint(&realm)).any_audience(realm.server().issuer());
    let id = realm.log_in("api", "openid").await.id.unwrap();
    let lightweight = realm.log_in("lightweight", "openid").await.access;
    for token in [id, lightweight] {
        assert_eq!(token_error(blind.validate(&token).await), TokenError::Inactive);
    }
}

#[tokio::test]
async fn discovery_agrees_with_what_is_derived() {
    let server = Realm::reached().await.server();
    let found = discovery::cross_check(&*transport(), server.endpoints(), server.issuer()).await.unwrap();
    assert_eq!(found.differences(), []);
    let can = found.capabilities();
    assert!(can.authorization_response_iss && can.backchannel_logout && can.backchannel_logout_session);
    assert!(can.pushed_authorization_requests && !can.pushed_authorization_requests_required);
    assert!(can.claims_parameter && can.device_authorization && can.tls_bound_tokens);
    assert!(can.acr_values.iter().any(|acr| acr == "gold"));
    assert!(can.code_challenge_methods.iter().any(|method| method == "S256"));
    assert!(can.id_token_signing_algorithms.iter().any(|algorithm| algorithm == "RS256"));
}

#[tokio::test]
async fn discovery_reports_another_issuer() {
    let server = Realm::reached().await.server();
    let expected = "https://id.example.com/realms/kc-demo";
    let found = discovery::cross_check(&*transport(), server.endpoints(), expected).await.unwrap();
    let [difference] = found.differences() else { panic!("{found:?}") };
    assert_eq!((difference.member(), difference.expected()), ("issuer", expected));
    assert_eq!(difference.got(), Some(server.issuer()));
    assert!(difference.to_string().contains("KEYCLOAK_ISSUER"), "{difference}");
}

#[tokio::test]
async fn discovery_explains_an_issuer_that_follows_the_internal_host() {
    let server = Realm::reached().await.server_by_another_internal_name();
    let found = discovery::cross_check(&*transport(), server.endpoints(), server.issuer()).await.unwrap();
    let [difference] = found.differences() else { panic!("{found:?}") };
    assert_eq!(difference.got(), Some(server.endpoints().realm_info()));
    assert!(difference.remedy().contains("names itself after the host"), "{difference}");
}

#[tokio::test]
async fn discovery_of_a_realm_that_does_not_exist_is_an_error_with_its_remedy() {
    let server = Realm::reached().await.server_of_no_realm();
    let error = discovery::cross_check(&*transport(), server.endpoints(), server.issuer()).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::Status { status } if status.as_u16() == 404), "{error:?}");
    assert!(error.diagnosis().contains("KEYCLOAK_REALM"));
}
