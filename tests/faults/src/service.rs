//! The service as a process.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_servers::{PATIENCE, Signal, signal};

use crate::{Client, PROGRAMS};

/// The running service. When a test is done with it, it is told to stop, has to end well, and must not have panicked.
#[derive(Debug)]
pub struct Service {
    process: Child,
    address: SocketAddr,
    /// What it says on standard error is kept here; the audit, on standard output, is not.
    folder: TempDir,
}

impl Service {
    /// Starts it as client `api` of the realm `kc-demo` at `keycloak`, whom it reaches at `internal`, with these settings,
    /// and waits until it listens.
    pub async fn start(keycloak: &str, internal: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stderr = File::create(folder.path().join("stderr")).unwrap();
        let process = Command::new(PROGRAMS.path("axum-service").await)
            .env_clear()
            .env("KEYCLOAK_URL", keycloak)
            .env("KEYCLOAK_INTERNAL_URL", internal)
            .env("KEYCLOAK_REALM", "kc-demo")
            .env("KEYCLOAK_CLIENT_ID", "api")
            .env("KEYCLOAK_CLIENT_SECRET", "api-secret")
            .env("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1")
            .env("LISTEN", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut service = Self { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), folder };
        let patience = Instant::now() + PATIENCE;
        loop {
            let said = service.stderr();
            if let Some(ended) = service.process.try_wait().unwrap() {
                panic!("the service ended with {ended}: {said}");
            }
            assert!(Instant::now() < patience, "the service does not say where it listens: {said}");
            // The line is there as a whole once the next one has begun.
            let lines = said.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let address = lines.lines().find_map(|line| line.strip_prefix("listen ")?.trim().parse().ok());
            if let Some(address) = address {
                service.address = address;
                return service;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it has fetched the realm's keys.
    pub async fn has_keys(&self) {
        let patience = Instant::now() + PATIENCE;
        while !self.stderr().contains("keys of http") {
            assert!(Instant::now() < patience, "no keys: {}", self.stderr());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Its resident memory, in KiB.
    #[must_use]
    pub fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// What it has said on standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.stderr();
            let from = said.lines().count().saturating_sub(40);
            eprintln!("--- the end of what the service said");
            said.lines().skip(from).for_each(|line| eprintln!("{line}"));
            // It may have ended already.
            let _ = self.process.kill();
            let _ = self.process.wait();
            return;
        }
        if self.process.try_wait().unwrap().is_none() {
            signal(self.process.id(), Signal::TERM);
        }
        let patience = Instant::now() + PATIENCE;
        let ended = loop {
            if let Some(ended) = self.process.try_wait().unwrap() {
                break ended;
            }
            assert!(Instant::now() < patience, "the service does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let said = self.stderr();
        assert!(ended.success(), "the service ended with {ended}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
