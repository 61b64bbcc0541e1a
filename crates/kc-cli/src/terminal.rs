//! What commands write for people: marks, colours, and texts that are not ours.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};

/// As much of a text from elsewhere as is shown.
const SHOWN: usize = 200;

/// A text that is not ours: without control characters, and not endless.
pub(crate) fn shown(text: &str) -> String {
    let mut escaped: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().count() > SHOWN {
        escaped.push('…');
    }
    escaped
}

/// Text without what a terminal would take for commands. JSON stays the same JSON.
pub(crate) fn printable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter != '\n' && letter.escape_debug().len() > 1 && !matches!(letter, '"' | '\\' | '\'') {
            let mut units = [0; 2];
            out.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(letter);
        }
    }
    out
}

/// Whether standard output takes colours: it is a terminal that knows them, or `CLICOLOR_FORCE` says so, and `NO_COLOR`
/// does not say otherwise.
pub(crate) fn takes_colours() -> bool {
    colours(io::stdout().is_terminal(), |name| std::env::var_os(name))
}

/// By <https://no-color.org> and <https://bixense.com/clicolors>: who wants none comes first.
fn colours(terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    let dumb = set("TERM").is_some_and(|value| value == "dumb");
    terminal && !dumb && set("CLICOLOR").is_none_or(|value| value != "0")
}

/// Whether standard error is a terminal on which a line can be written over.
pub(crate) fn rewrites_lines() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
}

/// Says on standard error what is wrong. If nobody reads that, so be it.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Text in a colour (ECMA-48 SGR), where there are colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.with("36", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Writes to standard output.
pub(crate) fn written(text: &str) -> Result<(), String> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| format!("standard output: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_and_who_wants_none_comes_first() {
        let with = |terminal, set: &[(&str, &str)]| {
            colours(terminal, |name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            })
        };
        assert!(with(true, &[]) && !with(false, &[]));
        assert!(!with(true, &[("NO_COLOR", "1")]) && with(true, &[("NO_COLOR", "")]));
        assert!(with(false, &[("CLICOLOR_FORCE", "1")]) && !with(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!with(true, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
        assert!(!with(true, &[("TERM", "dumb")]) && with(true, &[("TERM", "xterm")]));
        assert!(!with(true, &[("CLICOLOR", "0")]));
    }
}
