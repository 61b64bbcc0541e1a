//! A reader at a terminal: types what a page says, in its order, and looks at the answers.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::SystemTime;

use tempfile::TempDir;

use crate::page::{Mark, Page, repository};

/// Programs of this repository that pages run: package, binary, and the folders of what they are built from.
const PROGRAMS: [(&str, &str, &[&str]); 4] = [
    (
        "axum-service",
        "axum-service",
        &[
            "crates/kc-axum",
            "crates/kc-core",
            "crates/kc-dev",
            "crates/kc-login",
            "crates/kc-store",
            "examples/axum-service",
            "examples/reference-service",
        ],
    ),
    ("kc-cli", "kc", &["crates/kc-cli", "crates/kc-conformance", "crates/kc-core", "crates/kc-dev"]),
    ("kc-dev", "kc-dev", &["crates/kc-dev"]),
    (
        "two-realms",
        "two-realms",
        &["crates/kc-axum", "crates/kc-core", "crates/kc-dev", "examples/two-realms"],
    ),
];
/// No command takes longer, not even the first build of a quick start on a busy machine.
const LONGEST_SECONDS: &str = "900";

/// A shell's working folder and variables, and what runs behind it.
#[derive(Debug)]
pub struct Terminal {
    home: TempDir,
    /// What a page says and what is meant here: addresses.
    words: Vec<(String, String)>,
    running: Vec<Running>,
}

/// A program that goes on until the terminal is closed.
#[derive(Debug)]
struct Running(Child);

