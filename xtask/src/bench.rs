//! Measurements, side by side in one run: `docs/performance.md` says what they mean.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::callgrind;
use crate::process::{self, Failure, Log};
use crate::tools;
use crate::workspace::Workspace;

/// Other libraries' services, each a program of `benches/peers`.
const PEERS: &str = "benches/peers";

/// Runs all of it, or with `quick` a first look: fewer rounds, and neither instructions nor a clean build.
pub(crate) fn run(workspace: &Workspace, quick: bool) -> Result<bool, Failure> {
    let mut log = Log::create(workspace.target.join("xtask").join("bench.log"))?;
    let all = [&tools::C_COMPILER, &tools::WRK, &tools::VALGRIND];
    tools::ensure(if quick { &all[..2] } else { &all }, &mut log)?;

    heading(&mut log, "A token that was not seen before, and one that was");
    must(workspace.cargo().args(["bench", "-p", "kc-core", "--bench", "validate"]), &mut log)?;
    if !quick {
        heading(&mut log, "The same, counted: instructions and allocations");
        counts(workspace, &mut log)?;
    }
    heading(&mut log, "What grows with what");
    must(workspace.cargo().args(["bench", "-p", "kc-core", "--bench", "growth"]), &mut log)?;
    heading(&mut log, "An offline decision by Authorization Services");
    must(workspace.cargo().args(["bench", "-p", "kc-core", "--bench", "policy"]), &mut log)?;

    must(workspace.cargo().args(["build", "--release", "-p", "bench-services"]), &mut log)?;
    let release = workspace.target.join("release");
    let load = |arguments: &[&str], subjects: &[String]| {
        let mut command = Command::new(release.join("bench-load"));
        command.args(arguments).args(subjects);
        command
    };
    let effort =
        if quick { ["--rounds", "3", "--seconds", "1"] } else { ["--rounds", "15", "--seconds", "1"] };
    heading(&mut log, "A request, protected against not protected");
    must(&mut load(&effort, &[]), &mut log)?;
    if !quick {
        heading(&mut log, "The same, counted in instructions outside the kernel");
        must(&mut load(&["--instructions"], &[]), &mut log)?;
    }

    heading(&mut log, "Other libraries on axum, the same way");
    let peers = peers(workspace, &mut log)?;
    must(&mut load(&[effort.as_slice(), &["--without-logging"]].concat(), &peers), &mut log)?;

    heading(&mut log, "What kc-core brings along");
    log.line(&format!("{} crates in its tree, itself included", crates(workspace, "kc-core")?));
    if !quick {
        clean_build(workspace, &mut log)?;
    }
    let shown = log.path().display().to_string();
    log.line(&format!("\nall of it is in {shown}"));
    Ok(true)
}

/// Cases of kc-core's benchmark, each behind the one that its numbers are held against.
const COUNTED: [(&str, &str); 7] = [
    ("rs256", "rs256"),
    ("rs256-jwt", "rs256"),
    ("rs256-kc", "rs256"),
    ("roles", "roles"),
    ("roles-jwt", "roles"),
    ("roles-kc", "roles"),
    ("guard-known", "rs256"),
];

/// Runs them under callgrind, which sees each call and changes none.
fn counts(workspace: &Workspace, log: &mut Log) -> Result<(), Failure> {
    let folder = workspace.target.join("xtask");
    let mut counted = Vec::new();
    for (id, raw) in COUNTED {
        let out = folder.join(format!("callgrind.{id}"));
        let file = format!("--callgrind-out-file={}", out.display());
        let runner = ["valgrind", "--quiet", "--tool=callgrind", "--toggle-collect=validate::counted", &file];
        let runner = runner.map(|word| format!("'{word}'")).join(",");
        let mut cargo = workspace.cargo();
        cargo.args(["--config", &format!("target.'cfg(all())'.runner=[{runner}]")]);
        cargo.args(["bench", "-p", "kc-core", "--bench", "validate", "--", "--only", id, &TIMES.to_string()]);
        process::capture(&mut cargo)?;
        let text = std::fs::read_to_string(&out).map_err(|e| Failure::io("reading", &out, &e))?;
        counted.push((id, raw, callgrind::read(&text)));
    }
    log.line(&format!(
        "{:<14} {:>13} {:>7} {:>12} {:>20}",
        "id", "instructions", "ratio", "allocations", "in the C library"
    ));
    for (id, raw, of) in &counted {
        let base = counted.iter().find(|(other, ..)| other == raw).map_or(of, |(.., base)| base);
        log.line(&format!(
            "{id:<14} {:>13} {:>7.2} {:>12} {:>20}",
            of.instructions / TIMES,
            ratio(of.instructions, base.instructions),
            of.allocations / TIMES,
            of.allocations_of_c / TIMES,
        ));
    }
    Ok(())
}

/// Often enough that what is called once at the start does not count.
const TIMES: u64 = 1_000;

#[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

/// Builds the peers, and names each with its program.
fn peers(workspace: &Workspace, log: &mut Log) -> Result<Vec<String>, Failure> {
    let folder = workspace.root.join(PEERS);
    let target = workspace.target.join("peers");
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--locked", "--manifest-path"]).arg(folder.join("Cargo.toml"));
    must(build.arg("--target-dir").arg(&target), log)?;
    let mut names = programs(&folder.join("src").join("bin"))?;
    names.sort();
    let subject = |name: &String| format!("{name}={}", target.join("release").join(name).display());
    Ok(names.iter().map(subject).collect())
}

fn programs(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|e| Failure::io("reading", folder, &e))?;
    let sources = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let sources = sources.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    Ok(sources.filter_map(|path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned())).collect())
}

/// How many crates a package needs to be built for a service, those of its build scripts and macros included.
fn crates(workspace: &Workspace, package: &str) -> Result<usize, Failure> {
    let tree = ["tree", "-p", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let tree = process::capture(workspace.cargo().args(tree))?;
    let names = tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty());
    Ok(names.collect::<BTreeSet<_>>().len())
}

/// How long it takes to build `kc-core` from nothing, as a service's developer does.
fn clean_build(workspace: &Workspace, log: &mut Log) -> Result<(), Failure> {
    let target = workspace.target.join("bench-clean");
    if target.exists() {
        std::fs::remove_dir_all(&target).map_err(|e| Failure::io("emptying", &target, &e))?;
    }
    let start = Instant::now();
    must(workspace.cargo().args(["build", "-p", "kc-core", "--target-dir"]).arg(&target), log)?;
    log.line(&format!("a clean build of kc-core took {} s", start.elapsed().as_secs()));
    std::fs::remove_dir_all(&target).map_err(|e| Failure::io("removing", &target, &e))
}

fn heading(log: &mut Log, text: &str) {
    log.line(&format!("\n== {text}"));
}

/// What failed has said why.
fn must(command: &mut Command, log: &mut Log) -> Result<(), Failure> {
    if process::run(command, log)?.success { Ok(()) } else { Err(Failure::new("a measurement failed")) }
}
