//! Answers from elsewhere, remembered for a moment, and asked for once however many wait.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::trace_context::carried;

/// What a question or an answer takes of the memory that is allowed.
pub(crate) trait Weigh {
    /// About so many bytes, without those that any entry takes.
    fn bytes(&self) -> usize;
}

/// Answers by their questions, in a bounded number of bytes.
///
/// - An answer is remembered for as long as whoever got it says; no answer is not remembered, and those who wait for it
///   together get it together.
/// - Who asks while the same question is under way waits for that answer. The question goes on when they leave.
///
/// The whole question is compared and hashed. Whatever else the answer depends on (the realm, the client in whose name it
/// is asked) is not in the question, so one of these belongs to one asker. Needs a Tokio runtime.
pub(crate) struct Remembered<Q, A, E> {
    shared: Arc<Shared<Q, A, E>>,
}

struct Shared<Q, A, E> {
    answers: Answers<Q, A>,
    under_way: Mutex<UnderWay<Q, A, E>>,
}

type Answers<Q, A> = Cache<Q, Kept<A>, Bytes, foldhash::fast::RandomState, DefaultLifecycle<Q, Kept<A>>>;
type UnderWay<Q, A, E> = HashMap<Q, Coming<A, E>>;
type Coming<A, E> = watch::Receiver<Option<Result<A, E>>>;

#[derive(Clone)]
struct Kept<A> {
    answer: A,
    until: Instant,
}

#[derive(Clone)]
struct Bytes;

impl<Q: Weigh, A: Weigh> Weighter<Q, Kept<A>> for Bytes {
    fn weight(&self, question: &Q, kept: &Kept<A>) -> u64 {
        const ENTRY: usize = 512;
        (question.bytes() + kept.answer.bytes() + ENTRY).try_into().unwrap_or(u64::MAX)
    }
}

impl<Q, A, E> Remembered<Q, A, E>
where
    Q: Clone + Eq + Hash + Weigh + Send + Sync + 'static,
    A: Clone + Weigh + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// Nothing yet, and in the end about so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        const USUAL: u64 = 2048;
        let items = usize::try_from(bytes / USUAL).unwrap_or(usize::MAX).max(1);
        let (hasher, lifecycle) = (foldhash::fast::RandomState::default(), DefaultLifecycle::default());
        let options = OptionsBuilder::new().estimated_items_capacity(items).weight_capacity(bytes).build();
        let answers = match options {
            Ok(options) => Cache::with_options(options, Bytes, hasher, lifecycle),
            // Fails only without either of the two capacities.
            Err(_) => Cache::with(items, bytes, Bytes, hasher, lifecycle),
        };
        Self { shared: Arc::new(Shared { answers, under_way: Mutex::default() }) }
    }

    /// The answer, if it is remembered.
    pub(crate) fn get(&self, question: &Q) -> Option<A> {
        self.shared.remembered(question)
    }

    /// Remembers it no more.
    pub(crate) fn forget(&self, question: &Q) {
        drop(self.shared.answers.remove(question));
    }

    /// The answer that is remembered or on its way; else that of `ask`, which also says for how long it is good.
    ///
    /// # Cancellation
    /// Dropping the future leaves the question under way for the others.
    pub(crate) async fn get_or_ask<F, Fut>(&self, question: Q, ask: F) -> Result<A, E>
    where
        F: Fn(Q) -> Fut + Send + Sync,
        Fut: Future<Output = Result<(A, Duration), E>> + Send + 'static,
    {
        let mut coming = match self.join_or_ask(&question, &ask) {
            Ok(answer) => return Ok(answer),
            Err(coming) => coming,
        };
        let answer = coming.wait_for(Option::is_some).await.ok().and_then(|answer| Option::clone(&answer));
        match answer {
            Some(answer) => answer,
            // Its task was lost with its runtime: ask oneself.
            None => ask(question).await.map(|(answer, _)| answer),
        }
    }

    /// The answer to come, of the question that is under way, or of a new one; or the one that is there.
    fn join_or_ask<F, Fut>(&self, question: &Q, ask: &F) -> Result<A, Coming<A, E>>
    where
        F: Fn(Q) -> Fut,
        Fut: Future<Output = Result<(A, Duration), E>> + Send + 'static,
    {
        let shared = &self.shared;
        if let Some(answer) = shared.remembered(question) {
            return Ok(answer);
        }
        let mut under_way = shared.lock();
        if let Some(coming) = under_way.get(question)
            // One whose task is gone without an answer is nobody's.
            && coming.has_changed().is_ok()
        {
            return Err(coming.clone());
        }
        // Whoever looked before it was remembered, and was slow to come here, finds nobody to join.
        if let Some(answer) = shared.remembered(question) {
            return Ok(answer);
        }
        let (tell, coming) = watch::channel(None);
        under_way.insert(question.clone(), coming.clone());
        drop(under_way);
        let (shared, asking, question) = (Arc::clone(shared), ask(question.clone()), question.clone());
        tokio::spawn(carried(async move {
            let answer = asking.await;
            let answer = answer.map(|(answer, lives)| {
                shared.remember(&question, &answer, lives);
                answer
            });
            // First it is remembered, then nobody joins any more: in between is no moment at which it is asked again.
            shared.lock().remove(&question);
            // They may all have left.
            let _ = tell.send(Some(answer));
        }));
        Err(coming)
    }

    /// How many answers are remembered, those that ran out among them.
    pub(crate) fn len(&self) -> usize {
        self.shared.answers.len()
    }

    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.shared.answers.weight()
    }

    #[cfg(test)]
    pub(crate) fn nothing_is_under_way(&self) -> bool {
        self.shared.lock().is_empty()
    }
}

