//! `cargo run …` as the command of a service: built once, then started as the program that it is.
//!
//! A run starts its service some two hundred times, several at once. Cargo would look through the whole workspace each
//! time, wait for its own locks, and write its own lines between those of the service, which cases count.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that cargo has built.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Built {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The folder of its package, which `cargo run` tells it too.
    pub(crate) manifest_folder: PathBuf,
}

/// Builds what `cargo run` would start. `None` for any other command, and where cargo has several programs to choose from.
///
/// # Errors
/// Cargo can't be started, or doesn't build it; cargo has said why on standard error.
pub(crate) fn built(command: &[OsString]) -> Result<Option<Built>, String> {
    let Some(run) = Run::read(command) else { return Ok(None) };
    let output = Command::new(run.cargo)
        .args(run.build_arguments())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo can't be started: {error}"))?;
    if !output.status.success() {
        let own = "arguments of its own go behind a second --: cargo run OPTIONS -- ARGUMENTS";
        return Err(format!("cargo can't build the service ({}); {own}", output.status));
    }
    Ok(only_program(&String::from_utf8_lossy(&output.stdout)).map(|(program, manifest)| Built {
        program,
        arguments: run.of_the_program.to_vec(),
        manifest_folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
    }))
}

/// `cargo [+TOOLCHAIN] run [OPTIONS] [-- ARGUMENTS]`, taken apart.
#[derive(Debug)]
struct Run<'a> {
    cargo: &'a OsStr,
    toolchain: Option<&'a OsStr>,
    options: &'a [OsString],
    of_the_program: &'a [OsString],
}

impl<'a> Run<'a> {
    fn read(command: &'a [OsString]) -> Option<Self> {
        let (cargo, mut rest) = command.split_first()?;
        if Path::new(cargo).file_stem()? != "cargo" {
            return None;
        }
        let mut toolchain = None;
        if let Some((first, others)) = rest.split_first()
            && first.to_str()?.starts_with('+')
        {
            (toolchain, rest) = (Some(first.as_os_str()), others);
        }
        let (name, rest) = rest.split_first()?;
        if name != "run" && name != "r" {
            return None;
        }
        let (options, of_the_program) = match rest.iter().position(|argument| argument == "--") {
            Some(at) => (rest.get(..at)?, rest.get(at + 1..)?),
            None => (rest, [].as_slice()),
        };
        Some(Self { cargo, toolchain, options, of_the_program })
    }

    fn build_arguments(&self) -> impl Iterator<Item = &OsStr> {
        let start = self.toolchain.into_iter().chain([OsStr::new("build")]);
        let end = ["--message-format", "json-render-diagnostics"].map(OsStr::new);
        start.chain(self.options.iter().map(OsString::as_os_str)).chain(end)
    }
}

/// The one program among cargo's messages, and the manifest of its package.
fn only_program(messages: &str) -> Option<(PathBuf, PathBuf)> {
    let program = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let executable = message.get("executable")?.as_str()?.into();
        Some((executable, message.get("manifest_path")?.as_str()?.into()))
    };
    let mut programs = messages.lines().filter_map(program);
    let first = programs.next()?;
    programs.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_cargo_would_run_is_what_it_is_told_to_build() {
        for (line, build, own) in [
            ("cargo run -p a --release", "build -p a --release", ""),
            ("cargo +stable r -q -- --port 1", "+stable build -q", "--port 1"),
            ("/usr/bin/cargo run", "build", ""),
        ] {
            let command = words(line);
            let run = Run::read(&command).unwrap();
            let arguments: Vec<&str> = run.build_arguments().map(|word| word.to_str().unwrap()).collect();
            assert_eq!(arguments.join(" "), format!("{build} --message-format json-render-diagnostics"));
            assert_eq!(run.of_the_program.join(OsStr::new(" ")), own);
        }
    }

    #[test]
    fn any_other_command_is_left_alone() {
        for line in ["./service run", "cargo watch -x run", "cargo", "python app.py"] {
            assert!(Run::read(&words(line)).is_none(), "{line}");
        }
        assert_eq!(built(&words("python app.py")), Ok(None));
    }

    #[test]
    fn one_program_is_taken_and_of_two_none() {
        let one = |name: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"manifest_path\":\"/w/Cargo.toml\",\"executable\":\"/t/{name}\"}}\n"
            )
        };
        let library =
            "{\"reason\":\"compiler-artifact\",\"manifest_path\":\"/w/Cargo.toml\",\"executable\":null}\n";
        let found = only_program(&format!("{library}{}not json", one("a")));
        assert_eq!(found, Some((PathBuf::from("/t/a"), PathBuf::from("/w/Cargo.toml"))));
        assert_eq!(only_program(&(one("a") + &one("b"))), None);
    }
}
