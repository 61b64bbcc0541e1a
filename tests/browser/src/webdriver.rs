//! As much of WebDriver (<https://www.w3.org/TR/webdriver2/>) as is needed.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64_simd::STANDARD;
use serde_json::{Value, json};

use crate::driver::Driver;

/// For anything to happen: far more than it takes, so that a busy machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The member that holds the reference of an element (WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser of its own, with a fresh profile; closed when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
    session: String,
    _profile: tempfile::TempDir,
    _turn: Turn,
}

/// A tab of a browser.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tab(String);

/// How a page is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// As on a telephone: the page's own idea of its width holds.
    pub phone: bool,
    /// Whether its user wants dark pages.
    pub dark: bool,
}

/// As many browsers at a time as there are processors, and two at least: each is several processes.
#[derive(Debug)]
struct Turn;

static OPEN: Mutex<usize> = Mutex::new(0);
static CLOSED: Condvar = Condvar::new();

impl Turn {
    fn taken() -> Self {
        let most = thread::available_parallelism().map_or(2, |most| most.get().max(2));
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = CLOSED.wait_while(open, |open| *open >= most).unwrap_or_else(PoisonError::into_inner);
        *open += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *OPEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        CLOSED.notify_one();
    }
}

/// Looks again and again until there is something.
///
/// # Panics
/// When there is nothing for [`PATIENCE`].
pub fn patiently<T>(mut look: impl FnMut() -> Option<T>, otherwise: impl FnOnce() -> String) -> T {
    let patience = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < patience, "{}", otherwise());
        thread::sleep(Duration::from_millis(50));
    }
}

impl Browser {
    /// Opens one, when it is its turn.
    #[must_use]
    pub fn open() -> Self {
        Self::logging(&json!({"browser": "ALL"}))
    }

    /// One that remembers what it [requests](Self::requested), which costs time.
    #[must_use]
    pub fn watched() -> Self {
        Self::logging(&json!({"browser": "ALL", "performance": "ALL"}))
    }

