//! What a case works with: an issuer, the service, tokens, requests.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kc_dev::{Alg, Endpoint, Mint};
use rustix::process::Signal;

use crate::case::{CaseResult, Failure};
use crate::http::{Connection, Request};
pub(crate) use crate::issuer::CLIENT_SECRET;
use crate::issuer::{Authority, Source, Tap};
use crate::process::Process;
use crate::reply::Reply;
use crate::target::Target;

/// What all cases of a run have in common.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) target: Target,
    source: Source,
    /// What was found in the output of services that have ended, and must not be there.
    leaks: RefCell<BTreeSet<String>>,
    /// Every `code` that the service has answered with.
    codes: RefCell<BTreeSet<String>>,
}

impl World {
    pub(crate) fn new(target: Target, source: Source) -> Self {
        Self { target, source, leaks: RefCell::default(), codes: RefCell::default() }
    }

    pub(crate) fn leaks(&self) -> Vec<String> {
        self.leaks.borrow().iter().cloned().collect()
    }

    pub(crate) fn codes(&self) -> Vec<String> {
        self.codes.borrow().iter().cloned().collect()
    }
}

/// An issuer and at most one service that trusts it.
#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) issuer: Authority,
    pub(crate) world: Rc<World>,
    running: RefCell<Option<Running>>,
    /// What no log may hold.
    confidential: RefCell<BTreeSet<String>>,
    /// What no log may hold as a whole, though a part of it may stand there: a code of Keycloak's has the session's id in it.
    whole: RefCell<BTreeSet<String>>,
    tap: RefCell<Option<Rc<Tap>>>,
    folder: tempfile::TempDir,
}

