//! Known deviations: data, each with a reason.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Deserializer, Value};

/// Cases that a service is known to fail, and why that is accepted.
///
/// Written as lines of TOML, `"bearer/two-headers" = "the framework joins repeated headers, issue 12"`; `#` begins a
/// comment line. An entry without a reason, of an unknown case, or of a case that passes, fails the run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Deviations {
    reasons: BTreeMap<String, String>,
}

/// A line that can't be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviationsError {
    line: usize,
    what: &'static str,
}

impl fmt::Display for DeviationsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the deviations {}; write \"group/case\" = \"reason\"", self.line, self.what)
    }
}

impl std::error::Error for DeviationsError {}

impl Deviations {
    /// Reads the lines.
    ///
    /// # Errors
    /// A line that is no entry, an entry without a reason, or a case named twice.
    pub fn read(text: &str) -> Result<Self, DeviationsError> {
        let mut reasons = BTreeMap::new();
        for (n, line) in text.lines().enumerate() {
            let wrong = |what| DeviationsError { line: n + 1, what };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (id, rest) = string(line).ok_or_else(|| wrong("doesn't begin with a case in quotes"))?;
            let rest = rest.trim_start().strip_prefix('=').ok_or_else(|| wrong("has no ="))?;
            let (reason, rest) = string(rest.trim_start()).ok_or_else(|| wrong("has no reason in quotes"))?;
            if reason.trim().is_empty() {
                return Err(wrong("has an empty reason"));
            }
            if !rest.trim().is_empty() && !rest.trim_start().starts_with('#') {
                return Err(wrong("goes on after the reason"));
            }
            if reasons.insert(id, reason).is_some() {
                return Err(wrong("names a case for the second time"));
            }
        }
        Ok(Self { reasons })
    }

    /// Why that case may fail.
    #[must_use]
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.reasons.get(id).map(String::as_str)
    }

    /// The cases.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.reasons.keys().map(String::as_str)
    }
}

/// A basic string at the start, and what follows. TOML's basic strings are JSON's, as far as one line goes.
fn string(text: &str) -> Option<(String, &str)> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let Some(Ok(Value::String(value))) = values.next() else { return None };
    Some((value, text.get(values.byte_offset()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_comments_and_blank_lines_are_read() {
        let read =
            Deviations::read("# why\n\n\"a/b\" = \"says \\\"no\\\"\"  # later\n\"c/d\"=\"x\"\n").unwrap();
        assert_eq!(read.reason("a/b"), Some("says \"no\""));
        assert_eq!(read.ids().collect::<Vec<_>>(), ["a/b", "c/d"]);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused_with_its_line() {
        for bad in
            ["\"a/b\"", "\"a/b\" =", "\"a/b\" = \"\"", "\"a/b\" = \" \"", "a/b = \"x\"", "\"a\" = \"x\" y"]
        {
            let error = Deviations::read(&format!("# first\n{bad}")).unwrap_err();
            assert_eq!(error.line, 2, "{bad}: {error}");
        }
        assert!(Deviations::read("\"a\" = \"x\"\n\"a\" = \"y\"").is_err());
    }
}
