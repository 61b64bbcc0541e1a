//! What is being asked, for whoever waits.

use std::cell::Cell;
use std::io::Write as _;
use std::time::Duration;

use crate::terminal::rewrites_lines;

/// What is being asked now.
#[derive(Debug, Default)]
pub(crate) struct Step(Cell<&'static str>);

impl Step {
    pub(crate) fn is(&self, what: &'static str) {
        self.0.set(what);
    }
}

/// Waits for `work`; from the second second on, a line on standard error says what for, if that is a terminal.
pub(crate) async fn shown<T>(command: &str, step: &Step, work: impl Future<Output = T>) -> T {
    if !rewrites_lines() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let line = Shown::default();
    loop {
        match tokio::time::timeout(Duration::from_secs(1), &mut work).await {
            Ok(done) => return done,
            Err(_) => line.say(&format!("{command}: asking for {} …", step.0.get())),
        }
    }
}

/// A line that is written over, and gone with this, also when the work is given up.
#[derive(Debug, Default)]
pub(crate) struct Shown(Cell<bool>);

impl Shown {
    pub(crate) fn say(&self, text: &str) {
        self.0.set(true);
        // Nothing is lost with it.
        let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if self.0.get() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
