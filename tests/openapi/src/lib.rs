//! The example services as processes of their own: built, started, asked, killed.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is called by tests only, and a panic is how a test fails"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The services that describe themselves.
pub const SERVICES: [&str; 3] = ["axum-service", "actix-service", "poem-service"];

/// Where cargo puts the programs; they are built once for each run, so that none is stale.
static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--workspace"]);
    for name in SERVICES {
        build.args(["--bin", name]);
    }
    assert!(build.status().unwrap().success(), "the services do not build");
    // target/debug/deps/… is the test.
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_owned()
});

/// A running service; killed when dropped.
#[derive(Debug)]
pub struct Service {
    /// What it is called.
    pub name: &'static str,
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Service {
    /// Starts one on a free port, with these settings and no others.
    #[must_use]
    pub fn start(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self::start_at(address, name, settings)
    }

    /// Starts one at an address, which others know already.
    #[must_use]
    pub fn start_at(address: SocketAddr, name: &'static str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new(PROGRAMS.join(name))
            .env_clear()
            .current_dir(folder.path())
            .env("LISTEN", address.to_string())
            .env("AUDIT_LOG", "off")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let service = Self { name, process, address, _folder: folder };
        let patience = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "{name} does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        service
    }

    /// Where it is, for a browser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request and reads the answer to its end.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: service\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::parse(&bytes)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: String,
    /// The headers but for the date, names in lower case, in alphabetical order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let (head, body) = bytes.split_at(end);
        let head = String::from_utf8(head.to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().to_owned();
        let mut headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            // How a connection is kept is the framework's.
            .filter(|(name, _)| !["connection", "date"].contains(&name.as_str()))
            .collect();
        headers.sort();
        Self { status, headers, body: body.iter().skip(4).copied().collect() }
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
