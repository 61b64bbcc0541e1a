use http::Uri;
use serde_json::{Value, json};

use super::*;
use crate::AuthError;
use crate::client::ClientAuthentication;
use crate::client::fake_transport::{Answer, FakeTransport};
use crate::clock::{FakeClock, UnixTime};
use crate::introspection::HttpIntrospector;
use crate::secret::Secret;
use crate::transport::TransportError;

const NOW: i64 = 1_795_310_500;
const ISSUER: &str = "https://kc.test/realms/a";

/// An answer as Keycloak gives it about a good token, with `changes` merged in; `null` takes a member away.
fn answer(changes: &Value) -> Answer {
    let mut answer = json!({
        "active": true, "iss": ISSUER, "sub": "42", "aud": ["account", "api"], "typ": "Bearer", "token_type": "Bearer",
        "exp": NOW + 300, "iat": NOW, "client_id": "web", "azp": "web", "username": "alice",
        "realm_access": { "roles": ["admin"] }, "resource_access": { "api": { "roles": ["api-read"] } },
        "department": "engineering",
    });
    for (member, value) in changes.as_object().unwrap() {
        answer[member] = value.clone();
    }
    Answer::reply(200, answer.to_string())
}

/// A JWT that says `payload`, signed by nobody.
fn jwt(payload: &Value) -> String {
    let payload = base64_simd::URL_SAFE_NO_PAD.encode_to_string(payload.to_string());
    format!("eyJhbGciOiJSUzI1NiJ9.{payload}.AAAA")
}

fn lightweight() -> String {
    jwt(&json!({ "iss": ISSUER, "typ": "Bearer", "azp": "web", "exp": NOW + 300 }))
}

fn validator(answer: Answer) -> (Arc<FakeTransport>, IntrospectionValidator) {
    let transport = Arc::new(FakeTransport::new([answer]));
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
    let introspector = HttpIntrospector::new(
        transport.clone(),
        Uri::from_static("https://kc.test/introspect"),
        ClientAuthentication::client_secret_post("api", Secret::new("api-secret")),
        clock.clone(),
    );
    let validator =
        IntrospectionValidator::builder(ISSUER, ["api"], Arc::new(introspector)).clock(clock).build();
    (transport, validator)
}

async fn validated(token: &str, answer: Answer) -> Result<VerifiedToken, ValidationError> {
    validator(answer).1.validate(token).await
}

