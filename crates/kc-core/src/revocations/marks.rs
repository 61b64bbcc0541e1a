//! Names with a time, many of them, read by every request and written seldom.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use crate::clock::UnixTime;

/// A map whose readers wait for nobody. It is made of many small maps, so that a writer, who replaces a map with a
/// changed copy, copies little.
pub(super) struct Marks {
    buckets: Vec<ArcSwap<Bucket>>,
    hasher: RandomState,
}

type Bucket = HashMap<Box<str>, UnixTime, RandomState>;

const BUCKETS: usize = 256;

impl Default for Marks {
    fn default() -> Self {
        let empty = Arc::<Bucket>::default();
        Self {
            buckets: (0..BUCKETS).map(|_| ArcSwap::new(Arc::clone(&empty))).collect(),
            hasher: RandomState::default(),
        }
    }
}

impl Marks {
    pub(super) fn get(&self, name: &str) -> Option<UnixTime> {
        self.bucket(name)?.load().get(name).copied()
    }

    /// To be called by one at a time. Of two times for a name the later one holds.
    pub(super) fn put(&self, name: &str, time: UnixTime) {
        self.change(name, |bucket| {
            let held = bucket.entry(name.into()).or_insert(time);
            *held = time.max(*held);
        });
    }

    /// To be called by one at a time. What was put again later stays.
    pub(super) fn remove(&self, name: &str, time: UnixTime) {
        if self.get(name) == Some(time) {
            self.change(name, |bucket| {
                bucket.remove(name);
            });
        }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Bucket)) {
        let Some(bucket) = self.bucket(name) else { return };
        let mut copy = Bucket::clone(&bucket.load());
        change(&mut copy);
        bucket.store(Arc::new(copy));
    }

    fn bucket(&self, name: &str) -> Option<&ArcSwap<Bucket>> {
        let index = usize::try_from(self.hasher.hash_one(name) % BUCKETS as u64).ok()?;
        self.buckets.get(index)
    }
}
