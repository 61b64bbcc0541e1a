use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};
use serde_json::json;

use super::*;
use crate::client::ClientAuthentication;
use crate::client::fake_transport::{Answer, FakeTransport};
use crate::clock::{FakeClock, UnixTime};
use crate::secret::Secret;
use crate::transport::TransportError;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
const SECRET: &str = "api-secret-4711";

fn introspector(answer: Answer) -> (Arc<FakeTransport>, HttpIntrospector) {
    let transport = Arc::new(FakeTransport::new([answer]));
    let introspector = HttpIntrospector::new(
        transport.clone(),
        Uri::from_static("https://kc.test/introspect"),
        ClientAuthentication::client_secret_post("api", Secret::new(SECRET)),
        Arc::new(FakeClock::default()),
    );
    (transport, introspector)
}

async fn outcome(status: u16, body: &str) -> Result<Introspection, IntrospectionError> {
    introspector(Answer::reply(status, body.to_owned())).1.introspect(TOKEN, None).await
}

async fn active(body: serde_json::Value) -> ActiveToken {
    match outcome(200, &body.to_string()).await {
        Ok(Introspection::Active(token)) => *token,
        other => panic!("{other:?}"),
    }
}

/// Everything that could reach a log.
fn texts(error: &IntrospectionError) -> String {
    format!("{error} {error:?} {error:#?} {}", error.diagnosis("api"))
}

