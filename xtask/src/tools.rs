//! Programs that the checks need: found, installed where that is ours to do, or named.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure, Log};
use crate::workspace::Workspace;

/// A program from the operating system.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    present: fn() -> bool,
    /// Debian's packages: the first of these sets that the machine's lists know.
    packages: &'static [&'static [&'static str]],
}

/// What builds of `aws-lc-sys` need; CMake isn't among it, its sources are compiled by `cc` alone.
pub(crate) const C_COMPILER: Tool = Tool {
    name: "a C compiler (cc)",
    present: || runs("cc", "--version"),
    packages: &[&["gcc", "libc6-dev"]],
};

/// What fetching, unpacking and running Keycloak needs.
pub(crate) const KEYCLOAK: &[Tool] = &[
    Tool { name: "curl", present: || runs("curl", "--version"), packages: &[&["curl"]] },
    Tool { name: "unzip", present: || runs("unzip", "-v"), packages: &[&["unzip"]] },
    Tool {
        name: "Java 17 or later",
        present: java_17_is_there,
        packages: &[&["openjdk-17-jre-headless"], &["openjdk-21-jre-headless"], &["default-jre-headless"]],
    },
    Tool { name: "Maven (mvn)", present: || on_path("mvn"), packages: &[&["maven"]] },
];

/// What drives the pages of the example services.
pub(crate) const BROWSER: Tool = Tool {
    name: "Chromium and chromedriver",
    present: || runs("chromedriver", "--version") && on_path("chromium"),
    packages: &[&["chromium", "chromium-driver"]],
};

/// What the tests of stores start for themselves.
pub(crate) const POSTGRESQL: Tool = Tool {
    name: "PostgreSQL",
    present: || postgresql_folders().iter().any(|folder| folder.join("initdb").is_file()),
    packages: &[&["postgresql"]],
};

/// What the tests of the shared stores start, each its own.
pub(crate) const REDIS: Tool = Tool {
    name: "Redis (redis-server)",
    present: || runs("redis-server", "--version"),
    packages: &[&["redis-server"]],
};

/// What scrapes the services, evaluates the dashboard's expressions, and checks the alerts.
pub(crate) const PROMETHEUS: Tool = Tool {
    name: "Prometheus and promtool",
    present: || runs("prometheus", "--version") && runs("promtool", "--version"),
    packages: &[&["prometheus"]],
};

/// What puts load on the services of the benchmarks.
pub(crate) const WRK: Tool = Tool { name: "wrk", present: || on_path("wrk"), packages: &[&["wrk"]] };

/// What counts their instructions.
pub(crate) const VALGRIND: Tool =
    Tool { name: "Valgrind", present: || runs("valgrind", "--version"), packages: &[&["valgrind"]] };

/// What compiles C for programs without shared libraries.
pub(crate) const MUSL: Tool =
    Tool { name: "musl-gcc", present: || on_path("musl-gcc"), packages: &[&["musl-tools"]] };

/// A program of cargo's, of the release that our use of it was written for.
#[derive(Debug)]
pub(crate) struct CargoTool {
    name: &'static str,
    release: &'static str,
    /// Further options of `cargo install`.
    options: &'static [&'static str],
}

pub(crate) const CARGO_DENY: CargoTool = CargoTool { name: "cargo-deny", release: "0.20.2", options: &[] };
pub(crate) const CARGO_PUBLIC_API: CargoTool =
    CargoTool { name: "cargo-public-api", release: "0.52.0", options: &[] };
pub(crate) const CARGO_FUZZ: CargoTool = CargoTool { name: "cargo-fuzz", release: "0.13.2", options: &[] };
/// Without its server, its watcher and its search.
pub(crate) const MDBOOK: CargoTool =
    CargoTool { name: "mdbook", release: "0.5.4", options: &["--no-default-features"] };