    fn logging(what: &Value) -> Self {
        let turn = Turn::taken();
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
            "goog:loggingPrefs": what
        }}});
        let opened = driver.ask("POST", "/session", &capabilities).unwrap();
        let session =
            opened["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {opened}")).to_owned();
        Self { driver, session, _profile: profile, _turn: turn }
    }

    /// Loads a page, and waits until it is there.
    pub fn go(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// Presses Back.
    pub fn back(&self) {
        self.post("/back", &json!({}));
    }

    /// Presses Reload.
    pub fn reload(&self) {
        self.post("/refresh", &json!({}));
    }

    /// The address that is shown.
    #[must_use]
    pub fn address(&self) -> String {
        // While one page goes and another comes there may be none.
        self.try_get("/url").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the address is of this kind.
    pub fn arrives(&self, what: &str, is: impl Fn(&str) -> bool) {
        patiently(
            || is(&self.address()).then_some(()),
            || format!("the browser does not get to {what}:\n{}", self.text_of_page()),
        );
    }

    /// The tab that is looked at.
    #[must_use]
    pub fn tab(&self) -> Tab {
        Tab(self.get("/window").as_str().unwrap().to_owned())
    }

    /// Opens another tab, and looks at it.
    pub fn open_tab(&self) -> Tab {
        let opened = self.post("/window/new", &json!({"type": "tab"}));
        let tab = Tab(opened["handle"].as_str().unwrap().to_owned());
        self.look_at(&tab);
        tab
    }

    /// Looks at a tab.
    pub fn look_at(&self, tab: &Tab) {
        self.post("/window", &json!({"handle": tab.0}));
    }

    /// Waits for an element that can be seen, by XPath; its reference.
    pub fn find(&self, xpath: &str) -> String {
        patiently(|| self.shown(xpath), || format!("{xpath} is not there:\n{}", self.text_of_page()))
    }

    /// Whether there is such an element now.
    #[must_use]
    pub fn shows(&self, xpath: &str) -> bool {
        self.shown(xpath).is_some()
    }

    fn shown(&self, xpath: &str) -> Option<String> {
        let found = self.try_post("/elements", &json!({"using": "xpath", "value": xpath}));
        let elements = found.as_array().into_iter().flatten();
        let mut elements = elements.filter_map(|element| element[ELEMENT].as_str().map(str::to_owned));
        elements.find(|element| self.try_get(&format!("/element/{element}/displayed")) == Value::Bool(true))
    }

    /// Waits until the page says this.
    pub fn reads(&self, text: &str) {
        patiently(
            || self.text_of_page().contains(text).then_some(()),
            || format!("the page does not say {text:?}:\n{}", self.text_of_page()),
        );
    }

    /// Clicks, when the element is there, and once it is done.
    pub fn click(&self, xpath: &str) {
        self.until_done(xpath, || self.try_to_click(xpath));
    }

    /// Types into a field, instead of what is in it.
    pub fn write(&self, xpath: &str, text: &str) {
        self.until_done(xpath, || self.try_to_write(xpath, text));
    }

    /// Clicks, if the element is there, and says whether it was.
    #[must_use]
    pub fn try_to_click(&self, xpath: &str) -> bool {
        self.shown(xpath).is_some_and(|element| self.does(&format!("/element/{element}/click"), &json!({})))
    }

    /// The same for [`write`](Self::write).
    #[must_use]
    pub fn try_to_write(&self, xpath: &str, text: &str) -> bool {
        self.shown(xpath).is_some_and(|element| {
            self.does(&format!("/element/{element}/clear"), &json!({}))
                && self.does(&format!("/element/{element}/value"), &json!({"text": text}))
        })
    }

    fn does(&self, path: &str, body: &Value) -> bool {
        failure(&self.try_post(path, body)).is_none()
    }

    /// A page that changes by itself may take an element away that was just there: then it is looked for again.
    fn until_done(&self, xpath: &str, act: impl Fn() -> bool) {
        patiently(
            || act().then_some(()),
            || format!("nothing can be done with {xpath}:\n{}", self.text_of_page()),
        );
    }

    /// What an element says.
    #[must_use]
    pub fn text(&self, xpath: &str) -> String {
        let element = self.find(xpath);
        self.get(&format!("/element/{element}/text")).as_str().unwrap().to_owned()
    }

    /// What is in a field.
    #[must_use]
    pub fn value(&self, xpath: &str) -> String {
        let element = self.find(xpath);
        self.get(&format!("/element/{element}/property/value")).as_str().unwrap().to_owned()
    }

    /// Does something in the window that opens now, until that is closed.
    pub fn in_popup(&self, act: impl FnOnce()) {
        let own = self.tab();
        let other = || {
            let handles = self.get("/window/handles");
            let handles = handles.as_array().into_iter().flatten();
            handles.filter_map(Value::as_str).map(|handle| Tab(handle.to_owned())).find(|tab| *tab != own)
        };
        let popup = patiently(other, || format!("no window opens:\n{}", self.text_of_page()));
        self.look_at(&popup);
        act();
        patiently(
            || other().is_none().then_some(()),
            || format!("the window stays open:\n{}", self.text_of_page()),
        );
        self.look_at(&own);
    }

    /// The names of the cookies that the page's host has set.
    #[must_use]
    pub fn cookies(&self) -> Vec<String> {
        let cookies = self.get("/cookie");
        let names = cookies.as_array().into_iter().flatten().filter_map(|cookie| cookie["name"].as_str());
        names.map(str::to_owned).collect()
    }

    /// Takes away a cookie of the page's host.
    pub fn forget_cookie(&self, name: &str) {
        self.ask("DELETE", &format!("/cookie/{name}"), &Value::Null);
    }

    /// Shows pages this way from now on.
    pub fn show_as(&self, look: Look) {
        let Look { width, height, phone, dark } = look;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    /// Writes down what is to be seen, as PNG.
    ///
    /// # Errors
    /// There is nothing to be seen, or the file cannot be written.
    pub fn photograph(&self, file: &Path) -> std::io::Result<()> {
        let picture = self.try_get("/screenshot");
        let picture = picture.as_str().ok_or_else(|| std::io::Error::other("there is no picture"))?;
        std::fs::write(file, STANDARD.decode_to_vec(picture).map_err(std::io::Error::other)?)
    }

    /// What a script in the page finds out.
    #[must_use]
    pub fn evaluate(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// What the page's console says, warnings of Swagger UI about itself left out.
    #[must_use]
    pub fn complaints(&self) -> Vec<Value> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        entries.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE").cloned().collect()
    }

    /// Every address that was asked since this was asked last, by a browser that is [watched](Self::watched).
    #[must_use]
    pub fn requested(&self) -> Vec<String> {
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

    /// The address and all that can be read.
    #[must_use]
    pub fn text_of_page(&self) -> String {
        let script = "return document.location + '\\n' + document.body.innerText";
        let text = self.try_post("/execute/sync", &json!({"script": script, "args": []}));
        text.as_str().unwrap_or_default().to_owned()
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.try_ask(method, path, body);
        if let Some(failure) = failure(&value) {
            panic!("{method} {path} {body}: {failure}");
        }
        value
    }

    fn try_get(&self, path: &str) -> Value {
        self.try_ask("GET", path, &Value::Null)
    }

    fn try_post(&self, path: &str, body: &Value) -> Value {
        self.try_ask("POST", path, body)
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.driver.ask(method, &format!("/session/{}{path}", self.session), body).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closes the browser; its driver, when it is killed, would leave it behind.
        let _ = self.driver.ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
    }
}

/// WebDriver, section 6.6: what went wrong.
fn failure(value: &Value) -> Option<String> {
    let error = value.get("error")?.as_str()?;
    Some(format!("{error}: {}", value["message"].as_str().unwrap_or_default()))
}
