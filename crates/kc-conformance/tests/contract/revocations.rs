use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kc_conformance::contract;
use kc_core::revocations::{MemoryRevocations, Revocation, Revocations, RevocationsUnavailable};
use kc_core::token::Claims;

use crate::caught::Clauses;

#[tokio::test]
async fn revocations_in_memory_keep_the_contract() {
    contract::revocations(async || MemoryRevocations::new(10_000)).await.unwrap();
}

#[tokio::test]
async fn with_room_for_a_few_they_keep_it_too() {
    contract::revocations(async || MemoryRevocations::new(1000)).await.unwrap();
}

#[tokio::test]
async fn the_store_that_the_broken_ones_are_made_from_keeps_the_contract() {
    contract::revocations(async || Broken::with(None)).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    RevokesAll,
    ForgetsTokens,
    AllOfTheUser,
    IgnoresTheIssuer,
    NoTimeIsNewer,
    HighestNotBefore,
    ForgetsTheOldest,
    LosesWrites,
    Slow,
    DroppedCallBlocks,
}

#[derive(Debug)]
struct Broken {
    defect: Option<Defect>,
    all: Mutex<Vec<(String, Revocation)>>,
    busy: AtomicBool,
}

impl Broken {
    fn with(defect: Option<Defect>) -> Self {
        Self { defect, all: Mutex::default(), busy: AtomicBool::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn concerns(&self, revocation: &Revocation, claims: &Claims) -> bool {
        let old = |limit: &dyn Fn(kc_core::clock::UnixTime) -> bool| match claims.issued_at {
            Some(at) => limit(at),
            None => !self.has(Defect::NoTimeIsNewer),
        };
        match revocation {
            Revocation::NotBefore(Some(time)) => old(&|at| at < *time),
            Revocation::Session(session) => claims.session_id.as_ref() == Some(session),
            Revocation::Subject { subject, until } => {
                claims.subject.as_ref() == Some(subject)
                    && (self.has(Defect::AllOfTheUser) || old(&|at| at <= *until))
            }
            Revocation::Token(id) => claims.id.as_ref() == Some(id) && !self.has(Defect::ForgetsTokens),
            _ => false,
        }
    }
}

#[async_trait]
impl Revocations for Broken {
    fn is_revoked(&self, claims: &Claims) -> bool {
        if self.has(Defect::Slow) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let all = self.all.lock().unwrap();
        let mut all = all.iter();
        self.has(Defect::RevokesAll)
            || all.any(|(issuer, revocation)| {
                (self.has(Defect::IgnoresTheIssuer) || claims.issuer.as_ref() == Some(issuer))
                    && self.concerns(revocation, claims)
            })
    }

    async fn revoke(&self, issuer: &str, revocation: Revocation) -> Result<(), RevocationsUnavailable> {
        if self.has(Defect::DroppedCallBlocks) && self.busy.swap(true, Ordering::Relaxed) {
            return Err(RevocationsUnavailable { reason: "busy".to_owned() });
        }
        let mut before = self.has(Defect::LosesWrites).then(|| self.all.lock().unwrap().clone());
        if !self.has(Defect::ForgetsTheOldest) {
            tokio::task::yield_now().await;
        }
        self.busy.store(false, Ordering::Relaxed);
        let mut all = self.all.lock().unwrap();
        if let Some(before) = before.take() {
            *all = before;
        }
        if matches!(revocation, Revocation::NotBefore(_)) && !self.has(Defect::HighestNotBefore) {
            all.retain(|(of, known)| of != issuer || !matches!(known, Revocation::NotBefore(_)));
        }
        all.push((issuer.to_owned(), revocation));
        if self.has(Defect::ForgetsTheOldest) && all.len() > 1000 {
            all.remove(0);
        }
        Ok(())
    }
}

#[test]
fn each_clause_about_revocations_catches_what_it_is_for() {
    let defects = [
        (Defect::RevokesAll, "nothing is revoked that nobody has revoked"),
        (Defect::ForgetsTokens, "what was revoked is revoked from then on"),
        (Defect::AllOfTheUser, "what comes later than a revocation by time is not revoked"),
        (Defect::IgnoresTheIssuer, "tokens of other issuers, sessions and users are not concerned"),
        (Defect::NoTimeIsNewer, "a token without `iat` is revoked by whatever goes by time"),
        (Defect::HighestNotBefore, "a not-before replaces the one before"),
        (Defect::ForgetsTheOldest, "however many are revoked, none is taken back"),
        (Defect::LosesWrites, "simultaneous revocations lose none"),
        (Defect::Slow, "`is_revoked` answers at once"),
        (Defect::DroppedCallBlocks, "dropping a call does no harm to others"),
    ];
    let suite = async |defect| contract::revocations(async || Broken::with(Some(defect))).await;
    Clauses::default().all_caught(&defects, suite);
}
