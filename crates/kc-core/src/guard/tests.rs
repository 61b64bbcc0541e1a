use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;

use super::*;
use crate::audit::Decision;
use crate::audit::tests::Kept;
use crate::authenticator::BearerAuthenticator;
use crate::clock::{FakeClock, UnixTime};
use crate::introspection::{HttpIntrospector, IntrospectionError, TokenTypeHint};
use crate::json;
use crate::roles::{KeycloakRoles, RoleExtractor};
use crate::rules::{active, all_roles, authenticated};
use crate::token::{Claims, VerifiedToken};
use crate::transport::{Transport, TransportError};
use crate::users::MemoryUsers;
use crate::validator::{TokenValidator, ValidationError};
use crate::wire::CredentialsError;

fn verified(payload: &str) -> VerifiedToken {
    let claims = Claims::read(&json::parse_object(payload.as_bytes(), 16).unwrap()).unwrap();
    VerifiedToken::new(claims, Bytes::copy_from_slice(payload.as_bytes()))
}

const ALICE: &str = r#"{"iss":"i","sub":"1","preferred_username":"alice","azp":"web","sid":"s1","realm_access":{"roles":["user"]}}"#;

/// Knows one good token, `good`, and one without a subject, `nobody`.
#[derive(Debug)]
struct OneToken;

#[async_trait]
impl TokenValidator for OneToken {
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        match token {
            "good" => Ok(verified(ALICE)),
            "nobody" => Ok(verified(r#"{"iss":"i"}"#)),
            _ => Err(TokenError::Signature.into()),
        }
    }
}

/// Answers introspection with one body, and counts.
#[derive(Debug)]
struct Answers {
    body: &'static str,
    asked: AtomicU32,
}

#[async_trait]
impl Transport for Answers {
    async fn send(&self, _: http::Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(Bytes::from_static(self.body.as_bytes())))
    }
}

struct Setup {
    guard: Guard,
    answers: Arc<Answers>,
    events: Arc<Kept>,
}

fn bearer() -> BearerAuthenticator {
    BearerAuthenticator::new(Arc::new(OneToken), Arc::new(KeycloakRoles::new("api")))
}

fn setup_with(authenticator: BearerAuthenticator, introspection: &'static str) -> Setup {
    let answers = Arc::new(Answers { body: introspection, asked: AtomicU32::new(0) });
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(UnixTime::from_secs(1000)));
    let introspector = HttpIntrospector::new(
        Arc::clone(&answers) as Arc<dyn Transport>,
        "http://kc/introspect".parse().unwrap(),
        crate::client::ClientAuthentication::public("api"),
        Arc::clone(&clock),
    );
    let events = Arc::new(Kept::default());
    let guard = Guard::builder("r")
        .add_authenticator(Arc::new(authenticator))
        .introspector(Arc::new(introspector))
        .exempt(ExemptPaths::new(["/docs"]).unwrap())
        .audit(Arc::clone(&events) as Arc<dyn AuditSink>)
        .clock(clock)
        .build();
    Setup { guard, answers, events }
}

