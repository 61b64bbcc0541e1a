//! `cargo xtask dist`: the programs of a release, without any shared library, with all that has to go with them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bom::{self, Bom};
use crate::long::rustup;
use crate::package::fresh_folder;
use crate::process::{self, Failure, Log};
use crate::summary::{Outcome, Verdict};
use crate::tools;
use crate::workspace::Workspace;

/// The packages whose programs are handed out, and the programs' names.
const PROGRAMS: [(&str, &str); 2] = [("kc-cli", "kc"), ("axum-service", "axum-service")];
/// What goes along as it is.
const PAPERS: [&str; 4] = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
/// The shells that `kc` knows, and where each looks for the file.
const SHELLS: [(&str, &str); 3] = [("bash", "kc.bash"), ("fish", "kc.fish"), ("zsh", "_kc")];

/// Makes it, and says where it is.
pub(crate) fn make(workspace: &Workspace, target: Option<&str>) -> Result<bool, Failure> {
    let mut log = Log::create(workspace.target.join("xtask/dist.log"))?;
    let target = target.map_or_else(own_target, str::to_owned);
    match build(workspace, &target, &mut log)? {
        Ok(made) => {
            log.line(&format!("{}\n{}", made.folder.display(), made.archive.display()));
            Ok(made.findings.iter().map(|finding| log.line(finding)).count() == 0)
        }
        Err(reason) => Err(Failure::new(reason)),
    }
}

/// The suite: the same, and what is wrong with it.
pub(crate) fn check(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    match build(workspace, &own_target(), log)? {
        Ok(made) => {
            Ok(Outcome::of(&made.findings, format!("{} programs, {} crates", PROGRAMS.len(), made.crates)))
        }
        Err(reason) => Ok(Outcome { verdict: Verdict::Impossible(reason), ..Outcome::passed("") }),
    }
}

/// What was made.
struct Made {
    folder: PathBuf,
    archive: PathBuf,
    crates: usize,
    findings: Vec<String>,
}

/// Builds and collects; or the reason why it cannot be built on this machine.
fn build(workspace: &Workspace, target: &str, log: &mut Log) -> Result<Result<Made, String>, Failure> {
    tools::ensure(&[&tools::MUSL], log)?;
    if !rustup(&["target", "add", target], log) {
        return Ok(Err(format!("rustup could not add the target {target}")));
    }
    let version = version(workspace)?;
    let name = format!("kc-{version}-{target}");
    let folder = fresh_folder(&workspace.target.join("dist").join(&name))?;
    for paper in PAPERS {
        copy(&workspace.root.join(paper), &folder.join(paper))?;
    }
    let deploy = workspace.root.join("deploy");
    for file in std::fs::read_dir(&deploy).map_err(|e| Failure::io("reading", &deploy, &e))?.flatten() {
        copy(&file.path(), &folder.join("deploy").join(file.file_name()))?;
    }
    let mut findings = Vec::new();
    let mut all = Bom::default();
    for (package, program) in PROGRAMS {
        let built = compile(workspace, package, target, log)?;
        let place = folder.join("bin").join(program);
        copy(&workspace.target.join(target).join("release").join(program), &place)?;
        let bom = Bom::of(workspace, package, target)?;
        findings.extend(bom.differs_from(&built).into_iter().map(|what| format!("{program}: {what}")));
        write(&folder.join(format!("{program}.cdx.json")), &bom.cyclonedx(program, &version)?)?;
        findings.extend(runs_alone(&place, program, &version));
        all.merge(bom);
    }
    write(&folder.join("THIRD-PARTY.txt"), &all.licences()?)?;
    of_kc(&folder)?;
    write(&folder.join("SHA256SUMS"), &sums(&folder)?)?;
    let archive = archive(workspace, &name)?;
    Ok(Ok(Made { folder, archive, crates: all.len(), findings }))
}

