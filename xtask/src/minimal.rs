//! The suite `minimal-versions`: do the lower bounds of our dependencies hold?

use std::path::Path;
use std::process::Command;

use crate::package::fresh_folder;
use crate::process::{self, Failure, Log};
use crate::summary::Outcome;
use crate::workspace::Workspace;

/// Checks the crates in a copy of the repository, whose lock file has the oldest versions that the manifests allow.
pub(crate) fn run(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let copy = fresh_folder(&workspace.target.join("xtask/minimal"))?;
    copy_repository(&workspace.root, &copy)?;
    // Only the crates: what tests and examples ask for besides would lift the bounds.
    let manifest = copy.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|e| Failure::io("reading", &manifest, &e))?;
    std::fs::write(&manifest, crates_only(&text)?).map_err(|e| Failure::io("writing", &manifest, &e))?;

    let mut update = workspace.cargo();
    // The option is one of the nightly cargo; this makes the project's own take it.
    update.current_dir(&copy).env("RUSTC_BOOTSTRAP", "1").args(["update", "-Z", "direct-minimal-versions"]);
    let ran = process::run(&mut update, log)?;
    if !ran.success {
        return Ok(Outcome::failed(format!(
            "a lower bound in [workspace.dependencies] is below what another dependency needs:\n{}",
            process::last_lines(&ran.output, 12)
        )));
    }
    let mut check = workspace.cargo();
    check.current_dir(&copy).args(["check", "--locked", "--all-features"]);
    let crates: Vec<&str> = workspace
        .packages
        .iter()
        .filter(|package| package.is_in("crates"))
        .map(|package| package.name.as_str())
        .collect();
    check.args(crates.iter().flat_map(|name| ["--package", name]));
    // Its own folder, so that these builds don't take the place of the usual ones.
    check.arg("--target-dir").arg(workspace.target.join("xtask/minimal-target"));
    let success = process::run(&mut check, log)?.success;
    let findings = if success {
        Vec::new()
    } else {
        vec![
            "with the oldest versions allowed it does not build: raise the bound of what is missed"
                .to_owned(),
        ]
    };
    Ok(Outcome::of(&findings, format!("{} crates", crates.len())))
}

/// The manifest with the crates as the only members.
fn crates_only(manifest: &str) -> Result<String, Failure> {
    let members = manifest.lines().find(|line| line.starts_with("members = ["));
    let members = members.ok_or_else(|| Failure::new("Cargo.toml has no line `members = [`"))?;
    Ok(manifest.replacen(members, "members = [\"crates/*\"]", 1))
}

/// Copies what is or may be committed, links as what they point to.
fn copy_repository(from: &Path, to: &Path) -> Result<(), Failure> {
    let listed = process::capture(Command::new("git").current_dir(from).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let (source, target) = (from.join(name), to.join(name));
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Failure::io("making the folder", folder, &e))?;
        }
        match std::fs::copy(&source, &target) {
            Ok(_) => {}
            // Removed, and not committed yet.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Failure::io("copying", &source, &e)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_crates_are_members_of_the_copy() {
        let manifest = "[workspace]\nmembers = [\"crates/*\", \"tests/*\"]\nresolver = \"3\"\n";
        let text = crates_only(manifest).unwrap();
        assert_eq!(text, "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n");
        assert!(crates_only("[package]\n").is_err());
    }
}
