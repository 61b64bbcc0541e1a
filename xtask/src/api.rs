//! The suite `api`: what each library offers to others, line by line, against what is committed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure, Log};
use crate::summary::Outcome;
use crate::tools::{self, CARGO_PUBLIC_API};
use crate::workspace::{Package, Workspace};

/// Where the lists are, in the root.
const FOLDER: &str = "api";
/// How to agree to a change.
const ACCEPT: &str =
    "when that is meant: `cargo xtask api` writes the lists anew; commit them with a line in CHANGELOG.md";

/// Compares, and fails with what was added and removed.
pub(crate) fn check(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let mut findings = Vec::new();
    let mut items = 0;
    let lists = lists(workspace, log)?;
    for (file, list) in &lists {
        items += list.lines().count();
        let committed = std::fs::read_to_string(workspace.root.join(file)).unwrap_or_default();
        let changes = changes(&committed, list);
        if !changes.is_empty() {
            findings.push(format!("{}:\n{}", file.display(), changes.join("\n")));
        }
    }
    if !findings.is_empty() {
        findings.push(ACCEPT.to_owned());
    }
    Ok(Outcome::of(&findings, format!("{items} items of {} libraries", lists.len())))
}

/// Writes the lists anew.
pub(crate) fn accept(workspace: &Workspace) -> Result<bool, Failure> {
    let mut log = Log::create(workspace.target.join("xtask/api.log"))?;
    for (file, list) in lists(workspace, &mut log)? {
        let path = workspace.root.join(&file);
        std::fs::create_dir_all(workspace.root.join(FOLDER)).map_err(|e| Failure::io("making", &path, &e))?;
        std::fs::write(&path, &list).map_err(|e| Failure::io("writing", &path, &e))?;
        log.line(&format!("{}: {} items", file.display(), list.lines().count()));
    }
    Ok(true)
}

/// Each library's list, with the file it belongs in.
fn lists(workspace: &Workspace, log: &mut Log) -> Result<Vec<(PathBuf, String)>, Failure> {
    let program = tools::ensure_cargo_tool(&CARGO_PUBLIC_API, workspace, log)?;
    let mut command = workspace.cargo();
    // All at once, as the suite `docs` does it: what they depend on is not built once more.
    command.args(["doc", "--workspace", "--no-deps", "--lib", "--all-features"]);
    // `docsrs` as on docs.rs, which marks what a feature brings.
    let flags = "--cfg docsrs -Z unstable-options --output-format json --cap-lints allow";
    command.env("RUSTDOC", rustdoc(workspace)?).env("RUSTDOCFLAGS", flags);
    if !process::run(&mut command, log)?.success {
        return Err(Failure::new("the libraries could not be documented"));
    }
    let mut lists = Vec::new();
    for package in workspace.packages.iter().filter(|package| package.is_in("crates")) {
        if !has_library(workspace, package) {
            continue;
        }
        let json = workspace.target.join("doc").join(package.name.replace('-', "_") + ".json");
        let mut command = Command::new(&program);
        // Without what every type has, and what `derive` makes.
        command.arg("--rustdoc-json").arg(&json).args(["-sss", "--color", "never"]);
        let list = process::capture(&mut command)?;
        if list.trim().is_empty() {
            return Err(Failure::new(format!("{} offers nothing?", package.name)));
        }
        lists.push((Path::new(FOLDER).join(format!("{}.txt", package.name)), list));
    }
    Ok(lists)
}

fn has_library(workspace: &Workspace, package: &Package) -> bool {
    workspace.root.join(&package.folder).join("src/lib.rs").is_file()
}

/// A rustdoc that takes the nightly's options. Only it: an environment variable for all of cargo would have much built anew.
fn rustdoc(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let file = workspace.target.join("xtask/rustdoc-with-json");
    let script = "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n";
    std::fs::write(&file, script).map_err(|e| Failure::io("writing", &file, &e))?;
    std::fs::set_permissions(&file, Permissions::from_mode(0o755))
        .map_err(|e| Failure::io("making executable", &file, &e))?;
    Ok(file)
}

/// Lines that are in one list only, in the order of the lists.
fn changes(before: &str, after: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let (old, new) = (lines(before), lines(after));
    let removed = before.lines().filter(|line| !new.contains(*line)).map(|line| format!("- {line}"));
    let added = after.lines().filter(|line| !old.contains(*line)).map(|line| format!("+ {line}"));
    removed.chain(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_and_removed_is_told() {
        let before = "pub fn a()\npub fn b()\n";
        assert_eq!(changes(before, "pub fn a()\npub fn b(u8)\n"), ["- pub fn b()", "+ pub fn b(u8)"]);
        assert!(changes(before, before).is_empty());
        assert_eq!(changes("", "pub mod a\n"), ["+ pub mod a"]);
    }

    #[test]
    fn each_library_has_its_list_and_each_list_its_library() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let names = |folder: &Path, name: &dyn Fn(PathBuf) -> Option<String>| {
            let mut names: Vec<String> =
                std::fs::read_dir(folder).unwrap().flatten().filter_map(|file| name(file.path())).collect();
            names.sort();
            names
        };
        let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
        let lists = names(&root.join(FOLDER), &stem);
        let libraries = names(&root.join("crates"), &|path| {
            path.join("src/lib.rs").is_file().then(|| stem(path)).flatten()
        });
        assert_eq!(lists, libraries);
    }
}
