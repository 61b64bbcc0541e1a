//! Programs of this workspace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Some programs as they are now: built once in each run. Meant for a `static`.
#[derive(Debug)]
pub struct Programs {
    names: &'static [&'static str],
    built: OnceLock<BTreeMap<String, PathBuf>>,
}

impl Programs {
    /// These, by the names of their binaries.
    #[must_use]
    pub const fn named(names: &'static [&'static str]) -> Self {
        Self { names, built: OnceLock::new() }
    }

    /// Where a program is. The first who asks waits until all are built.
    pub async fn path(&'static self, name: &str) -> PathBuf {
        let building = tokio::task::spawn_blocking(|| self.built.get_or_init(|| build(self.names)));
        let built = building.await.unwrap();
        built.get(name).unwrap_or_else(|| panic!("{name} is none of {:?}", self.names)).clone()
    }
}

fn build(names: &[&str]) -> BTreeMap<String, PathBuf> {
    let output = Command::new(env!("CARGO"))
        // All of the workspace's features, as for the tests: another set would build everything anew.
        .args(["build", "--workspace", "--message-format", "json-render-diagnostics"])
        .args(names.iter().flat_map(|name| ["--bin", name]))
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
}
