//! Names with a time, many of them, read by every request and written seldom.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{PoisonError, RwLock};

use foldhash::fast::RandomState;

use crate::clock::UnixTime;

/// A map that is made of many small ones, each with its lock: it is held for a look or for an insertion, and whoever
/// writes keeps few from reading.
pub(super) struct Marks {
    buckets: Vec<RwLock<Bucket>>,
    hasher: RandomState,
}

type Bucket = HashMap<Box<str>, UnixTime, RandomState>;

const BUCKETS: usize = 256;

impl Default for Marks {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| RwLock::default()).collect(), hasher: RandomState::default() }
    }
}

impl Marks {
    pub(super) fn get(&self, name: &str) -> Option<UnixTime> {
        self.bucket(name)?.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// Of two times for a name the later one holds.
    pub(super) fn put(&self, name: &str, time: UnixTime) {
        self.change(name, |bucket| {
            let held = bucket.entry(name.into()).or_insert(time);
            *held = time.max(*held);
        });
    }

    /// What was put again later stays.
    pub(super) fn remove(&self, name: &str, time: UnixTime) {
        self.change(name, |bucket| {
            if bucket.get(name) == Some(&time) {
                bucket.remove(name);
            }
        });
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Bucket)) {
        let Some(bucket) = self.bucket(name) else { return };
        change(&mut bucket.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn bucket(&self, name: &str) -> Option<&RwLock<Bucket>> {
        let index = usize::try_from(self.hasher.hash_one(name) % BUCKETS as u64).ok()?;
        self.buckets.get(index)
    }
}
