//! The service as a process.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use test_servers::browsing::{Answer, http};
use test_servers::{PATIENCE, Programs, Signal, signal};

const SERVICE: &str = "axum-service";
static PROGRAMS: Programs = Programs::named(&[SERVICE]);

/// The running service. When a test is done with it, it is told to stop, has to end well, and must not have panicked.
#[derive(Debug)]
pub struct Service {
    process: Child,
    folder: TempDir,
    http: reqwest::Client,
    url: String,
    metrics: String,
}

/// How a service ended that could not start.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it said on standard error.
    pub stderr: String,
}

impl Service {
    /// Starts it with these settings, and waits until it listens.
    ///
    /// # Errors
    /// [`Ended`] if it ends instead.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Self, Ended> {
        let program = PROGRAMS.path(SERVICE).await;
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(folder.path().join(name)).unwrap();
        let process = Command::new(program)
            .env_clear()
            .env("LISTEN", "127.0.0.1:0")
            .env("AUDIT_LOG", folder.path().join("audit"))
            // Everything that can be said.
            .env("RUST_LOG", "info,kc=trace")
            .envs(settings.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let (url, metrics) = (String::new(), String::new());
        let mut service = Self { process, folder, http: http(), url, metrics };
        let patience = Instant::now() + PATIENCE;
        loop {
            let stderr = service.stderr();
            if let Some(ended) = service.process.try_wait().unwrap() {
                return Err(Ended { code: ended.code(), stderr: service.stderr() });
            }
            assert!(Instant::now() < patience, "it does not say where it listens: {stderr}");
            // The line is there as a whole once the next one has begun.
            let lines = stderr.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let line =
                |name: &str| lines.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
            if let Some(address) = line("listen ").filter(|_| stderr.contains("keys of http")) {
                service.url = format!("http://{address}");
                service.metrics =
                    line("metrics ").unwrap_or_default().trim_end_matches("/metrics").to_owned();
                return Ok(service);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `http://ADDRESS`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of its metrics; empty without.
    #[must_use]
    pub fn metrics_address(&self) -> &str {
        self.metrics.trim_start_matches("http://")
    }

    /// A request, to be sent.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.url))
    }

    /// `GET path` where its metrics are.
    pub async fn operator(&self, path: &str) -> Answer {
        Answer::of(self.http.get(format!("{}{path}", self.metrics))).await
    }

    /// What it has said on standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Tells it to stop, waits for the end, and gives what is in the audit log and on both outputs.
    #[must_use]
    pub fn stop(mut self) -> (Vec<Value>, String) {
        signal(self.process.id(), Signal::TERM);
        assert!(self.process.wait().unwrap().success(), "{}", self.stderr());
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap();
        let audit = read("audit");
        let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let events = audit.lines().map(event).collect();
        (events, [audit, read("stdout"), read("stderr")].concat())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.stderr();
            let from = said.lines().count().saturating_sub(40);
            eprintln!("--- the end of what the service said");
            said.lines().skip(from).for_each(|line| eprintln!("{line}"));
        }
        if self.process.try_wait().unwrap().is_none() {
            // A test that failed does not wait for it to finish.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        assert!(std::thread::panicking() || !self.stderr().contains("panicked"), "{}", self.stderr());
    }
}
