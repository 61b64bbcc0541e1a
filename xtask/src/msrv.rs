//! The suite `msrv`: each crate with the oldest Rust that its manifest names.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::long::{cargo_of, rustup};
use crate::process::{self, Failure, Log};
use crate::summary::{Outcome, Verdict};
use crate::workspace::Workspace;

/// Checks the crates of each version together, with every feature and what Cargo.lock holds.
pub(crate) fn run(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let metadata =
        process::capture(workspace.cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let by_version = by_version(workspace, &metadata)?;
    let mut findings = Vec::new();
    for (version, crates) in &by_version {
        if !rustup(&["run", version, "rustc", "--version"], log)
            && !rustup(&["toolchain", "install", version, "--profile", "minimal", "--no-self-update"], log)
        {
            let reason = format!("Rust {version} could not be installed");
            return Ok(Outcome { verdict: Verdict::Impossible(reason), ..Outcome::passed("") });
        }
        let mut command = cargo_of(version, workspace);
        command.args(["check", "--locked", "--all-features"]);
        command.args(crates.iter().flat_map(|name| ["--package", name]));
        // A folder of its own: another compiler would have everything built anew, here and then there.
        command.arg("--target-dir").arg(workspace.target.join("xtask/msrv"));
        if !process::run(&mut command, log)?.success {
            findings.push(format!("with Rust {version} not all of these build: {}", crates.join(", ")));
        }
    }
    let versions: Vec<String> =
        by_version.iter().map(|(version, crates)| format!("{} with {version}", crates.len())).collect();
    Ok(Outcome::of(&findings, format!("{} crates", versions.join(", "))))
}

/// The crates by the version of Rust that they name, as rustup takes it.
fn by_version(workspace: &Workspace, metadata: &str) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let metadata: Value = serde_json::from_str(metadata)
        .map_err(|e| Failure::new(format!("reading what `cargo metadata` said: {e}")))?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata.get("packages").and_then(Value::as_array).into_iter().flatten() {
        let text = |member: &str| package.get(member).and_then(Value::as_str);
        let Some(name) = text("name") else { continue };
        if !workspace.package(name).is_some_and(|package| package.is_in("crates")) {
            continue;
        }
        let version =
            text("rust_version").ok_or_else(|| Failure::new(format!("{name} has no rust-version")))?;
        found.entry(version.to_owned()).or_default().push(name.to_owned());
    }
    if found.is_empty() {
        return Err(Failure::new("no crate in crates/"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_sorted_by_the_rust_that_they_name_and_examples_are_none() {
        let metadata = r#"{"workspace_root":"/w","target_directory":"/t","packages":[
            {"name":"a","manifest_path":"/w/crates/a/Cargo.toml","rust_version":"1.89"},
            {"name":"b","manifest_path":"/w/crates/b/Cargo.toml","rust_version":"1.94"},
            {"name":"c","manifest_path":"/w/crates/c/Cargo.toml","rust_version":"1.89"},
            {"name":"d","manifest_path":"/w/examples/d/Cargo.toml","rust_version":"1.95"}]}"#;
        let workspace = Workspace::from_metadata(metadata).unwrap();
        let found: Vec<_> = by_version(&workspace, metadata).unwrap().into_iter().collect();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(found, [("1.89".to_owned(), names(&["a", "c"])), ("1.94".to_owned(), names(&["b"]))]);
        let without = metadata.replace(r#","rust_version":"1.94""#, "");
        assert!(by_version(&workspace, &without).unwrap_err().to_string().starts_with("b has no"));
    }
}
