//! Chromium, driven by chromedriver: as much of WebDriver (<https://www.w3.org/TR/webdriver2/>) as is needed.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// For a page to show something.
const PATIENCE: Duration = Duration::from_secs(30);

/// The member that holds the reference of an element (WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser of its own, with a fresh profile; closed when dropped.
pub(crate) struct Browser {
    driver: Driver,
    session: String,
    _profile: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// One browser at a time: each is several processes, and patience is measured.
static TURN: Mutex<()> = Mutex::new(());

/// The process that drives it.
struct Driver {
    process: Child,
    port: u16,
}

impl Browser {
    pub(crate) fn open() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let driver = Driver::start();
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new",
            // As root, as in most containers, there is none.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--window-size=1200,1600",
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}
        }}});
        let session = driver.ask("POST", "/session", &capabilities)["sessionId"].as_str().unwrap().to_owned();
        Self { driver, session, _profile: profile, _turn: turn }
    }

    pub(crate) fn go(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// Waits for an element that can be seen, by XPath.
    pub(crate) fn find(&self, xpath: &str) -> String {
        let patience = Instant::now() + PATIENCE;
        loop {
            for element in self.all(xpath) {
                if self.get(&format!("/element/{element}/displayed")) == Value::Bool(true) {
                    return element;
                }
            }
            assert!(Instant::now() < patience, "{xpath} is not there:\n{}", self.text_of_page());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn click(&self, xpath: &str) {
        let element = self.find(xpath);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into an empty field.
    pub(crate) fn write(&self, xpath: &str, text: &str) {
        let element = self.find(xpath);
        self.post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    pub(crate) fn text(&self, xpath: &str) -> String {
        let element = self.find(xpath);
        self.get(&format!("/element/{element}/text")).as_str().unwrap().to_owned()
    }

    /// What is in a field.
    pub(crate) fn value(&self, xpath: &str) -> String {
        let element = self.find(xpath);
        self.get(&format!("/element/{element}/property/value")).as_str().unwrap().to_owned()
    }

    /// Does something in the window that opens now, until that is closed.
    pub(crate) fn in_popup(&self, act: impl FnOnce()) {
        let own = self.get("/window");
        let patience = Instant::now() + PATIENCE;
        let others = || {
            let handles = self.get("/window/handles");
            let other = |handle: &&Value| **handle != own;
            handles.as_array().into_iter().flatten().find(other).cloned()
        };
        let popup = loop {
            if let Some(popup) = others() {
                break popup;
            }
            assert!(Instant::now() < patience, "no window opens:\n{}", self.text_of_page());
            std::thread::sleep(Duration::from_millis(50));
        };
        self.post("/window", &json!({"handle": popup}));
        act();
        while others().is_some() {
            assert!(Instant::now() < patience, "the window stays open:\n{}", self.text_of_page());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.post("/window", &json!({"handle": own}));
    }

    /// What the page's console says, warnings of Swagger UI about itself left out.
    pub(crate) fn complaints(&self) -> Vec<Value> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        entries.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE").cloned().collect()
    }

    /// Every address that was asked since this was asked last.
    pub(crate) fn requested(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "performance"}));
        let url = |entry: &Value| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            if message["method"] != "Network.requestWillBeSent" {
                return None;
            }
            message["params"]["request"]["url"].as_str().map(str::to_owned)
        };
        entries.as_array().unwrap().iter().filter_map(url).collect()
    }

    fn all(&self, xpath: &str) -> Vec<String> {
        let found = self.post("/elements", &json!({"using": "xpath", "value": xpath}));
        let elements = found.as_array().into_iter().flatten();
        elements.filter_map(|element| element[ELEMENT].as_str().map(str::to_owned)).collect()
    }

    fn text_of_page(&self) -> String {
        let script = "return document.location + '\\n' + document.body.innerText";
        self.post("/execute/sync", &json!({"script": script, "args": []})).to_string()
    }

    fn get(&self, path: &str) -> Value {
        self.driver.ask("GET", &format!("/session/{}{path}", self.session), &Value::Null)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.driver.ask("POST", &format!("/session/{}{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closes the browser; its driver, when it is killed, would leave it behind.
        let _ = self.driver.try_ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
    }
}

impl Driver {
    fn start() -> Self {
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut process = started.unwrap_or_else(|error| {
            panic!(
                "chromedriver does not start ({error}); install it and Chromium, on Debian: apt-get install chromium \
                 chromium-driver"
            )
        });
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver ends before it listens").unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        Self { process, port }
    }

    /// Sends a command; the value of the answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut answer = self.try_ask(method, path, body).unwrap();
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{method} {path} {body}: {value}");
        value
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        let _ = write!(request, "content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes())?;
        // It keeps the connection open, whatever it is asked for.
        let (mut answer, mut length, mut line) = (BufReader::new(stream), 0, String::new());
        while answer.read_line(&mut line)? > 2 {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or_default();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
