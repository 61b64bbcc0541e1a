//! The example service as a process of its own: built, started, asked, stopped, and its output looked through.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::Value;
use tempfile::TempDir;

use crate::realm::Realm;

const PACKAGE: &str = "axum-service";

/// For the service to listen, to end, or to write a line that it is about to write.
const PATIENCE: Duration = Duration::from_secs(20);

/// The service to be started, as client `api` of a realm unless told otherwise.
#[derive(Debug)]
pub struct ServiceBuilder {
    variables: BTreeMap<String, String>,
}

/// A service that runs. When this is dropped it is told to stop; then it must have ended well, and what it wrote must
/// hold no token and no secret.
pub struct Service {
    process: Child,
    base: String,
    http: Client,
    written: Arc<Mutex<Written>>,
    readers: Vec<JoinHandle<()>>,
    /// What must not be in its output: client secrets, and every token it was sent.
    secrets: Mutex<Vec<String>>,
    _folder: TempDir,
}

#[derive(Default)]
struct Written {
    stdout: String,
    stderr: String,
}

/// A response.
#[derive(Debug)]
pub struct Reply {
    asked: String,
    status: u16,
    content_type: Option<String>,
    challenge: Option<String>,
    retry_after: Option<String>,
    body: String,
}

impl Service {
    /// A service that reads nothing but these variables and [what is added](ServiceBuilder::set).
    #[must_use]
    pub fn with(variables: &[(&str, &str)]) -> ServiceBuilder {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables = variables.iter().map(own).collect();
        ServiceBuilder { variables }.set("LISTEN", "127.0.0.1:0")
    }

    /// A service in front of `realm`, as its client `api`.
    #[must_use]
    pub fn of(realm: &Realm) -> ServiceBuilder {
        Self::with(&[
            ("KEYCLOAK_URL", realm.base()),
            ("KEYCLOAK_REALM", "kc-demo"),
            ("KEYCLOAK_CLIENT_ID", "api"),
            ("KEYCLOAK_CLIENT_SECRET", "api-secret"),
        ])
    }

