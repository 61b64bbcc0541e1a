//! The real Keycloak of the tests, through `tests/keycloak/server/start.sh` and `stop.sh`.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::arguments::KeycloakAction;
use crate::process::{self, Failure, Log};
use crate::tools;
use crate::workspace::Workspace;

const DEFAULT_PORT: u16 = 18080;
/// Answered by a Keycloak that has our realm.
const PROBE: &str = "/realms/kc-demo/.well-known/openid-configuration";

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    /// Stops the server when its standard input ends, which it does with us, however we end. `None` when
    /// the server ran before.
    keeper: Option<Child>,
}

/// Does what `cargo xtask keycloak ACTION` asks; `false` when nothing runs that was asked about.
pub(crate) fn obey(workspace: &Workspace, action: KeycloakAction) -> Result<bool, Failure> {
    match action {
        KeycloakAction::Start => {
            let mut log = log(workspace)?;
            tools::ensure(&tools::KEYCLOAK.iter().collect::<Vec<_>>(), &mut log)?;
            script(workspace, "start.sh")
        }
        KeycloakAction::Status => {
            let port = port()?;
            let running = answers(port);
            println!("{} {}", if running { "running at" } else { "none at" }, url(port));
            Ok(running)
        }
        KeycloakAction::Stop => script(workspace, "stop.sh"),
    }
}

/// Finds one that runs on the port, or starts one that [`Server::stop`] stops again.
pub(crate) fn start(workspace: &Workspace, log: &mut Log) -> Result<Server, Failure> {
    let port = port()?;
    if answers(port) {
        log.line(&format!("using the Keycloak that runs at {}; it is left running", url(port)));
        return Ok(Server { url: url(port), keeper: None });
    }
    tools::ensure(&tools::KEYCLOAK.iter().collect::<Vec<_>>(), log)?;
    let server = Server { url: url(port), keeper: Some(keeper(workspace)?) };
    match process::run(&mut bash(workspace, "start.sh"), log) {
        Ok(ran) if ran.success => Ok(server),
        Ok(ran) => {
            server.stop(log)?;
            Err(Failure::new(format!("Keycloak did not start: {}", process::last_lines(&ran.output, 1))))
        }
        Err(failure) => {
            server.stop(log)?;
            Err(failure)
        }
    }
}

impl Server {
    /// Stops the server if it was started for us.
    pub(crate) fn stop(self, log: &mut Log) -> Result<(), Failure> {
        let Some(mut keeper) = self.keeper else { return Ok(()) };
        drop(keeper.stdin.take());
        let status = keeper.wait().map_err(|e| Failure::new(format!("waiting for stop.sh: {e}")))?;
        if !status.success() {
            return Err(Failure::new(format!("stop.sh failed: Keycloak may still run at {}", self.url)));
        }
        log.line(&format!("the Keycloak at {} is stopped", self.url));
        Ok(())
    }
}

/// In a process group of its own, so that Ctrl-C ends us and not the one that cleans up after us.
fn keeper(workspace: &Workspace) -> Result<Child, Failure> {
    Command::new("bash")
        .args(["-c", "cat >/dev/null; exec bash \"$1\"", "keeper"])
        .arg(folder(workspace).join("stop.sh"))
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| Failure::new(format!("running `bash`: {e}")))
}

fn script(workspace: &Workspace, name: &str) -> Result<bool, Failure> {
    let status =
        bash(workspace, name).status().map_err(|e| Failure::new(format!("running `bash {name}`: {e}")))?;
    Ok(status.success())
}

fn bash(workspace: &Workspace, name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(folder(workspace).join(name)).current_dir(&workspace.root);
    command
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("tests/keycloak/server")
}

fn log(workspace: &Workspace) -> Result<Log, Failure> {
    // What an installation prints must not mix with the base URL on standard output.
    Log::to_errors(workspace.target.join("xtask/keycloak-tools.log"))
}

fn port() -> Result<u16, Failure> {
    read_port(std::env::var("KC_PORT").ok().as_deref())
}

fn read_port(value: Option<&str>) -> Result<u16, Failure> {
    match value {
        None | Some("") => Ok(DEFAULT_PORT),
        Some(text) => match text.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(Failure::new(format!("KC_PORT is a port number, not `{text}`"))),
        },
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Does a Keycloak with our realm answer on this port?
fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|reply| is_200(&reply))
}

fn ask(port: u16) -> io::Result<String> {
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    write!(stream, "GET {PROBE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut start = String::new();
    stream.take(16).read_to_string(&mut start)?;
    Ok(start)
}

fn is_200(reply: &str) -> bool {
    reply.starts_with("HTTP/1.") && reply.split(' ').nth(1) == Some("200")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_18080_unless_named() {
        assert_eq!(read_port(None).unwrap(), 18080);
        assert_eq!(read_port(Some("")).unwrap(), 18080);
        assert_eq!(read_port(Some("18085")).unwrap(), 18085);
    }

    #[test]
    fn a_bad_port_is_named_with_its_variable() {
        for bad in ["0", "65536", "http", "-1"] {
            let failure = read_port(Some(bad)).unwrap_err().to_string();
            assert!(failure.contains("KC_PORT") && failure.contains(bad), "{failure}");
        }
    }

    #[test]
    fn only_a_200_is_a_server_of_ours() {
        assert!(is_200("HTTP/1.1 200 OK\r"));
        assert!(!is_200("HTTP/1.1 404 Not "));
        assert!(!is_200("SSH-2.0 200"));
        assert!(!is_200(""));
    }
}
