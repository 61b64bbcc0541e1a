//! Java's regular expressions, as far as they mean the same here and take linear time.
//!
//! Keycloak matches by `Matcher.matches()`: the whole text or not at all. What has no equal here (back references, looking
//! around, possessive quantifiers, classes of Java's own) is refused when the file is loaded.

/// A pattern that is matched as Java does.
#[derive(Debug)]
pub(super) struct Pattern {
    #[cfg(feature = "policy")]
    regex: regex::Regex,
    /// Java's word boundaries and its case folding differ outside ASCII.
    ascii: bool,
}

impl Pattern {
    /// # Errors
    /// What of it cannot be had here.
    #[cfg(feature = "policy")]
    pub(super) fn read(java: &str) -> Result<Self, String> {
        let mut translation = Translation::default();
        translation.translate(java)?;
        let Translation { out, ascii, .. } = translation;
        // Whether the pattern is one at all by itself; `a)(b` would be one within parentheses.
        let build = |text: &str| {
            regex::RegexBuilder::new(text).size_limit(MAX_BYTES).nest_limit(100).build().map_err(|error| {
                match error {
                    regex::Error::CompiledTooBig(_) => "too large".to_owned(),
                    _ => "something that is no regular expression here".to_owned(),
                }
            })
        };
        build(&out)?;
        Ok(Self {
            regex: build(&format!(r"\A(?:{out})\z"))?,
            ascii: ascii || !java.is_ascii() && out.contains("(?i"),
        })
    }

    /// # Errors
    /// Always: the feature is off.
    #[cfg(not(feature = "policy"))]
    pub(super) fn read(_: &str) -> Result<Self, String> {
        Err("a regular expression, for which kc-core was built without its feature `policy`".to_owned())
    }

    /// Whether it matches the whole text; `None` where that is not known here.
    #[cfg(feature = "policy")]
    pub(super) fn matches(&self, text: &str) -> Option<bool> {
        (!self.ascii || text.is_ascii()).then(|| self.regex.is_match(text))
    }

    #[cfg(not(feature = "policy"))]
    pub(super) fn matches(&self, _: &str) -> Option<bool> {
        self.ascii.then_some(false)
    }
}

/// Memory that one pattern may take.
#[cfg(feature = "policy")]
const MAX_BYTES: usize = 1 << 20;

#[cfg(feature = "policy")]
#[derive(Default)]
struct Translation {
    out: String,
    ascii: bool,
    /// `.` takes line ends too.
    dot_all: bool,
    /// The last thing was a quantifier: a `+` behind it is possessive, a `?` reluctant.
    quantified: bool,
}

#[cfg(feature = "policy")]
impl Translation {
    fn translate(&mut self, java: &str) -> Result<(), String> {
        let mut letters = java.chars().peekable();
        while let Some(letter) = letters.next() {
            let was_quantified = std::mem::take(&mut self.quantified);
            match letter {
                '\\' => self.escape(&mut letters, false)?,
                '[' => self.class(&mut letters)?,
                '(' if letters.peek() == Some(&'?') => {
                    letters.next();
                    self.group(&mut letters)?;
                }
                '.' if !self.dot_all => self.out.push_str(r"[^\n\r\u{85}\u{2028}\u{2029}]"),
                '$' => {
                    // Elsewhere Java's looks at the end of a line before the last one.
                    if !matches!(letters.peek(), None | Some(')' | '|')) {
                        return Err("a $ that is not at the end".to_owned());
                    }
                    self.out.push('$');
                }
                '+' if was_quantified => return Err("a possessive quantifier".to_owned()),
                '*' if was_quantified => return Err("a quantifier of a quantifier".to_owned()),
                '?' if was_quantified => self.out.push('?'),
                '*' | '+' | '?' => {
                    self.out.push(letter);
                    self.quantified = true;
                }
                '{' => {
                    if !letters.peek().is_some_and(char::is_ascii_digit) {
                        return Err("a { that is no quantifier".to_owned());
                    }
                    self.out.push('{');
                }
                '}' => {
                    self.out.push('}');
                    self.quantified = true;
                }
                _ => self.out.push(letter),
            }
        }
        Ok(())
    }

