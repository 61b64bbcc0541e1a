use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::HeaderMap;
use kc_conformance::contract::{self, Credentials};
use kc_core::roles::KeycloakRoles;
use kc_core::users::MemoryUsers;
use kc_core::wire::RequestView;
use kc_core::{AuthError, Authenticator, BearerAuthenticator, Principal};
use kc_dev::DevIssuer;

use crate::caught::Clauses;
use crate::jwt;

fn headers(authorization: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in authorization {
        headers.append("authorization", value.parse().unwrap());
    }
    headers
}

fn bearer(issuer: &DevIssuer) -> BearerAuthenticator {
    BearerAuthenticator::new(Arc::new(jwt(issuer).build()), Arc::new(KeycloakRoles::new("api")))
}

async fn credentials(issuer: &DevIssuer) -> Credentials {
    let alice = format!("Bearer {}", issuer.token("alice", "api").await.unwrap());
    let bob = format!("bearer {}", issuer.token("bob", "api").await.unwrap());
    let expired = format!("Bearer {}", issuer.mint().user("alice").expires_in(-60).sign().await.unwrap());
    let mut cookie = HeaderMap::new();
    cookie.insert("cookie", "session=kc-contract-session".parse().unwrap());
    Credentials::new()
        .none(cookie)
        .none(headers(&["Basic YWxpY2U6c2VjcmV0"]))
        .good(headers(&[&alice]), issuer.user_id("alice").unwrap())
        .good(headers(&[&bob]), issuer.user_id("bob").unwrap())
        .bad(headers(&[&expired]))
        .bad(headers(&["Bearer kc-contract-token"]))
        .bad(headers(&["Bearer"]))
        .bad(headers(&[&alice, &alice]))
}

#[tokio::test]
async fn the_bearer_authenticator_keeps_the_contract() {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let credentials = credentials(&issuer).await;
    contract::authenticator(async || bearer(&issuer), &credentials).await.unwrap();
    let with_users = async || bearer(&issuer).users(Arc::new(MemoryUsers::default()), true);
    contract::authenticator(with_users, &credentials).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    EverybodyNeedsIt,
    TheFirstIsEverybody,
    BadIsNobody,
    OnlyGet,
    TellsTheHeader,
    MixesRequestsUp,
    DroppedRequestBlocks,
}

#[derive(Debug)]
struct Broken {
    inner: BearerAuthenticator,
    defect: Defect,
    first: Mutex<Option<Principal>>,
    last: Mutex<HeaderMap>,
    busy: AtomicBool,
}

#[async_trait]
impl Authenticator for Broken {
    async fn authenticate(&self, request: &RequestView<'_>) -> Result<Option<Principal>, AuthError> {
        let mut request = *request;
        let authorization = request.headers.value("authorization", 0).unwrap_or_default();
        let authorization = String::from_utf8_lossy(authorization).into_owned();
        let mixed_up;
        match self.defect {
            Defect::OnlyGet if request.method != "GET" => return Ok(None),
            Defect::DroppedRequestBlocks if self.busy.swap(true, Ordering::Relaxed) => {
                return Err(AuthError::NotAuthenticated);
            }
            Defect::MixesRequestsUp => {
                let values: Vec<&str> = (0..2)
                    .filter_map(|nth| std::str::from_utf8(request.headers.value("authorization", nth)?).ok())
                    .collect();
                *self.last.lock().unwrap() = headers(&values);
                tokio::task::yield_now().await;
                mixed_up = self.last.lock().unwrap().clone();
                request.headers = &mixed_up;
            }
            _ => {}
        }
        let outcome = self.inner.authenticate(&request).await;
        self.busy.store(false, Ordering::Relaxed);
        match (self.defect, outcome) {
            (Defect::EverybodyNeedsIt, Ok(None)) => Err(AuthError::NotAuthenticated),
            (Defect::TheFirstIsEverybody, Ok(Some(principal))) => {
                Ok(Some(self.first.lock().unwrap().get_or_insert(principal).clone()))
            }
            (Defect::BadIsNobody, Err(_)) => Ok(None),
            (Defect::TellsTheHeader, Err(_)) => Err(AuthError::Internal { reason: authorization }),
            (_, outcome) => outcome,
        }
    }
}

#[tokio::test]
async fn each_clause_about_authenticators_catches_what_it_is_for() {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let credentials = credentials(&issuer).await;
    let defects = [
        (Defect::EverybodyNeedsIt, "a request without credentials of its kind is left to others"),
        (Defect::TheFirstIsEverybody, "good credentials are the caller they belong to"),
        (Defect::BadIsNobody, "bad credentials are an error, never nobody"),
        (Defect::OnlyGet, "the method and the path make no difference"),
        (Defect::TellsTheHeader, "the credentials are in no error and in no log"),
        (Defect::MixesRequestsUp, "simultaneous requests are told apart"),
        (Defect::DroppedRequestBlocks, "dropping a request does no harm to others"),
    ];
    let suite = async |defect| {
        let make = async || Broken {
            inner: bearer(&issuer),
            defect,
            first: Mutex::default(),
            last: Mutex::default(),
            busy: AtomicBool::default(),
        };
        contract::authenticator(make, &credentials).await
    };
    Clauses::default().all_caught(&defects, suite);
}
