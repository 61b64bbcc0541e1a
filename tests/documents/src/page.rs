//! Blocks of code in pages of Markdown.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("it is in tests/").to_owned()
}

/// A page of the documentation.
#[derive(Debug)]
pub struct Page {
    /// Its path in the repository.
    pub path: PathBuf,
    /// Its blocks of code, in their order.
    pub blocks: Vec<Block>,
}

/// What stands between two fences.
#[derive(Debug)]
pub struct Block {
    /// Of its first fence, from 1.
    pub line: usize,
    /// The first word behind the fence.
    pub language: String,
    /// The further ones.
    pub attributes: Vec<String>,
    /// What the comment before it says is to be done with it.
    pub mark: Mark,
    /// Without the indentation of the fence.
    pub text: String,
}

/// The comment in the line before a block: `<!-- … -->`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// There is none: what its language says is done.
    None,
    /// `not run: WHY`.
    NotRun(String),
    /// `file: PATH`: a reader is to put it there.
    File(String),
    /// `runs until stopped, ready when it says: WORDS`.
    RunsUntilStopped {
        /// What it writes when it is ready.
        ready: String,
    },
}

/// All pages: those of the root and of `docs`, and the one beside each crate and example.
#[must_use]
pub fn all() -> Vec<Page> {
    let root = repository();
    let mut files = markdown(&root);
    files.extend(markdown(&root.join("docs")));
    for folder in ["crates", "examples"] {
        let readmes = entries(&root.join(folder)).into_iter().map(|folder| folder.join("README.md"));
        files.extend(readmes.filter(|readme| readme.is_file()));
    }
    files.sort();
    files.iter().map(|file| Page::read(file)).collect()
}

impl Page {
    /// Reads one.
    ///
    /// # Panics
    /// It isn't there, a block does not end, or a mark is none.
    #[must_use]
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let path = file.strip_prefix(repository()).unwrap_or(file).to_owned();
        Self { blocks: blocks(&text, &path), path }
    }

    /// `docs/login.md:12`.
    #[must_use]
    pub fn place(&self, block: &Block) -> String {
        format!("{}:{}", self.path.display(), block.line)
    }
}

fn blocks(text: &str, path: &Path) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut before = "";
    for (number, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let indent = line.len() - start.len();
        match open {
            Some((fence, _)) if start.starts_with(fence) && start.trim_end() == fence => open = None,
            Some((_, indent)) => {
                let block = found.last_mut().expect("it was opened");
                let blank = line.get(..indent).is_none_or(|start| start.trim().is_empty());
                block.text += if blank { line.get(indent..).unwrap_or_default() } else { line };
                block.text.push('\n');
            }
            None if start.starts_with("```") => {
                let fence = start.split(|c| c != '`').next().unwrap_or("```");
                let mut words = start.trim_start_matches('`').split([',', ' ']).map(str::to_owned);
                let language = words.next().unwrap_or_default();
                let mark = Mark::read(before.trim())
                    .unwrap_or_else(|| panic!("{}:{}: {before} is no mark", path.display(), number + 1));
                let attributes = words.filter(|word| !word.is_empty()).collect();
                found.push(Block { line: number + 1, language, attributes, mark, text: String::new() });
                open = Some((fence, indent));
            }
            None => {}
        }
        before = line;
    }
    assert!(open.is_none(), "{}: a block does not end", path.display());
    found
}

impl Mark {
    fn read(line: &str) -> Option<Self> {
        let Some(comment) = line.strip_prefix("<!--") else { return Some(Self::None) };
        let comment = comment.strip_suffix("-->")?.trim();
        if let Some(why) = comment.strip_prefix("not run:") {
            let why = why.trim().to_owned();
            return (!why.is_empty()).then_some(Self::NotRun(why));
        }
        if let Some(path) = comment.strip_prefix("file:") {
            return Some(Self::File(path.trim().to_owned()));
        }
        let ready = comment.strip_prefix("runs until stopped, ready when it says:")?.trim().to_owned();
        Some(Self::RunsUntilStopped { ready })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing"),
            Self::NotRun(why) => write!(f, "not run: {why}"),
            Self::File(path) => write!(f, "file: {path}"),
            Self::RunsUntilStopped { ready } => {
                write!(f, "runs until stopped, ready when it says: {ready}")
            }
        }
    }
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let files = entries(folder).into_iter();
    files.filter(|file| file.extension().is_some_and(|is| is == "md")).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("the folder can be listed").path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_its_language_its_mark_and_its_text_without_indentation() {
        let text = "1. a\n\n   <!-- not run: it would end the world -->\n   ```sh x\n   one\n     two\n\n   ```\n\n```text\nthree\n```\n";
        let found = blocks(text, Path::new("x.md"));
        let first = found.first().unwrap();
        assert_eq!((first.line, &*first.language, &*first.text), (4, "sh", "one\n  two\n\n"));
        assert_eq!(first.mark, Mark::NotRun("it would end the world".to_owned()));
        assert_eq!((found.len(), &found[1].mark), (2, &Mark::None));
    }

    #[test]
    fn a_mark_is_one_of_four() {
        assert_eq!(Mark::read("text"), Some(Mark::None));
        assert_eq!(Mark::read("<!-- file: src/main.rs -->"), Some(Mark::File("src/main.rs".to_owned())));
        let ready = Mark::RunsUntilStopped { ready: "listening".to_owned() };
        assert_eq!(Mark::read("<!-- runs until stopped, ready when it says: listening -->"), Some(ready));
        assert_eq!((Mark::read("<!-- not run: -->"), Mark::read("<!-- skip -->")), (None, None));
    }
}