impl Terminal {
    /// In an empty folder, but for `kc`, which is this repository.
    ///
    /// # Panics
    /// Nothing can be written below the temporary folder.
    #[must_use]
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (desk, bin) = (home.path().join("desk"), home.path().join("bin"));
        for folder in [&desk, &bin] {
            fs::create_dir(folder).expect("a folder");
        }
        symlink(repository(), desk.join("kc")).expect("a link");
        let built = fresh();
        write_program(&bin.join("cargo"), &cargo(&built));
        let manifest = repository().join("Cargo.toml");
        let kc = format!(
            "#!/bin/bash\nexec cargo run --quiet --manifest-path '{}' -p kc-cli -- \"$@\"\n",
            manifest.display()
        );
        write_program(&bin.join("kc"), &kc);
        fs::write(home.path().join("folder"), desk.display().to_string()).expect("a file");
        fs::write(home.path().join("variables"), "").expect("a file");
        Self { home, words: Vec::new(), running: Vec::new() }
    }

    /// Has `cargo run` start this program of this repository, which is built already, in the place of what it would build.
    ///
    /// # Panics
    /// It isn't built.
    #[must_use]
    pub fn with_program(self, name: &'static str) -> Self {
        let program = binaries().join(name);
        assert!(program.is_file(), "{} is not built: cargo build -p documents-tests", program.display());
        let built: Vec<_> = fresh().into_iter().chain([("''", name)]).collect();
        write_program(&self.home.path().join("bin/cargo"), &cargo(&built));
        self
    }

    /// The same, in the repository.
    #[must_use]
    pub fn in_the_repository() -> Self {
        let terminal = Self::new();
        fs::write(terminal.home.path().join("folder"), repository().display().to_string()).expect("a file");
        terminal
    }

    /// Puts `meant` in the place of what a page says.
    #[must_use]
    pub fn with(mut self, said: &str, meant: &str) -> Self {
        self.words.push((said.to_owned(), meant.to_owned()));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn variable(self, name: &str, value: &str) -> Self {
        let file = self.home.path().join("variables");
        let before = fs::read_to_string(&file).expect("it was written");
        fs::write(&file, format!("{before}export {name}='{value}'\n")).expect("a file");
        self
    }

    /// The folder in which it is.
    ///
    /// # Panics
    /// Never, unless somebody removes what is there.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        PathBuf::from(fs::read_to_string(self.home.path().join("folder")).expect("it was written").trim())
    }

    /// Does what the page says, block by block; how many commands were run, and what was not as the page says.
    ///
    /// # Panics
    /// A file can't be written.
    pub fn follow(&mut self, page: &Page) -> (usize, Vec<String>) {
        let (mut commands, mut findings) = (0, Vec::new());
        for block in &page.blocks {
            let text = self.meant(&block.text);
            let result = match (&block.mark, &*block.language) {
                (Mark::NotRun(_), _) => continue,
                (Mark::File(path), _) => {
                    let path = self.folder().join(path);
                    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
                    fs::write(&path, text).expect("a file");
                    continue;
                }
                (Mark::RunsUntilStopped { ready }, _) => self.start(&text, ready),
                (Mark::None, "sh") => self.run(&text).and_then(Said::good),
                (Mark::None, "console") => {
                    type_in(&text).and_then(|typed| typed.iter().try_for_each(|typed| self.compare(typed)))
                }
                (Mark::None, _) => continue,
            };
            commands += 1;
            if let Err(why) = result {
                // What follows would fail because of it.
                findings.push(format!("{}: {why}", page.place(block)));
                break;
            }
        }
        (commands, findings)
    }

    fn meant(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (said, meant)| text.replace(said, meant))
    }

    /// Runs a script in the folder and with the variables that the one before left behind.
    fn run(&self, script: &str) -> Result<Said, String> {
        let done = self
            .shell(&format!("{script}\npwd >\"$HOME/folder\"; export -p >\"$HOME/variables\"\n"))
            .output();
        let done = done.map_err(|error| format!("bash: {error}"))?;
        Ok(Said {
            success: done.status.success(),
            out: String::from_utf8_lossy(&done.stdout).into_owned(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        })
    }

    /// Starts something and waits until it says that it is ready; what it prints to be pasted, is.
    fn start(&mut self, script: &str, ready: &str) -> Result<(), String> {
        let mut command = self.shell(&format!("{script}\n"));
        let (reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
        let twin = writer.try_clone().map_err(|error| error.to_string())?;
        // A group of its own, so that what it starts ends with it.
        let child = command.stdout(writer).stderr(twin).process_group(0).spawn();
        drop(command);
        self.running.push(Running(child.map_err(|error| error.to_string())?));
        let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
        let mut said = String::new();
        for line in lines.by_ref() {
            if let Some(paste) = line.strip_prefix("TOKEN=") {
                self.run(&format!("export TOKEN; TOKEN={paste}")).and_then(Said::good)?;
            }
            said += &format!("    {line}\n");
            if line.contains(ready) {
                // Nobody reads further, and it must not wait for that.
                thread::spawn(move || lines.count());
                return Ok(());
            }
        }
        Err(format!("it ended, and never said \"{ready}\":\n{said}"))
    }

    /// Runs a command and looks for the lines that are shown, in their order.
    fn compare(&self, typed: &Typed) -> Result<(), String> {
        let said = self.run(&typed.command)?;
        if typed.shown.is_empty() {
            return said.good();
        }
        let mut lines = said.out.lines();
        for shown in &typed.shown {
            if !lines.any(|line| fits(line, shown)) {
                return Err(format!("`{}` does not say `{shown}` there:\n{}", typed.command, said.both()));
            }
        }
        Ok(())
    }

    fn shell(&self, script: &str) -> Command {
        let home = self.home.path();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("timeout");
        shell.args(["--kill-after=5", LONGEST_SECONDS, "bash", "-c"]);
        // `-a`: what a block sets, the next one finds.
        shell.arg(format!("set -a; . ~/variables; cd \"$(cat ~/folder)\"; set -euo pipefail\n{script}"));
        shell.stdin(Stdio::null()).env_clear();
        // Without the toolchain's name rustup takes the one that a dependency's own folder names, and installs it.
        for name in [
            "CARGO_HOME",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
            "RUSTUP_AUTO_INSTALL",
            "LANG",
            "CARGO_BUILD_JOBS",
            "CARGO_INCREMENTAL",
            "RUSTFLAGS",
        ] {
            if let Some(value) = std::env::var_os(name) {
                shell.env(name, value);
            }
        }
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            if let (None, Some(home)) = (std::env::var_os(name), std::env::var_os("HOME")) {
                shell.env(name, Path::new(&home).join(folder));
            }
        }
        shell.env("HOME", home).env("PATH", format!("{}:{path}", home.join("bin").display()));
        shell
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// What a command wrote.
#[derive(Debug)]
struct Said {
    success: bool,
    out: String,
    err: String,
}

impl Said {
    fn good(self) -> Result<(), String> {
        if self.success { Ok(()) } else { Err(format!("it fails:\n{}", self.both())) }
    }

    fn both(&self) -> String {
        let lines = self.out.lines().chain(self.err.lines());
        lines.map(|line| format!("    {line}\n")).collect()
    }
}

/// A command of a `console` block, and what is shown of its answer.
#[derive(Debug, PartialEq, Eq)]
struct Typed {
    command: String,
    shown: Vec<String>,
}

/// Commands begin with `$ `; a backslash at a line's end goes on in the next.
fn type_in(block: &str) -> Result<Vec<Typed>, String> {
    let mut all: Vec<Typed> = Vec::new();
    let mut goes_on = false;
    for line in block.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (None, Some(typed)) if goes_on => typed.command += &format!("\n{line}"),
            (Some(command), _) => all.push(Typed { command: command.to_owned(), shown: Vec::new() }),
            (None, Some(typed)) => {
                if !line.trim().is_empty() {
                    typed.shown.push(line.trim_end().to_owned());
                }
            }
            (None, None) => return Err("a console block begins with `$ ` and a command".to_owned()),
        }
        goes_on = line.ends_with('\\') && (goes_on || line.starts_with("$ "));
    }
    Ok(all)
}

