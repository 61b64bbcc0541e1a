//! The program `kc-dev`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::asking::{http, send};

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kc-dev")).args(args).output().expect("run");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A running program; ended when dropped.
struct Running {
    child: Child,
    banner: String,
    issuer: String,
}

impl Running {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kc-dev"));
        let mut child =
            command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().expect("run");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (mut banner, mut issuer) = (String::new(), String::new());
        while !banner.contains("page ") {
            let line = lines.next().expect("a line").expect("text");
            if let Some(found) = line.strip_prefix("issuer") {
                issuer = found.trim().to_owned();
            }
            banner.push_str(&line);
            banner.push('\n');
        }
        Self { child, banner, issuer }
    }

    /// Sends a signal and returns the exit code.
    fn end(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("run");
        assert!(sent.success());
        self.child.wait().expect("ended").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended in most tests.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn it_serves_says_that_it_is_for_development_and_ends_well() {
    for signal in ["-TERM", "-INT"] {
        let program = Running::start();
        assert!(program.banner.contains("DEVELOPMENT ONLY"), "{}", program.banner);
        let (status, answer) =
            send(http().get(format!("{}/.well-known/openid-configuration", program.issuer))).await;
        assert_eq!((status, &answer["issuer"]), (200, &Value::from(program.issuer.as_str())));
        assert_eq!(program.end(signal), Some(0));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_stays_below_30_megabytes() {
    let program = Running::start();
    for _ in 0..50 {
        assert_eq!(
            send(http().get(format!("{}/protocol/openid-connect/certs", program.issuer))).await.0,
            200
        );
    }
    let mut status = String::new();
    let path = format!("/proc/{}/status", program.child.id());
    std::fs::File::open(path).expect("a process").read_to_string(&mut status).expect("text");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
    let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    assert!(kilobytes < 30_000, "{kilobytes} kB");
}

#[test]
fn help_is_printed() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for option in ["--listen", "--realm"] {
        assert!(help.contains(option));
    }
}

#[test]
fn what_it_can_not_do_is_one_line_and_code_2() {
    for (args, named) in [
        (["--listen", "0.0.0.0:0"].as_slice(), "0.0.0.0:0"),
        (&["--listen", "here"], "here"),
        (&["--listen"], "needs a value"),
        (&["--realm", "/nowhere.json"], "/nowhere.json"),
        (&["--realm", "/dev/null"], "not JSON"),
        (&["--realm", "/dev/zero"], "larger than 32 MiB"),
        (&["--what", "x"], "--what"),
    ] {
        let (code, _, error) = run(args);
        assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains(named), "{error}");
    }
}
