//! A PostgreSQL of the tests' own: in a folder that goes when it does, on this machine's loopback only.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sqlx::Connection;
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "hidden-in-the-url-4f1c";

/// A running server, or one that was stopped.
#[derive(Debug)]
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    pub(crate) port: u16,
    running: Option<Child>,
    /// How many data bases were made.
    made: std::sync::atomic::AtomicUsize,
}

impl Server {
    /// A new server without data bases of users.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let programs = programs();
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
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
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let made = std::sync::atomic::AtomicUsize::new(0);
        let mut server = Self { folder, programs, port, running: None, made };
        server.start_again();
        server
    }

    /// Starts what was stopped, with its data and on its port.
    pub(crate) fn start_again(&mut self) {
        let mut command = as_postgres(&self.programs.join("postgres"));
        command.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string()]);
        for setting in
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=300"]
        {
            command.args(["-c", setting]);
        }
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        self.running = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let begun = Instant::now();
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
                .output()
                .unwrap();
            if ready.status.success() {
                return;
            }
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(60), "PostgreSQL does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Cuts all connections and stops.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // Its "fast" shutdown.
            said(Command::new("kill").args(["-INT", &child.id().to_string()]));
            child.wait().unwrap();
        }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://kc:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of a new, empty data base.
    pub(crate) async fn database(&self) -> String {
        let number = self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("users{number}");
        self.run("postgres", &format!("CREATE DATABASE {name}")).await;
        self.url(&name)
    }

    /// Runs statements in a data base.
    pub(crate) async fn run(&self, database: &str, sql: &str) {
        let mut connection = sqlx::PgConnection::connect(&self.url(database)).await.unwrap();
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Debian keeps them apart from the `PATH`, a folder for each version.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    let version = |folder: &PathBuf| {
        folder.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok())
    };
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let complete = |folder: &PathBuf| {
        ["initdb", "pg_isready", "postgres"].iter().all(|program| folder.join(program).is_file())
    };
    folders.into_iter().find(complete).expect(
        "PostgreSQL is missing: install it, on Debian or Ubuntu `apt-get install postgresql`; `cargo xtask test` does",
    )
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
    said(Command::new("id").arg("-u")).stdout.starts_with(b"0\n")
}

fn said(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
