//! The service as a process of its own.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kc_dev::DevIssuer;
use serde_json::Value;
use tempfile::TempDir;

use super::eventually;
use super::http::{Answer, Request};

/// The secret of the client `api` in the demo realm.
pub(crate) const CLIENT_SECRET: &str = "api-secret";

/// What the service is to find when it starts.
pub(crate) struct Setup {
    variables: Vec<(String, String)>,
    folder: TempDir,
}

impl Setup {
    /// Nothing but a free port to listen on, and every log line there is: a secret in any of them is found.
    pub(crate) fn bare() -> Self {
        let setup = Self { variables: Vec::new(), folder: tempfile::tempdir().unwrap() };
        setup.set("LISTEN", "127.0.0.1:0").set("RUST_LOG", "trace")
    }

    /// The realm of `issuer`, as the client `api`.
    pub(crate) fn of(issuer: &DevIssuer) -> Self {
        Self::bare()
            .set("KEYCLOAK_URL", issuer.base_url())
            .set("KEYCLOAK_REALM", issuer.realm())
            .set("KEYCLOAK_CLIENT_ID", "api")
            .set("KEYCLOAK_CLIENT_SECRET", CLIENT_SECRET)
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// A file in the folder that the service is started in.
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    fn spawn(self) -> (Child, TempDir) {
        let child = Command::new(env!("CARGO_BIN_EXE_axum-service"))
            .env_clear()
            .envs(self.variables)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        (child, self.folder)
    }

    /// Starts it, and waits until it has said where it listens.
    pub(crate) async fn start(self) -> Service {
        let secrets = Mutex::new(BTreeSet::from([CLIENT_SECRET.to_owned()]));
        let (mut child, folder) = self.spawn();
        let stdout = Output::of(child.stdout.take().unwrap());
        let stderr = Output::of(child.stderr.take().unwrap());
        let mut address = None;
        eventually("the service says where it listens", async || {
            let text = stderr.text();
            if let Some(ended) = child.try_wait().unwrap() {
                panic!("the service ended with {ended}: {text}");
            }
            // The line is there as a whole once the next one has begun.
            let lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            address = lines.lines().find_map(|line| line.strip_prefix("listen ")?.trim().parse().ok());
            address.is_some()
        })
        .await;
        Service { child, address: address.unwrap(), stdout, stderr, secrets, folder, in_the_open: false }
    }

    /// Runs it to its end, which it has to come to by itself.
    pub(crate) fn run(self) -> Ended {
        let (child, folder) = self.spawn();
        let output = child.wait_with_output().unwrap();
        drop(folder);
        Ended { code: output.status.code(), stderr: String::from_utf8(output.stderr).unwrap() }
    }
}

/// How a service ended that did not start.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

/// The running service. When a test is done with it, it is asked to stop, has to do so with exit code 0, and none of
/// its output may hold a token or the client's secret.
pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
    stdout: Output,
    stderr: Output,
    secrets: Mutex<BTreeSet<String>>,
    folder: TempDir,
    in_the_open: bool,
}

impl Service {
    /// With the realm of `issuer` and nothing else set.
    pub(crate) async fn of(issuer: &DevIssuer) -> Self {
        Setup::of(issuer).start().await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn request(&self, method: &str, target: impl AsRef<[u8]>) -> Request<'_> {
        Request::new(self, method, target.as_ref())
    }

    /// `GET` with a token.
    pub(crate) async fn get(&self, target: &str, token: &str) -> Answer {
        self.request("GET", target).bearer(token).send().await
    }

    /// The folder it was started in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// What it has written to standard output so far: the audit, unless that is elsewhere.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// The audit events so far.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let text = self.stdout();
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Notes what must be in no output and no answer from now on: all of a token, and its payload and signature too.
    pub(crate) fn keep_secret(&self, credentials: &str) {
        let words = credentials.split([' ', '\t']);
        let parts = words.flat_map(|word| [vec![word], word.split('.').skip(1).collect()].concat());
        // A short word is in any text by chance.
        self.secrets.lock().unwrap().extend(parts.filter(|part| part.len() >= 20).map(str::to_owned));
    }

    #[track_caller]
    pub(super) fn assert_keeps_secrets(&self, place: &str, text: &str) {
        for secret in self.secrets.lock().unwrap().iter() {
            assert!(!text.contains(secret.as_str()), "{place} holds {secret:?}");
        }
    }

    /// Lets it say the client's secret: the embedded issuer's is meant to be seen.
    pub(crate) fn in_the_open(&mut self) {
        self.in_the_open = true;
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(ended) = self.child.try_wait().unwrap() {
                return ended;
            }
            assert!(Instant::now() < deadline, "the service does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- standard error of the service\n{}", self.stderr());
            // It may have ended already.
            let _ = self.child.kill();
            let _ = self.child.wait();
            return;
        }
        if self.child.try_wait().unwrap().is_none() {
            self.signal("TERM");
        }
        let ended = self.wait();
        assert!(ended.success(), "the service ended with {ended}");
        let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
        assert!(!stderr.contains("panicked"), "{stderr}");
        if !self.in_the_open {
            self.assert_keeps_secrets("standard output", &stdout);
            self.assert_keeps_secrets("standard error", &stderr);
        }
    }
}

/// What a process writes, read by a thread so that the process never waits for a reader.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    /// Everything, once the process has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}
