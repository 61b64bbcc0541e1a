//! The layers that settings come from, as data: a test fills them in, [`Sources::process`] reads the real ones.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::adapter_config::{self, AdapterConfig};
use super::error::{Defect, Problem, SettingsError, quoted};
use super::values::{Provenance, Text, Values};
use super::variables;
use super::{dotenv, syntax};
use crate::secret::Secret;

/// Environment, then `.env`, then the file that `KEYCLOAK_CONFIG` names; the first that has a value wins. What holds a secret can
/// be in a file of its own, which a variable of that name with `_FILE` at its end names.
///
/// [`Sources::default`] is empty and reads no file of the disk: it holds what it is given.
#[derive(Clone, Default)]
pub struct Sources {
    environment: BTreeMap<OsString, OsString>,
    dotenv: Option<Vec<u8>>,
    files: Files,
}

impl Sources {
    /// This process's environment, `.env` of its working folder if there is one, and the files of the disk.
    ///
    /// # Errors
    /// There is a `.env` that cannot be read.
    pub fn process() -> Result<Self, SettingsError> {
        let files = Files { disk: true, ..Files::default() };
        let dotenv = match files.read(Path::new(".env")) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let problem =
                    Problem::new(Defect::Unreadable, reason(&error), "make it readable, or remove it");
                return Err(SettingsError::new(".env", problem));
            }
        };
        Ok(Self { environment: std::env::vars_os().collect(), dotenv, files })
    }

    /// Adds a variable to the environment layer.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Sets what `.env` holds.
    #[must_use]
    pub fn dotenv(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.dotenv = Some(text.into());
        self
    }

    /// Adds a file; it is read instead of one of that path on the disk.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.memory.insert(path.into(), bytes.into());
        self
    }

    /// The value in force of every setting.
    pub(super) fn effective(&self) -> Result<Effective, SettingsError> {
        let dotenv = self.dotenv.as_deref().map(dotenv::parse).transpose()?.unwrap_or_default();
        let mut warnings = Vec::new();
        let mut in_file: BTreeMap<&str, &Secret> = BTreeMap::new();
        for (name, value) in &dotenv {
            if in_file.insert(name, value).is_some() && variables::VARIABLES.contains(&name.as_str()) {
                warnings.push(format!("{name} (in .env) is set more than once: the last one counts"));
            }
        }

        let mut values = Values::default();
        for &name in variables::VARIABLES {
            let counts = |text: &str| !text.is_empty() || variables::NEVER_EMPTY.contains(&name);
            if let Some(raw) = self.environment.get(OsStr::new(name)) {
                let Some(text) = raw.to_str() else {
                    let problem = Problem::malformed("is not UTF-8", "set it to text in UTF-8");
                    return Err(SettingsError::new(name, problem));
                };
                if counts(text) {
                    values.set(name, Text::One(Secret::new(text)), Provenance::Environment);
                    continue;
                }
            }
            if let Some(value) = in_file.get(name)
                && counts(value.expose())
            {
                values.set(name, Text::One((*value).clone()), Provenance::DotEnv);
            }
        }
        for &(name, by) in variables::FROM_FILES {
            if let Some(secret) = self.files.secret(&values, name, by)? {
                values.set(name, Text::One(secret), Provenance::File(by));
            }
        }
        let names = self.environment.keys().filter_map(|name| name.to_str()).chain(in_file.keys().copied());
        let typos: BTreeMap<&str, &str> =
            names.filter_map(|name| Some((name, variables::meant_by(name)?))).collect();
        for (name, meant) in &typos {
            warnings.push(format!("{} is no setting and is ignored: did you mean {meant}?", quoted(name)));
        }

        let adapter = match values.path(variables::CONFIG) {
            None => None,
            Some(path) => {
                let bytes = self.files.read_for(&values, variables::CONFIG, &path)?;
                let lookup = |name: &str| {
                    let environment = self.environment.get(OsStr::new(name)).and_then(|value| value.to_str());
                    let file = in_file.get(name).map(|value| value.expose());
                    [environment, file].into_iter().flatten().find(|text| !text.is_empty()).map(str::to_owned)
                };
                let parsed = adapter_config::parse(&bytes, &path, &lookup)?;
                warnings.extend(parsed.warnings);
                for (name, key, value) in parsed.values {
                    if !values.has(name) {
                        values.set(name, Text::One(value), Provenance::Adapter { file: path.clone(), key });
                    }
                }
                Some(parsed.config)
            }
        };
        // The one typo that would not leave a default in force but start the development issuer in production.
        if let Some((name, _)) = typos.iter().find(|(_, meant)| **meant == variables::URL)
            && !values.has(variables::URL)
        {
            let what = format!("is missing, and {} is no setting", quoted(name));
            let problem = Problem::new(Defect::Missing, what, "correct the name, or take the variable away");
            return Err(SettingsError::new(variables::URL, problem));
        }
        let allow_http = values.text(variables::DANGEROUSLY_ALLOW_HTTP, syntax::flag)?.unwrap_or(false);
        Ok(Effective { values, files: self.files.clone(), adapter, allow_http, warnings })
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("variables", &self.environment.len()).finish_non_exhaustive()
    }
}

