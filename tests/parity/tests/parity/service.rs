//! A service as a process, and bytes to it over TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use kc_dev::DevIssuer;

/// Where cargo puts the programs; they are built once for each run, so that none is stale.
static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--workspace"]);
    for name in super::SERVICES {
        build.args(["--bin", name]);
    }
    assert!(build.status().unwrap().success(), "the services do not build");
    // target/debug/deps/parity-… is this test.
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(std::path::Path::parent).unwrap().to_owned()
});

/// A running service; killed when dropped.
pub(crate) struct Service {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// What came back, without what is different each time.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    status: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Service {
    pub(crate) fn start(name: &str, issuer: &DevIssuer, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(PROGRAMS.join(name));
        command
            .env_clear()
            .current_dir(folder.path())
            .env("KEYCLOAK_URL", issuer.base_url())
            .env("KEYCLOAK_REALM", issuer.realm())
            .env("KEYCLOAK_CLIENT_ID", "api")
            .env("KEYCLOAK_CLIENT_SECRET", "api-secret")
            .env("PUBLIC_URL", "http://service.localhost")
            .env("LISTEN", address.to_string())
            .env("AUDIT_LOG", "off")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let service = Self { process, address, _folder: folder };
        let patience = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "{name} does not listen");
            std::thread::yield_now();
        }
        service
    }

    /// Sends these bytes on a connection of their own and reads until it is closed.
    pub(crate) fn send(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request).unwrap();
        let mut bytes = Vec::new();
        // A server that resets the connection after its answer has still answered.
        let _ = stream.read_to_end(&mut bytes);
        Answer::parse(&bytes)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Headers that every service has to send alike. `date` is the time; how a connection is kept is the framework's.
const COMPARED: [&str; 16] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-length",
    "content-security-policy",
    "content-type",
    "referrer-policy",
    "retry-after",
    "vary",
    "www-authenticate",
    "x-content-type-options",
];

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        // The reason phrase is nobody's business (RFC 9112 §4).
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("no answer").to_owned();
        let preflight = status == "204" && head.to_ascii_lowercase().contains("access-control-max-age");
        let mut headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .filter(|(name, _)| COMPARED.contains(&name.as_str()))
            // Which methods a route has is no part of the answer to a preflight, and of no matter in a 204's length.
            .filter(|(name, _)| {
                !(preflight && name == "allow" || status == "204" && name == "content-length")
            })
            .map(|(name, value)| if name == "allow" { (name, methods(&value)) } else { (name, value) })
            .collect();
        headers.sort();
        Self { status, headers, body: without_times(body) }
    }
}

/// A list of methods in alphabetical order: frameworks write it in their own.
fn methods(allow: &str) -> String {
    let mut methods: Vec<&str> = allow.split(',').map(str::trim).collect();
    methods.sort_unstable();
    methods.join(",")
}

/// The body with every time of day, and what is left of a token's life, made alike.
fn without_times(body: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<serde_json::Value>(body) else { return body.to_owned() };
    let mut found = false;
    blank(&mut json, &mut found);
    // Only a body with a time in it is written anew: of all others every byte counts.
    if found { json.to_string() } else { body.to_owned() }
}

fn blank(json: &mut serde_json::Value, found: &mut bool) {
    match json {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                if matches!(name.as_str(), "date_joined" | "generated_at" | "expires_in") {
                    *found = true;
                    *value = serde_json::Value::Null;
                } else {
                    blank(value, found);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| blank(item, found)),
        _ => {}
    }
}
