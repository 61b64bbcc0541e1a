use std::sync::{Arc, Mutex};
use std::time::Duration;

use kc_conformance::contract::{self, AuditTrail};
use kc_core::audit::{AuditEvent, AuditSink, JsonLines, NoAudit, TracingAudit};

use crate::caught::Clauses;

struct File {
    folder: tempfile::TempDir,
    sink: Arc<JsonLines>,
}

impl AuditTrail for File {
    fn sink(&self) -> Arc<dyn AuditSink> {
        Arc::clone(&self.sink) as Arc<dyn AuditSink>
    }

    fn entries(&self) -> Option<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.path().join("audit.log")).unwrap();
        Some(text.lines().map(str::to_owned).collect())
    }
}

/// A file to which nothing can be written.
struct Full(Arc<JsonLines>);

impl AuditTrail for Full {
    fn sink(&self) -> Arc<dyn AuditSink> {
        Arc::clone(&self.0) as Arc<dyn AuditSink>
    }

    fn fail(&self) -> bool {
        true
    }
}

struct Bare(fn() -> Arc<dyn AuditSink>);

impl AuditTrail for Bare {
    fn sink(&self) -> Arc<dyn AuditSink> {
        (self.0)()
    }
}

#[tokio::test]
async fn lines_of_json_keep_the_contract() {
    let make = async || {
        let folder = tempfile::tempdir().unwrap();
        let sink = Arc::new(JsonLines::append(&folder.path().join("audit.log")).unwrap());
        File { folder, sink }
    };
    contract::audit_sink(make).await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn lines_of_json_to_a_full_disk_keep_the_contract() {
    let make = async || Full(Arc::new(JsonLines::append(std::path::Path::new("/dev/full")).unwrap()));
    contract::audit_sink(make).await.unwrap();
}

#[tokio::test]
async fn events_for_tracing_and_for_nobody_keep_the_contract() {
    contract::audit_sink(async || Bare(|| Arc::new(TracingAudit))).await.unwrap();
    contract::audit_sink(async || Bare(|| Arc::new(NoAudit))).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    Waits,
    PanicsWhenContended,
    RecordsTwice,
    SplitsAtLineBreaks,
    PanicsWhenItCannotWrite,
}

#[derive(Debug)]
struct Broken {
    defect: Option<Defect>,
    entries: Mutex<Option<Vec<String>>>,
}

impl AuditSink for Broken {
    fn record(&self, event: AuditEvent<'_>) {
        if self.defect == Some(Defect::Waits) {
            std::thread::sleep(Duration::from_millis(6));
        }
        let entries = match self.defect {
            Some(Defect::PanicsWhenContended) => self.entries.try_lock().ok(),
            _ => self.entries.lock().ok(),
        };
        let mut entries = entries.expect("nobody else writes");
        let Some(entries) = entries.as_mut() else {
            assert!(self.defect != Some(Defect::PanicsWhenItCannotWrite), "the disk is full");
            return;
        };
        if self.defect == Some(Defect::PanicsWhenContended) {
            std::thread::sleep(Duration::from_micros(200));
        }
        let text = format!("{} {:?}", event.path, event.status);
        match self.defect {
            Some(Defect::SplitsAtLineBreaks) => entries.extend(text.lines().map(str::to_owned)),
            Some(Defect::RecordsTwice) => entries.extend([text.clone(), text]),
            _ => entries.push(text),
        }
    }
}

struct Trail(Arc<Broken>);

impl AuditTrail for Trail {
    fn sink(&self) -> Arc<dyn AuditSink> {
        Arc::clone(&self.0) as Arc<dyn AuditSink>
    }

    fn entries(&self) -> Option<Vec<String>> {
        self.0.entries.lock().unwrap().clone()
    }

    fn fail(&self) -> bool {
        *self.0.entries.lock().unwrap() = None;
        true
    }
}

fn trail(defect: Option<Defect>) -> Trail {
    Trail(Arc::new(Broken { defect, entries: Mutex::new(Some(Vec::new())) }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_clause_about_audit_sinks_catches_what_it_is_for() {
    contract::audit_sink(async || trail(None)).await.unwrap();
    let mut clauses = Clauses::default();
    for (defect, clause) in [
        (Defect::Waits, "recording does not wait"),
        (Defect::PanicsWhenContended, "it serves many tasks at once"),
        (Defect::RecordsTwice, "every event arrives, once, with its status"),
        (Defect::SplitsAtLineBreaks, "whatever an event holds makes no second entry"),
        (Defect::PanicsWhenItCannotWrite, "requests go on when nothing can be written"),
    ] {
        let broken = contract::audit_sink(async || trail(Some(defect))).await;
        clauses.caught(&format!("{defect:?}"), broken, clause);
    }
    clauses.all_have_caught_something();
}