/// Makes sure that all are there: installs as root on Debian or Ubuntu, else fails and says what to install.
pub(crate) fn ensure(tools: &[&Tool], log: &mut Log) -> Result<(), Failure> {
    let missing: Vec<&Tool> = tools.iter().copied().filter(|tool| !(tool.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = names(&missing);
    if !on_path("apt-get") || !is_root() {
        return Err(Failure::new(advice(&missing)));
    }
    log.line(&format!("missing: {names}; installing"));
    apt(log, &["update"])?;
    let packages: Vec<&str> = missing.iter().flat_map(|tool| available(tool).iter().copied()).collect();
    apt(log, &[&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat())?;
    match missing.into_iter().filter(|tool| !(tool.present)()).collect::<Vec<_>>() {
        still if still.is_empty() => Ok(()),
        still => Err(Failure::new(format!("installed {}, and yet: {}", packages.join(" "), advice(&still)))),
    }
}

/// Makes sure that rustup's components for formatting and linting are there.
pub(crate) fn ensure_components(workspace: &Workspace, log: &mut Log) -> Result<(), Failure> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if process::capture(workspace.cargo().args([subcommand, "--version"])).is_ok() {
            continue;
        }
        let added = process::run(Command::new("rustup").args(["component", "add", component]), log);
        if !added.is_ok_and(|ran| ran.success) {
            return Err(Failure::new(format!(
                "{component} is missing; install it: rustup component add {component}"
            )));
        }
    }
    Ok(())
}

/// The program, which is built once when neither the `PATH` nor our own folder has it.
pub(crate) fn ensure_cargo_tool(
    tool: &CargoTool,
    workspace: &Workspace,
    log: &mut Log,
) -> Result<PathBuf, Failure> {
    let CargoTool { name, release, .. } = tool;
    let on_path = path_folders().into_iter().map(|folder| folder.join(name));
    if let Some(program) = on_path.into_iter().find(|program| tool.is(program)) {
        return Ok(program);
    }
    let home = cache()?.join("tools");
    let program = home.join("bin").join(name);
    if !tool.is(&program) {
        log.line(&format!("{name} is missing; building it once, about a minute"));
        // Unoptimised: it builds four times as fast and runs for a second or two either way.
        let ran = process::run(
            workspace
                .cargo()
                .args(["install", name, "--version", release, "--locked", "--debug", "--force"])
                .args(tool.options)
                .arg("--root")
                .arg(&home)
                .arg("--target-dir")
                .arg(home.join("target"))
                // Nobody debugs it.
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
            log,
        )?;
        if !ran.success {
            return Err(Failure::new(format!(
                "{name} could not be built; install it: cargo install {name} --version {release} --locked"
            )));
        }
        // Hundreds of megabytes that nobody needs any more; a failure to remove them harms nothing.
        let _ = std::fs::remove_dir_all(home.join("target"));
    }
    Ok(program)
}

impl CargoTool {
    /// Whether that file is it.
    fn is(&self, program: &Path) -> bool {
        program.is_file()
            && process::capture(Command::new(program).arg("--version")).is_ok_and(|said| {
                // mdBook writes a `v` before it.
                said.trim().replace(" v", " ") == format!("{} {}", self.name, self.release)
            })
    }
}

/// Where what the checks fetch is kept, outside the repository.
fn cache() -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("KC_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("kc-tests")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/kc-tests")))
        .ok_or_else(|| {
            Failure::new("neither KC_CACHE, XDG_CACHE_HOME nor HOME is set: where to keep what is fetched?")
        })
}

fn apt(log: &mut Log, arguments: &[&str]) -> Result<(), Failure> {
    let ran =
        process::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"), log)?;
    if ran.success {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`apt-get {}` failed: {}",
        arguments.join(" "),
        process::last_lines(&ran.output, 3)
    )))
}

/// The first of a tool's package sets that apt knows, else the first.
fn available(tool: &Tool) -> &'static [&'static str] {
    let known = |set: &&&'static [&'static str]| {
        set.iter().all(|package| {
            process::capture(Command::new("apt-cache").args(["show", package]))
                .is_ok_and(|said| !said.is_empty())
        })
    };
    tool.packages.iter().find(known).or(tool.packages.first()).copied().unwrap_or_default()
}

fn advice(missing: &[&Tool]) -> String {
    let packages: Vec<&str> =
        missing.iter().filter_map(|tool| tool.packages.first()).flat_map(|set| set.iter().copied()).collect();
    let become_root = if is_root() { "" } else { "sudo " };
    format!(
        "missing: {}; install on Debian or Ubuntu: {become_root}apt-get install {}; elsewhere the same by other means",
        names(missing),
        packages.join(" ")
    )
}

fn names(tools: &[&Tool]) -> String {
    tools.iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ")
}

fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn runs(program: &str, argument: &str) -> bool {
    process::capture(Command::new(program).arg(argument)).is_ok()
}

fn on_path(program: &str) -> bool {
    path_folders().iter().any(|folder| folder.join(program).is_file())
}

fn path_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Debian keeps its programs apart from the `PATH`, a folder for each version.
fn postgresql_folders() -> Vec<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    installed.map(|entry| entry.path().join("bin")).chain(path_folders()).collect()
}

/// Looks where start.sh looks: `JAVA_HOME`, the `PATH`, Debian's folder of them.
fn java_17_is_there() -> bool {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin"));
    let installed = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let folders =
        home.into_iter().chain(path_folders()).chain(installed.map(|entry| entry.path().join("bin")));
    folders.map(|folder| folder.join("java")).filter(|java| java.is_file()).any(|java| {
        // It prints its version to the error stream.
        Command::new(java).arg("-version").output().is_ok_and(|output| {
            java_major(&String::from_utf8_lossy(&output.stderr)).is_some_and(|major| major >= 17)
        })
    })
}

/// 17 of `openjdk version "17.0.12" 2024-07-16`; 1 of Java 8's `"1.8.0_292"`.
fn java_major(said: &str) -> Option<u32> {
    let (_, version) = said.split_once("version \"")?;
    version.split(['.', '"', '-', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_java_is_read_old_and_new() {
        assert_eq!(java_major("openjdk version \"17.0.12\" 2024-07-16\nOpenJDK Runtime"), Some(17));
        assert_eq!(java_major("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(java_major("openjdk version \"26-ea\" 2026-03-17"), Some(26));
        assert_eq!(java_major("java version \"1.8.0_292\""), Some(1));
        assert_eq!(java_major("command not found"), None);
    }

    #[test]
    fn advice_names_each_missing_tool_and_its_packages() {
        let advice = advice(&[&C_COMPILER, &KEYCLOAK[2]]);
        for word in ["C compiler", "Java 17", "gcc libc6-dev openjdk-17-jre-headless"] {
            assert!(advice.contains(word), "{advice}");
        }
    }
}
