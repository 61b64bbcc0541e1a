mod signed;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, Uri};
use serde_json::json;

use super::*;
use crate::AuthError;
use crate::client::fake_transport::{Answer, FakeTransport};
use crate::clock::{FakeClock, UnixTime};
use crate::keys::PinnedKeys;
use crate::rules::Denial;
use crate::secret::Secret;
use crate::signature::Algorithm;
use crate::signature::signer::SigningKey;
use crate::token::Defect;
use crate::transport::{Transport, TransportError};
use crate::validator::JwtValidator;

const NOW: i64 = 1_795_310_500;
const ISSUER: &str = "https://kc.test/realms/a";
const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");
const JWT: (HeaderName, &str) = (CONTENT_TYPE, "application/jwt");

/// A realm with one Ed25519 key.
struct Realm {
    pair: Ed25519KeyPair,
    signing: SigningKey,
    keys: Arc<PinnedKeys>,
}

impl Realm {
    fn new() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let base64 = STANDARD.encode_to_string(pair.to_pkcs8v1().unwrap());
        let pem = Secret::new(format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----"));
        let x = URL_SAFE_NO_PAD.encode_to_string(pair.public_key().as_ref());
        let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig", "x": x }] });
        Self {
            signing: SigningKey::from_pem(&pem, Algorithm::EdDsa, Some("k1")).unwrap(),
            keys: Arc::new(PinnedKeys::from_jwks(jwks.to_string().as_bytes()).unwrap()),
            pair,
        }
    }

    fn sign(&self, claims: &Value) -> String {
        self.signing.sign_jwt(claims).unwrap().expose().to_owned()
    }

    /// The same under a header of one's own.
    fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode_to_string(part.to_string());
        let input = format!("{}.{}", encoded(header), encoded(claims));
        let signature = URL_SAFE_NO_PAD.encode_to_string(self.pair.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }

    fn token(&self, changes: &Value) -> String {
        self.sign(&merged(
            json!({
                "iss": ISSUER, "aud": ["api"], "sub": "42", "exp": NOW + 300, "iat": NOW, "typ": "Bearer", "azp": "web",
                "scope": "openid email", "realm_access": { "roles": ["user"] }, "preferred_username": "alice",
            }),
            changes,
        ))
    }

    /// What a client with signed userinfo gets.
    fn signed(&self, changes: &Value) -> String {
        self.sign(&merged(
            json!({ "iss": ISSUER, "aud": "web", "sub": "42", "department": "signed" }),
            changes,
        ))
    }

    fn signature(&self) -> UserinfoSignature {
        let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
        UserinfoSignature::new(ISSUER, ["web", "app"], self.keys.clone()).clock(clock)
    }

    fn jwt_validator(&self) -> Arc<JwtValidator> {
        let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
        Arc::new(JwtValidator::builder(ISSUER, ["api"], self.keys.clone()).clock(clock).build())
    }

    fn validator(&self, transport: &Arc<Headed>) -> UserinfoValidator {
        UserinfoValidator::after(self.jwt_validator(), endpoint(transport))
    }

    fn validator_of_signed(&self, transport: &Arc<Headed>) -> UserinfoValidator {
        UserinfoValidator::after(self.jwt_validator(), endpoint(transport).signed(self.signature()))
    }
}

/// The fake transport, with header lines to its answers.
#[derive(Debug)]
struct Headed {
    fake: FakeTransport,
    lines: Vec<(HeaderName, String)>,
}

#[async_trait]
impl Transport for Headed {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut answer = self.fake.send(request).await?;
        for (name, line) in &self.lines {
            answer.headers_mut().append(name, HeaderValue::from_str(line).unwrap());
        }
        Ok(answer)
    }
}

fn merged(mut claims: Value, changes: &Value) -> Value {
    for (claim, value) in changes.as_object().unwrap() {
        claims[claim] = value.clone();
    }
    claims
}

fn endpoint(transport: &Arc<Headed>) -> UserinfoEndpoint {
    UserinfoEndpoint::new(transport.clone(), Uri::from_static("https://kc.test/userinfo"))
}

fn reply(status: u16, lines: &[(HeaderName, &str)], body: impl Into<Bytes>) -> Arc<Headed> {
    headed(Answer::reply(status, body), lines)
}

