//! Events as lines of JSON in a file or on standard output.

use std::cell::Cell;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{AuditEvent, AuditSink};

/// Writes each event as one line, on a thread of its own.
///
/// Recording never waits: whoever stops reading the log must not be able to stop the service. When 16 384 events wait,
/// the next are lost; how many, is reported as soon as one is written again. When writing fails, that is reported
/// once, and again after it has worked in between. What waits when this is dropped is written, if that takes no more
/// than a second.
///
/// # Example
/// ```
/// # #[cfg(feature = "reqwest")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use kc_core::Keycloak;
/// use kc_core::audit::JsonLines;
/// use kc_core::settings::Settings;
///
/// let folder = tempfile::tempdir()?;
/// let settings = Settings::builder("https://kc.example.com", "shop", "api").build()?;
/// let log = Arc::new(JsonLines::append(&folder.path().join("audit.jsonl"))?);
/// let keycloak = Keycloak::builder().audit(log).build(&settings)?;
/// # let _ = keycloak;
/// # Ok(()) }
/// # #[cfg(not(feature = "reqwest"))]
/// # fn main() {}
/// ```
pub struct JsonLines {
    desk: Arc<Desk>,
    /// Says that everything is written, by being closed.
    done: Mutex<Receiver<()>>,
}

/// Where lines are left for the thread that writes them.
#[derive(Default)]
struct Desk {
    /// Locked for the time it takes to copy a line, or to take all of them away.
    waiting: Mutex<Waiting>,
    /// There is a first line, or there will be no more.
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    count: usize,
    lost: u64,
    closed: bool,
}

const WAITING: usize = 16_384;

/// How long a line waits for those that come right after it: waking the thread for each of them, and a write for each,
/// would cost requests more than everything else about the audit.
const GATHERING: Duration = Duration::from_millis(2);

/// More than this is not kept for the lines of the next turn.
const USUAL_BYTES: usize = 1 << 20;
const LAST_CALL: Duration = Duration::from_secs(1);

impl JsonLines {
    /// Appends to a file, which is created if need be, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be opened, or no thread can be started.
    pub fn append(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::to(options.open(path)?)
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn stdout() -> io::Result<Self> {
        Self::to(io::stdout())
    }

    fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let desk = Arc::<Desk>::default();
        let (writing, done) = sync_channel::<()>(0);
        let lines = Arc::clone(&desk);
        std::thread::Builder::new().name("kc-audit".to_owned()).spawn(move || {
            lines.write(out);
            drop(writing);
        })?;
        Ok(Self { desk, done: Mutex::new(done) })
    }
}

impl AuditSink for JsonLines {
    fn record(&self, event: AuditEvent<'_>) {
        thread_local! {
            // Where lines are made, so that nobody waits for that and no line needs memory of its own.
            static DRAFT: Cell<String> = const { Cell::new(String::new()) };
        }
        // A line takes less to hand over than an event.
        let mut line = DRAFT.take();
        line.clear();
        event.write_json_line(&mut line);
        line.push('\n');
        self.desk.leave(line.as_bytes());
        DRAFT.set(line);
    }
}

impl Desk {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.count < WAITING {
            waiting.count += 1;
            waiting.lines.extend_from_slice(line);
            if waiting.count == 1 {
                self.news.notify_one();
            }
        } else {
            waiting.lost += 1;
            crate::telemetry::audit_event_lost();
            if waiting.lost == 1 {
                drop(waiting);
                tracing::error!(target: "kc::audit", "the audit log is not written fast enough: events are lost");
            }
        }
    }

    /// Everything that waits goes out in one piece, whole lines always: others may append to the same file.
    fn write(&self, mut out: impl Write) {
        let mut failing = false;
        let mut lines = Vec::new();
        while self.next() {
            let lost = {
                let mut waiting = self.waiting();
                std::mem::swap(&mut waiting.lines, &mut lines);
                waiting.count = 0;
                std::mem::take(&mut waiting.lost)
            };
            match out.write_all(&lines).and_then(|()| out.flush()) {
                Ok(()) => {
                    failing = false;
                    if lost > 0 {
                        tracing::error!(target: "kc::audit", "{lost} audit events were lost");
                    }
                }
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(target: "kc::audit", "the audit log cannot be written, events are lost: {error}");
                }
                Err(_) => {}
            }
            lines.clear();
            lines.shrink_to(USUAL_BYTES);
        }
    }

    /// Waits until there are lines; `false` when there will be no more.
    fn next(&self) -> bool {
        let idle = |waiting: &mut Waiting| waiting.count == 0 && !waiting.closed;
        let waiting = self.news.wait_while(self.waiting(), idle).unwrap_or_else(PoisonError::into_inner);
        if waiting.closed {
            return waiting.count > 0;
        }
        drop(waiting);
        std::thread::sleep(GATHERING);
        true
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        self.desk.waiting().closed = true;
        self.desk.news.notify_one();
        // Closed when the last event is written. A log that nobody reads is left behind.
        let done = self.done.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = done.recv_timeout(LAST_CALL);
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;

    #[test]
    fn every_event_is_in_the_file_when_the_log_is_dropped() {
        let path = std::env::temp_dir().join(format!("kc-audit-{}.jsonl", std::process::id()));
        let log = JsonLines::append(&path).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| log.record(event())));
            }
        });
        drop(log);
        JsonLines::append(&path).unwrap().record(event());
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text.lines().count(), 2001);
        assert!(text.lines().all(|line| line == event().to_json_line()));
    }

    #[test]
    fn a_path_that_cannot_be_written_is_an_error_at_start() {
        assert!(JsonLines::append(Path::new("/nonexistent/audit.jsonl")).is_err());
    }

    /// Takes nothing until it is let go.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_stops_neither_requests_nor_the_end() {
        let (release, held) = sync_channel(0);
        let log = JsonLines::to(Stuck(held)).unwrap();
        // Those that are being written, as many as wait, and one more.
        for _ in 0..=2 * WAITING {
            log.record(event());
        }
        assert!(log.desk.waiting().lost > 0);
        // Neither waits for ever; that they return is what is tested.
        drop(log);
        drop(release);
    }
}
