//! Events as lines of JSON in a file or on standard output.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{AuditEvent, AuditSink};

/// Writes each event as one line, on a thread of its own.
///
/// Recording never waits: whoever stops reading the log must not be able to stop the service. When 16 384 events wait,
/// the next are lost; how many, is reported as soon as one is written again. When writing fails, that is reported
/// once, and again after it has worked in between. What waits when this is dropped is written, if that takes no more
/// than a second.
pub struct JsonLines {
    events: Option<SyncSender<AuditEvent>>,
    lost: Arc<AtomicU64>,
    /// Says that everything is written, by being closed.
    done: Mutex<Receiver<()>>,
}

const WAITING: usize = 16_384;

/// How long a line waits for those that come right after it: waking the thread for each of them, and a write for each,
/// would cost requests more than everything else about the audit.
const GATHERING: Duration = Duration::from_millis(2);

/// What is written at once, at most.
const WRITE_BYTES: usize = 64 * 1024;
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
        let (events, waiting) = sync_channel(WAITING);
        let (writing, done) = sync_channel::<()>(0);
        let lost = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&lost);
        std::thread::Builder::new().name("kc-audit".to_owned()).spawn(move || {
            write(&waiting, &count, out);
            drop(writing);
        })?;
        Ok(Self { events: Some(events), lost, done: Mutex::new(done) })
    }
}

impl AuditSink for JsonLines {
    fn record(&self, event: AuditEvent) {
        let Some(events) = &self.events else { return };
        match events.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::error!(target: "kc::audit", "the audit log is not written fast enough: events are lost");
                }
            }
            Err(TrySendError::Disconnected(_)) => {
                tracing::error!(target: "kc::audit", "the audit log's thread has ended: an event is lost");
            }
        }
    }
}

/// Everything that waits goes out in one piece; then the buffer is flushed, so that a line is not held back longer.
fn write(waiting: &Receiver<AuditEvent>, lost: &AtomicU64, out: impl Write) {
    let mut out = BufWriter::with_capacity(WRITE_BYTES, out);
    let mut failing = false;
    while let Ok(event) = waiting.recv() {
        let mut result = line(&mut out, &event);
        std::thread::sleep(GATHERING);
        while let Ok(event) = waiting.try_recv() {
            result = result.and(line(&mut out, &event));
        }
        match result.and_then(|()| out.flush()) {
            Ok(()) => {
                failing = false;
                let lost = lost.swap(0, Ordering::Relaxed);
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
    }
}

fn line(out: &mut impl Write, event: &AuditEvent) -> io::Result<()> {
    let mut line = event.to_json_line();
    line.push('\n');
    out.write_all(line.as_bytes())
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        drop(self.events.take());
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
        // As many as wait, those in the buffer, and some more.
        for _ in 0..WAITING + WRITE_BYTES / 100 {
            log.record(event());
        }
        assert!(log.lost.load(Ordering::Relaxed) > 0);
        // Neither waits for ever; that they return is what is tested.
        drop(log);
        drop(release);
    }
}