#[tokio::test]
async fn the_token_goes_in_the_form_with_the_credentials() {
    let (transport, introspector) = introspector(Answer::reply(200, r#"{"active":false}"#));
    introspector.introspect("a.b+c", Some(TokenTypeHint::RequestingPartyToken)).await.unwrap();
    let expected =
        format!("token=a.b%2Bc&token_type_hint=requesting_party_token&client_id=api&client_secret={SECRET}");
    assert_eq!(transport.last().body(), expected.as_bytes());
    introspector.introspect("t", None).await.unwrap();
    assert_eq!(transport.last().body(), format!("token=t&client_id=api&client_secret={SECRET}").as_bytes());
}

#[tokio::test]
async fn nothing_is_remembered_between_two_calls() {
    let (transport, introspector) = introspector(Answer::reply(200, r#"{"active":true}"#));
    for _ in 0..2 {
        introspector.introspect(TOKEN, None).await.unwrap();
    }
    assert_eq!(transport.requests(), 2);
}

#[tokio::test]
async fn an_active_answer_is_read_whole() {
    let token = active(json!({
        "active": true, "sub": "42", "iss": "https://kc.test/realms/demo", "typ": "Bearer", "token_type": "Bearer",
        "client_id": "api", "username": "alice", "exp": 1_795_308_973, "scope": "openid  email",
        "aud": ["api", "account"], "realm_access": { "roles": ["admin"] },
    }))
    .await;
    assert_eq!(token.subject(), Some("42"));
    assert_eq!(token.issuer(), Some("https://kc.test/realms/demo"));
    assert_eq!((token.kind(), token.token_type()), (Some("Bearer"), Some("Bearer")));
    assert_eq!((token.client_id(), token.username()), (Some("api"), Some("alice")));
    assert_eq!(token.expires_at(), Some(UnixTime::from_secs(1_795_308_973)));
    assert_eq!(token.scopes().collect::<Vec<_>>(), ["openid", "email"]);
    assert_eq!(token.audience(), ["api", "account"]);
    let whole: serde_json::Value = serde_json::from_slice(token.json()).unwrap();
    assert_eq!(whole["realm_access"]["roles"][0], "admin");
}

#[tokio::test]
async fn one_audience_is_a_string_and_absent_or_null_members_are_absent() {
    let token = active(json!({ "active": true, "aud": "api", "sub": null, "exp": null })).await;
    assert_eq!(token.audience(), ["api"]);
    assert_eq!((token.subject(), token.expires_at(), token.issuer()), (None, None, None));
    assert_eq!(token.scopes().count(), 0);
    assert!(active(json!({ "active": true })).await.audience().is_empty());
}

/// Keycloak gives the full claims in `jwt` to a client that is not in the audience.
#[tokio::test]
async fn an_inactive_answer_is_inactive_whatever_else_it_holds() {
    for body in [
        r#"{"active":false}"#,
        r#"{"active":false,"jwt":"eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9."}"#,
        r#"{"active":false,"sub":5,"exp":"soon"}"#,
    ] {
        assert_eq!(outcome(200, body).await, Ok(Introspection::Inactive), "{body}");
    }
}

#[tokio::test]
async fn anything_but_an_object_with_a_boolean_active_is_an_error() {
    for body in [
        "",
        "null",
        "true",
        "[]",
        r#"[{"active":true}]"#,
        "\"true\"",
        "{}",
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        r#"{"active":[true]}"#,
        r#"{"Active":true}"#,
        r#"{"active":true"#,
        r#"{"active":true}}"#,
        r#"{"active":true,"active":false}"#,
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"sub":"a","sub":"b"}"#,
        "<!DOCTYPE html><html>active</html>",
        "active=true",
    ] {
        let error = outcome(200, body).await.unwrap_err();
        assert!(matches!(error, IntrospectionError::Nonsense { .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn an_active_answer_with_a_member_of_the_wrong_shape_is_an_error() {
    for (name, value) in [
        ("sub", json!(5)),
        ("iss", json!(["a"])),
        ("typ", json!(true)),
        ("token_type", json!({})),
        ("client_id", json!(1)),
        ("username", json!([])),
        ("scope", json!(["a"])),
        ("exp", json!("1795308973")),
        ("aud", json!(["a", 1])),
        ("aud", json!({ "a": 1 })),
    ] {
        let error = outcome(200, &json!({ "active": true, name: value }).to_string()).await.unwrap_err();
        assert_eq!(error, IntrospectionError::Nonsense { what: Nonsense::Member { name } });
    }
}

#[tokio::test]
async fn credentials_that_are_refused_are_told_apart_from_other_failures() {
    let refused = [
        (401, r#"{"error":"invalid_client","error_description":"Client authentication failed."}"#),
        (401, ""),
        (403, r#"{"error":"invalid_request","error_description":"Client not allowed."}"#),
        (400, r#"{"error":"invalid_client","error_description":"Token reuse detected"}"#),
    ];
    for (status, body) in refused {
        let error = outcome(status, body).await.unwrap_err();
        assert!(matches!(error, IntrospectionError::CredentialsRefused { .. }), "{status} {body}: {error:?}");
        assert!(error.diagnosis("api").contains("client `api`"), "{error:?}");
    }
    let failed = [
        (400, r#"{"error":"invalid_request","error_description":"Token not provided."}"#),
        (404, r#"{"error":"Realm does not exist"}"#),
        (405, r#"{"error":"HTTP 405 Method Not Allowed"}"#),
        (429, ""),
        (500, "<html>"),
        (503, r#"{"active":true}"#),
    ];
    for (status, body) in failed {
        let error = outcome(status, body).await.unwrap_err();
        assert!(matches!(error, IntrospectionError::Status { .. }), "{status} {body}: {error:?}");
    }
}

#[tokio::test]
async fn only_status_200_is_an_answer_and_a_redirect_is_none() {
    for status in [201, 204, 301, 302, 307, 308] {
        let error = outcome(status, r#"{"active":true}"#).await.unwrap_err();
        let expected = StatusCode::from_u16(status).unwrap();
        assert_eq!(error, IntrospectionError::Status { status: expected, code: None });
    }
    let redirect = outcome(302, "").await.unwrap_err();
    assert!(redirect.diagnosis("api").contains("redirects are not followed"));
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error_of_its_own() {
    let failure = TransportError::Timeout { after: Duration::from_secs(5) };
    let (_, introspector) = introspector(Answer::Fail(failure.clone()));
    let error = introspector.introspect(TOKEN, None).await.unwrap_err();
    assert_eq!(error, IntrospectionError::Unreachable(failure));
}

#[tokio::test]
async fn no_error_repeats_the_token_the_secret_or_text_of_a_body() {
    let bodies = [
        format!(r#"{{"error":"{TOKEN}","error_description":"{SECRET} is not it"}}"#),
        format!(r#"{{"error":"bad {SECRET}","active":"{TOKEN}"}}"#),
        format!(r#"{{"active":"{TOKEN}","{SECRET}":1}}"#),
        format!(r#"{{"active":true,"sub":["{TOKEN}","{SECRET}"]}}"#),
        format!("{TOKEN} {SECRET}"),
    ];
    for status in [200, 302, 400, 401, 403, 500] {
        for body in &bodies {
            let error = outcome(status, body).await.unwrap_err();
            let text = texts(&error);
            assert!(!text.contains(TOKEN) && !text.contains(SECRET), "{text}");
        }
    }
    let forged = outcome(500, "{\"error\":\"x\\nERROR forged line\"}").await.unwrap_err();
    assert_eq!(forged, IntrospectionError::Status { status: StatusCode::INTERNAL_SERVER_ERROR, code: None });
}

#[tokio::test]
async fn debug_shows_neither_secret_nor_the_claims_of_an_answer() {
    let (_, introspector) = introspector(Answer::Hang);
    let text = format!("{introspector:?}");
    assert!(text.contains("api") && !text.contains(SECRET), "{text}");
    let token =
        active(json!({ "active": true, "sub": "42", "jwt": TOKEN, "email": "alice@example.test" })).await;
    let text = format!("{token:?} {:?}", Introspection::Active(Box::new(token.clone())));
    assert!(text.contains("42") && !text.contains(TOKEN) && !text.contains("alice"), "{text}");
}

#[tokio::test]
async fn an_inactive_token_is_explained_with_the_audience_mapper() {
    let (_, introspector) = introspector(Answer::reply(200, r#"{"active":false}"#));
    let introspector: Arc<dyn Introspector> = Arc::new(introspector);
    let answer = introspector.introspect(TOKEN, None).await.unwrap();
    let text = answer.diagnosis(introspector.client_id());
    assert!(text.contains("client `api` is not in the token's audience"), "{text}");
    assert!(text.contains("audience mapper"), "{text}");
}

#[tokio::test]
async fn an_answer_about_the_presented_token_agrees() {
    let answer =
        active(json!({ "active": true, "typ": "Bearer", "token_type": "bearer", "sub": "42", "iss": "i" }))
            .await;
    for presented in [
        Presented { issuer: Some("i"), subject: Some("42") },
        // A lightweight token has no `sub`, an opaque one has nothing.
        Presented { issuer: Some("i"), subject: None },
        Presented::default(),
    ] {
        assert_eq!(answer.agrees_with(&presented), Ok(()));
    }
    let silent = active(json!({ "active": true })).await;
    assert_eq!(silent.agrees_with(&Presented { issuer: Some("i"), subject: Some("42") }), Ok(()));
}

#[tokio::test]
async fn an_active_token_of_another_kind_is_refused() {
    let presented = Presented::default();
    for typ in ["ID", "Refresh", "Offline", "DPoP", "Logout", "bearer", ""] {
        let answer = active(json!({ "active": true, "typ": typ, "token_type": "Bearer" })).await;
        assert_eq!(answer.agrees_with(&presented), Err(Disagreement::Kind), "{typ}");
    }
    for token_type in ["ID", "DPoP", "N_A", "mac", ""] {
        let answer = active(json!({ "active": true, "typ": "Bearer", "token_type": token_type })).await;
        assert_eq!(answer.agrees_with(&presented), Err(Disagreement::TokenType), "{token_type}");
    }
}

#[tokio::test]
async fn an_active_token_of_another_subject_or_issuer_is_refused() {
    let answer = active(json!({ "active": true, "sub": "42", "iss": "i" })).await;
    let other_subject = Presented { issuer: Some("i"), subject: Some("43") };
    assert_eq!(answer.agrees_with(&other_subject), Err(Disagreement::Subject));
    let other_issuer = Presented { issuer: Some("i/"), subject: Some("42") };
    assert_eq!(answer.agrees_with(&other_issuer), Err(Disagreement::Issuer));
    let nobody = Presented { issuer: None, subject: Some("") };
    assert_eq!(answer.agrees_with(&nobody), Err(Disagreement::Subject));
}
