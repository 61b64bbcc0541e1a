//! What a suite found.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// A contract that is not kept: which of its clauses, and how.
///
/// `Debug` reads as `Display` does, one clause a line: it is what `unwrap` prints.
#[derive(Clone, Eq, PartialEq)]
pub struct ContractBroken {
    contract: &'static str,
    breaches: Vec<Breach>,
    kept: Vec<&'static str>,
}

/// A clause that is broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breach {
    clause: &'static str,
    what: String,
}

impl ContractBroken {
    /// The trait.
    #[must_use]
    pub const fn contract(&self) -> &'static str {
        self.contract
    }

    /// The clauses that are broken, at least one, in the order in which they were tried.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// The clauses that are kept.
    #[must_use]
    pub fn kept(&self) -> &[&'static str] {
        &self.kept
    }
}

impl Breach {
    /// The clause, as a sentence.
    #[must_use]
    pub const fn clause(&self) -> &'static str {
        self.clause
    }

    /// What was done and what happened.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for ContractBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (broken, kept) = (self.breaches.len(), self.kept.len());
        write!(f, "{} of {} clauses of {} are broken:", broken, broken + kept, self.contract)?;
        self.breaches.iter().try_for_each(|breach| write!(f, "\n- {}: {}", breach.clause, breach.what))
    }
}

impl fmt::Debug for ContractBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ContractBroken {}

/// How a clause went; the error says what happened instead.
pub(super) type Held = Result<(), String>;

/// `Ok` if it is so.
pub(super) fn hold(so: bool, otherwise: impl FnOnce() -> String) -> Held {
    if so { Ok(()) } else { Err(otherwise()) }
}

/// A suite that is under way.
#[derive(Debug)]
pub(super) struct Trial {
    found: ContractBroken,
}

/// Nothing that a clause does takes this long, unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

impl Trial {
    pub(super) fn of(contract: &'static str) -> Self {
        Self { found: ContractBroken { contract, breaches: Vec::new(), kept: Vec::new() } }
    }

    /// Tries one clause. Whatever it does, the next one is tried too.
    pub(super) async fn clause(&mut self, clause: &'static str, check: impl Future<Output = Held>) {
        let outcome = tokio::time::timeout(LIMIT, without_panic(check)).await;
        match outcome.unwrap_or_else(|_| Err(format!("nothing happened for {} s", LIMIT.as_secs()))) {
            Ok(()) => self.found.kept.push(clause),
            Err(what) => self.found.breaches.push(Breach { clause, what }),
        }
    }

    /// What the suite itself needs and did not get.
    pub(super) fn impossible(mut self, what: impl fmt::Display) -> ContractBroken {
        self.found.breaches.push(Breach { clause: "the suite can be run", what: what.to_string() });
        self.found
    }

    pub(super) fn end(self) -> Result<(), ContractBroken> {
        if self.found.breaches.is_empty() { Ok(()) } else { Err(self.found) }
    }
}

async fn without_panic(check: impl Future<Output = Held>) -> Held {
    let mut check = pin!(check);
    poll_fn(|context| {
        // A check that panicked is not polled again.
        let polled = catch_unwind(AssertUnwindSafe(|| check.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a message"))
}

/// Runs `one` for each number below `count` at the same time, each in a task of its own.
pub(super) async fn at_once<T, F>(count: usize, one: impl Fn(usize) -> F) -> Result<Vec<T>, String>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(one(number))).collect();
    let mut all = Vec::with_capacity(count);
    for task in tasks {
        all.push(task.await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => panicked(&*panic),
            Err(error) => error.to_string(),
        })?);
    }
    Ok(all)
}

/// Lets a future run until it first waits, or until `turns` such waits, and then drops it.
pub(super) async fn given_up_after<T>(turns: usize, future: impl Future<Output = T>) {
    let mut future = pin!(future);
    for _ in 0..turns {
        let done = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if done {
            return;
        }
        tokio::task::yield_now().await;
    }
}
