//! Events as lines of JSON in a file or on standard output.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::{AuditEvent, AuditSink};

/// Writes each event as one line, on a thread of its own.
///
/// No event is lost while the process runs: when 8 192 of them wait, recording waits too. Whatever waits is written
/// before this is dropped. When writing fails, that is reported once, and again after it has worked in between.
pub struct JsonLines {
    events: Option<SyncSender<AuditEvent>>,
    writer: Option<JoinHandle<()>>,
}

const WAITING: usize = 8192;

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
        let writer =
            std::thread::Builder::new().name("kc-audit".to_owned()).spawn(move || write(&waiting, out))?;
        Ok(Self { events: Some(events), writer: Some(writer) })
    }
}

impl AuditSink for JsonLines {
    fn record(&self, event: AuditEvent) {
        if let Some(events) = &self.events
            && events.send(event).is_err()
        {
            tracing::error!(target: "kc::audit", "the audit log's thread has ended: an event is lost");
        }
    }
}

/// Everything that waits goes out in one piece; then the buffer is flushed, so that a line is never held back.
fn write(waiting: &Receiver<AuditEvent>, out: impl Write) {
    let mut out = BufWriter::new(out);
    let mut failing = false;
    while let Ok(event) = waiting.recv() {
        let mut result = line(&mut out, &event);
        while let Ok(event) = waiting.try_recv() {
            result = result.and(line(&mut out, &event));
        }
        match result.and_then(|()| out.flush()) {
            Ok(()) => failing = false,
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
        if let Some(writer) = self.writer.take() {
            // It ends when the last event is written; a panic in it was reported by the panic hook.
            let _ = writer.join();
        }
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
}
