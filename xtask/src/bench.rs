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

/// Runs all of it, or with `quick` a first look: fewer rounds, and neither instructions nor a clean build. The tables come
/// once more at the end, without what was built in between.
pub(crate) fn run(workspace: &Workspace, quick: bool) -> Result<bool, Failure> {
    let start = Instant::now();
    let mut report = Report::create(workspace)?;
    let all = [&tools::C_COMPILER, &tools::WRK, &tools::VALGRIND];
    tools::ensure(if quick { &all[..2] } else { &all }, &mut report.log)?;

    report.heading("A token that was not seen before, and one that was");
    report.table(workspace.cargo().args(["bench", "-p", "kc-core", "--bench", "validate"]))?;
    if !quick {
        report.heading("The same, counted: instructions and allocations");
        counts(workspace, &mut report)?;
    }
    report.heading("What grows with what");
    report.table(workspace.cargo().args(["bench", "-p", "kc-core", "--bench", "growth"]))?;
    report.table(workspace.cargo().args(["bench", "-p", "kc-login", "--bench", "sessions"]))?;
    report.heading("An offline decision by Authorization Services");
    report.table(workspace.cargo().args(["bench", "-p", "kc-core", "--bench", "policy"]))?;

    must(workspace.cargo().args(["build", "--release", "-p", "bench-services"]), &mut report.log)?;
    let release = workspace.target.join("release");
    let load = |arguments: &[&str], subjects: &[String]| {
        let mut command = Command::new(release.join("bench-load"));
        command.args(arguments).args(subjects);
        command
    };
    // A peer's ratio is far from one, and few rounds tell it.
    let (own, others) = if quick { ("3", "2") } else { ("9", "5") };
    report.heading("A request, protected against not protected");
    report.table(&mut load(&["--seconds", "1", "--rounds", own], &[]))?;
    if !quick {
        report.heading("The same, counted outside the kernel: instructions and allocations");
        report.table(&mut load(&["--instructions"], &[]))?;
    }

    report.heading("Good requests while bad tokens come");
    report.table(&mut load(&["--flood", "--seconds", "2", "--rounds", own], &[]))?;

    report.heading("Other libraries on axum, the same way");
    let peers = peers(workspace, &mut report.log)?;
    report.table(&mut load(&["--seconds", "1", "--rounds", others, "--without-logging"], &peers))?;

    report.heading("What kc-core brings along");
    report.row(&format!("{} crates in its tree, itself included", crates(workspace, "kc-core")?));
    if !quick {
        clean_build(workspace, &mut report)?;
    }
    report.end(start);
    Ok(true)
}

/// What is shown as it comes, and the tables among it, to be shown together.
struct Report {
    log: Log,
    tables: String,
}

impl Report {
    fn create(workspace: &Workspace) -> Result<Self, Failure> {
        let log = Log::create(workspace.target.join("xtask").join("bench.log"))?;
        Ok(Self { log, tables: String::new() })
    }

    fn heading(&mut self, text: &str) {
        self.row(&format!("\n== {text}"));
    }

    fn row(&mut self, text: &str) {
        self.log.line(text);
        self.tables.extend([text, "\n"]);
    }

    /// Of what a program writes to its standard output.
    fn table(&mut self, command: &mut Command) -> Result<(), Failure> {
        let ran = process::run_for_output(command, &mut self.log)?;
        ran.output.trim_end().lines().for_each(|line| self.row(line));
        measured(ran.success)
    }

    fn end(mut self, start: Instant) {
        self.log.line("\n==== All tables");
        self.log.line(&self.tables);
        let (minutes, shown) = (start.elapsed().as_secs() / 60, self.log.path().display().to_string());
        self.log.line(&format!("it took {minutes} minutes; all of it is in {shown}"));
    }
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
fn counts(workspace: &Workspace, report: &mut Report) -> Result<(), Failure> {
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
    report.row(&format!(
        "{:<14} {:>13} {:>7} {:>12} {:>20}",
        "id", "instructions", "ratio", "allocations", "in the C library"
    ));
    for (id, raw, of) in &counted {
        let base = counted.iter().find(|(other, ..)| other == raw).map_or(of, |(.., base)| base);
        report.row(&format!(
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
fn clean_build(workspace: &Workspace, report: &mut Report) -> Result<(), Failure> {
    let target = workspace.target.join("bench-clean");
    if target.exists() {
        std::fs::remove_dir_all(&target).map_err(|e| Failure::io("emptying", &target, &e))?;
    }
    let start = Instant::now();
    must(workspace.cargo().args(["build", "-p", "kc-core", "--target-dir"]).arg(&target), &mut report.log)?;
    report.row(&format!("a clean build of kc-core took {} s", start.elapsed().as_secs()));
    std::fs::remove_dir_all(&target).map_err(|e| Failure::io("removing", &target, &e))
}

/// What failed has said why.
fn must(command: &mut Command, log: &mut Log) -> Result<(), Failure> {
    measured(process::run(command, log)?.success)
}

fn measured(success: bool) -> Result<(), Failure> {
    if success { Ok(()) } else { Err(Failure::new("a measurement failed")) }
}
