//! What is being asked, for whoever waits.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

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
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let mut waited = false;
    loop {
        match tokio::time::timeout(Duration::from_secs(1), &mut work).await {
            Ok(done) => {
                if waited {
                    say(command, "");
                }
                return done;
            }
            Err(_) => {
                waited = true;
                say(command, step.0.get());
            }
        }
    }
}

fn say(command: &str, what: &str) {
    let text = if what.is_empty() { String::new() } else { format!("{command}: asking for {what} …") };
    // Nothing is lost with it.
    let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
}
