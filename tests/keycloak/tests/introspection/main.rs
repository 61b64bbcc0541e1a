//! Client authentication, introspection, tokens of services and calls between them, against a real Keycloak.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod keys;
mod service_to_service;

use std::sync::Arc;
use std::time::Duration;

use kc_core::client::{ClientAuthentication, ErrorCode};
use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_core::introspection::{
    ActiveToken, Disagreement, HttpIntrospector, Introspection, IntrospectionError, Introspector, Presented,
};
use kc_core::secret::Secret;
use kc_core::service_token::{ServiceTokenError, ServiceTokenOptions, ServiceTokens};
use kc_core::transport::{ReqwestTransport, TransportOptions};
use keycloak_tests::{Realm, service_client, unique};
use serde_json::{Value, json};

fn introspector(realm: &Realm, authentication: ClientAuthentication) -> HttpIntrospector {
    let transport = ReqwestTransport::new(TransportOptions::default()).unwrap();
    let endpoint = realm.endpoint("token/introspect").parse().unwrap();
    HttpIntrospector::new(Arc::new(transport), endpoint, authentication, Arc::new(SystemClock))
}

fn service_tokens(realm: &Realm, authentication: ClientAuthentication) -> ServiceTokens {
    let transport = ReqwestTransport::new(TransportOptions::default()).unwrap();
    let endpoint = realm.endpoint("token").parse().unwrap();
    let options = ServiceTokenOptions::default();
    ServiceTokens::new(Arc::new(transport), endpoint, authentication, Arc::new(SystemClock), options)
}

/// A client of the realm, by its secret in the form.
fn client(name: &str) -> ClientAuthentication {
    ClientAuthentication::client_secret_post(name, Secret::new(format!("{name}-secret")))
}

async fn active(introspector: &HttpIntrospector, token: &str) -> ActiveToken {
    match introspector.introspect(token, None).await {
        Ok(Introspection::Active(token)) => *token,
        other => panic!("{other:?}"),
    }
}

fn json(token: &ActiveToken) -> Value {
    serde_json::from_slice(token.json()).unwrap()
}

fn code(code: Option<&ErrorCode>) -> Option<&str> {
    code.map(ErrorCode::as_str)
}

#[tokio::test]
async fn a_good_token_is_active_with_the_secret_in_the_form_and_in_the_header() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "alice").await;
    let basic = ClientAuthentication::client_secret_basic("api", Secret::new("api-secret"));
    for authentication in [client("api"), basic] {
        let token = active(&introspector(&realm, authentication), &tokens.access).await;
        assert_eq!((token.username(), token.client_id()), (Some("alice"), Some("api")));
        assert_eq!((token.kind(), token.token_type()), (Some("Bearer"), Some("Bearer")));
        assert_eq!(token.issuer(), Some(realm.issuer().as_str()));
        assert!(token.audience().contains(&"api".to_owned()));
        assert!(token.expires_at().unwrap() > SystemClock.now());
        assert!(token.scopes().any(|scope| scope == "openid"));
        let presented = Presented { issuer: Some(&realm.issuer()), subject: token.subject() };
        assert_eq!(token.agrees_with(&presented), Ok(()));
    }
}

#[tokio::test]
async fn a_token_is_inactive_after_logout() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "bob").await;
    let introspector = introspector(&realm, client("api"));
    active(&introspector, &tokens.access).await;
    realm.log_out("api", &tokens.refresh).await;
    assert_eq!(introspector.introspect(&tokens.access, None).await, Ok(Introspection::Inactive));
}

#[tokio::test]
async fn a_token_that_is_not_meant_for_the_asking_client_is_inactive() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("no-aud", "alice").await;
    let introspector = introspector(&realm, client("api"));
    let answer = introspector.introspect(&tokens.access, None).await.unwrap();
    assert_eq!(answer, Introspection::Inactive);
    assert!(answer.diagnosis(introspector.client_id()).contains("audience mapper"));
}

#[tokio::test]
async fn the_jwt_of_an_inactive_answer_is_not_read() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("no-aud", "alice").await;
    let introspector = introspector(&realm, client("jwt-introspect"));
    assert_eq!(introspector.introspect(&tokens.access, None).await, Ok(Introspection::Inactive));
}

#[tokio::test]
async fn an_id_token_is_active_but_refused_for_its_kind() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "alice").await;
    let token = active(&introspector(&realm, client("api")), &tokens.id).await;
    assert_eq!(token.agrees_with(&Presented::default()), Err(Disagreement::Kind));
}

#[tokio::test]
async fn a_refresh_token_and_garbage_are_inactive() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "alice").await;
    let introspector = introspector(&realm, client("api"));
    for token in [tokens.refresh.as_str(), "garbage", ""] {
        assert_eq!(introspector.introspect(token, None).await, Ok(Introspection::Inactive), "{token}");
    }
}

#[tokio::test]
async fn a_lightweight_token_is_active_with_all_that_it_lacks() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("lightweight", "alice").await;
    let token = active(&introspector(&realm, client("api")), &tokens.access).await;
    assert!(token.subject().is_some() && token.audience().contains(&"api".to_owned()));
    assert!(json(&token)["realm_access"]["roles"].as_array().unwrap().contains(&json!("admin")));
    let presented = Presented { issuer: Some(&realm.issuer()), subject: None };
    assert_eq!(token.agrees_with(&presented), Ok(()));
}

