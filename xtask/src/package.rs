//! The suite `package`: what `cargo package` puts into each crate's archive, and whether the archives build with nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{self, Failure, Log};
use crate::summary::Outcome;
use crate::workspace::{Package, Workspace};

/// What every archive holds beside its sources.
const ALWAYS: [&str; 4] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
/// What cargo adds, and what single crates need at build time.
const ALSO: [&str; 5] = [".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig", "errors.md", "realms/"];
/// What source folders hold: code, and what code includes.
const SOURCES: [&str; 8] = [".css", ".html", ".js", ".json", ".lua", ".pem", ".rs", ".sql"];
/// More than this is a file too many, not code.
const MOST_BYTES: u64 = 1 << 20;

/// Packages every crate of `crates/` and builds all of them from their archives.
pub(crate) fn run(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let crates: Vec<&Package> = workspace.packages.iter().filter(|package| package.is_in("crates")).collect();
    let metadata =
        process::capture(workspace.cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|e| Failure::new(format!("reading what `cargo metadata` said: {e}")))?;
    let mut findings = unsaid(&metadata, &crates);

    // Without lock files, which would ask the registry; without building, which would ask it for our own crates.
    let mut command = workspace.cargo();
    command.args(["package", "--quiet", "--no-verify", "--exclude-lockfile", "--allow-dirty", "--offline"]);
    for package in &crates {
        command.args(["--package", &package.name]);
    }
    let ran = process::run(&mut command, log)?;
    if !ran.success {
        return Err(Failure::new(process::last_lines(&ran.output, 5)));
    }
    let unpacked = fresh_folder(&workspace.target.join("xtask/package"))?;
    for package in &crates {
        let (files, bytes) = unpack(workspace, &metadata, package, &unpacked, log)?;
        findings.extend(strays(&files).into_iter().map(|what| format!("{}: {what}", package.name)));
        if bytes > MOST_BYTES {
            findings.push(format!("{} is packed into {bytes} bytes: more than {MOST_BYTES}", package.name));
        }
    }
    if findings.is_empty() && !builds(workspace, &crates, &unpacked, log)? {
        findings.push("what was packaged does not build: does it need a file that is not in it?".to_owned());
    }
    Ok(Outcome::of(&findings, format!("{} crates", crates.len())))
}

/// What a manifest does not say and a registry, docs.rs or a reader wants to know.
fn unsaid(metadata: &Value, crates: &[&Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in crates {
        let Some(manifest) = manifest(metadata, &package.name) else { continue };
        let has = |member: &str| match manifest.get(member) {
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            _ => false,
        };
        for member in ["categories", "description", "keywords", "license", "readme", "rust_version"] {
            if !has(member) {
                findings.push(format!("{}: its Cargo.toml has no `{member}`", package.name));
            }
        }
        let library = manifest.get("targets").and_then(Value::as_array).is_some_and(|targets| {
            targets.iter().any(|target| target.pointer("/kind/0").is_some_and(|kind| kind == "lib"))
        });
        if library && manifest.pointer("/metadata/docs/rs/all-features") != Some(&Value::Bool(true)) {
            findings.push(format!("{}: [package.metadata.docs.rs] does not say all-features", package.name));
        }
    }
    findings
}

fn manifest<'a>(metadata: &'a Value, name: &str) -> Option<&'a Value> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    packages.into_iter().flatten().find(|package| package.get("name").is_some_and(|n| n == name))
}

/// Unpacks an archive; returns the names of its files, and how large it was.
fn unpack(
    workspace: &Workspace,
    metadata: &Value,
    package: &Package,
    into: &Path,
    log: &mut Log,
) -> Result<(Vec<String>, u64), Failure> {
    let version = manifest(metadata, &package.name)
        .and_then(|manifest| manifest.get("version"))
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::new(format!("`cargo metadata` gave no version of {}", package.name)))?;
    let folder = format!("{}-{version}", package.name);
    let archive = workspace.target.join("package").join(format!("{folder}.crate"));
    let bytes = std::fs::metadata(&archive).map_err(|e| Failure::io("looking at", &archive, &e))?.len();
    // As of now (`m`): archives are of 2006, and cargo would take what has changed since for what it has built.
    let listed = process::capture(Command::new("tar").arg("-xvmzf").arg(&archive).arg("-C").arg(into))?;
    let (from, to) = (into.join(&folder), into.join(&package.name));
    std::fs::rename(&from, &to).map_err(|e| Failure::io("moving", &from, &e))?;
    let files: Vec<String> = listed
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{folder}/")))
        .map(str::to_owned)
        .collect();
    log.line(&format!("{}: {} files, {bytes} bytes packed", package.name, files.len()));
    Ok((files, bytes))
}

