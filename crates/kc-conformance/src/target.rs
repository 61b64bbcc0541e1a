//! The service under test: a command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// A service, as the command that starts it.
///
/// It reads its settings from the environment (`KEYCLOAK_*`, `LISTEN`), listens, and ends on SIGTERM.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) clean_folder: bool,
    pub(crate) start_timeout: Duration,
    pub(crate) variables: Vec<(String, String)>,
}

impl Target {
    /// A program to be started in the current folder. A path with a slash is made absolute; a bare name is looked up in
    /// `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let is_path = program.components().count() > 1;
        // What can't be made absolute is left as it is: starting it says why.
        let program = if is_path { std::path::absolute(&program).unwrap_or(program) } else { program };
        Self {
            program,
            arguments: Vec::new(),
            clean_folder: false,
            start_timeout: Duration::from_secs(120),
            variables: Vec::new(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Starts it in an empty folder each time. For commands that don't depend on the current folder; the cases about
    /// `.env` need it. Default: the current folder.
    #[must_use]
    pub fn clean_folder(self, clean_folder: bool) -> Self {
        Self { clean_folder, ..self }
    }

    /// How long one start may take. Default 120 s, since `cargo run` may build first.
    #[must_use]
    pub fn start_timeout(self, start_timeout: Duration) -> Self {
        Self { start_timeout, ..self }
    }

    /// Sets a variable of its environment, beside those of the suite.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }
}