    fn group(&mut self, letters: &mut Letters<'_>) -> Result<(), String> {
        let mut head = String::new();
        loop {
            match letters.next() {
                Some(end @ (':' | ')')) => {
                    if head.chars().any(|flag| !matches!(flag, 'i' | 's')) {
                        return Err(format!("the flags {head:?}"));
                    }
                    if head.contains('s') {
                        // Tracking where it holds is not worth it.
                        if end == ':' || !self.out.is_empty() {
                            return Err("the flag s that is not at the start".to_owned());
                        }
                        self.dot_all = true;
                    }
                    self.ascii |= head.contains('i');
                    self.out.push_str(&format!("(?{head}{end}"));
                    return Ok(());
                }
                Some('=' | '!') => return Err("looking around".to_owned()),
                Some('>') => return Err("an independent group".to_owned()),
                Some('<') => {
                    if matches!(letters.peek(), Some('=' | '!')) {
                        return Err("looking around".to_owned());
                    }
                    self.out.push_str("(?<");
                    return Ok(());
                }
                Some(flag) => head.push(flag),
                None => return Err("a group without an end".to_owned()),
            }
        }
    }

    fn class(&mut self, letters: &mut Letters<'_>) -> Result<(), String> {
        self.out.push('[');
        if letters.peek() == Some(&'^') {
            letters.next();
            self.out.push('^');
        }
        let mut before = None;
        loop {
            let Some(letter) = letters.next() else { return Err("a class without an end".to_owned()) };
            match letter {
                '\\' => self.escape(letters, true)?,
                '[' => return Err("a class within a class".to_owned()),
                ']' if before.is_none() => self.out.push_str(r"\]"),
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '&' | '-' | '~' if before == Some(letter) => {
                    return Err("an operation on classes".to_owned());
                }
                '-' => self.out.push('-'),
                _ => self.out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
            }
            before = Some(letter);
        }
    }

    fn escape(&mut self, letters: &mut Letters<'_>, in_class: bool) -> Result<(), String> {
        let Some(letter) = letters.next() else { return Err("a backslash at the end".to_owned()) };
        let inside = |class: &str| if in_class { class.to_owned() } else { format!("[{class}]") };
        let text = match letter {
            'd' => inside("0-9"),
            'w' => inside("0-9A-Z_a-z"),
            's' => inside(r" \t\n\x0B\f\r"),
            'D' => "[^0-9]".to_owned(),
            'W' => "[^0-9A-Z_a-z]".to_owned(),
            'S' => r"[^ \t\n\x0B\f\r]".to_owned(),
            't' | 'n' | 'r' | 'f' | 'a' => format!("\\{letter}"),
            'e' => r"\x1B".to_owned(),
            'A' | 'z' if !in_class => format!("\\{letter}"),
            'b' if !in_class && letters.peek() != Some(&'{') => {
                self.ascii = true;
                r"(?-u:\b)".to_owned()
            }
            'x' => code(letters, 2)?,
            'u' => code(letters, 4)?,
            'p' | 'P' => category(letter, letters)?,
            'Q' if !in_class => {
                let mut quoted = String::new();
                for letter in letters.by_ref() {
                    quoted.push(letter);
                    if quoted.ends_with("\\E") {
                        quoted.truncate(quoted.len() - 2);
                        break;
                    }
                }
                regex::escape(&quoted)
            }
            '0'..='9' => return Err("a back reference or an octal number".to_owned()),
            letter if letter.is_ascii_alphabetic() => return Err(format!("\\{letter}")),
            letter => regex::escape(letter.encode_utf8(&mut [0; 4])),
        };
        self.out.push_str(&text);
        Ok(())
    }
}

