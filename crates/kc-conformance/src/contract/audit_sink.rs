//! The contract of [`AuditSink`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use kc_core::audit::AuditSink;
use kc_core::rules::authenticated;
use kc_core::wire::RequestView;
use kc_core::{Access, Guard};

use super::findings::{ContractBroken, Held, Trial, at_once, hold};

/// An [`AuditSink`] with the place that its events go to, in a test.
pub trait AuditTrail {
    /// The sink.
    fn sink(&self) -> Arc<dyn AuditSink>;

    /// What has arrived so far, one text for each event in whatever form; `None` if that cannot be read, and then the
    /// clauses about it are not tried.
    fn entries(&self) -> Option<Vec<String>> {
        None
    }

    /// From now on nothing can be written; `false` if that cannot be brought about, and then the clause about it is not
    /// tried.
    fn fail(&self) -> bool {
        false
    }
}

/// Checks a sink: `trail` makes one, and a place without entries.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn audit_sink<T: AuditTrail>(trail: impl AsyncFn() -> T) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("AuditSink");
    trial.clause("recording does not wait", quick(&trail().await)).await;
    trial.clause("it serves many tasks at once", many(&trail().await)).await;
    if trail().await.entries().is_some() {
        trial.clause("every event arrives, once, with its status", once(&trail().await)).await;
        trial.clause("whatever an event holds makes no second entry", one_entry(&trail().await)).await;
    }
    if trail().await.fail() {
        trial.clause("requests go on when nothing can be written", failing(&trail().await)).await;
    }
    trial.end()
}

/// A decision about this path, recorded.
async fn record(guard: &Guard, path: &str) {
    let headers = HeaderMap::new();
    let request =
        RequestView { method: "GET", path, query: None, route: None, headers: &headers, peer: None };
    // Nobody is let in by a guard that knows no credentials; the event is what counts.
    let admitted = guard.admit(&request, &Access::from(authenticated())).await;
    admitted.audit.finish(499, None);
}

fn guard(trail: &impl AuditTrail) -> Guard {
    Guard::builder("kc-contract").audit(trail.sink()).build()
}

/// An event belongs to a request, which waits for it.
const EACH: Duration = Duration::from_millis(5);

async fn quick(trail: &impl AuditTrail) -> Held {
    let guard = guard(trail);
    let began = Instant::now();
    for _ in 0..200 {
        record(&guard, "/kc-contract").await;
    }
    let took = began.elapsed();
    hold(took < 200 * EACH, || format!("two hundred events took {} ms", took.as_millis()))
}

async fn many(trail: &impl AuditTrail) -> Held {
    let guard = guard(trail);
    at_once(16, |_| {
        let guard = guard.clone();
        async move {
            for _ in 0..20 {
                record(&guard, "/kc-contract").await;
            }
        }
    })
    .await
    .map(drop)
}

/// Waits until as many entries have arrived, and a little longer for more.
async fn arrived(trail: &impl AuditTrail, count: usize) -> Vec<String> {
    let entries = || trail.entries().unwrap_or_default();
    for _ in 0..200 {
        if entries().len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    entries()
}

async fn once(trail: &impl AuditTrail) -> Held {
    let guard = guard(trail);
    let path = |number| format!("/kc-contract/{number:04}");
    for number in 0..100 {
        record(&guard, &path(number)).await;
    }
    let entries = arrived(trail, 100).await;
    for number in 0..100 {
        let path = path(number);
        let of_this: Vec<_> = entries.iter().filter(|entry| entry.contains(&path)).collect();
        let [entry] = of_this.as_slice() else {
            return Err(format!("event {number} arrived {} times", of_this.len()));
        };
        hold(entry.contains("499"), || format!("event {number} came without its status"))?;
    }
    hold(entries.len() == 100, || format!("a hundred events are {} entries", entries.len()))
}

async fn one_entry(trail: &impl AuditTrail) -> Held {
    let guard = guard(trail);
    let nasty =
        ["/a\n{\"decision\":\"allow\"}", "/a\r\n", "/\u{2028}b", "/\0", "/\"}\n", "/'; --", "/\u{85}"];
    for path in nasty {
        record(&guard, path).await;
    }
    let count = arrived(trail, nasty.len()).await.len();
    hold(count == nasty.len(), || format!("{} events are {count} entries", nasty.len()))
}

async fn failing(trail: &impl AuditTrail) -> Held {
    let guard = guard(trail);
    record(&guard, "/kc-contract").await;
    trail.fail();
    let began = Instant::now();
    for _ in 0..200 {
        record(&guard, "/kc-contract").await;
    }
    let took = began.elapsed();
    hold(took < 200 * EACH, || format!("two hundred events then took {} ms", took.as_millis()))
}
