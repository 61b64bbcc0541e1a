//! What the commands have in common: how a command line is read, and what is read for it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use kc_core::clock::{Clock as _, SystemClock, UnixTime};
use kc_core::policy::AuthorizationConfig;

/// A command line, taken apart: options with a value, options without, and the rest.
#[derive(Debug, Default)]
pub(crate) struct Line {
    values: BTreeMap<&'static str, Vec<OsString>>,
    flags: Vec<&'static str>,
    rest: Vec<OsString>,
}

impl Line {
    /// Reads a command line; `None` when help is asked for.
    pub(crate) fn read(
        arguments: &mut dyn Iterator<Item = OsString>,
        with_value: &[&'static str],
        without: &[&'static str],
    ) -> Result<Option<Self>, String> {
        let mut line = Self::default();
        while let Some(argument) = arguments.next() {
            let text = argument.to_str().map(str::to_owned);
            let (name, inline) = match text.as_deref() {
                Some("-h" | "--help") => return Ok(None),
                Some("--") => {
                    line.rest.extend(arguments);
                    break;
                }
                Some(option) if option.starts_with("--") => match option.split_once('=') {
                    Some((name, value)) => (name, Some(OsString::from(value))),
                    None => (option, None),
                },
                Some(option) if option.starts_with('-') && option != "-" => {
                    return Err(format!("the option {option:?} is not known; see --help"));
                }
                _ => {
                    line.rest.push(argument);
                    continue;
                }
            };
            if let Some(known) = with_value.iter().find(|known| **known == name) {
                let value = inline.or_else(|| arguments.next());
                let value = value.ok_or_else(|| format!("{name} needs a value; see --help"))?;
                line.values.entry(known).or_default().push(value);
            } else if let Some(known) = without.iter().find(|known| **known == name) {
                if inline.is_some() {
                    return Err(format!("{name} takes no value; see --help"));
                }
                line.flags.push(known);
            } else {
                return Err(format!("the option {name:?} is not known; see --help"));
            }
        }
        Ok(Some(line))
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    /// All values of an option.
    pub(crate) fn all(&self, name: &str) -> Result<Vec<String>, String> {
        let texts = self.values.get(name).into_iter().flatten().map(|value| {
            value.to_str().map(str::to_owned).ok_or_else(|| format!("{name} {value:?} is not UTF-8"))
        });
        texts.collect()
    }

    /// The value of an option that may be there once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<String>, String> {
        let mut all = self.all(name)?;
        if all.len() > 1 {
            return Err(format!("{name} is given more than once; see --help"));
        }
        Ok(all.pop())
    }

    /// A path that has to be there once.
    pub(crate) fn path(&self, name: &str) -> Result<&Path, String> {
        match self.values.get(name).map(Vec::as_slice) {
            Some([path]) => Ok(Path::new(path)),
            Some(_) => Err(format!("{name} is given more than once; see --help")),
            None => Err(format!("{name} is missing; see --help")),
        }
    }

    /// The one argument without an option.
    pub(crate) fn only(&self, what: &str) -> Result<&Path, String> {
        match self.rest.as_slice() {
            [path] => Ok(Path::new(path)),
            [] => Err(format!("{what} is missing; see --help")),
            [_, second, ..] => Err(format!("{second:?} is one argument too many; see --help")),
        }
    }

    /// All arguments without an option.
    pub(crate) fn rest(&self) -> &[OsString] {
        &self.rest
    }

    /// That there is no argument without an option.
    pub(crate) fn nothing_else(&self) -> Result<(), String> {
        match self.rest.first() {
            None => Ok(()),
            Some(first) => Err(format!("{first:?} is one argument too many; see --help")),
        }
    }

    /// The time of `--at`, or now.
    pub(crate) fn at(&self) -> Result<UnixTime, String> {
        match self.one("--at")? {
            None => Ok(SystemClock.now()),
            Some(text) => time(&text).ok_or_else(|| format!("--at {text:?} is no time; {TIME}")),
        }
    }

    /// The configuration in a file, with `--time-zone` and `--client-id`.
    pub(crate) fn config(&self, path: &Path) -> Result<AuthorizationConfig, String> {
        let mut builder = AuthorizationConfig::builder();
        if let Some(zone) = self.one("--time-zone")? {
            builder = builder.time_zone(&zone).map_err(|error| format!("--time-zone {zone:?} {error}"))?;
        }
        if let Some(client) = self.one("--client-id")? {
            builder = builder.client_id(client);
        }
        builder.build(&file(path)?).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Options that go with every configuration.
pub(crate) const CONFIG_OPTIONS: [&str; 2] = ["--time-zone", "--client-id"];

/// How a time is written.
pub(crate) const TIME: &str = "write it as 2026-11-22T03:04:05Z";

/// RFC 3339.
pub(crate) fn time(text: &str) -> Option<UnixTime> {
    let at = SystemTime::from(text.parse::<jiff::Timestamp>().ok()?);
    let millis = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).ok()?,
        Err(before) => i64::try_from(before.duration().as_millis()).ok()?.checked_neg()?,
    };
    Some(UnixTime::from_millis(millis))
}

/// What is in a file; `-` is standard input.
pub(crate) fn file(path: &Path) -> Result<Vec<u8>, String> {
    let named = |error: std::io::Error| format!("{} can't be read: {error}", path.display());
    if path.as_os_str() == OsStr::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map_err(named)?;
        return Ok(text);
    }
    std::fs::read(path).map_err(named)
}