#[cfg(feature = "policy")]
type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// A letter by its number of so many hexadecimal digits.
#[cfg(feature = "policy")]
fn code(letters: &mut Letters<'_>, digits: usize) -> Result<String, String> {
    let number: String = letters.by_ref().take(digits).collect();
    let letter = (number.len() == digits).then(|| u32::from_str_radix(&number, 16).ok()).flatten();
    match letter.and_then(char::from_u32) {
        Some(letter) => Ok(regex::escape(letter.encode_utf8(&mut [0; 4]))),
        None => Err("a letter by a number that is none".to_owned()),
    }
}

/// The general categories of Unicode, which both have under the same names. Others that Java has mean ASCII there.
#[cfg(feature = "policy")]
fn category(letter: char, letters: &mut Letters<'_>) -> Result<String, String> {
    const SHARED: &[&str] =
        &["L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "N", "Nd", "Nl", "No", "P", "S", "Z", "Zs"];
    let name: String = match letters.next() {
        Some('{') => letters.by_ref().take_while(|letter| *letter != '}').collect(),
        Some(short) => short.to_string(),
        None => String::new(),
    };
    if SHARED.contains(&name.as_str()) {
        Ok(format!("\\{letter}{{{name}}}"))
    } else {
        Err(format!("\\{letter}{{{name}}}"))
    }
}

#[cfg(feature = "policy")]
#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> Option<bool> {
        Pattern::read(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(text)
    }

    #[test]
    fn the_whole_text_is_matched() {
        for (pattern, text, yes) in [
            ("^eng.*$", "engineering", true),
            ("eng", "engineering", false),
            ("engineering", "engineering", true),
            ("a|ab", "ab", true),
            ("", "", true),
            ("", "x", false),
            ("^a$", "a\n", false),
            (".*", "a\nb", false),
            (".", "\u{2028}", false),
            ("(?s).*", "a\nb", true),
            (r"\d+", "12", true),
            (r"\d", "\u{0663}", false),
            (r"[\w.]+@[\w.]+", "a.b@c.d", true),
            (r"[^\d]+", "ab", true),
            (r"\S+", "a b", false),
            ("[]a]+", "]a", true),
            (r"\Qa.b\E+", "a.bbb", true),
            (r"a\.b", "axb", false),
            (r"\<a\>", "<a>", true),
            (r"\u0041\x42", "AB", true),
            ("(?i)sales", "SALES", true),
            ("(?<dept>a|b)c", "bc", true),
            ("a{2,3}?", "aaa", true),
            ("[a-c&]+", "b&", true),
            (r"\p{Lu}\p{L}*", "Éa", true),
            ("x*?y", "xxy", true),
        ] {
            assert_eq!(matches(pattern, text), Some(yes), "{pattern} {text:?}");
        }
    }

    #[test]
    fn what_differs_from_java_is_refused() {
        for pattern in [
            r"(a)\1",
            "(?=a)a",
            "(?!a)b",
            "(?<=a)b",
            "(?<!a)b",
            "(?>a)",
            "a++",
            "a*+",
            "a?+",
            "a{2}+",
            "a**",
            "[a&&b]",
            "[a[b]]",
            "[a--b]",
            "(?m)a",
            "(?x)a",
            "a(?s).",
            "a$b",
            r"\p{Lower}",
            r"\p{Alpha}",
            r"\h",
            r"\R",
            r"\Z",
            r"\G",
            r"\B",
            r"\k<a>",
            "{",
            "a{,2}",
            "a)(b",
            "(",
            "[",
            r"\",
            r"\ud800",
            r"\07",
        ] {
            assert!(Pattern::read(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn outside_ascii_some_things_are_not_known() {
        assert_eq!(matches("(?i)k", "\u{212a}"), None);
        assert_eq!(matches(r"\bé\b", "é"), None);
        assert_eq!(matches(r"a\b.b", "a b"), Some(true));
    }

    #[test]
    fn a_pattern_that_would_take_too_much_is_refused() {
        assert!(Pattern::read("(((a{100}){100}){100}){100}").is_err());
        assert_eq!(matches("(a*)*b", &"a".repeat(10_000)), Some(false));
    }
}
