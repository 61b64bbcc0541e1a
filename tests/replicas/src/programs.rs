//! The services as they are now: built once in each run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

const SERVICES: [&str; 3] = ["axum-service", "actix-service", "poem-service"];

/// Where a program is.
pub(crate) async fn path(name: &str) -> PathBuf {
    let built = tokio::task::spawn_blocking(|| LazyLock::force(&BUILT)).await.unwrap();
    built.get(name).unwrap_or_else(|| panic!("{name} is none of {SERVICES:?}")).clone()
}

static BUILT: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
    let output = Command::new(env!("CARGO"))
        // All of the workspace's features, as for the tests: another set would build everything anew.
        .args(["build", "--workspace", "--message-format", "json-render-diagnostics"])
        .args(SERVICES.iter().flat_map(|name| ["--bin", name]))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(output.status.success(), "they do not build:\n{}", String::from_utf8_lossy(&output.stderr));
    let program = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let path = PathBuf::from(message["executable"].as_str()?);
        Some((message["target"]["name"].as_str()?.to_owned(), path))
    };
    String::from_utf8(output.stdout).unwrap().lines().filter_map(program).collect()
});

/// Sends a signal by its name.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(sent.success(), "SIG{name} could not be sent to {process}");
}