fn headed(answer: Answer, lines: &[(HeaderName, &str)]) -> Arc<Headed> {
    let lines = lines.iter().map(|(name, line)| (name.clone(), (*line).to_owned())).collect();
    Arc::new(Headed { fake: FakeTransport::new([answer]), lines })
}

/// Plain userinfo.
fn plain(userinfo: &Value) -> Arc<Headed> {
    reply(200, &[JSON], userinfo.to_string())
}

fn alice() -> Value {
    json!({ "sub": "42", "email": "alice@example.test", "email_verified": true, "department": "engineering" })
}

fn userinfo_error<T: std::fmt::Debug>(outcome: Result<T, ValidationError>) -> UserinfoError {
    match outcome {
        Err(ValidationError::Userinfo(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_token_is_sent_once_as_bearer_in_a_header_that_no_debug_shows() {
    let realm = Realm::new();
    let transport = plain(&alice());
    let token = realm.token(&json!({}));
    realm.validator(&transport).validate(&token).await.unwrap();
    let request = transport.fake.last();
    assert_eq!((transport.fake.requests(), request.method().as_str()), (1, "GET"));
    assert_eq!(request.uri(), "https://kc.test/userinfo");
    assert_eq!(request.headers()["authorization"], format!("Bearer {token}"));
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["accept"], "application/json, application/jwt");
}

#[tokio::test]
async fn userinfo_adds_what_the_token_does_not_say() {
    let realm = Realm::new();
    let verified = realm.validator(&plain(&alice())).validate(&realm.token(&json!({}))).await.unwrap();
    let claims = verified.claims();
    assert_eq!((claims.email.as_deref(), claims.email_verified), (Some("alice@example.test"), Some(true)));
    assert_eq!(verified.claims_as::<Value>().unwrap()["department"], "engineering");
    assert_eq!((claims.issuer.as_deref(), claims.username.as_deref()), (Some(ISSUER), Some("alice")));
    assert_eq!(claims.expires_at, Some(UnixTime::from_secs(NOW + 300)));
    assert!(claims.scope.contains("openid") && claims.realm_roles.contains("user"));
}

#[tokio::test]
async fn userinfo_changes_nothing_that_the_token_says() {
    let realm = Realm::new();
    let userinfo = merged(
        alice(),
        &json!({
            "preferred_username": "root", "realm_access": { "roles": ["admin"] }, "scope": "everything", "exp": NOW + 9999,
            "aud": "other", "azp": "other", "iss": "https://evil.test", "typ": "ID",
        }),
    );
    let verified = realm.validator(&plain(&userinfo)).validate(&realm.token(&json!({}))).await.unwrap();
    let claims = verified.claims();
    assert_eq!((claims.username.as_deref(), claims.kind.as_deref()), (Some("alice"), Some("Bearer")));
    assert!(!claims.realm_roles.contains("admin") && !claims.scope.contains("everything"));
    assert_eq!((claims.authorized_party.as_deref(), claims.issuer.as_deref()), (Some("web"), Some(ISSUER)));
    assert_eq!(claims.expires_at, Some(UnixTime::from_secs(NOW + 300)));
}

#[tokio::test]
async fn userinfo_adds_roles_but_nothing_about_the_token_or_the_login() {
    let realm = Realm::new();
    let userinfo = merged(
        alice(),
        &json!({
            "realm_access": { "roles": ["admin"] }, "acr": "gold", "amr": ["pwd"], "auth_time": NOW, "cnf": { "jkt": "x" },
            "nbf": NOW, "sid": "s", "jti": "j", "scope": "everything", "client_id": "c", "nonce": "n", "events": {},
        }),
    );
    let token = realm.token(&json!({ "realm_access": null, "scope": null }));
    let verified = realm.validator(&plain(&userinfo)).validate(&token).await.unwrap();
    let claims = verified.claims();
    assert!(claims.realm_roles.contains("admin") && claims.scope.is_empty() && claims.amr.is_empty());
    assert_eq!(
        (&claims.acr, &claims.session_id, &claims.id, &claims.client_id),
        (&None, &None, &None, &None)
    );
    assert!(!claims.bound && claims.not_before.is_none() && claims.authenticated_at.is_none());
    let members: Map<String, Value> = verified.claims_as().unwrap();
    assert!(!members.contains_key("nonce") && !members.contains_key("events"));
}

#[tokio::test]
async fn an_address_counts_as_verified_only_if_it_is_the_verified_one() {
    let realm = Realm::new();
    for (email, expected) in [("alice@example.test", Some(true)), ("other@example.test", None)] {
        let token = realm.token(&json!({ "email": email }));
        let verified = realm.validator(&plain(&alice())).validate(&token).await.unwrap();
        assert_eq!(
            (verified.claims().email.as_deref(), verified.claims().email_verified),
            (Some(email), expected)
        );
    }
}

#[tokio::test]
async fn a_token_that_the_validator_before_refuses_is_shown_to_nobody() {
    let realm = Realm::new();
    let other_realm = Realm::new();
    for (token, code) in [
        (realm.token(&json!({ "aud": "account" })), "invalid_audience"),
        (realm.token(&json!({ "iss": "https://evil.test" })), "invalid_issuer"),
        (realm.token(&json!({ "exp": NOW - 60 })), "token_expired"),
        (realm.token(&json!({ "typ": "ID" })), "wrong_token_type"),
        (realm.token(&json!({ "cnf": { "jkt": "x" } })), "bound_token"),
        (realm.token(&json!({ "sub": null })), "missing_claim"),
        (other_realm.token(&json!({})), "invalid_signature"),
        ("opaque".to_owned(), "malformed_token"),
    ] {
        let transport = plain(&alice());
        match realm.validator(&transport).validate(&token).await {
            Err(ValidationError::Token(error)) => assert_eq!(error.code(), code),
            other => panic!("{code}: {other:?}"),
        }
        assert_eq!(transport.fake.requests(), 0, "{code}");
    }
}

/// OpenID Connect Core §5.3.2: if `sub` is another, nothing of the answer is to be used.
#[tokio::test]
async fn userinfo_about_somebody_else_refuses_the_token() {
    let realm = Realm::new();
    for subject in ["43", "42 ", "4"] {
        let transport = plain(&json!({ "sub": subject }));
        let outcome = realm.validator(&transport).validate(&realm.token(&json!({}))).await;
        assert_eq!(outcome.unwrap_err(), ValidationError::Token(TokenError::Inactive), "{subject}");
    }
}

#[tokio::test]
async fn an_answer_counts_once_or_for_its_ttl_and_not_beyond_the_token() {
    let realm = Realm::new();
    let transport = plain(&alice());
    let token = realm.token(&json!({}));
    let once = realm.validator(&transport);
    let verified = once.validate(&token).await.unwrap();
    assert!(!once.still_stands(&verified), "who remembers nothing asks each time");
    for (ttl, lives) in [(30, 30), (3600, 300)] {
        let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
        let validator = realm.validator(&transport).remembered_for(Duration::from_secs(ttl), clock.clone());
        let verified = validator.validate(&token).await.unwrap();
        assert!(validator.still_stands(&verified));
        clock.advance(Duration::from_secs(lives - 1));
        assert!(validator.still_stands(&verified));
        clock.advance(Duration::from_secs(1));
        assert!(!validator.still_stands(&verified), "{ttl} s");
    }
    let signed_only = realm.jwt_validator().validate(&token).await.unwrap();
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
    let validator = realm.validator(&transport).remembered_for(Duration::from_secs(30), clock);
    assert!(!validator.still_stands(&signed_only), "nobody was asked about it");
}

#[tokio::test]
async fn a_401_about_the_token_makes_it_inactive() {
    let realm = Realm::new();
    for line in [
        r#"Bearer realm="a", error="invalid_token", error_description="user_session_not_found""#,
        r#"Bearer realm="a""#,
        r#"DPoP algs="ES256", error="invalid_token""#,
    ] {
        let transport = reply(401, &[(WWW_AUTHENTICATE, line)], "");
        let outcome = realm.validator(&transport).validate(&realm.token(&json!({}))).await;
        assert_eq!(outcome.unwrap_err(), ValidationError::Token(TokenError::Inactive), "{line}");
    }
}

#[tokio::test]
async fn a_token_without_the_scope_openid_is_refused_for_that_reason() {
    let realm = Realm::new();
    let line = r#"Bearer realm="a", error="insufficient_scope", error_description="Missing openid scope""#;
    let transport = reply(403, &[(WWW_AUTHENTICATE, line)], "");
    let outcome = realm.validator(&transport).validate(&realm.token(&json!({}))).await;
    let error = userinfo_error(outcome);
    assert_eq!(error, UserinfoError::InsufficientScope);
    assert!(error.diagnosis().contains("scope=openid"), "{}", error.diagnosis());
    let denied = Denial::Insufficient { scope: Some("openid".to_owned()) };
    assert_eq!(AuthError::from(ValidationError::Userinfo(error)), AuthError::Denied(denied));
}

#[tokio::test]
async fn every_other_status_is_a_failure_of_userinfo_and_not_of_the_token() {
    let realm = Realm::new();
    let basic = (WWW_AUTHENTICATE, r#"Basic realm="proxy""#);
    let odd = (WWW_AUTHENTICATE, r#"Bearer error="invalid_request""#);
    for (status, lines) in [
        (401, vec![]),
        (401, vec![basic.clone()]),
        (401, vec![odd.clone()]),
        (403, vec![]),
        (403, vec![odd]),
        (403, vec![basic]),
        (204, vec![JSON]),
        (302, vec![JSON]),
        (404, vec![JSON]),
        (429, vec![]),
        (500, vec![JSON]),
    ] {
        let transport = reply(status, &lines, alice().to_string());
        let error = userinfo_error(realm.validator(&transport).validate(&realm.token(&json!({}))).await);
        assert!(
            matches!(error, UserinfoError::Status { status: got } if got.as_u16() == status),
            "{error:?}"
        );
        let reason = error.diagnosis();
        assert_eq!(AuthError::from(ValidationError::from(error)), AuthError::Introspection { reason });
    }
}

#[tokio::test]
async fn no_answer_is_a_failure_of_userinfo() {
    let realm = Realm::new();
    for failure in [TransportError::Broken, TransportError::TooLarge { limit: 524_288 }] {
        let transport = headed(Answer::Fail(failure.clone()), &[]);
        let error = userinfo_error(realm.validator(&transport).validate(&realm.token(&json!({}))).await);
        assert_eq!(error, UserinfoError::Unreachable(failure));
    }
}

#[tokio::test]
async fn an_answer_that_is_no_userinfo_is_nonsense() {
    let realm = Realm::new();
    let html = (CONTENT_TYPE, "text/html;charset=utf-8");
    let deep = format!(r#"{{"sub":"42","x":{}1{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    let good = alice().to_string();
    for (lines, body) in [
        (vec![html.clone()], "<html>login</html>"),
        (vec![html], good.as_str()),
        (vec![], good.as_str()),
        (vec![JSON, JWT], good.as_str()),
        (vec![(CONTENT_TYPE, "application/json-patch+json")], good.as_str()),
        (vec![JSON], "<html>login</html>"),
        (vec![JSON], ""),
        (vec![JSON], "[]"),
        (vec![JSON], "{}"),
        (vec![JSON], r#"{"sub":null}"#),
        (vec![JSON], r#"{"sub":""}"#),
        (vec![JSON], r#"{"sub":42}"#),
        (vec![JSON], r#"{"sub":["42"]}"#),
        (vec![JSON], r#"{"sub":"42","sub":"43"}"#),
        (vec![JSON], r#"{"sub":"43","\u0073ub":"42"}"#),
        (vec![JSON], r#"{"sub":"42","address":{"a":1,"a":2}}"#),
        (vec![JSON], r#"{"sub":"42"}{"sub":"42"}"#),
        (vec![JSON], deep.as_str()),
    ] {
        let transport = reply(200, &lines, body.to_owned());
        let error = userinfo_error(realm.validator(&transport).validate(&realm.token(&json!({}))).await);
        assert!(matches!(error, UserinfoError::Nonsense { .. }), "{lines:?} {body:.80}: {error:?}");
        assert!(!error.diagnosis().contains("html"), "{error}");
    }
}

#[tokio::test]
async fn the_media_type_may_have_parameters_and_any_case() {
    let realm = Realm::new();
    for line in ["application/json;charset=UTF-8", "Application/JSON ; charset=utf-8"] {
        let transport = reply(200, &[(CONTENT_TYPE, line)], alice().to_string());
        realm.validator(&transport).validate(&realm.token(&json!({}))).await.unwrap();
    }
}

#[tokio::test]
async fn a_claim_of_a_wrong_shape_is_refused_as_in_a_token() {
    let realm = Realm::new();
    let transport = plain(&json!({ "sub": "42", "groups": "staff" }));
    let outcome = realm.validator(&transport).validate(&realm.token(&json!({}))).await;
    assert!(matches!(
        outcome,
        Err(ValidationError::Token(TokenError::MalformedClaim { claim: "groups", .. }))
    ));
}

#[tokio::test]
async fn alone_userinfo_takes_any_audience_and_gives_its_own_claims_only() {
    let realm = Realm::new();
    let validator = UserinfoValidator::dangerous(endpoint(&plain(&alice()))).any_audience(ISSUER);
    let token = realm.token(&json!({ "aud": "elsewhere" }));
    let verified = validator.validate(&token).await.unwrap();
    let claims = verified.claims();
    assert_eq!((claims.subject.as_deref(), claims.issuer.as_deref()), (Some("42"), Some(ISSUER)));
    assert!(claims.expires_at.is_none() && claims.realm_roles.is_empty() && claims.scope.is_empty());
}

#[tokio::test]
async fn alone_userinfo_still_does_not_contradict_the_token() {
    let realm = Realm::new();
    for (userinfo, expected) in [
        (json!({ "sub": "43" }), ValidationError::Token(TokenError::Inactive)),
        (json!({ "sub": "42", "cnf": { "jkt": "x" } }), ValidationError::Token(TokenError::Bound)),
    ] {
        let validator = UserinfoValidator::dangerous(endpoint(&plain(&userinfo))).any_audience(ISSUER);
        assert_eq!(validator.validate(&realm.token(&json!({}))).await.unwrap_err(), expected);
    }
    let of_another = json!({ "sub": "42", "iss": "https://evil.test" });
    let validator = UserinfoValidator::dangerous(endpoint(&plain(&of_another))).any_audience(ISSUER);
    let error = userinfo_error(validator.validate(&realm.token(&json!({}))).await);
    assert!(matches!(error, UserinfoError::Nonsense { .. }));
}

#[tokio::test]
async fn alone_userinfo_is_shown_no_token_that_cannot_be_keycloaks() {
    let realm = Realm::new();
    for (token, expected) in [
        (realm.token(&json!({ "iss": "https://evil.test" })), "invalid_issuer"),
        ("opaque".to_owned(), "malformed_token"),
        ("a\r\nb.AAAA.AAAA".to_owned(), "malformed_token"),
        ("eyJhbGciOiJub25lIn0.e30.".to_owned(), "unsupported_algorithm"),
        ("x".repeat(50_000), "token_too_large"),
    ] {
        let transport = plain(&alice());
        let validator = UserinfoValidator::dangerous(endpoint(&transport)).any_audience(ISSUER);
        match validator.validate(&token).await {
            Err(ValidationError::Token(error)) => assert_eq!(error.code(), expected),
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(transport.fake.requests(), 0, "{expected}");
    }
}

/// The validator before need not be one that reads JWTs.
#[tokio::test]
async fn a_token_that_no_header_can_carry_is_malformed() {
    let transport = plain(&alice());
    let error = endpoint(&transport).ask("a\nb").await.err().unwrap();
    assert_eq!(error, ValidationError::Token(TokenError::Malformed(Defect::Base64url)));
    assert_eq!(transport.fake.requests(), 0);
}

#[tokio::test]
async fn neither_debug_nor_an_error_shows_the_token() {
    let realm = Realm::new();
    let token = realm.token(&json!({}));
    let transport = reply(500, &[JSON], token.clone());
    let validator = realm.validator_of_signed(&transport);
    let error = validator.validate(&token).await.unwrap_err();
    let text = format!("{validator:?} {error:?} {error}");
    assert!(!text.contains(&token) && !text.contains("kc.test/userinfo"), "{text}");
}
