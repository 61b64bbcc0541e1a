//! A realm that answers as a test says.

mod client;
mod online;
mod protection;
mod rules;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64_simd::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};

use super::*;
use crate::client::ClientAuthentication;
use crate::client::fake_transport::{Answer, FakeTransport};
use crate::clock::{Clock, FakeClock, UnixTime};
use crate::json;
use crate::principal::Principal;
use crate::roles::RoleSet;
use crate::secret::Secret;
use crate::service_token::{ServiceTokenOptions, ServiceTokens};
use crate::token::{Claims, VerifiedToken};
use crate::transport::{Transport, TransportError};
use crate::wire::RequestView;

const NOW: i64 = 1_795_310_500;
const ISSUER: &str = "https://kc.test/realms/demo";
const SECRET: &str = "inventory-secret-4711";
/// What the realm calls its own resource `store`.
const STORE: &str = "afaa8b6b-1d92";
/// A user's, of the same name.
const OTHER: &str = "d2fe5605-d0fe";

/// The realm's endpoints, each with a script of its own.
#[derive(Debug)]
struct FakeRealm {
    decisions: FakeTransport,
    protection: FakeTransport,
    tokens: FakeTransport,
}

#[async_trait]
impl Transport for FakeRealm {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        assert_eq!(request.uri().host(), Some("kc.test"), "nothing goes elsewhere");
        let asks = String::from_utf8_lossy(request.body()).contains("uma-ticket");
        match request.uri().path() {
            path if path.starts_with("/realms/demo/authz/protection/") => self.protection.send(request).await,
            _ if asks => self.decisions.send(request).await,
            _ => self.tokens.send(request).await,
        }
    }
}

fn granted(id: &str, scopes: &[&str]) -> serde_json::Value {
    serde_json::json!({ "rsid": id, "rsname": "store", "scopes": scopes })
}

fn grants(permissions: &[serde_json::Value]) -> Answer {
    Answer::reply(200, serde_json::Value::from(permissions).to_string())
}

fn denied() -> Answer {
    Answer::reply(403, r#"{"error":"access_denied","error_description":"not_authorized"}"#)
}

/// The resources called `store`: that of the service, and one of a user.
fn resources() -> Answer {
    let of = |id: &str, owner: &str| serde_json::json!({ "_id": id, "name": "store", "owner": { "id": "x", "name": owner }, "scopes": [{ "name": "view" }] });
    Answer::reply(200, serde_json::json!([of(OTHER, "bob"), of(STORE, "inventory")]).to_string())
}

fn realm(decision: Answer, protection: Answer) -> Arc<FakeRealm> {
    let token = r#"{"access_token":"the-services-own","token_type":"Bearer","expires_in":300}"#;
    Arc::new(FakeRealm {
        decisions: FakeTransport::new([decision]),
        protection: FakeTransport::new([protection]),
        tokens: FakeTransport::new([Answer::reply(200, token)]),
    })
}

fn uma_client(realm: &Arc<FakeRealm>) -> UmaClient {
    let endpoint = Uri::from_static("https://kc.test/realms/demo/protocol/openid-connect/token");
    UmaClient::new(Arc::clone(realm) as Arc<dyn Transport>, endpoint, "inventory")
}

fn protection_client(realm: &Arc<FakeRealm>) -> ProtectionClient {
    let transport = Arc::clone(realm) as Arc<dyn Transport>;
    let tokens = ServiceTokens::new(
        Arc::clone(&transport),
        Uri::from_static("https://kc.test/realms/demo/protocol/openid-connect/token"),
        ClientAuthentication::client_secret_post("inventory", Secret::new(SECRET)),
        Arc::new(FakeClock::at(UnixTime::from_secs(NOW))),
        ServiceTokenOptions::default(),
    );
    ProtectionClient::new(transport, Uri::from_static("https://kc.test/realms/demo/authz/protection"), tokens)
}

fn online_of(realm: &Arc<FakeRealm>) -> OnlinePermissions {
    OnlinePermissions::new(uma_client(realm), protection_client(realm), ISSUER)
}

/// A caller, with the token that they are known by.
struct Caller {
    principal: Principal,
    token: String,
    headers: HeaderMap,
}

fn token_of(payload: &str) -> String {
    format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode_to_string(payload))
}

fn principal_of(payload: &str) -> Principal {
    let claims = Claims::read(&json::parse_object(payload.as_bytes(), 16).unwrap()).unwrap();
    let token = VerifiedToken::new(claims, Bytes::copy_from_slice(payload.as_bytes()));
    Principal::new(token, RoleSet::default(), None)
}

fn headers_of(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
}

impl Caller {
    fn of(payload: &serde_json::Value) -> Self {
        let payload = payload.to_string();
        let token = token_of(&payload);
        Self { principal: principal_of(&payload), headers: headers_of(&token), token }
    }

    fn named(subject: &str, exp: i64) -> Self {
        Self::of(
            &serde_json::json!({ "iss": ISSUER, "sub": subject, "jti": format!("j-{subject}"), "exp": exp }),
        )
    }

    fn alice() -> Self {
        Self::named("alice", NOW + 300)
    }

    fn request(&self) -> RequestView<'_> {
        RequestView {
            method: "GET",
            path: "/store",
            query: None,
            route: Some("/store"),
            headers: &self.headers,
            peer: None,
        }
    }
}

async fn decide(
    decider: &dyn PermissionDecider,
    caller: &Caller,
    resource: Option<&str>,
    scope: &str,
) -> Result<crate::policy::Verdict, crate::AuthError> {
    let request = caller.request();
    let now = UnixTime::from_secs(NOW);
    let asked = PermissionRequest::new(&caller.principal, &request, resource, scope, now);
    // As a guard does.
    match decider.decide_now(&asked) {
        Some(verdict) => Ok(verdict),
        None => decider.decide(&asked).await,
    }
}

async fn advance(secs: u64) {
    tokio::time::advance(Duration::from_secs(secs)).await;
}

/// The form that was sent.
fn form(request: &Request<Bytes>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(FakeClock::at(UnixTime::from_secs(NOW)))
}
