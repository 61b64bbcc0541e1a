use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kc_conformance::contract;
use kc_core::clock::SystemClock;
use kc_core::introspection::{
    CachedIntrospector, HttpIntrospector, Introspection, IntrospectionError, Introspector, TokenTypeHint,
};
use kc_core::transport::{Transport, TransportError};
use kc_dev::DevIssuer;

use crate::caught::Clauses;
use crate::{http, http_introspector};

#[tokio::test]
async fn the_introspector_over_http_keeps_the_contract() {
    contract::introspector(async |issuer| http_introspector(issuer, http()), Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn the_introspector_that_remembers_keeps_the_contract() {
    let make = async |issuer: &DevIssuer| {
        let inner = Arc::new(http_introspector(issuer, http()));
        CachedIntrospector::new(inner, REMEMBERED, 1 << 20, Arc::new(SystemClock))
    };
    contract::introspector(make, REMEMBERED + Duration::from_millis(50)).await.unwrap();
}

#[tokio::test]
async fn one_that_remembers_keeps_the_contract_if_it_says_how_long() {
    let make = async |issuer: &DevIssuer| Broken::with(Defect::Remembers, issuer);
    contract::introspector(make, REMEMBERED + Duration::from_millis(50)).await.unwrap();
}

const REMEMBERED: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    AllInactive,
    UnknownIsAnError,
    Remembers,
    MixesTokensUp,
    OutageIsInactive,
    NonsenseIsActive,
    GivesUpForGood,
    TellsTheToken,
    Logs,
    DroppedQuestionBlocks,
    NamesAnother,
}

/// Answers nonsense with `active: true`, as one would who looks at the status only.
#[derive(Debug)]
struct Gullible(Arc<dyn Transport>);

#[async_trait]
impl Transport for Gullible {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let answer = self.0.send(request).await?;
        let sound = serde_json::from_slice::<serde_json::Value>(answer.body());
        if answer.status() == 200 && !sound.is_ok_and(|answer| answer["active"].is_boolean()) {
            return Ok(Response::new(Bytes::from_static(b"{\"active\":true}")));
        }
        Ok(answer)
    }
}

struct Broken {
    inner: HttpIntrospector,
    defect: Defect,
    known: Mutex<HashMap<String, (Instant, Introspection)>>,
    last: Mutex<String>,
    flag: AtomicBool,
}

impl Broken {
    fn with(defect: Defect, issuer: &DevIssuer) -> Self {
        let transport = if defect == Defect::NonsenseIsActive { Arc::new(Gullible(http())) } else { http() };
        let inner = http_introspector(issuer, transport);
        Self { inner, defect, known: Mutex::default(), last: Mutex::default(), flag: AtomicBool::default() }
    }
}

/// No tokens: what is remembered is remembered by them.
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken").field("defect", &self.defect).finish_non_exhaustive()
    }
}

#[async_trait]
impl Introspector for Broken {
    async fn introspect(
        &self,
        token: &str,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, IntrospectionError> {
        let Self { inner, defect, known, last, flag } = self;
        let failed = IntrospectionError::Unreachable(TransportError::Broken);
        match defect {
            Defect::AllInactive => return Ok(Introspection::Inactive),
            Defect::Remembers => {
                let fresh =
                    known.lock().unwrap().get(token).filter(|(at, _)| at.elapsed() < REMEMBERED).cloned();
                if let Some((_, answer)) = fresh {
                    return Ok(answer);
                }
            }
            Defect::MixesTokensUp => {
                token.clone_into(&mut last.lock().unwrap());
                tokio::task::yield_now().await;
                let token = last.lock().unwrap().clone();
                return inner.introspect(&token, hint).await;
            }
            Defect::GivesUpForGood if flag.load(Ordering::Relaxed) => return Err(failed),
            Defect::DroppedQuestionBlocks if flag.swap(true, Ordering::Relaxed) => return Err(failed),
            Defect::Logs => tracing::debug!("asking about {token}"),
            _ => {}
        }
        let answer = inner.introspect(token, hint).await;
        match (defect, &answer) {
            (Defect::UnknownIsAnError, Ok(Introspection::Inactive)) => Err(failed),
            (Defect::OutageIsInactive, Err(_)) => Ok(Introspection::Inactive),
            (Defect::TellsTheToken, Err(_)) => {
                Err(IntrospectionError::Unreachable(TransportError::Connect { reason: token.to_owned() }))
            }
            (Defect::GivesUpForGood, Err(_)) => {
                flag.store(true, Ordering::Relaxed);
                answer
            }
            (Defect::Remembers, Ok(given)) => {
                known.lock().unwrap().insert(token.to_owned(), (Instant::now(), given.clone()));
                answer
            }
            (Defect::DroppedQuestionBlocks, _) => {
                flag.store(false, Ordering::Relaxed);
                answer
            }
            _ => answer,
        }
    }

    fn client_id(&self) -> &str {
        if self.defect == Defect::NamesAnother { "web" } else { self.inner.client_id() }
    }
}

#[test]
fn each_clause_about_introspectors_catches_what_it_is_for() {
    let defects = [
        (Defect::AllInactive, "a good token is active, and the answer tells whose it is"),
        (Defect::UnknownIsAnError, "a token that the server does not know is inactive"),
        (Defect::Remembers, "an answer is of now"),
        (Defect::MixesTokensUp, "an answer belongs to the token it was asked for"),
        (Defect::OutageIsInactive, "an outage is an error, never an answer"),
        (Defect::NonsenseIsActive, "a doubtful answer is an error, never an answer"),
        (Defect::GivesUpForGood, "an outage that is over leaves nothing behind"),
        (Defect::TellsTheToken, "the token is in no error and in no log"),
        (Defect::Logs, "the token is in no error and in no log"),
        (Defect::DroppedQuestionBlocks, "dropping a question does no harm to others"),
        (Defect::NamesAnother, "it names the client that asks"),
    ];
    let suite = async |defect| {
        let make = async |issuer: &DevIssuer| Broken::with(defect, issuer);
        contract::introspector(make, Duration::ZERO).await
    };
    Clauses::default().all_caught(&defects, suite);
}