/// Builds one program, and returns the names and versions of the crates that were compiled for it.
fn compile(
    workspace: &Workspace,
    package: &str,
    target: &str,
    log: &mut Log,
) -> Result<Vec<String>, Failure> {
    let mut command = workspace.cargo();
    command.args(["build", "--release", "--locked", "--package", package, "--bins", "--target", target]);
    command.args(["--message-format", "json-render-diagnostics"]);
    // Whoever runs it has no sources to look up lines in.
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "0").env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    // No path of this machine in panics' messages: a build elsewhere gives the same bytes.
    command.env("RUSTFLAGS", remapped(workspace));
    let ran = process::run_for_output(&mut command, log)?;
    if !ran.success {
        return Err(Failure::new(format!("{package} does not build for {target}")));
    }
    Ok(bom::compiled(&ran.output))
}

fn remapped(workspace: &Workspace) -> String {
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
        .unwrap_or_default();
    let root = workspace.root.display();
    format!("--remap-path-prefix={home}/registry/src=/crates --remap-path-prefix={root}=/kc")
}

/// Whether it needs no shared library, and runs with an empty environment.
fn runs_alone(program: &Path, name: &str, version: &str) -> Vec<String> {
    let mut findings = Vec::new();
    // Of a static program `ldd` fails, or says so.
    let ldd = Command::new("ldd")
        .arg(program)
        .output()
        .map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    if ldd.is_ok_and(|said| said.contains("=>")) {
        findings.push(format!("{name} needs shared libraries"));
    }
    if name == "kc" {
        let said = process::capture(Command::new(program).env_clear().arg("--version"));
        if !said.as_ref().is_ok_and(|said| said.trim() == format!("kc {version}")) {
            findings.push(format!("`kc --version` does not say {version}: {said:?}"));
        }
    }
    findings
}

/// Completions and manual pages, written by the program itself.
fn of_kc(folder: &Path) -> Result<(), Failure> {
    let kc = folder.join("bin/kc");
    for (shell, file) in SHELLS {
        let text = process::capture(Command::new(&kc).args(["completions", shell]))?;
        write(&folder.join("completions").join(file), &text)?;
    }
    let pages = fresh_folder(&folder.join("man"))?;
    process::capture(Command::new(&kc).arg("man").arg(&pages)).map(drop)
}

/// As `sha256sum --check` reads it.
fn sums(folder: &Path) -> Result<String, Failure> {
    process::capture(Command::new("sh").current_dir(folder).args([
        "-c",
        "find . -type f ! -name SHA256SUMS -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum",
    ]))
}

/// The folder as an archive that depends on nothing but its content and the commit's time.
fn archive(workspace: &Workspace, name: &str) -> Result<PathBuf, Failure> {
    let git = Command::new("git").current_dir(&workspace.root).args(["log", "-1", "--format=%ct"]).output();
    let time = git.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default();
    let archive = workspace.target.join("dist").join(format!("{name}.tar.gz"));
    let mut command = Command::new("tar");
    command.current_dir(workspace.target.join("dist")).args(["--sort=name", "--owner=0", "--group=0"]);
    command.args(["--numeric-owner", &format!("--mtime=@{}", if time.is_empty() { "0" } else { &time })]);
    // gzip would note the time.
    command.args(["--use-compress-program=gzip -n", "-cf"]).arg(&archive).arg(name);
    process::capture(&mut command)?;
    let file = archive.with_extension("gz.sha256");
    let sum = process::capture(
        Command::new("sha256sum").current_dir(workspace.target.join("dist")).arg(format!("{name}.tar.gz")),
    )?;
    write(&file, &sum)?;
    Ok(archive)
}

fn version(workspace: &Workspace) -> Result<String, Failure> {
    let said = process::capture(workspace.cargo().args(["pkgid", "--package", "kc-cli"]))?;
    let version = said.trim().rsplit(['#', '@']).next().unwrap_or_default();
    Ok(version.to_owned())
}

/// This machine's processor, with musl.
fn own_target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Failure::io("making the folder", folder, &e))?;
    }
    std::fs::copy(from, to).map(drop).map_err(|e| Failure::io("copying", from, &e))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Failure::io("making the folder", folder, &e))?;
    }
    std::fs::write(file, text).map_err(|e| Failure::io("writing", file, &e))
}
