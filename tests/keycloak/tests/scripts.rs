//! The scripts that start and stop a Keycloak, on processes that only look like one.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PORT: &str = "65111";

/// Something that looks like a Keycloak to `stop.sh`; when it is told to end it says so in a file, and ends when that is gone.
fn looks_like_one(folder: &Path) -> Child {
    let script = "trap 'touch asked; while [ -e asked ]; do sleep 0.05; done; exit' TERM; touch up; while :; do sleep 0.05; done";
    let mut command = Command::new("bash");
    let child = command.args(["-c", script, "keycloak", &format!("--http-port={PORT}")]).current_dir(folder);
    let child = child.stdout(Stdio::null()).spawn().unwrap();
    wait_for(&folder.join("up"));
    child
}

fn wait_for(file: &Path) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !file.exists() {
        assert!(Instant::now() < patience, "no {}", file.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The state of a server that `owner` started.
fn state(folder: &TempDir, process: u32, owner: &str) -> std::path::PathBuf {
    let run = folder.path().join(format!("run-{PORT}"));
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("pid"), process.to_string()).unwrap();
    fs::write(run.join("owner"), format!("{owner}\n")).unwrap();
    run
}

fn stop(folder: &TempDir, owner: &str) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("server/stop.sh");
    let mut command = Command::new("bash");
    command.arg(script).env("KC_PORT", PORT).env("KC_CACHE", folder.path()).env("KC_OWNER", owner);
    command.stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn what_is_started_while_another_one_stops_stays_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = looks_like_one(folder.path());
    let run = state(&folder, old.id(), "a");
    let mut stopping = stop(&folder, "a");
    wait_for(&folder.path().join("asked"));
    fs::write(run.join("pid"), "1").unwrap();
    fs::remove_file(folder.path().join("asked")).unwrap();
    // A zombie would look alive to it.
    old.wait().unwrap();
    assert!(stopping.wait().unwrap().success());
    assert_eq!(fs::read_to_string(run.join("pid")).unwrap(), "1");
}

#[test]
fn whoever_stops_their_own_leaves_anothers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut another = looks_like_one(folder.path());
    let run = state(&folder, another.id(), "b");
    assert!(stop(&folder, "a").wait().unwrap().success());
    assert!(another.try_wait().unwrap().is_none() && run.join("pid").exists());
    another.kill().unwrap();
    another.wait().unwrap();
}