impl<Q, A, E> Shared<Q, A, E>
where
    Q: Clone + Eq + Hash + Weigh,
    A: Clone + Weigh,
{
    /// Held for a look and an insertion; a panic in between leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, UnderWay<Q, A, E>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, question: &Q) -> Option<A> {
        let kept = self.answers.get(question)?;
        (Instant::now() < kept.until).then_some(kept.answer)
    }

    fn remember(&self, question: &Q, answer: &A, lives: Duration) {
        if !lives.is_zero()
            && let Some(until) = Instant::now().checked_add(lives)
        {
            self.answers.insert(question.clone(), Kept { answer: answer.clone(), until });
        }
    }
}

/// Neither questions nor answers: there may be tokens in them.
impl<Q, A, E> fmt::Debug for Remembered<Q, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    impl Weigh for u32 {
        fn bytes(&self) -> usize {
            4
        }
    }

    type Numbers = Remembered<u32, u32, &'static str>;

    #[tokio::test(start_paused = true)]
    async fn whoever_looked_too_early_and_joins_too_late_does_not_ask_again() {
        let (numbers, asked) = (Numbers::new(1 << 20), Arc::new(AtomicUsize::new(0)));
        let ask = |question: u32| {
            asked.fetch_add(1, Ordering::Relaxed);
            async move { Ok((question + 1, Duration::from_secs(9))) }
        };
        assert!(numbers.get(&1).is_none(), "too early");
        assert_eq!(numbers.get_or_ask(1, ask).await, Ok(2));
        assert_eq!(numbers.join_or_ask(&1, &ask).ok(), Some(2), "too late");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        numbers.forget(&1);
        assert_eq!(numbers.get_or_ask(1, ask).await, Ok(2));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_good_for_no_time_is_not_remembered() {
        let numbers = Numbers::new(1 << 20);
        let ask = |question: u32| async move { Ok((question, Duration::ZERO)) };
        assert_eq!(numbers.get_or_ask(1, ask).await, Ok(1));
        assert_eq!((numbers.get(&1), numbers.len()), (None, 0));
    }
}