/// What all layers, or the builder, come down to.
#[derive(Debug, Default)]
pub(super) struct Effective {
    pub(super) values: Values,
    pub(super) files: Files,
    pub(super) adapter: Option<AdapterConfig>,
    pub(super) allow_http: bool,
    pub(super) warnings: Vec<String>,
}

/// Files, given or of the disk.
#[derive(Clone, Default)]
pub(super) struct Files {
    memory: BTreeMap<PathBuf, Vec<u8>>,
    disk: bool,
}

impl Files {
    pub(super) fn of_the_disk() -> Self {
        Self { disk: true, ..Self::default() }
    }

    /// The content of the file that the setting `name` names.
    pub(super) fn read_for(
        &self,
        values: &Values,
        name: &str,
        path: &Path,
    ) -> Result<Vec<u8>, SettingsError> {
        self.read(path).map_err(|error| {
            let what =
                format!("names a file that cannot be read, {} ({})", quoted(&path.to_string_lossy()), error);
            let problem =
                Problem::new(Defect::Unreadable, what, "correct the path, or make the file readable");
            values.error(name, problem)
        })
    }

    /// What the file holds that the setting `by` names, in place of the setting `name`.
    fn secret(
        &self,
        values: &Values,
        name: &'static str,
        by: &'static str,
    ) -> Result<Option<Secret>, SettingsError> {
        let Some(path) = values.path(by) else { return Ok(None) };
        if values.has(name) {
            // Which of them is the right one has to be decided, not guessed.
            let what = format!("is set, and {} too", values.name(name));
            return Err(values.error(by, Problem::malformed(what, "unset one of them")));
        }
        let text = Zeroizing::new(self.read_for(values, by, &path)?);
        let Ok(text) = std::str::from_utf8(&text) else {
            let problem = Problem::malformed("names a file that is not UTF-8", "write text in UTF-8 into it");
            return Err(values.error(by, problem));
        };
        // An editor ends the last line; what makes secrets does not.
        let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
        if text.is_empty() {
            let problem = Problem::malformed("names a file that is empty", "write the value into it");
            return Err(values.error(by, problem));
        }
        Ok(Some(Secret::new(text)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.memory.get(path) {
            return Ok(bytes.clone());
        }
        if !self.disk {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.memory.keys()).finish()
    }
}

fn reason(error: &io::Error) -> String {
    format!("cannot be read ({error})")
}

/// Bytes. A bundle of all public certificate authorities has a quarter of that.
const MAX_FILE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_layer_is_the_environment_and_the_disk() {
        let sources = Sources::process().unwrap();
        assert!(sources.environment.contains_key(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(sources.files.read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).is_ok());
        assert!(Sources::default().files.read(Path::new("Cargo.toml")).is_err());
    }
}
