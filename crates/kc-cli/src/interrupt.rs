//! Ctrl-C, where something has to be put right before the program ends.

use std::process::ExitCode;

/// What a shell says of a program that SIGINT ended: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// Somebody pressed Ctrl-C.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted;

impl Interrupted {
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(INTERRUPTED)
    }
}

/// Waits for `work`, or for Ctrl-C, SIGTERM or SIGHUP, and drops what was under way: what cleans up behind itself does.
///
/// From its first use on these signals end nothing by themselves, so whatever may take long is to go through here.
pub(crate) async fn or_done<T>(work: impl Future<Output = T>) -> Result<T, Interrupted> {
    tokio::select! {
        biased;
        () = asked_to_end() => Err(Interrupted),
        done = work => Ok(done),
    }
}

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn received(signal: std::io::Result<Signal>) {
        match signal {
            Ok(mut signal) => drop(signal.recv().await),
            // Then it ends the program at once, as it always did.
            Err(_) => std::future::pending().await,
        }
    }
    let [interrupt, terminate, hangup] =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    tokio::select! {
        () = received(interrupt) => {}
        () = received(terminate) => {}
        () = received(hangup) => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