    /// Sends `GET path` with a bearer token.
    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.send(Method::GET, path, Some(&format!("Bearer {token}"))).await
    }

    /// Sends `DELETE path` with a bearer token.
    pub async fn delete(&self, path: &str, token: &str) -> Reply {
        self.send(Method::DELETE, path, Some(&format!("Bearer {token}"))).await
    }

    /// Sends a request; `authorization` is the whole header.
    pub async fn send(&self, method: Method, path: &str, authorization: Option<&str>) -> Reply {
        let asked = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base)).timeout(PATIENCE);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
            let token = authorization.split(' ').next_back().unwrap();
            let parts = token.split('.').filter(|part| part.len() > 20).map(str::to_owned);
            self.secrets.lock().unwrap().extend(parts);
        }
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let reply = Reply {
            asked,
            status: answer.status().as_u16(),
            content_type: header("content-type"),
            challenge: header("www-authenticate"),
            retry_after: header("retry-after"),
            body: answer.text().await.unwrap(),
        };
        self.holds_no_secret("the response", &format!("{reply:?}"));
        reply
    }

    /// Waits until the log, which is standard error, has `text` in it.
    pub async fn logs(&self, text: &str) {
        self.writes(text, |written| &written.stderr).await;
    }

    /// Waits until the audit, which is standard output, has a line with `text` in it.
    pub async fn audits(&self, text: &str) {
        self.writes(text, |written| &written.stdout).await;
    }

    /// Waits until the realm's keys have been fetched.
    pub async fn has_keys(&self) {
        self.logs("INFO kc::keys: keys of").await;
    }

    /// How often `text` is in the log by now.
    #[must_use]
    pub fn logged(&self, text: &str) -> usize {
        self.written.lock().unwrap().stderr.matches(text).count()
    }

    async fn writes(&self, text: &str, part: fn(&Written) -> &String) {
        let start = Instant::now();
        while !part(&self.written.lock().unwrap()).contains(text) {
            assert!(start.elapsed() < PATIENCE, "the service has not written `{text}`:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn output(&self) -> String {
        let written = self.written.lock().unwrap();
        format!("{}\n{}", written.stdout, written.stderr)
    }

    fn holds_no_secret(&self, what: &str, text: &str) {
        for secret in self.secrets.lock().unwrap().iter() {
            assert!(!text.contains(secret.as_str()), "{what} holds a token or a secret:\n{text}");
        }
        // A token that we were never shown: the service's own. `eyJ` is how an encoded JSON object begins.
        for (at, start) in text.match_indices("eyJ") {
            let base64 = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
            let length = text.split_at(at).1.chars().take_while(|letter| base64(*letter)).count();
            assert!(length < 20, "{what} holds what looks like a token ({start}…):\n{text}");
        }
    }

    fn stop(&mut self) -> Result<ExitStatus, String> {
        // SIGTERM: `Child::kill` would be SIGKILL.
        let pid = self.process.id().to_string();
        let told = Command::new("kill").args(["-s", "TERM", &pid]).status();
        let start = Instant::now();
        while told.as_ref().is_ok_and(ExitStatus::success) && start.elapsed() < PATIENCE {
            match self.process.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(error.to_string()),
            }
        }
        let killed = self.process.kill().and_then(|()| self.process.wait());
        Err(format!("told to stop ({told:?}), it did not end, and was killed ({killed:?})"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let stopped = self.stop();
        for reader in self.readers.drain(..) {
            // It ends with the process; what it has read until then is there.
            let _ = reader.join();
        }
        if thread::panicking() {
            let (output, lines) = (self.output(), 40);
            let skipped = output.lines().count().saturating_sub(lines);
            println!("the last {lines} lines of what the service wrote:");
            output.lines().skip(skipped).for_each(|line| println!("{line}"));
            return;
        }
        let output = self.output();
        assert!(
            stopped.as_ref().is_ok_and(ExitStatus::success),
            "the service ended badly: {stopped:?}\n{output}"
        );
        self.holds_no_secret("the output", &output);
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("base", &self.base).finish_non_exhaustive()
    }
}

impl ServiceBuilder {
    /// Sets a variable.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Starts it and waits until it listens. It need not have the realm's keys by then.
    pub async fn start(self) -> Service {
        let binary = tokio::task::spawn_blocking(|| BINARY.clone()).await.unwrap();
        // Away from any `.env`.
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(binary)
            .env_clear()
            .envs(&self.variables)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let written = Arc::new(Mutex::new(Written::default()));
        let (stdout, stderr) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let readers = vec![
            read(stdout, &written, |written| &mut written.stdout),
            read(stderr, &written, |written| &mut written.stderr),
        ];
        let secrets = self.variables.get("KEYCLOAK_CLIENT_SECRET").into_iter().cloned().collect();
        let mut service = Service {
            process,
            base: String::new(),
            http: Client::new(),
            written,
            readers,
            secrets: Mutex::new(secrets),
            _folder: folder,
        };
        let line = "public URL ";
        service.logs(line).await;
        let banner = service.written.lock().unwrap().stderr.clone();
        let url = banner.split(line).nth(1).unwrap().lines().next().unwrap();
        service.base = url.trim().to_owned();
        while service.http.get(format!("{}/health", service.base)).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        service
    }
}

fn read(
    pipe: impl Read + Send + 'static,
    written: &Arc<Mutex<Written>>,
    part: fn(&mut Written) -> &mut String,
) -> JoinHandle<()> {
    let written = Arc::clone(written);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut written = written.lock().unwrap();
            let text = part(&mut written);
            text.push_str(&line);
            text.push('\n');
        }
    })
}

/// The service as it is now: built once in each run of the tests.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package", PACKAGE, "--message-format", "json-render-diagnostics"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{PACKAGE} does not build:\n{errors}");
    let messages = String::from_utf8(output.stdout).unwrap();
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == PACKAGE).then_some(())?;
        Some(PathBuf::from(message["executable"].as_str()?))
    };
    messages.lines().find_map(executable).unwrap_or_else(|| panic!("{PACKAGE} has no program:\n{errors}"))
});

impl Reply {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Fails the test unless this is a success of this status. Gives the reply back.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {self:?}", self.asked);
        self
    }

    /// Fails the test unless this is a refusal of this status and code, with a challenge exactly where it belongs.
    #[track_caller]
    pub fn is_refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}: {self:?}", self.asked);
        assert_eq!(self.content_type.as_deref(), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.json()["code"], code, "{self:?}");
        let challenged =
            self.challenge.as_deref().is_some_and(|text| text.starts_with("Bearer realm=\"kc-demo\""));
        assert_eq!(challenged, matches!(status, 401 | 403), "{self:?}");
        assert_eq!(self.retry_after.is_some(), status == 503, "{self:?}");
    }

    /// Whether this is a refusal of this code.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        serde_json::from_str::<Value>(&self.body).is_ok_and(|body| body["code"] == code)
    }
}
