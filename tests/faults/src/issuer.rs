//! `kc-dev` as a process, which can be killed and stopped as Keycloak can.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use test_servers::{Signal, signal};

use crate::{Client, PROGRAMS};

/// A running `kc-dev`. Killed when dropped.
#[derive(Debug)]
pub struct IssuerProcess {
    process: Child,
    address: String,
}

impl IssuerProcess {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let (process, address) = spawn("127.0.0.1:0").await;
        Self { process, address }
    }

    /// `http://ADDRESS`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// SIGKILL. The port is closed when this returns.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it on the same port: with other keys, and without any session.
    pub async fn start_again(&mut self) {
        (self.process, self.address) = spawn(&self.address).await;
    }

    /// SIGSTOP: connections are taken by the system, and nobody answers.
    pub fn stop(&self) {
        signal(self.process.id(), Signal::STOP);
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        signal(self.process.id(), Signal::CONT);
    }

    /// A token made to order; see the README of `kc-dev`.
    pub async fn token(&self, order: &Value) -> String {
        let mut client = Client::new(self.address.parse().unwrap());
        let made = client.post("POST", "/_kc-dev/tokens", &order.to_string()).await;
        let made: Value = serde_json::from_str(&made.body).unwrap_or_else(|_| panic!("{made:?}"));
        made["access_token"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// A good token of Alice's.
    pub async fn alice(&self) -> String {
        self.token(&json!({ "user": "alice" })).await
    }
}

impl Drop for IssuerProcess {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn spawn(listen: &str) -> (Child, String) {
    let program = PROGRAMS.path("kc-dev").await;
    let mut command = Command::new(program);
    let mut process = command.args(["--listen", listen]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let control = lines.find_map(|line| line.unwrap().strip_prefix("control").map(str::to_owned)).unwrap();
    // It says more, and must not find the pipe closed.
    std::thread::spawn(move || lines.for_each(drop));
    let address = control.trim().trim_start_matches("http://").trim_end_matches("/_kc-dev/").to_owned();
    (process, address)
}
