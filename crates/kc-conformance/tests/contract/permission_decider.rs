use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use kc_conformance::contract;
use kc_core::AuthError;
use kc_core::client::ClientAuthentication;
use kc_core::clock::SystemClock;
use kc_core::policy::{AuthorizationConfig, AuthorizationFile, Verdict};
use kc_core::secret::Secret;
use kc_core::service_token::{ServiceTokenOptions, ServiceTokens};
use kc_core::transport::{Transport, TransportError};
use kc_core::uma::{
    HybridPermissions, OnlinePermissions, PermissionDecider, PermissionRequest, ProtectionClient, UmaClient,
};
use kc_dev::DevIssuer;

use crate::caught::Clauses;

const FILE: &str = r#"{"policyEnforcementMode":"ENFORCING","decisionStrategy":"UNANIMOUS","scopes":[{"name":"view"}],
    "resources":[{"name":"store","scopes":[{"name":"view"}]}],
    "policies":[{"name":"admins","type":"role","logic":"POSITIVE","config":{"roles":"[{\"id\":\"admin\"}]"}},
        {"name":"view","type":"scope","config":{"resources":"[\"store\"]","scopes":"[\"view\"]","applyPolicies":"[\"admins\"]"}}]}"#;

fn file(issuer: &DevIssuer) -> AuthorizationFile {
    AuthorizationFile::from(AuthorizationConfig::from_json(FILE.as_bytes()).unwrap())
        .for_issuer(issuer.issuer())
}

/// A Keycloak with this configuration, as far as the online protocol shows it.
#[derive(Debug)]
struct Realm;