fn setup() -> Setup {
    setup_with(bearer(), r#"{"active":true,"sub":"1","iss":"i","typ":"Bearer"}"#)
}

fn headers(authorization: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in authorization {
        headers.append("authorization", line.parse().unwrap());
    }
    headers
}

impl Setup {
    async fn admit(
        &self,
        path: &str,
        authorization: &[&'static str],
        access: impl Into<Access>,
    ) -> Result<Admission, Refusal> {
        let headers = headers(authorization);
        let request = RequestView {
            method: "GET",
            path,
            query: None,
            route: Some("/route"),
            headers: &headers,
            peer: None,
        };
        let admitted = self.guard.admit(&request, &access.into()).await;
        let status = admitted.outcome.as_ref().map_or_else(|refusal| refusal.status().as_u16(), |_| 200);
        admitted.audit.finish(status, None);
        admitted.outcome
    }

    async fn code(&self, authorization: &[&'static str], access: impl Into<Access>) -> &'static str {
        self.admit("/x", authorization, access).await.map_or_else(|refusal| refusal.code(), |_| "allowed")
    }
}

#[tokio::test]
async fn good_credentials_pass_and_bad_ones_or_none_do_not() {
    let setup = setup();
    assert_eq!(setup.code(&["Bearer good"], authenticated()).await, "allowed");
    assert_eq!(setup.code(&[], authenticated()).await, "not_authenticated");
    assert_eq!(setup.code(&["Basic good"], authenticated()).await, "not_authenticated");
    assert_eq!(setup.code(&["Bearer bad"], authenticated()).await, "invalid_signature");
    assert_eq!(setup.code(&["Bearer"], authenticated()).await, "invalid_request");
    assert_eq!(setup.code(&["Bearer good"], all_roles(&["admin"])).await, "missing_roles");
}

#[tokio::test]
async fn an_optional_route_takes_nobody_but_no_bad_credentials() {
    let setup = setup();
    assert!(matches!(setup.admit("/x", &[], Access::Optional).await, Ok(Admission::Anonymous)));
    let known = setup.admit("/x", &["Bearer good"], Access::Optional).await.unwrap();
    assert_eq!(known.principal().unwrap().username(), Some("alice"));
    assert_eq!(setup.code(&["Bearer bad"], Access::Optional).await, "invalid_signature");
    assert_eq!(setup.code(&["Bearer good", "Bearer good"], Access::Optional).await, "invalid_request");
}

#[tokio::test]
async fn a_public_route_and_an_exempt_path_are_never_authenticated() {
    let setup = setup();
    for access in [Access::Public, all_roles(&["nobody"]).into(), Access::Optional] {
        for authorization in [&[][..], &["Bearer good"], &["Bearer bad"], &["Bearer"]] {
            let admission = setup.admit("/docs/a", authorization, access.clone()).await;
            assert!(matches!(admission, Ok(Admission::Unasked)));
        }
    }
    assert!(matches!(setup.admit("/x", &["Bearer bad"], Access::Public).await, Ok(Admission::Unasked)));
    assert!(setup.admit("/docs/../x", &[], authenticated()).await.is_err());
}

#[tokio::test]
async fn a_guard_without_an_authenticator_refuses_everybody() {
    let guard = Guard::builder("r").build();
    let headers = headers(&["Bearer good"]);
    let request =
        RequestView { method: "GET", path: "/", query: None, route: None, headers: &headers, peer: None };
    let refusal = guard.admit(&request, &authenticated().into()).await.outcome.unwrap_err();
    assert_eq!(refusal.code(), "not_authenticated");
}

#[tokio::test]
async fn introspection_is_asked_once_and_only_where_the_rule_demands_it() {
    let setup = setup();
    assert_eq!(setup.code(&["Bearer good"], authenticated()).await, "allowed");
    assert_eq!(setup.code(&["Bearer good"], all_roles(&["admin"]).and(active())).await, "missing_roles");
    assert_eq!(setup.answers.asked.load(Ordering::Relaxed), 0);
    assert_eq!(setup.code(&["Bearer good"], active()).await, "allowed");
    assert_eq!(setup.answers.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_introspection_answers_decides() {
    for (body, code) in [
        (r#"{"active":true}"#, "allowed"),
        (r#"{"active":false}"#, "token_inactive"),
        (r#"{"active":false,"jwt":"x"}"#, "token_inactive"),
        (r#"{"active":true,"typ":"ID"}"#, "wrong_token_type"),
        (r#"{"active":true,"typ":"Bearer","token_type":"DPoP"}"#, "wrong_token_type"),
        (r#"{"active":true,"sub":"2"}"#, "token_inactive"),
        (r#"{"active":true,"iss":"j"}"#, "token_inactive"),
        (r#"{"active":"true"}"#, "introspection_unavailable"),
        (r#"{"active":1}"#, "introspection_unavailable"),
        ("{}", "introspection_unavailable"),
        ("[]", "introspection_unavailable"),
        ("<html>", "introspection_unavailable"),
    ] {
        let setup = setup_with(bearer(), body);
        assert_eq!(setup.code(&["Bearer good"], active()).await, code, "{body}");
        // A token that is not active passes no rule, whatever else the rule would accept.
        assert_eq!(setup.code(&["Bearer good"], active().or(all_roles(&["admin"]))).await, code, "{body}");
    }
}

#[tokio::test]
async fn a_rule_that_needs_an_introspector_that_is_not_there_is_our_fault() {
    let guard = Guard::builder("r").add_authenticator(Arc::new(bearer())).build();
    let headers = headers(&["Bearer good"]);
    let request =
        RequestView { method: "GET", path: "/", query: None, route: None, headers: &headers, peer: None };
    let refusal = guard.admit(&request, &active().into()).await.outcome.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (500, "internal_error"));
}

/// Not mine, or its own bad credentials.
#[derive(Debug)]
struct Cookie;

#[async_trait]
impl Authenticator for Cookie {
    async fn authenticate(&self, request: &RequestView<'_>) -> Result<Option<Principal>, AuthError> {
        match request.single("cookie") {
            None => Ok(None),
            Some("good") => {
                let token = verified(r#"{"sub":"2","preferred_username":"bob"}"#);
                let roles = KeycloakRoles::new("api").extract(&token)?;
                Ok(Some(Principal::new(token, roles, None)))
            }
            Some(_) => Err(CredentialsError::Alphabet.into()),
        }
    }
}

#[tokio::test]
async fn authenticators_are_asked_in_order_and_a_bad_bearer_ends_it() {
    let guard =
        Guard::builder("r").add_authenticator(Arc::new(bearer())).add_authenticator(Arc::new(Cookie)).build();
    for (authorization, cookie, expected) in [
        (Some("Bearer good"), Some("good"), Ok("alice")),
        (None, Some("good"), Ok("bob")),
        (Some("Basic x"), Some("good"), Ok("bob")),
        (Some("Bearer bad"), Some("good"), Err("invalid_signature")),
        (Some("Bearer"), Some("good"), Err("invalid_request")),
        (None, Some("bad"), Err("invalid_request")),
        (None, None, Err("not_authenticated")),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in [("authorization", authorization), ("cookie", cookie)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        let request =
            RequestView { method: "GET", path: "/", query: None, route: None, headers: &headers, peer: None };
        let outcome = guard.admit(&request, &authenticated().into()).await.outcome;
        let got = outcome
            .as_ref()
            .map(|known| known.principal().unwrap().username().unwrap())
            .map_err(Refusal::code);
        assert_eq!(got, expected);
    }
}

#[tokio::test]
async fn a_local_user_is_made_at_first_sight_or_demanded() {
    let users = Arc::new(MemoryUsers::default());
    let demanding = setup_with(bearer().users(Arc::clone(&users) as _, false), "{}");
    assert_eq!(demanding.code(&["Bearer good"], authenticated()).await, "user_unknown");
    assert_eq!(demanding.code(&["Bearer nobody"], authenticated()).await, "allowed");
    let creating = setup_with(bearer().users(Arc::clone(&users) as _, true), "{}");
    let known = creating.admit("/x", &["Bearer good"], authenticated()).await.unwrap();
    assert_eq!(known.principal().unwrap().user().unwrap().identities[0].subject, "1");
    assert_eq!(demanding.code(&["Bearer good"], authenticated()).await, "allowed");
    assert_eq!(crate::users::UserDirectory::list(&*users, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn every_decision_leaves_one_event_that_says_who_and_why() {
    let setup = setup();
    let _ = setup.admit("/x", &["Bearer good"], authenticated()).await;
    let _ = setup.admit("/x", &["Bearer good"], all_roles(&["admin"])).await;
    let _ = setup.admit("/x", &["Bearer bad"], authenticated()).await;
    let _ = setup.admit("/docs", &[], authenticated()).await;
    let _ = setup.admit("/x", &[], Access::Public).await;
    let events = std::mem::take(&mut *setup.events.0.lock().unwrap());
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            (event.decision, event.code, event.status, event.username.as_deref(), event.sid.as_deref())
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Decision::Allow, None, Some(200), Some("alice"), Some("s1")),
            (Decision::Deny, Some("missing_roles"), Some(403), Some("alice"), Some("s1")),
            (Decision::Deny, Some("invalid_signature"), Some(401), None, None),
            (Decision::Allow, None, Some(200), None, None),
        ]
    );
    assert_eq!(
        (events[0].client.as_deref(), &*events[0].realm, events[0].route.as_deref()),
        (Some("web"), "r", Some("/route"))
    );
    assert_eq!(events[0].time.0, UnixTime::from_secs(1000));
}

/// Keeps what it is asked, and never answers the same twice.
#[derive(Debug, Default)]
struct Remembers(Mutex<Vec<String>>);

#[async_trait]
impl Introspector for Remembers {
    async fn introspect(
        &self,
        token: &str,
        _: Option<TokenTypeHint>,
    ) -> Result<Introspection, IntrospectionError> {
        self.0.lock().unwrap().push(token.to_owned());
        Err(IntrospectionError::Unreachable(TransportError::Broken))
    }

    fn client_id(&self) -> &str {
        "api"
    }
}

#[tokio::test]
async fn an_extractor_may_demand_more_and_the_token_of_the_request_is_introspected() {
    let introspector = Arc::new(Remembers::default());
    let guard = Guard::builder("r")
        .add_authenticator(Arc::new(bearer()))
        .introspector(Arc::clone(&introspector) as Arc<dyn Introspector>)
        .build();
    let headers = headers(&["Bearer good"]);
    let request =
        RequestView { method: "GET", path: "/", query: None, route: None, headers: &headers, peer: None };
    let admitted = guard.admit(&request, &authenticated().into()).await.outcome.unwrap();
    let caller = admitted.principal().unwrap();
    assert!(guard.authorize(&request, caller, &all_roles(&["user"])).await.is_ok());
    let refusal = guard.authorize(&request, caller, &all_roles(&["chef"])).await.unwrap_err();
    assert_eq!(refusal.code(), "missing_roles");
    let refusal = guard.authorize(&request, caller, &active()).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.status().as_u16()), ("introspection_unavailable", 502));
    assert_eq!(*introspector.0.lock().unwrap(), ["good"]);
}

#[tokio::test]
async fn what_is_printed_of_a_request_and_a_caller_holds_no_credentials() {
    let setup = setup();
    let headers = headers(&["Bearer good"]);
    let request =
        RequestView { method: "GET", path: "/x", query: None, route: None, headers: &headers, peer: None };
    let admitted = setup.guard.admit(&request, &authenticated().into()).await;
    let all = format!("{request:?} {admitted:?} {:?}", setup.guard);
    assert!(!all.contains("good"), "{all}");
}

#[tokio::test]
async fn a_caller_answers_for_extractors() {
    let setup = setup();
    let headers = headers(&["Bearer good"]);
    let request =
        RequestView { method: "GET", path: "/x", query: None, route: None, headers: &headers, peer: None };
    let admission = setup.guard.admit(&request, &authenticated().into()).await.outcome.unwrap();
    let caller = Caller::new(setup.guard.clone(), admission);
    assert_eq!(caller.known().unwrap().username(), Some("alice"));
    assert_eq!(caller.principal().unwrap().username(), Some("alice"));
    assert!(caller.allowed(&request, &all_roles(&["user"])).await.is_ok());
    let rejected = caller.allowed(&request, &all_roles(&["chef"])).await.unwrap_err();
    assert_eq!((rejected.code(), rejected.response().status().as_u16()), ("missing_roles", 403));
    assert_eq!(rejected.refused(), Some(Refused { code: "missing_roles" }));

    let nobody = Caller::new(setup.guard.clone(), Admission::Anonymous);
    assert!(nobody.known().is_none());
    let rejected = nobody.principal().unwrap_err();
    assert_eq!(rejected.refused(), Some(Refused { code: "not_authenticated" }));
    assert_eq!(rejected.into_response().headers()["www-authenticate"], r#"Bearer realm="r""#);
}

#[test]
fn nobody_comes_in_by_a_route_that_is_not_guarded_and_the_audit_has_no_caller_to_blame() {
    let rejected = Caller::unguarded(Some("/x"), "guard it");
    assert_eq!((rejected.code(), rejected.response().status().as_u16()), ("internal_error", 500));
    assert_eq!(rejected.refused(), None);
    let wrong = AuthError::BadParameter { detail: "x".to_owned() };
    assert_eq!(Rejected::of(&setup().guard, wrong).refused(), None);
}
