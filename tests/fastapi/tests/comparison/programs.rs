//! What must be there before the suite can run: a Python with the pinned packages.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python of a virtual environment below `target` that has these requirements. Made anew when they change.
pub(crate) fn python(requirements: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fastapi-venv");
    let (python, installed) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let wanted = std::fs::read_to_string(requirements).unwrap();
    // Written last: what was interrupted is begun again.
    if std::fs::read_to_string(&installed).is_ok_and(|there| there == wanted) && python.exists() {
        return python;
    }
    let new_enough = "import sys, venv; sys.exit(sys.version_info < (3, 11))";
    must(
        Command::new("python3").args(["-c", new_enough]),
        "install Python 3.11 or later with its module venv, as python3 (Debian, Ubuntu: apt-get install python3 python3-venv)",
    );
    must(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder),
        "install Python's module venv (Debian, Ubuntu: apt-get install python3-venv)",
    );
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    must(
        pip.args(["--require-hashes", "--requirement"]).arg(requirements),
        "the pinned packages can't be installed: see that pip reaches its package index; once is enough",
    );
    std::fs::write(installed, wanted).unwrap();
    python
}

fn must(command: &mut Command, otherwise: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{otherwise}: {command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{otherwise}: {command:?} fails: {said}");
}