/// What becomes of an opaque token about which Keycloak answers so.
async fn code(changes: Value) -> Result<(), &'static str> {
    match validated("opaque", answer(&changes)).await {
        Ok(_) => Ok(()),
        Err(ValidationError::Token(error)) => Err(error.code()),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn the_claims_of_a_lightweight_token_are_those_of_the_answer() {
    let token = validated(&lightweight(), answer(&json!({}))).await.unwrap();
    let claims = token.claims();
    assert_eq!(claims.subject.as_deref(), Some("42"));
    assert!(claims.realm_roles.contains("admin") && claims.roles_of("api").contains("api-read"));
    assert_eq!(claims.expires_at, Some(UnixTime::from_secs(NOW + 300)));
    assert_eq!(token.claims_as::<Value>().unwrap()["department"], "engineering");
}

#[tokio::test]
async fn an_opaque_token_is_sent_as_it_came_and_accepted() {
    let (transport, validator) = validator(answer(&json!({})));
    validator.validate("0pa+que/~._-=").await.unwrap();
    assert!(transport.last().body().starts_with(b"token=0pa%2Bque%2F%7E._-%3D&client_id=api"));
    assert_eq!(transport.last().uri(), "https://kc.test/introspect");
}

#[tokio::test]
async fn an_inactive_token_is_refused_as_such() {
    for body in [r#"{"active":false}"#, r#"{"active":false,"jwt":"e30.e30.AAAA","aud":"api","typ":"Bearer"}"#]
    {
        let error = validated("opaque", Answer::reply(200, body)).await.unwrap_err();
        assert_eq!(error, ValidationError::Token(TokenError::Inactive));
    }
}

#[tokio::test]
async fn every_other_kind_of_token_is_refused_though_it_is_active() {
    for (kind, got) in [
        ("ID", TokenKind::Id),
        ("Refresh", TokenKind::Refresh),
        ("Offline", TokenKind::Offline),
        ("Logout", TokenKind::Logout),
        ("DPoP", TokenKind::Dpop),
        ("bearer", TokenKind::Other),
        ("", TokenKind::Other),
    ] {
        for token_type in [json!(kind), json!("Bearer"), json!(null)] {
            let answer = answer(&json!({ "typ": kind, "token_type": token_type }));
            let error = validated("opaque", answer).await.unwrap_err();
            assert_eq!(error, ValidationError::Token(TokenError::WrongType { got }), "{kind} {token_type}");
        }
    }
    let error = validated("opaque", answer(&json!({ "token_type": "DPoP" }))).await.unwrap_err();
    assert_eq!(error, ValidationError::Token(TokenError::WrongType { got: TokenKind::Dpop }));
    assert_eq!(code(json!({ "typ": null, "token_type": "N_A" })).await, Err("wrong_token_type"));
}

#[tokio::test]
async fn one_of_the_two_members_has_to_say_that_it_is_a_bearer_token() {
    assert_eq!(code(json!({ "typ": null, "token_type": "bearer" })).await, Ok(()));
    assert_eq!(code(json!({ "token_type": null })).await, Ok(()));
    assert_eq!(code(json!({ "typ": null, "token_type": null })).await, Err("wrong_token_type"));
    for mark in ["nonce", "at_hash", "events"] {
        assert_eq!(code(json!({ "typ": null, mark: "x" })).await, Err("wrong_token_type"), "{mark}");
    }
}

#[tokio::test]
async fn a_bound_token_is_refused_as_bearer_whatever_its_kind_says() {
    for changes in [
        json!({ "typ": "DPoP", "token_type": "DPoP", "cnf": { "jkt": "x", "kc-jkt-type": "DPoP" } }),
        json!({ "cnf": { "x5t#S256": "x" } }),
        json!({ "cnf": {}, "typ": null }),
    ] {
        assert_eq!(code(changes.clone()).await, Err("bound_token"), "{changes}");
    }
}

#[tokio::test]
async fn the_issuer_of_the_answer_is_ours_or_unsaid() {
    for iss in ["https://kc.test/realms/b", "https://kc.test/realms/a/", ""] {
        assert_eq!(code(json!({ "iss": iss })).await, Err("invalid_issuer"), "{iss}");
    }
    let token = validated("opaque", answer(&json!({ "iss": null }))).await.unwrap();
    assert_eq!(token.claims().issuer.as_deref(), Some(ISSUER));
}

#[tokio::test]
async fn one_audience_has_to_be_ours_and_there_has_to_be_one() {
    for aud in [json!("account"), json!([]), json!("API"), json!(["ap", "i"])] {
        assert_eq!(code(json!({ "aud": aud })).await, Err("invalid_audience"), "{aud}");
    }
    assert_eq!(code(json!({ "aud": null })).await, Err("missing_claim"));
    assert_eq!(code(json!({ "aud": "api" })).await, Ok(()));
}

#[tokio::test]
async fn times_count_where_they_are_given() {
    assert_eq!(code(json!({ "exp": NOW - 5 })).await, Err("token_expired"));
    assert_eq!(code(json!({ "exp": NOW - 4 })).await, Ok(()));
    for claim in ["nbf", "iat"] {
        assert_eq!(code(json!({ claim: NOW + 6 })).await, Err("token_not_yet_valid"));
        assert_eq!(code(json!({ claim: NOW + 6, "exp": null })).await, Err("token_not_yet_valid"));
        assert_eq!(code(json!({ claim: null, "exp": null })).await, Ok(()));
    }
}

#[tokio::test]
async fn a_claim_of_a_wrong_shape_is_refused_as_in_a_token() {
    for (claim, value) in
        [("groups", json!("staff")), ("realm_access", json!([])), ("cnf", json!("x")), ("nbf", json!("1"))]
    {
        assert_eq!(code(json!({ claim: value })).await, Err("malformed_claim"), "{claim}");
    }
}

#[tokio::test]
async fn a_token_that_speaks_of_somebody_else_than_the_answer_is_refused() {
    let token = jwt(&json!({ "iss": ISSUER, "sub": "43" }));
    let error = validated(&token, answer(&json!({}))).await.unwrap_err();
    assert_eq!(error, ValidationError::Token(TokenError::Inactive));
    let token = jwt(&json!({ "iss": ISSUER, "sub": "42" }));
    validated(&token, answer(&json!({}))).await.unwrap();
    validated(&token, answer(&json!({ "sub": null }))).await.unwrap();
}

#[tokio::test]
async fn a_token_of_another_issuer_or_with_two_meanings_is_shown_to_nobody() {
    let twice = base64_simd::URL_SAFE_NO_PAD.encode_to_string(format!(r#"{{"iss":"{ISSUER}","iss":"x"}}"#));
    for (token, expected) in [
        (jwt(&json!({ "iss": "https://evil.test" })), "invalid_issuer"),
        (jwt(&json!({ "iss": 5 })), "malformed_claim"),
        (format!("e30.{twice}.AAAA"), "malformed_token"),
        ("x".repeat(MAX_TOKEN_BYTES + 1), "token_too_large"),
    ] {
        let (transport, validator) = validator(answer(&json!({})));
        match validator.validate(&token).await {
            Err(ValidationError::Token(error)) => assert_eq!(error.code(), expected),
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(transport.requests(), 0, "{expected}");
    }
}

#[tokio::test]
async fn nothing_that_a_token_says_changes_where_it_is_sent() {
    let payload =
        json!({ "iss": ISSUER, "jku": "https://evil.test", "introspection_endpoint": "https://evil.test" });
    let (transport, validator) = validator(answer(&json!({})));
    validator.validate(&jwt(&payload)).await.unwrap();
    assert_eq!(transport.last().uri(), "https://kc.test/introspect");
}

#[tokio::test]
async fn whatever_is_no_answer_is_a_failure_of_introspection_and_not_of_the_token() {
    let deep = format!(r#"{{"active":true,"x":{}1{}}}"#, "[".repeat(50), "]".repeat(50));
    for answer in [
        Answer::reply(200, "<html>login</html>"),
        Answer::reply(200, ""),
        Answer::reply(200, "[true]"),
        Answer::reply(200, r#"{"active":"true"}"#),
        Answer::reply(200, r#"{"active":false,"active":true,"aud":"api","typ":"Bearer"}"#),
        Answer::reply(200, r#"{"active":true,"sub":"42","s\u0075b":"1"}"#),
        Answer::reply(200, r#"{"active":true,"aud":{"api":1}}"#),
        Answer::reply(200, deep),
        Answer::reply(204, r#"{"active":true}"#),
        Answer::reply(302, r#"{"active":true}"#),
        Answer::reply(401, r#"{"error":"invalid_client"}"#),
        Answer::reply(500, ""),
        Answer::Fail(TransportError::TooLarge { limit: 524_288 }),
        Answer::Fail(TransportError::Broken),
    ] {
        let error = validated("opaque-4711", answer.clone()).await.unwrap_err();
        let ValidationError::Introspection { reason } = &error else { panic!("{answer:?}: {error:?}") };
        assert!(!reason.contains("4711") && !reason.contains("api-secret"), "{reason}");
        assert_eq!(AuthError::from(error.clone()), AuthError::Introspection { reason: reason.clone() });
    }
}

#[tokio::test]
async fn leeway_is_what_was_set() {
    let (_, validator) = validator(answer(&json!({ "exp": NOW - 30 })));
    assert!(validator.validate("opaque").await.is_err());
    let patient = IntrospectionValidator {
        policy: Policy { leeway: Duration::from_secs(60), ..validator.policy.clone() },
        ..validator
    };
    patient.validate("opaque").await.unwrap();
}