#[derive(Debug)]
struct Running {
    process: Process,
    address: SocketAddr,
    _folder: Option<tempfile::TempDir>,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Kit {
    /// An issuer of its own; no service yet. `own_realm`: the case changes keys or users.
    pub(crate) async fn new(world: &Rc<World>, own_realm: bool) -> Result<Self, Failure> {
        Ok(Self {
            issuer: Authority::new(&world.source, own_realm).await?,
            world: Rc::clone(world),
            running: RefCell::new(None),
            confidential: RefCell::new(BTreeSet::from([CLIENT_SECRET.to_owned()])),
            whole: RefCell::default(),
            tap: RefCell::default(),
            folder: tempfile::tempdir()?,
        })
    }

    /// The realm's name, in every challenge.
    pub(crate) fn realm(&self) -> &str {
        self.issuer.realm()
    }

    /// The settings of the plain service.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let settings = [
            ("KEYCLOAK_URL", self.issuer.base_url()),
            ("KEYCLOAK_REALM", self.realm()),
            ("KEYCLOAK_CLIENT_ID", "api"),
            ("KEYCLOAK_CLIENT_SECRET", CLIENT_SECRET),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Starts the service with these settings beside, or instead of, the plain ones, and waits until it answers.
    pub(crate) async fn start(&self, settings: &[(&str, &str)]) -> CaseResult {
        let mut environment = self.environment();
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.start_in(environment, &[]).await
    }

    /// Starts the service so that it reaches its issuer by way of a tap.
    pub(crate) async fn start_tapped(&self, settings: &[(&str, &str)]) -> Result<Rc<Tap>, Failure> {
        let (address, path) = self.issuer.place()?;
        let tap = Rc::new(Tap::start(address).await?);
        let url = format!("http://{}{path}", tap.address());
        self.start(&[&[("KEYCLOAK_INTERNAL_URL", url.as_str())], settings].concat()).await?;
        // As long as the service asks there.
        self.tap.replace(Some(Rc::clone(&tap)));
        Ok(tap)
    }

    /// Starts the service with exactly these settings, these files in its folder.
    pub(crate) async fn start_in(
        &self,
        environment: BTreeMap<String, String>,
        files: &[(&str, String)],
    ) -> CaseResult {
        self.stop().await;
        let mut running = self.launch(environment, files)?;
        let since = Instant::now();
        loop {
            if let Some(status) = running.process.ended() {
                // What it said on its last breath is the reason.
                running.process.wait(Duration::ZERO).await;
                let said = last_words(&running.process);
                return Err(Failure::new(format!("the service ends at start ({status}): {said}")));
            }
            let health = health(running.address).await;
            if health.is_ok() {
                break;
            }
            if since.elapsed() > self.world.target.start_timeout {
                return Err(Failure::new(format!(
                    "GET /health on {}, the address in LISTEN, has no 200 within {:?}: {}; {}",
                    running.address,
                    self.world.target.start_timeout,
                    health.err().unwrap_or_default(),
                    last_words(&running.process)
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.running.replace(Some(running));
        Ok(())
    }

    /// Starts the service with settings that it must refuse; how it ended.
    pub(crate) async fn start_refused(
        &self,
        environment: BTreeMap<String, String>,
    ) -> Result<Ended, Failure> {
        let mut running = self.launch(environment, &[])?;
        let since = Instant::now();
        while since.elapsed() < self.world.target.start_timeout {
            if running.process.ended().is_some() {
                let status = running.process.wait(Duration::ZERO).await;
                return Ok(Ended {
                    code: status.and_then(|status| status.code()),
                    stdout: running.process.stdout(),
                    stderr: running.process.stderr(),
                });
            }
            if health(running.address).await.is_ok() {
                return Err(Failure::new("expected exit code 2, got a service that answers"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(Failure::new("expected exit code 2, got a process that neither ends nor answers"))
    }

    fn launch(
        &self,
        mut environment: BTreeMap<String, String>,
        files: &[(&str, String)],
    ) -> Result<Running, Failure> {
        let address = match environment.get("LISTEN").and_then(|listen| listen.parse().ok()) {
            Some(address) => address,
            None => free_address()?,
        };
        // What Python has not written yet when it is killed would be searched in vain.
        environment.insert("PYTHONUNBUFFERED".to_owned(), "1".to_owned());
        environment.entry("LISTEN".to_owned()).or_insert_with(|| address.to_string());
        let folder = match self.world.target.clean_folder {
            true => Some(tempfile::tempdir()?),
            false => None,
        };
        for (name, text) in files {
            let Some(folder) = &folder else {
                return Err(Failure::new("the case needs a folder of its own"));
            };
            std::fs::write(folder.path().join(name), text)?;
        }
        let folder_path = folder.as_ref().map(tempfile::TempDir::path);
        let process = Process::start(&self.world.target, &environment, folder_path)?;
        Ok(Running { process, address, _folder: folder })
    }

    /// Ends the service at once, and looks through what it has said.
    pub(crate) async fn stop(&self) {
        let Some(mut running) = self.running.take() else { return };
        running.process.signal(Signal::KILL);
        running.process.wait(Duration::from_secs(5)).await;
        let said = running.process.stdout() + &running.process.stderr();
        self.world.leaks.borrow_mut().extend(self.leaks_in(&said));
    }

    /// Sends a signal to the service.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(running) = self.running.borrow().as_ref() {
            running.process.signal(signal);
        }
    }

    /// Waits for the service to end by itself.
    pub(crate) async fn ends(&self, patience: Duration) -> Result<Ended, Failure> {
        let Some(mut running) = self.running.take() else {
            return Err(Failure::new("the service isn't running"));
        };
        let Some(status) = running.process.wait(patience).await else {
            self.running.replace(Some(running));
            return Err(Failure::new(format!("expected the service to end within {patience:?}, it runs on")));
        };
        let (stdout, stderr) = (running.process.stdout(), running.process.stderr());
        self.world.leaks.borrow_mut().extend(self.leaks_in(&stdout));
        self.world.leaks.borrow_mut().extend(self.leaks_in(&stderr));
        Ok(Ended { code: status.code(), stdout, stderr })
    }

    /// Whether the service's process runs.
    pub(crate) fn is_running(&self) -> bool {
        self.running.borrow_mut().as_mut().is_some_and(|running| running.process.ended().is_none())
    }

    /// How the service has ended, if it has though nobody asked it to.
    pub(crate) fn obituary(&self) -> Option<String> {
        let mut running = self.running.borrow_mut();
        let process = &mut running.as_mut()?.process;
        let status = process.ended()?;
        Some(format!("the service has ended during the case ({status}): {}", last_words(process)))
    }

    /// What the service has written so far, when it has had a moment to write: standard output, standard error.
    pub(crate) async fn output(&self) -> (String, String) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let running = self.running.borrow();
        let process = running.as_ref().map(|running| &running.process);
        process.map(|process| (process.stdout(), process.stderr())).unwrap_or_default()
    }

    /// Where the service listens.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        let running = self.running.borrow();
        running
            .as_ref()
            .map(|running| running.address)
            .ok_or_else(|| Failure::new("the service isn't running"))
    }

    /// A new connection to the service.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(self.address()?).await
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn send(&self, request: &Request) -> Result<Reply, Failure> {
        let mut connection = self.connect().await?;
        self.send_on(&mut connection, request).await
    }

    /// Sends a request. No answer may repeat a token that was in it.
    pub(crate) async fn send_on(
        &self,
        connection: &mut Connection,
        request: &Request,
    ) -> Result<Reply, Failure> {
        self.keep_secret(&request.tokens);
        let reply = connection.send(request).await?;
        if let Some(code) = reply.code() {
            self.world.codes.borrow_mut().insert(code);
        }
        let text = reply.text();
        if request.tokens.iter().any(|token| token.len() > 20 && text.contains(token.as_str())) {
            return Err(Failure::new(format!("{}: the answer repeats the token", reply.request)));
        }
        Ok(reply)
    }

    /// `GET` with that token.
    pub(crate) async fn get(&self, path: &str, token: &str) -> Result<Reply, Failure> {
        self.send(&Request::get(path).bearer(token)).await
    }

    /// `GET /me` with that token.
    pub(crate) async fn me(&self, token: &str) -> Result<Reply, Failure> {
        self.get("/me", token).await
    }

    /// A good token of that user, from the client `api`.
    pub(crate) async fn token(&self, user: &str) -> Result<String, Failure> {
        self.issuer.token(user, "api").await
    }

    /// A good token of alice's, to be bent.
    pub(crate) fn mint(&self) -> Mint {
        self.issuer.mint().user("alice")
    }

    /// A token signed by a key that no JWKS has. Cheap to make: ECDSA.
    pub(crate) async fn token_of_a_stranger(&self) -> Result<String, Failure> {
        Ok(self.mint().unknown_key(Alg::Es256).sign().await?)
    }

    /// Says that these texts must be in no log.
    pub(crate) fn keep_secret(&self, texts: &[String]) {
        self.confidential.borrow_mut().extend(texts.iter().cloned());
    }

    /// Says that this cookie, code or other value of a login must be in no log. A short one may be there by chance.
    pub(crate) fn keep_whole(&self, text: &str) {
        if text.len() > 20 {
            self.whole.borrow_mut().insert(text.to_owned());
        }
    }

    /// What of tokens and secrets is in the text: at most three places, nothing quoted that must not be.
    pub(crate) fn leaks_in(&self, text: &str) -> Vec<String> {
        let leaks = self.confidential.borrow();
        let leaks = leaks.iter().filter_map(|secret| {
            if secret == CLIENT_SECRET {
                return Some(format!("the client secret after {:?}", before(text, secret)?));
            }
            // A payload or a signature gives as much away as the whole; a header is the same for many.
            let parts = secret.split('.').skip(usize::from(secret.contains('.')));
            let found = parts.filter(|part| part.len() > 20).find_map(|part| before(text, part))?;
            Some(format!("a token after {found:?}"))
        });
        let whole = self.whole.borrow();
        let whole = whole.iter().filter_map(|secret| {
            Some(format!("a cookie, a code or another value of a login after {:?}", before(text, secret)?))
        });
        leaks.chain(whole).take(3).collect()
    }

    /// How many requests the issuer has had for that.
    pub(crate) fn asked(&self, endpoint: Endpoint) -> u64 {
        self.issuer.requests(endpoint)
    }

    /// A file for the service to read; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<String, Failure> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    /// Between two cases of one service: the issuer is well again, and has been asked nothing.
    pub(crate) fn settle(&self) {
        Endpoint::ALL.into_iter().for_each(|endpoint| self.issuer.clear_fault(endpoint));
        self.issuer.reset_requests();
    }
}

/// An address that nobody listens on, and that the system gives nobody before a slow service listens: from below the
/// ports that it picks by itself. Each is given out once, until all were.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Two runs at once begin at different places.
    let first = std::process::id().wrapping_mul(61);
    for _ in PORTS {
        let nth =
            first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % u32::from(PORTS.end - PORTS.start);
        let port = u16::try_from(nth).map_or(PORTS.start, |nth| PORTS.start + nth);
        if let Ok(listener) = std::net::TcpListener::bind(("127.0.0.1", port)) {
            return Ok(listener.local_addr()?);
        }
    }
    Err(Failure::new(format!(
        "the suite finds no free port on 127.0.0.1 from {} to {}",
        PORTS.start,
        PORTS.end - 1
    )))
}

/// Whether the service answers, and what is seen instead.
async fn health(address: SocketAddr) -> Result<(), String> {
    let Ok(mut connection) = Connection::open(address).await else {
        return Err("nobody listens there".to_owned());
    };
    match connection.send(&Request::get("/health")).await {
        Ok(reply) if reply.status == 200 => Ok(()),
        Ok(reply) => Err(format!("the answer is {}", reply.status)),
        Err(failure) => Err(failure.to_string()),
    }
}

/// The start of the line that holds it, as far as it: enough to find the place by.
fn before<'a>(text: &'a str, part: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.contains(part))?;
    let (start, _) = line.split_once(part)?;
    Some(start.char_indices().nth(60).and_then(|(end, _)| start.get(..end)).unwrap_or(start))
}

/// The end of what it has written to standard error, else to standard output.
fn last_words(process: &Process) -> String {
    let last = |text: String| {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join(" / ");
        (!last.is_empty()).then(|| format!("it said {}", last.chars().take(500).collect::<String>()))
    };
    let said = last(process.stderr()).or_else(|| last(process.stdout()));
    said.unwrap_or_else(|| "it said nothing".to_owned())
}