/// Whether a line is the one shown, in which `…` is anything.
fn fits(line: &str, shown: &str) -> bool {
    let mut rest = line.trim_end();
    let mut parts = shown.split('…');
    let Some(after) = parts.next().and_then(|first| rest.strip_prefix(first)) else { return false };
    rest = after;
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// The folder of this build's programs.
fn binaries() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(2).expect("it is in target/debug/deps").to_owned()
}

/// Which programs are there and as new as their sources: `cargo test --workspace` has built them, and building them again for themselves
/// alone would build half of their dependencies with other features.
fn fresh() -> Vec<(&'static str, &'static str)> {
    let is_fresh = |name: &str, folders: &[&str]| {
        let built = binaries().join(name).metadata().and_then(|program| program.modified());
        built.is_ok_and(|built| {
            folders.iter().all(|folder| {
                let folder = repository().join(folder);
                newest(&folder.join("src")).max(newest(&folder.join("Cargo.toml"))) <= Some(built)
            })
        })
    };
    let fresh = PROGRAMS.into_iter().filter(|(_, name, folders)| is_fresh(name, folders));
    fresh.map(|(package, name, _)| (package, name)).collect()
}

/// When what is there was changed last.
fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = fs::read_dir(path) else { return path.metadata().and_then(|is| is.modified()).ok() };
    entries.flatten().filter_map(|entry| newest(&entry.path())).max()
}

/// What stands for `cargo` in the terminal: it runs programs that are built already, and leaves the rest to the real one.
fn cargo(built: &[(&str, &str)]) -> String {
    let cases: String = built
        .iter()
        .map(|(package, name)| format!("  {package}) exec '{}/{name}' \"$@\" ;;\n", binaries().display()))
        .collect();
    format!(
        "#!/bin/bash\n\
         export CARGO_TARGET_DIR='{target}' CARGO_NET_OFFLINE=true\n\
         if [ \"${{1-}}\" = run ]; then\n\
         all=(\"$@\"); package=\n\
         while [ $# -gt 0 ] && [ \"$1\" != -- ]; do if [ \"$1\" = -p ]; then package=$2; fi; shift; done\n\
         [ $# -gt 0 ] && shift\n\
         case $package in\n{cases}esac\n\
         set -- \"${{all[@]}}\"\n\
         fi\n\
         case ${{1-}} in\n\
         new) '{real}' \"$@\" && cp '{root}/Cargo.lock' \"$2\"; exit ;;\n\
         run) shift; exec '{real}' run {profile} \"$@\" ;;\n\
         esac\n\
         exec '{real}' \"$@\"\n",
        root = repository().display(),
        // That of the workspace, so that what it has built serves again.
        profile = "--config 'profile.dev.debug=\"line-tables-only\"' --config profile.dev.package.aws-lc-sys.opt-level=2",
        target = binaries().parent().expect("it is in target").display(),
        real = env!("CARGO"),
    )
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_fits_what_is_shown_of_it() {
        assert!(fits("a b c", "a b c") && fits("a b c", "a…c") && fits("a b c", "…b…") && fits("a", "a…"));
        assert!(!fits("a b c", "a b") && !fits("a b c", "b…") && !fits("a b c", "a…b") && !fits("a", "a…a"));
    }

    #[test]
    fn commands_and_what_is_shown_are_told_apart() {
        let typed = type_in("$ a \\\n  b\n1\n\n2\n$ c\n").unwrap();
        assert_eq!(typed.len(), 2);
        assert_eq!((&*typed[0].command, typed[0].shown.len()), ("a \\\n  b", 2));
        assert!(typed[1].shown.is_empty() && type_in("a\n").is_err());
    }

    #[test]
    fn a_terminal_keeps_its_folder_and_variables_and_stops_what_it_started() {
        let mut terminal = Terminal::new().with("HERE", "there");
        terminal.run("mkdir HERE; cd HERE; A='1 2'").and_then(Said::good).unwrap();
        assert_eq!(
            terminal.run("echo \"$A\"; pwd").unwrap().out,
            format!("1 2\n{}\n", terminal.folder().display())
        );
        terminal.start("echo TOKEN=x; echo ready; sleep 1000", "ready").unwrap();
        assert_eq!(terminal.run("echo $TOKEN").unwrap().out, "x\n");
        assert!(terminal.start("echo no", "ready").is_err());
        drop(terminal);
    }
}
