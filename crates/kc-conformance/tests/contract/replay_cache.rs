use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kc_conformance::contract;
use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_login::session::{MemoryReplayCache, ReplayCache, StoreUnavailable};

use crate::caught::Clauses;

#[tokio::test]
async fn what_is_remembered_in_memory_keeps_the_contract() {
    contract::replay_cache(async || MemoryReplayCache::new(10_000)).await.unwrap();
}

#[tokio::test]
async fn with_room_for_a_few_ids_it_keeps_it_too() {
    contract::replay_cache(async || MemoryReplayCache::new(100)).await.unwrap();
}

#[tokio::test]
async fn two_memories_do_not_remember_together() {
    let two = async || [MemoryReplayCache::new(1000), MemoryReplayCache::new(1000)];
    assert!(contract::shared_replay_cache(two).await.is_err());
}

#[tokio::test]
async fn the_cache_that_the_broken_ones_are_made_from_keeps_the_contract() {
    contract::replay_cache(async || Broken::with(None)).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    AlwaysNew,
    AnyCase,
    NeverOver,
    NeverForgets,
    Racy,
    ForgetsTheOldest,
    DroppedCallBlocks,
}

#[derive(Debug)]
struct Broken {
    defect: Option<Defect>,
    used: Mutex<Vec<(String, UnixTime)>>,
    busy: AtomicBool,
}

impl Broken {
    fn with(defect: Option<Defect>) -> Self {
        Self { defect, used: Mutex::default(), busy: AtomicBool::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}

#[async_trait]
impl ReplayCache for Broken {
    async fn first_use(&self, id: &str, until: UnixTime) -> Result<bool, StoreUnavailable> {
        if self.has(Defect::DroppedCallBlocks) {
            if self.busy.swap(true, Ordering::Relaxed) {
                return Err(StoreUnavailable { reason: "busy".to_owned() });
            }
            tokio::task::yield_now().await;
            self.busy.store(false, Ordering::Relaxed);
        }
        let now = SystemClock.now();
        let id = if self.has(Defect::AnyCase) { id.to_lowercase() } else { id.to_owned() };
        let used = self.used.lock().unwrap().iter().any(|(known, until)| {
            *known == id && (now < *until || self.has(Defect::NeverOver)) && !self.has(Defect::AlwaysNew)
        });
        if self.has(Defect::Racy) {
            tokio::task::yield_now().await;
        }
        if !used {
            let mut all = self.used.lock().unwrap();
            all.push((id, until));
            if self.has(Defect::ForgetsTheOldest) && all.len() > 1000 {
                all.remove(0);
            }
        }
        Ok(!used)
    }

    async fn forget(&self, id: &str) -> Result<(), StoreUnavailable> {
        if !self.has(Defect::NeverForgets) {
            self.used.lock().unwrap().retain(|(known, _)| known != id);
        }
        Ok(())
    }
}

#[test]
fn each_clause_about_ids_that_were_used_catches_what_it_is_for() {
    let defects = [
        (Defect::AlwaysNew, "an id is new once"),
        (Defect::AnyCase, "ids are told apart to the letter"),
        (Defect::NeverOver, "an id is remembered until its time is up"),
        (Defect::NeverForgets, "what is forgotten is new again"),
        (Defect::Racy, "of simultaneous uses one is the first"),
        (Defect::ForgetsTheOldest, "however many are used, none is taken for new again"),
        (Defect::DroppedCallBlocks, "dropping a call does no harm to others"),
    ];
    let suite = async |defect| contract::replay_cache(async || Broken::with(Some(defect))).await;
    Clauses::default().all_caught(&defects, suite);
}
