//! Raw values and where each came from: what all layers and the builder come down to before anything is parsed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::error::{Problem, SettingsError, quoted};
use crate::secret::Secret;

/// Where a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Provenance {
    Adapter {
        file: PathBuf,
        key: &'static str,
    },
    Code,
    DotEnv,
    Environment,
    /// The file that this setting names.
    File(&'static str),
}

impl Provenance {
    /// How a message names the setting `name` of this provenance.
    pub(super) fn name(&self, name: &str) -> String {
        match self {
            Self::Adapter { file, key } => {
                format!("{name} (`{key}` in {})", quoted(&file.to_string_lossy()))
            }
            Self::Code => format!("{name} (set in code)"),
            Self::DotEnv => format!("{name} (in .env)"),
            Self::Environment => name.to_owned(),
            Self::File(by) => format!("{name} (in the file that {by} names)"),
        }
    }
}

/// One value. Any of them may be a secret, so none is ever shown.
#[derive(Clone)]
pub(super) enum Text {
    Many(Vec<Secret>),
    One(Secret),
    Path(PathBuf),
}

/// The value in force of every setting that has one.
#[derive(Clone, Default)]
pub(super) struct Values(BTreeMap<&'static str, (Text, Provenance)>);

impl Values {
    pub(super) fn set(&mut self, name: &'static str, text: Text, provenance: Provenance) {
        self.0.insert(name, (text, provenance));
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// How a message names this setting.
    pub(super) fn name(&self, name: &str) -> String {
        self.0.get(name).map_or_else(|| name.to_owned(), |(_, provenance)| provenance.name(name))
    }

    pub(super) fn error(&self, name: &str, problem: Problem) -> SettingsError {
        SettingsError::new(self.name(name), problem)
    }

    /// The value of `name`, read by `parse`.
    pub(super) fn text<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<Option<T>, SettingsError> {
        let Some((text, _)) = self.0.get(name) else { return Ok(None) };
        match text {
            Text::One(one) => parse(one.expose()),
            Text::Many(many) => {
                let items: Vec<&str> = many.iter().map(Secret::expose).collect();
                parse(&items.join(","))
            }
            Text::Path(path) => parse(&path.to_string_lossy()),
        }
        .map(Some)
        .map_err(|problem| self.error(name, problem))
    }

    /// The items of a comma separated list, each trimmed and read by `parse`. A list without an item is an error,
    /// except one that code gives as such.
    pub(super) fn list<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<Option<Vec<T>>, SettingsError> {
        let Some((text, _)) = self.0.get(name) else { return Ok(None) };
        let items: Vec<&str> = match text {
            Text::One(one) => {
                one.expose().split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
            }
            Text::Many(many) => many.iter().map(Secret::expose).collect(),
            Text::Path(_) => Vec::new(),
        };
        if items.is_empty() && !matches!(text, Text::Many(_)) {
            let problem = Problem::malformed("is a list without an item", "name at least one, or unset it");
            return Err(self.error(name, problem));
        }
        let parsed: Result<Vec<T>, Problem> = items.into_iter().map(parse).collect();
        parsed.map(Some).map_err(|problem| self.error(name, problem))
    }

    /// A path, as it was given.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        match &self.0.get(name)?.0 {
            Text::Many(_) => None,
            Text::One(one) => Some(PathBuf::from(one.expose().trim())),
            Text::Path(path) => Some(path.clone()),
        }
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
