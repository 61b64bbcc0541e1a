//! A running service: its process, its output, its end.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::case::Failure;
use crate::target::Target;

/// Settings of the contract: none of the caller's own may reach the service.
const OURS: &[&str] = &[
    "AUDIT_LOG",
    "CORS_ALLOWED_ORIGINS",
    "LISTEN",
    "PUBLIC_URL",
    "RUST_LOG",
    "SESSION_KEYS",
    "SESSION_KEYS_FILE",
    "SESSION_STORE",
    "SESSION_STORE_FILE",
    "TRUSTED_PROXIES",
    "USERS_DATABASE",
    "USERS_DATABASE_FILE",
];

/// A process of the service. Dropping it kills it and what it has started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Option<Pid>,
    stdout: Capture,
    stderr: Capture,
    ended: Option<ExitStatus>,
}

impl Process {
    pub(crate) fn start(
        target: &Target,
        variables: &BTreeMap<String, String>,
        folder: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(&target.program);
        command.args(&target.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            let is_ours =
                name.to_str().is_some_and(|name| name.starts_with("KEYCLOAK_") || OURS.contains(&name));
            if is_ours {
                command.env_remove(name);
            }
        }
        command.envs(target.variables.iter().map(|(name, value)| (name, value))).envs(variables);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        // A group of its own: what a wrapper has started ends with it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| {
            Failure::new(format!("the command {} can't be started: {error}", target.program.display()))
        })?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let stdout = Capture::of(child.stdout.take());
        let stderr = Capture::of(child.stderr.take());
        Ok(Self { child, pid, stdout, stderr, ended: None })
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            // A process that can't be waited for is as good as running: its silence fails the case.
            self.ended = self.child.try_wait().unwrap_or(None);
        }
        self.ended
    }

    /// Waits for its end; `None` when it takes longer.
    pub(crate) async fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                self.drain().await;
                return Some(status);
            }
            if since.elapsed() > patience {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // A process that has ended already needs none.
            let _ = kill_process(pid, signal);
        }
    }

    /// What it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// After the end: what is still in the pipes. Something that it has started may keep them open, so not for long.
    async fn drain(&self) {
        for _ in 0..50 {
            if self.stdout.is_closed() && self.stderr.is_closed() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its number may be somebody else's once it was waited for; its group is only asked for while it lives.
        if self.ended().is_none() {
            if let Some(pid) = self.pid {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// One of its streams, read by a thread.
#[derive(Clone, Debug, Default)]
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Gone when the thread has read to the end.
    reading: std::sync::Weak<()>,
}

impl Capture {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let Some(mut stream) = stream else { return Self::default() };
        let (bytes, reading) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(()));
        let capture = Self { bytes: Arc::clone(&bytes), reading: Arc::downgrade(&reading) };
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                let read = buffer.get(..read).unwrap_or_default();
                bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(read);
            }
            drop(reading);
        });
        capture
    }

    fn is_closed(&self) -> bool {
        self.reading.strong_count() == 0
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
