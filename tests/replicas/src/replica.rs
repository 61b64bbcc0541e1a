//! A service as a process.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use test_servers::{PATIENCE, Programs, Signal, signal};

use crate::{Answer, Settings};

static SERVICES: Programs = Programs::named(&["axum-service", "actix-service", "poem-service"]);

/// A running service. When a test is done with it, it is told to stop, has to end well, and must not have panicked.
#[derive(Debug)]
pub struct Replica {
    process: Child,
    url: String,
    /// Here it writes its log and its audit.
    folder: TempDir,
    http: reqwest::Client,
    killed: bool,
}

/// How a service ended that could not start.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it said on standard error.
    pub stderr: String,
}

impl Replica {
    /// Starts the service of that name, and waits until it has the realm's keys.
    pub async fn start(service: &str, settings: &Settings) -> Self {
        let replica = Self::try_start(service, settings).await;
        replica.unwrap_or_else(|ended| panic!("{service} does not start: {ended:?}"))
    }

    /// The same, for a service that may end instead.
    ///
    /// # Errors
    /// [`Ended`] if it does.
    pub async fn try_start(service: &str, settings: &Settings) -> Result<Self, Ended> {
        let program = SERVICES.path(service).await;
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(folder.path().join(name)).unwrap();
        let process = Command::new(program)
            .env_clear()
            .envs(settings)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = http.timeout(PATIENCE).build().unwrap();
        let mut replica = Self { process, url: String::new(), folder, http, killed: false };
        let patience = Instant::now() + PATIENCE;
        loop {
            let stderr = replica.stderr();
            if let Some(ended) = replica.process.try_wait().unwrap() {
                replica.killed = true;
                return Err(Ended { code: ended.code(), stderr: replica.stderr() });
            }
            assert!(Instant::now() < patience, "{service} does not say where it listens: {stderr}");
            let address = stderr.lines().find_map(|line| line.strip_prefix("listen "));
            if let Some(address) = address.filter(|_| stderr.contains("keys of http")) {
                replica.url = format!("http://{}", address.trim());
                return Ok(replica);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.killed = true;
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM: it finishes what it is doing.
    pub fn tell_to_stop(&self) {
        signal(self.process.id(), Signal::TERM);
    }

    /// `GET path` with a bearer token.
    pub async fn bearer(&self, path: &str, token: &str) -> Answer {
        Answer::of(self.request(reqwest::Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// The `sid` of the last login of that user here, by the audit.
    pub async fn session_of(&self, user: &str) -> String {
        let patience = Instant::now() + PATIENCE;
        loop {
            let audit = fs::read_to_string(self.folder.path().join("stdout")).unwrap();
            let sid = audit.lines().rev().find_map(|line| {
                let event: Value = serde_json::from_str(line).ok()?;
                let is_it =
                    event["event"] == "login" && event["decision"] == "allow" && event["username"] == user;
                is_it.then(|| event["sid"].as_str().unwrap().to_owned())
            });
            if let Some(sid) = sid {
                return sid;
            }
            assert!(Instant::now() < patience, "no login of {user}: {audit}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.stderr();
            let from = said.lines().count().saturating_sub(30);
            eprintln!("--- the end of what {} said", self.url);
            said.lines().skip(from).for_each(|line| eprintln!("{line}"));
            // It may have ended already.
            let _ = self.process.kill();
            let _ = self.process.wait();
            return;
        }
        if !self.killed {
            // Once more does no harm, and one that has ended is still ours.
            self.tell_to_stop();
            let ended = self.process.wait().unwrap();
            assert!(ended.success(), "the service ended with {ended}: {}", self.stderr());
        }
        assert!(!self.stderr().contains("panicked"), "{}", self.stderr());
    }
}
