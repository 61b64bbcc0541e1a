//! Counting lines of code: what is left of Rust source without comments, blank lines and tests.

/// Lines that hold code. Items under `#[cfg(test)]` don't count.
pub(crate) fn count(source: &str) -> usize {
    let code = without_tests(&without_comments(source));
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

/// The same lines with comments gone and the content of strings and characters turned to `_`, so
/// that a brace that is left is a brace of the program.
fn without_comments(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let at = |i: usize| characters.get(i).copied();
    let mut out = String::with_capacity(source.len());
    let mut i = 0;
    while let Some(c) = at(i) {
        let end = match (c, at(i + 1)) {
            ('/', Some('/')) => line_end(&characters, i),
            ('/', Some('*')) => block_comment_end(&characters, i),
            ('"', _) => string_end(&characters, i),
            ('r', Some('"' | '#')) if !after_word(&characters, i) => raw_string_end(&characters, i),
            ('\'', _) => character_end(&characters, i),
            _ => i + 1,
        };
        let comment = c == '/' && end > i + 1;
        let literal = end > i + 1 && !comment;
        for passed in characters.iter().take(end).skip(i) {
            out.push(match passed {
                '\n' => '\n',
                _ if comment => ' ',
                _ if literal && !passed.is_whitespace() => '_',
                other => *other,
            });
        }
        i = end;
    }
    out
}

fn line_end(characters: &[char], start: usize) -> usize {
    (start..characters.len()).find(|&i| characters.get(i) == Some(&'\n')).unwrap_or(characters.len())
}

fn block_comment_end(characters: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = start;
    while i < characters.len() {
        match (characters.get(i), characters.get(i + 1)) {
            (Some('/'), Some('*')) => {
                depth += 1;
                i += 2;
            }
            (Some('*'), Some('/')) => {
                depth = depth.saturating_sub(1);
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    i
}

fn string_end(characters: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while let Some(c) = characters.get(i) {
        match c {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    characters.len()
}

/// After `r"…"` or `r#"…"#`; for `r#name`, one further.
fn raw_string_end(characters: &[char], start: usize) -> usize {
    let hashes = characters.iter().skip(start + 1).take_while(|c| **c == '#').count();
    let quote = start + 1 + hashes;
    if characters.get(quote) != Some(&'"') {
        return start + 1;
    }
    (quote + 1..characters.len())
        .find(|&i| {
            characters.get(i) == Some(&'"')
                && characters.iter().skip(i + 1).take(hashes).filter(|c| **c == '#').count() == hashes
        })
        .map_or(characters.len(), |i| i + 1 + hashes)
}

/// After `'x'` or `'\n'`; for a lifetime, one further.
fn character_end(characters: &[char], start: usize) -> usize {
    match (characters.get(start + 1), characters.get(start + 2)) {
        (Some('\\'), Some(_)) => (start + 3..characters.len())
            .find(|&i| characters.get(i) == Some(&'\''))
            .map_or(characters.len(), |i| i + 1),
        (Some(_), Some('\'')) => start + 3,
        _ => start + 1,
    }
}

/// Is the character here the middle of a name? (`for"` isn't a raw string; `br"` is, and `b` is passed before.)
fn after_word(characters: &[char], i: usize) -> bool {
    let before = |back: usize| i.checked_sub(back).and_then(|j| characters.get(j)).copied();
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let prefix = matches!(before(1), Some('b' | 'c')) && !word(before(2));
    word(before(1)) && !prefix
}

/// Blanks every item under `#[cfg(test)]`, whose source has no comments and no braces in strings.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        out.push_str(before);
        let mut depth = 0_i32;
        let mut end = item.len();
        for (i, c) in item.char_indices() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(c, '}' | ';') {
                end = i + c.len_utf8();
                break;
            }
        }
        let (gone, after) = item.split_at_checked(end).unwrap_or((item, ""));
        out.extend(gone.chars().filter(|c| *c == '\n'));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blank_lines_do_not_count() {
        assert_eq!(
            count("//! doc\n\n/// more\nfn a() {} // tail\n/* one\n /* two */\n three */\nfn b() {}\n"),
            2
        );
    }

    #[test]
    fn a_comment_inside_a_string_is_code() {
        assert_eq!(count("let a = \"// no\n  /* still */ text\";\nlet b = r#\"\n// \"quoted\"\n\"#;\n"), 5);
    }

    #[test]
    fn a_test_module_does_not_count() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { let c = \"}\"; let d = '}'; }\n}\nfn e() {}\n";
        assert_eq!(count(source), 2);
    }

    #[test]
    fn a_test_item_ends_at_its_semicolon_or_its_own_brace() {
        assert_eq!(count("#[cfg(test)]\nmod tests;\nfn a() {}\n"), 1);
        assert_eq!(count("#[cfg(test)]\n#[derive(Debug)]\nfn b(x: [u8; 2]) {\n}\nfn a() {}\n"), 1);
    }

    #[test]
    fn lifetimes_and_raw_names_are_not_literals() {
        assert_eq!(count("fn a<'a>(x: &'a str) -> &'a str {\n    r#match(x) // '\n}\n"), 3);
        assert_eq!(count("let q = '\\''; // x\nlet s = br\"\\\";\nlet t = 1; // y\n"), 3);
    }
}
