//! A Redis of a test's own: on a free port, in a folder that goes with it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{PATIENCE, free_port, signal};

/// A running Redis, or one that was killed.
#[derive(Debug)]
pub struct Redis {
    process: Child,
    port: u16,
    password: Option<&'static str>,
    arguments: Vec<String>,
    folder: TempDir,
}

impl Redis {
    /// An empty one, which forgets everything when it ends.
    #[must_use]
    pub fn start() -> Self {
        Self::with(None, &[])
    }

    /// One that asks for a password.
    #[must_use]
    pub fn with_password(password: &'static str) -> Self {
        Self::with(Some(password), &["--requirepass", password])
    }

    /// One that writes down what it is told, before it answers.
    #[must_use]
    pub fn durable() -> Self {
        Self::with(None, &["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// One with these arguments for `redis-server`; the password stands in [`url`](Self::url).
    #[must_use]
    pub fn with(password: Option<&'static str>, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        // Somebody else may take the port before Redis does.
        for _ in 0..5 {
            let port = free_port();
            let mut process = spawn(&folder, port, &arguments);
            if is_up(&mut process, port) {
                return Self { process, port, password, arguments, folder };
            }
        }
        panic!("redis-server does not start");
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://`, with the password if there is one.
    #[must_use]
    pub fn url(&self) -> String {
        let password = self.password.map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{password}127.0.0.1:{}", self.port)
    }

    /// Ends it, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// On the same port, with what it has written down.
    pub fn start_again(&mut self) {
        self.process = spawn(&self.folder, self.port, &self.arguments);
        assert!(is_up(&mut self.process, self.port), "redis-server does not start again");
    }

    /// It keeps its connections and does nothing.
    pub fn pause(&self) {
        signal(self.process.id(), Signal::STOP);
    }

    /// It goes on.
    pub fn go_on(&self) {
        signal(self.process.id(), Signal::CONT);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &TempDir, port: u16, arguments: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"])
        .arg(folder.path())
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "redis-server cannot be started ({error}); on Debian or Ubuntu: apt-get install redis-server"
            )
        })
}

/// Waits until it answers anything but that it is still reading; `false` if it ends.
fn is_up(process: &mut Child, port: u16) -> bool {
    let patience = Instant::now() + PATIENCE;
    while Instant::now() < patience {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        if answer(port).is_some_and(|answer| answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("redis-server does not answer");
}

fn answer(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(b"PING\r\n").ok()?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer[..length]).into_owned())
}
