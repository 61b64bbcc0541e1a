//! Reads `.env`. Own rules, few and fixed: nothing is replaced in a value, so neither the process environment nor a `$`
//! in a password can change what the file says.
//!
//! A line is `NAME=value` or `export NAME=value`; empty lines and lines that begin with `#` are skipped.
//! - Bare value: up to the end of the line or to a blank followed by `#`; blanks around it are dropped; no escapes.
//! - `'single quotes'`: as it stands, over several lines too (a PEM).
//! - `"double quotes"`: the same, with the escapes `\n`, `\r`, `\t`, `\\`, `\"` and `\$`.
//!
//! `${…}` in a bare or double-quoted value is refused rather than guessed at.

use std::iter::Peekable;
use std::str::Chars;

use super::error::{Defect, Problem, SettingsError};
use crate::secret::Secret;

/// The names and values of the file, in its order.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<(String, Secret)>, SettingsError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            return Err(at(line, "is not UTF-8", "save the file as UTF-8"));
        }
    };
    let mut reader = Reader { chars: text.chars().peekable(), line: 1 };
    let mut pairs = Vec::new();
    while let Some(pair) = reader.entry()? {
        pairs.push(pair);
    }
    Ok(pairs)
}

/// What the file says never gets into a message: it is full of secrets.
fn at(line: usize, what: &'static str, remedy: &'static str) -> SettingsError {
    SettingsError::new(format!(".env line {line}"), Problem::new(Defect::Malformed, what, remedy))
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn entry(&mut self) -> Result<Option<(String, Secret)>, SettingsError> {
        loop {
            self.skip_blanks();
            match self.chars.peek() {
                None => return Ok(None),
                Some('\n') => {
                    self.next();
                }
                Some('#') => self.skip_line(),
                Some(_) => break,
            }
        }
        let no_assignment = "is no assignment";
        let remedy = "write NAME=value, and # before a comment";
        let mut name = self.word();
        self.skip_blanks();
        if name == "export" && self.chars.peek() != Some(&'=') {
            name = self.word();
            self.skip_blanks();
        }
        if name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
            || self.chars.next_if_eq(&'=').is_none()
        {
            return Err(at(self.line, no_assignment, remedy));
        }
        self.skip_blanks();
        let value = match self.chars.peek() {
            Some('\'') => self.single_quoted()?,
            Some('"') => self.double_quoted()?,
            _ => self.bare()?,
        };
        Ok(Some((name, Secret::new(value))))
    }

    fn next(&mut self) -> Option<char> {
        let next = self.chars.next();
        if next == Some('\n') {
            self.line += 1;
        }
        next
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
            word.push(c);
        }
        word
    }

    fn skip_blanks(&mut self) {
        while self.chars.next_if(|c| matches!(c, ' ' | '\t' | '\r')).is_some() {}
    }

    fn skip_line(&mut self) {
        while self.chars.next_if(|c| *c != '\n').is_some() {}
    }

    fn bare(&mut self) -> Result<String, SettingsError> {
        let mut value = String::new();
        while let Some(c) = self.chars.next_if(|c| *c != '\n') {
            if c == '#' && (value.is_empty() || value.ends_with([' ', '\t'])) {
                self.skip_line();
                break;
            }
            value.push(c);
        }
        refuse_replacement(&value, self.line)?;
        Ok(value.trim().to_owned())
    }

    fn single_quoted(&mut self) -> Result<String, SettingsError> {
        let start = self.line;
        self.next();
        let mut value = String::new();
        loop {
            match self.next() {
                None => return Err(unclosed(start)),
                Some('\'') => break,
                Some(c) => value.push(c),
            }
        }
        self.rest_of_line()?;
        Ok(value)
    }

    fn double_quoted(&mut self) -> Result<String, SettingsError> {
        let start = self.line;
        self.next();
        let mut value = String::new();
        let mut unescaped = String::new();
        loop {
            let c = match self.next() {
                None => return Err(unclosed(start)),
                Some('"') => break,
                Some('\\') => {
                    unescaped.push('\\');
                    match self.next() {
                        Some('n') => '\n',
                        Some('r') => '\r',
                        Some('t') => '\t',
                        Some(c @ ('\\' | '"' | '$')) => c,
                        _ => {
                            let remedy = "use \\n, \\r, \\t, \\\\, \\\" or \\$, or single quotes";
                            return Err(at(start, "has an unknown escape", remedy));
                        }
                    }
                }
                Some(c) => {
                    unescaped.push(c);
                    c
                }
            };
            value.push(c);
        }
        refuse_replacement(&unescaped, start)?;
        self.rest_of_line()?;
        Ok(value)
    }

    fn rest_of_line(&mut self) -> Result<(), SettingsError> {
        self.skip_blanks();
        match self.chars.peek() {
            None | Some('\n') => Ok(()),
            Some('#') => {
                self.skip_line();
                Ok(())
            }
            Some(_) => {
                Err(at(self.line, "has text after the closing quote", "put the whole value in the quotes"))
            }
        }
    }
}

fn refuse_replacement(value: &str, line: usize) -> Result<(), SettingsError> {
    if value.contains("${") {
        let remedy = "write the value out, or put it in single quotes if it is meant as it stands";
        return Err(at(line, "uses ${…}, which .env does not replace", remedy));
    }
    Ok(())
}

fn unclosed(line: usize) -> SettingsError {
    at(line, "opens a quote that is never closed", "close it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let pairs = parse(text.as_bytes()).unwrap();
        pairs.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect()
    }

    fn value(text: &str) -> String {
        read(text).remove(0).1
    }

    #[test]
    fn the_usual_lines_are_read() {
        let text =
            "\u{feff}# comment\n\nA=1\r\n export  B = two words  # comment\nC=\nD=a#b\nexport=x\n  E=#none\n";
        let expected = [("A", "1"), ("B", "two words"), ("C", ""), ("D", "a#b"), ("export", "x"), ("E", "")];
        let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(read(text), expected);
    }

    #[test]
    fn quotes_may_span_lines_and_only_double_quotes_have_escapes() {
        assert_eq!(value("A='x\\n$y ${Z}\nz' # c\nB=2"), "x\\n$y ${Z}\nz");
        assert_eq!(value(r#"A="x\ny\"\\\${Z}""#), "x\ny\"\\${Z}");
        assert_eq!(read("A='1\n2'\nB=3").last().unwrap().1, "3");
    }

    #[test]
    fn a_dollar_in_a_password_stays() {
        assert_eq!(value("A=pa$$word$1"), "pa$$word$1");
    }

    #[test]
    fn an_error_names_the_line_and_nothing_of_it() {
        let cases: [(&[u8], &str); 9] = [
            (b"A=1\nhunter2\n", ".env line 2 is no assignment"),
            (b"=hunter2\n", ".env line 1 is no assignment"),
            (b"1A=hunter2\n", ".env line 1 is no assignment"),
            (b"A='1\n2'\nB='hunter2\n\n", ".env line 3 opens a quote that is never closed"),
            (b"A=\"hunter2\n\n", ".env line 1 opens a quote that is never closed"),
            (b"A=\"hunter2\"hunter2", ".env line 1 has text after the closing quote"),
            (b"\nA=\"hunter2\\x\"", ".env line 2 has an unknown escape"),
            (b"A=${hunter2}", ".env line 1 uses ${…}, which .env does not replace"),
            (b"A=1\nB=hunter2\xff", ".env line 2 is not UTF-8"),
        ];
        for (text, start) in cases {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
            assert!(!message.contains("hunter2") && !message.contains('\n'), "{message}");
        }
    }
}
