//! A PostgreSQL of a test's own: on a free port, in a folder that goes with it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getuid};
use tempfile::TempDir;

use crate::{PATIENCE, free_port, signal};

/// A server, which can be stopped and started again.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    running: Option<Child>,
    made: AtomicUsize,
}

impl Postgres {
    /// Of its user `kc`; a test can look for it where it must not be.
    pub const PASSWORD: &str = "hidden-in-the-url-4f1c";

    /// A new server.
    #[must_use]
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let programs = installed();
        std::fs::write(folder.path().join("password"), Self::PASSWORD).unwrap();
        if is_root() {
            // The server does not run as root.
            said(Command::new("chown").args(["-R", "postgres"]).arg(folder.path()));
        }
        // Names in an order that is not that of their bytes, as most installations have it.
        said(
            as_postgres(&programs.join("initdb"))
                .args(["--username=kc", "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C"])
                .args(["--locale-provider=icu", "--icu-locale=en"])
                .arg("--pwfile")
                .arg(folder.path().join("password"))
                .arg("--pgdata")
                .arg(folder.path().join("data")),
        );
        let made = AtomicUsize::new(0);
        let mut server = Self { folder, programs, port: free_port(), running: None, made };
        server.start_again();
        server
    }

    /// The server of all tests that run at the moment: to make one takes a second or two. It ends with the last of them.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Starts what was stopped, with its data and on its port.
    pub fn start_again(&mut self) {
        let log = self.folder.path().join("log");
        let mut command = as_postgres(&self.programs.join("postgres"));
        command.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string()]);
        for setting in
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=300"]
        {
            command.args(["-c", setting]);
        }
        let stderr = std::fs::File::create(&log).unwrap();
        self.running = Some(command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap());
        let patience = Instant::now() + PATIENCE;
        let is_ready = || {
            let mut asking = Command::new(self.programs.join("pg_isready"));
            asking.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).output().unwrap().status.success()
        };
        while !is_ready() {
            let said = || std::fs::read_to_string(&log).unwrap();
            assert!(Instant::now() < patience, "PostgreSQL does not start: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Cuts all connections and stops.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.running.take() {
            // Its "fast" shutdown.
            signal(process.id(), Signal::INT);
            process.wait().unwrap();
        }
    }

    /// The URL of a new, empty data base, for `USERS_DATABASE`.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("users{}", self.made.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        let mut making = Command::new(self.programs.join("createdb"));
        making.args(["-h", "127.0.0.1", "-U", "kc", "-p", &port, &name]);
        said(making.env("PGPASSWORD", Self::PASSWORD));
        self.url(&name)
    }

    /// The URL of a data base that is there.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://kc:{}@127.0.0.1:{}/{database}", Self::PASSWORD, self.port)
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Debian keeps them apart from the `PATH`, a folder for each version.
fn installed() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    let version = |folder: &PathBuf| {
        folder.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok())
    };
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let complete = |folder: &PathBuf| {
        ["createdb", "initdb", "pg_isready", "postgres"].iter().all(|program| folder.join(program).is_file())
    };
    folders.into_iter().find(complete).unwrap_or_else(|| {
        panic!(
            "PostgreSQL is missing: install it, on Debian or Ubuntu `apt-get install postgresql`; `cargo xtask test` does"
        )
    })
}

fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    // In the process itself: its id is the server's then.
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    // Where it begins has to be a folder that it may look into.
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    getuid().is_root()
}

fn said(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