#[tokio::test]
async fn credentials_that_keycloak_refuses_are_an_error_of_their_own() {
    let realm = Realm::reached().await;
    let tokens = realm.log_in("api", "alice").await;
    let wrong = || Secret::new("wrong");
    let cases = [
        (ClientAuthentication::client_secret_post("api", wrong()), 401, "invalid_client"),
        (ClientAuthentication::client_secret_basic("api", wrong()), 401, "invalid_client"),
        (ClientAuthentication::client_secret_post("nobody", wrong()), 401, "invalid_client"),
        (ClientAuthentication::public("api"), 401, "invalid_client"),
        (ClientAuthentication::public("spa"), 403, "invalid_request"),
    ];
    for (authentication, expected, expected_code) in cases {
        let introspector = introspector(&realm, authentication);
        let error = introspector.introspect(&tokens.access, None).await.unwrap_err();
        let IntrospectionError::CredentialsRefused { status, code: got } = &error else {
            panic!("{introspector:?}: {error:?}")
        };
        assert_eq!(
            (status.as_u16(), code(got.as_ref())),
            (expected, Some(expected_code)),
            "{introspector:?}"
        );
    }
}

#[tokio::test]
async fn a_realm_that_does_not_exist_is_a_failure_of_the_server() {
    let realm = Realm::reached().await;
    let transport = ReqwestTransport::new(TransportOptions::default()).unwrap();
    let endpoint = realm.endpoint("token/introspect").replace("kc-demo", "no-such-realm").parse().unwrap();
    let introspector =
        HttpIntrospector::new(Arc::new(transport), endpoint, client("api"), Arc::new(SystemClock));
    let error = introspector.introspect("t", None).await.unwrap_err();
    assert!(
        matches!(&error, IntrospectionError::Status { status, .. } if status.as_u16() == 404),
        "{error:?}"
    );
    assert!(error.diagnosis("api").contains("no such realm"));
}

#[tokio::test]
async fn a_secret_of_odd_characters_arrives_whole_in_the_form_and_in_the_header() {
    const ODD: &str = "p:s w%41+&=ü/\"";
    let realm = Realm::reached().await;
    let settings = json!({ "clientAuthenticatorType": "client-secret", "secret": ODD });
    let client = realm.temporary_client_of(&service_client(&unique("odd-secret"), &settings)).await;
    for authentication in [
        ClientAuthentication::client_secret_post(client.name(), Secret::new(ODD)),
        ClientAuthentication::client_secret_basic(client.name(), Secret::new(ODD)),
    ] {
        let own = service_tokens(&realm, authentication.clone()).token().await.unwrap();
        active(&introspector(&realm, authentication), own.access_token().expose()).await;
    }
}

#[tokio::test]
async fn a_signed_jwt_proves_the_client_with_every_kind_of_key() {
    let realm = Realm::reached().await;
    let keys = keys::one_of_each_kind();
    let settings = json!({
        "clientAuthenticatorType": "client-jwt",
        "attributes": { "use.jwks.string": "true", "jwks.string": keys::jwks(&keys).to_string() },
    });
    let client = realm.temporary_client_of(&service_client(&unique("signed-jwt"), &settings)).await;
    for key in keys {
        let signed_for = |audience: String| {
            ClientAuthentication::private_key_jwt(client.name(), key.signing.clone(), audience)
        };
        for audience in [realm.issuer(), realm.endpoint("token")] {
            let authentication = signed_for(audience);
            let tokens = service_tokens(&realm, authentication.clone());
            let own = tokens.token().await.unwrap_or_else(|error| panic!("{key:?}: {error}"));
            let introspector = introspector(&realm, authentication);
            // Twice: each request has an assertion of its own.
            active(&introspector, own.access_token().expose()).await;
            active(&introspector, own.access_token().expose()).await;
        }
        let elsewhere = signed_for("https://other.test".to_owned());
        let error = introspector(&realm, elsewhere.clone()).introspect("t", None).await.unwrap_err();
        assert!(
            matches!(&error, IntrospectionError::CredentialsRefused { status, code: got }
                if status.as_u16() == 400 && code(got.as_ref()) == Some("invalid_client")),
            "{error:?}"
        );
        let error = service_tokens(&realm, elsewhere).token().await.unwrap_err();
        assert!(error.diagnosis(client.name()).contains("issuer URL"), "{error:?}");
    }
}

#[tokio::test]
async fn a_service_token_is_fetched_once_and_is_active() {
    let realm = Realm::reached().await;
    let tokens = service_tokens(&realm, client("api"));
    let first = tokens.token().await.unwrap();
    assert_eq!(tokens.token().await.unwrap(), first);
    let left = first.expires_in(SystemClock.now());
    assert!(left > Duration::from_secs(30) && left <= Duration::from_secs(86_400), "{left:?}");
    assert!(tokens.not_before().is_some_and(|at| at <= SystemClock.now() && at >= UnixTime::from_secs(0)));
    let token = active(&introspector(&realm, client("api")), first.access_token().expose()).await;
    assert_eq!(token.username(), Some("service-account-api"));
}

#[tokio::test]
async fn a_service_token_that_keycloak_refuses_is_explained() {
    let realm = Realm::reached().await;
    let wrong = ClientAuthentication::client_secret_post("api", Secret::new("wrong"));
    let cases = [
        (wrong, "unauthorized_client", "check the secret of client `api`"),
        (client("nobody"), "invalid_client", "exists in this realm"),
        (ClientAuthentication::public("spa"), "unauthorized_client", "Client authentication"),
        (client("no-aud"), "unauthorized_client", "Service account roles"),
    ];
    for (authentication, expected, remedy) in cases {
        let tokens = service_tokens(&realm, authentication);
        let error = tokens.token().await.unwrap_err();
        let ServiceTokenError::Refused { status, code: got } = &error else { panic!("{error:?}") };
        assert_eq!((status.as_u16(), code(got.as_ref())), (401, Some(expected)), "{tokens:?}");
        assert!(error.diagnosis(tokens.client_id()).contains(remedy), "{}", error.diagnosis("api"));
    }
}