#[async_trait]
impl Transport for Realm {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let (status, answer) = match request.uri().path() {
            "/authz/protection/resource_set" if request.uri().query().unwrap().starts_with("name=store&") => {
                (200, r#"[{"_id":"id-1","name":"store","owner":{"name":"api"}}]"#)
            }
            "/authz/protection/resource_set" => (200, "[]"),
            _ if !body.contains("uma-ticket") => {
                (200, r#"{"access_token":"own","token_type":"Bearer","expires_in":300}"#)
            }
            _ if !body.ends_with("permission=id-1%23view") && !body.ends_with("permission=%23view") => {
                (400, r#"{"error":"invalid_scope","error_description":"x"}"#)
            }
            _ => {
                let token = request.headers()["authorization"].to_str().unwrap();
                let claims = token.split('.').nth(1).unwrap();
                let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).unwrap();
                let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
                match claims["preferred_username"].as_str() {
                    Some("alice") if body.contains("=decision") => (200, r#"{"result":true}"#),
                    Some("alice") => (200, r#"[{"rsid":"id-1","rsname":"store","scopes":["view"]}]"#),
                    _ => (403, r#"{"error":"access_denied","error_description":"not_authorized"}"#),
                }
            }
        };
        Ok(Response::builder().status(status).body(Bytes::from_static(answer.as_bytes())).unwrap())
    }
}

fn online(issuer: &DevIssuer) -> OnlinePermissions {
    let transport: Arc<dyn Transport> = Arc::new(Realm);
    let endpoint = Uri::from_static("https://kc.test/token");
    let tokens = ServiceTokens::new(
        Arc::clone(&transport),
        endpoint.clone(),
        ClientAuthentication::client_secret_post("api", Secret::new("s")),
        Arc::new(SystemClock),
        ServiceTokenOptions::default(),
    );
    let base = Uri::from_static("https://kc.test/authz/protection");
    let resources = ProtectionClient::new(Arc::clone(&transport), base, tokens);
    OnlinePermissions::new(UmaClient::new(transport, endpoint, "api"), resources, issuer.issuer())
}

#[tokio::test]
async fn a_file_keeps_the_contract() {
    contract::permission_decider(file, Some("store"), "view").await.unwrap();
    contract::permission_decider(file, None, "view").await.unwrap();
}

#[tokio::test]
async fn asking_keycloak_keeps_the_contract() {
    contract::permission_decider(online, Some("store"), "view").await.unwrap();
    contract::permission_decider(online, None, "view").await.unwrap();
    let each_time = |issuer: &DevIssuer| online(issuer).ttl(Duration::ZERO);
    contract::permission_decider(each_time, Some("store"), "view").await.unwrap();
}

#[tokio::test]
async fn the_two_together_keep_the_contract() {
    let hybrid = |issuer: &DevIssuer| HybridPermissions::new(file(issuer), online(issuer));
    contract::permission_decider(hybrid, Some("store"), "view").await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    AllDenied,
    ComparesPrefixes,
    Hasty,
    KnowsEverybody,
    MixesUp,
    DroppedQuestionBlocks,
}

#[derive(Debug)]
struct Broken {
    defect: Defect,
    inner: AuthorizationFile,
    /// Who is asked about, by a name that another realm's user may have.
    last: AtomicUsize,
    busy: AtomicBool,
}

#[async_trait]
impl PermissionDecider for Broken {
    fn decide_now(&self, asked: &PermissionRequest<'_>) -> Option<Verdict> {
        match self.defect {
            Defect::Hasty => Some(Verdict::Deny),
            Defect::KnowsEverybody | Defect::MixesUp | Defect::DroppedQuestionBlocks => None,
            Defect::AllDenied | Defect::ComparesPrefixes => {
                let (verdict, _) = self.verdict(asked);
                Some(verdict)
            }
        }
    }

    async fn decide(&self, asked: &PermissionRequest<'_>) -> Result<Verdict, AuthError> {
        let (verdict, caller) = self.verdict(asked);
        match self.defect {
            Defect::MixesUp => {
                self.last.store(caller, Ordering::SeqCst);
                tokio::task::yield_now().await;
                let mixed = self.last.load(Ordering::SeqCst) != caller;
                Ok(if mixed { Verdict::Indeterminate } else { verdict })
            }
            Defect::DroppedQuestionBlocks => {
                if self.busy.swap(true, Ordering::SeqCst) {
                    return Ok(Verdict::Indeterminate);
                }
                tokio::task::yield_now().await;
                self.busy.store(false, Ordering::SeqCst);
                Ok(verdict)
            }
            _ => Ok(verdict),
        }
    }
}

impl Broken {
    fn verdict(&self, asked: &PermissionRequest<'_>) -> (Verdict, usize) {
        let username = asked.principal.username().unwrap_or_default();
        let inner = self.inner.decide_now(asked).unwrap_or(Verdict::Indeterminate);
        let verdict = match self.defect {
            Defect::AllDenied if inner == Verdict::Grant => Verdict::Deny,
            Defect::ComparesPrefixes if asked.scope.starts_with("view") && username == "alice" => {
                Verdict::Grant
            }
            Defect::KnowsEverybody if username == "alice" && asked.scope == "view" => Verdict::Grant,
            _ => inner,
        };
        (verdict, username.bytes().map(usize::from).sum())
    }
}

#[test]
fn each_clause_about_deciders_catches_what_it_is_for() {
    let defects = [
        (Defect::AllDenied, "who has a permission is granted it, and nobody else is"),
        (Defect::ComparesPrefixes, "what there is not is granted to nobody"),
        (Defect::Hasty, "what is said at once is what is said later"),
        (Defect::KnowsEverybody, "a caller of another realm is told nothing"),
        (Defect::MixesUp, "many callers at once are told each their own"),
        (Defect::DroppedQuestionBlocks, "dropping a question does no harm to others"),
    ];
    let suite = async |defect| {
        let make = |issuer: &DevIssuer| Broken {
            defect,
            inner: file(issuer),
            last: AtomicUsize::default(),
            busy: AtomicBool::default(),
        };
        contract::permission_decider(make, Some("store"), "view").await
    };
    Clauses::default().all_caught(&defects, suite);
}
