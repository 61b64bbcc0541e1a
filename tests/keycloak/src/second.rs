//! A Keycloak that a test may hang and kill, beside the one that all tests share.

use std::fmt;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tokio::sync::{Mutex, MutexGuard};

use crate::realm::Realm;
use crate::tls::Authority;

/// Where it listens, on 127.0.0.1.
const PORT: u16 = 18090;

/// The keeper of the server, once there is one. Taken by one test at a time.
static TURN: Mutex<Option<Child>> = Mutex::const_new(None);

/// A second Keycloak with the same realm and, as long as nobody rotates them, the same keys: each start is a copy of
/// one data base. It starts when a test first needs it and goes when the tests' process does, however that ends.
pub struct SecondKeycloak {
    keeper: MutexGuard<'static, Option<Child>>,
}

impl SecondKeycloak {
    /// The server for one test alone, and not running.
    pub async fn down() -> Self {
        let second = Self::taken().await;
        second.kill();
        second
    }

    /// The server for one test alone, running.
    pub async fn up() -> Self {
        let second = Self::taken().await;
        second.start().await;
        second
    }

    /// The server for one test alone, running, and at `https://localhost` too; clients may show certificates of this
    /// authority.
    pub async fn up_with_tls(authority: &Authority) -> Self {
        let second = Self::down().await;
        let mut start = start();
        start.env("KC_TLS", authority.folder());
        tokio::task::spawn_blocking(|| run(start)).await.unwrap();
        second
    }

    async fn taken() -> Self {
        // Who has not started the first Keycloak is not made to wait for a second one.
        drop(Realm::reached().await);
        let mut keeper = TURN.lock().await;
        if keeper.is_none() {
            // Left over from another run, or another run's keeper has not finished yet.
            run(script("stop.sh"));
            *keeper = Some(keep());
        }
        Self { keeper }
    }

    /// Starts it, if it does not run; 10 to 30 s.
    pub async fn start(&self) {
        assert!(self.keeper.is_some());
        tokio::task::spawn_blocking(|| run(start())).await.unwrap();
    }

    /// Its realm.
    #[must_use]
    pub fn realm(&self) -> Realm {
        Realm::elsewhere(&format!("http://127.0.0.1:{PORT}"))
    }

    /// Its base URL by TLS.
    #[must_use]
    pub fn https(&self) -> String {
        format!("https://localhost:{}", PORT + 1)
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&self) {
        run(signal("KILL"));
    }

    /// Hangs it (SIGSTOP): connections are still accepted, nothing is answered.
    pub fn pause(&self) {
        run(signal("STOP"));
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        run(signal("CONT"));
    }
}

impl Drop for SecondKeycloak {
    fn drop(&mut self) {
        // A test that failed in between must not leave a server that hangs to the next one.
        self.resume();
    }
}

impl fmt::Debug for SecondKeycloak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondKeycloak").field("port", &PORT).finish_non_exhaustive()
    }
}

/// Stops the server when its standard input ends, which it does with this process. In a process group of its own, so
/// that Ctrl-C ends the tests and not the one that cleans up after them.
fn keep() -> Child {
    Command::new("bash")
        .args(["-c", "cat >/dev/null; exec bash \"$1\"", "keeper"])
        .arg(folder().join("stop.sh"))
        .env("KC_PORT", PORT.to_string())
        // It may come to it when the next tests have started theirs.
        .env("KC_OWNER", std::process::id().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

fn signal(name: &str) -> Command {
    let mut command = script("signal.sh");
    command.arg(name);
    command
}

fn script(name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(folder().join(name)).env("KC_PORT", PORT.to_string()).stdout(Stdio::null());
    command
}

fn start() -> Command {
    let mut command = script("start.sh");
    command.env("KC_OWNER", std::process::id().to_string());
    command
}

fn run(mut command: Command) {
    let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("server")
}