/// What is missing in an archive, and what does not belong there.
fn strays(files: &[String]) -> Vec<String> {
    let missing = ALWAYS
        .iter()
        .filter(|name| !files.iter().any(|file| file == *name))
        .map(|name| format!("`{name}` is not in its package"));
    let belongs = |file: &str| {
        ALWAYS.contains(&file)
            || ALSO.iter().any(|also| file == *also || also.ends_with('/') && file.starts_with(also))
            || file.starts_with("src/") && SOURCES.iter().any(|end| file.ends_with(end))
    };
    let strange = files
        .iter()
        .filter(|file| !belongs(file))
        .map(|file| format!("`{file}` is in its package: see `include`"));
    missing.chain(strange).collect()
}

/// Checks all of them together, with every feature, as a workspace that finds its members in place of a registry.
fn builds(workspace: &Workspace, crates: &[&Package], folder: &Path, log: &mut Log) -> Result<bool, Failure> {
    let mut manifest =
        "[workspace]\nresolver = \"3\"\nmembers = [\"kc-*\"]\n\n[patch.crates-io]\n".to_owned();
    for package in crates {
        let _ = writeln!(manifest, "{0} = {{ path = \"{0}\" }}", package.name);
    }
    // The same profile as ours, so that dependencies are not built once more.
    let ours = read(&workspace.root.join("Cargo.toml"))?;
    let profile = ours.split("\n\n").filter(|part| part.contains("[profile.dev"));
    manifest.extend(profile.flat_map(|part| ["\n", part, "\n"]));
    for (name, text) in [("Cargo.toml", manifest), ("Cargo.lock", read(&workspace.root.join("Cargo.lock"))?)]
    {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(|e| Failure::io("writing", &file, &e))?;
    }
    let mut command = workspace.cargo();
    command.current_dir(folder).args(["check", "--workspace", "--all-features", "--offline", "--target-dir"]);
    Ok(process::run(command.arg(&workspace.target), log)?.success)
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|e| Failure::io("reading", file, &e))
}

/// The folder, with nothing in it.
pub(crate) fn fresh_folder(folder: &Path) -> Result<PathBuf, Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|e| Failure::io("removing", folder, &e))?;
    }
    std::fs::create_dir_all(folder).map_err(|e| Failure::io("making the folder", folder, &e))?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Vec<String> {
        files.iter().map(|&file| file.to_owned()).collect()
    }

    #[test]
    fn an_archive_without_its_licence_is_found() {
        let found = strays(&names(&["Cargo.toml", "LICENSE-MIT", "README.md", "src/lib.rs"]));
        assert_eq!(found, ["`LICENSE-APACHE` is not in its package"]);
    }

    #[test]
    fn what_is_no_source_is_found() {
        let good =
            ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/a/b.rs", "realms/x.json"];
        assert!(strays(&names(&good)).is_empty());
        for stray in ["src/notes.txt", "tests/it.rs", ".env", "target/x"] {
            let files = [good.as_slice(), &[stray]].concat();
            assert_eq!(strays(&names(&files)), [format!("`{stray}` is in its package: see `include`")]);
        }
    }

    #[test]
    fn a_manifest_that_says_too_little_is_found() {
        let packages = r#"{"workspace_root":"/w","target_directory":"/t","packages":[{"name":"kc-a",
            "manifest_path":"/w/crates/kc-a/Cargo.toml","description":"d","keywords":["k"],"categories":[],
            "license":"MIT","readme":"README.md","rust_version":"1.94","targets":[{"kind":["lib"],"name":"a"}]}]}"#;
        let workspace = Workspace::from_metadata(packages).unwrap();
        let crates: Vec<&Package> = workspace.packages.iter().collect();
        let found = unsaid(&serde_json::from_str(packages).unwrap(), &crates);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("categories") && found[1].contains("all-features"), "{found:?}");
    }
}
