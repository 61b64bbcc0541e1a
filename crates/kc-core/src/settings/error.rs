//! What is wrong with a setting, and what to do about it.

use std::borrow::Cow;
use std::fmt;

/// A setting that cannot be used.
///
/// `Display` is one line: which setting, its defect, the remedy. It quotes a bad value only where that cannot be a
/// secret, escaped and cut at 80 characters.
#[derive(Clone, Eq, PartialEq)]
pub struct SettingsError {
    setting: String,
    problem: Problem,
}

impl SettingsError {
    pub(super) fn new(setting: impl Into<String>, problem: Problem) -> Self {
        Self { setting: setting.into(), problem }
    }

    /// A value of the right shape that turned out not to work when it was used.
    #[must_use]
    pub fn unusable(variable: &str, what: String, remedy: &'static str) -> Self {
        Self::new(variable, Problem::malformed(format!("cannot be used ({what})"), remedy))
    }

    /// The variable's name, with the file and the key when the value came from one: `KEYCLOAK_URL (in .env)`.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Which kind of defect it is.
    #[must_use]
    pub const fn defect(&self) -> Defect {
        self.problem.defect
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.problem.remedy
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.setting, self.problem.what, self.problem.remedy)
    }
}

/// The same: a `main` that returns the error shows this.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SettingsError {}

/// Kinds of defects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Defect {
    /// The value has the wrong form or is out of range.
    Malformed,
    /// A value is needed and there is none.
    Missing,
    /// The file cannot be read.
    Unreadable,
    /// The value would work and would give protection away.
    Unsafe,
}

/// A defect of a value, before it is known which setting the value belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Problem {
    defect: Defect,
    what: Cow<'static, str>,
    remedy: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(
        defect: Defect,
        what: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { defect, what: what.into(), remedy: remedy.into() }
    }

    pub(super) fn malformed(
        what: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Defect::Malformed, what, remedy)
    }
}

/// `text` as it may stand in a message: escaped, in quotes, 80 characters at most.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

const QUOTED_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_is_escaped_and_cut() {
        assert_eq!(quoted("a\n\"b\u{202e}"), r#""a\n\"b\u{202e}""#);
        assert_eq!(quoted(&"é".repeat(81)), format!("\"{}…\"", "é".repeat(80)));
    }

    #[test]
    fn the_message_is_setting_defect_remedy() {
        let error = SettingsError::new("LISTEN", Problem::malformed("has no port", "write 127.0.0.1:8000"));
        assert_eq!(error.to_string(), "LISTEN has no port: write 127.0.0.1:8000");
        assert_eq!(format!("{error:?}"), error.to_string(), "a main that returns it shows the sentence");
        assert_eq!(
            (error.setting(), error.defect(), error.remedy()),
            ("LISTEN", Defect::Malformed, "write 127.0.0.1:8000")
        );
    }
}
