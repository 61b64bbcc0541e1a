//! The documentation as a book, by mdBook, with every link followed.
//!
//! Pages stand where a reader of the repository looks for them, in `docs` and beside the code, and link to each other and to
//! files by relative paths. So the book is built from a copy in which every page and every file that is linked to has the path
//! that it has in the repository: a link that works on a git forge works in the book, and the other way round. For the same reason a
//! link to a folder is refused, which only a forge shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure, Log};
use crate::summary::Outcome;
use crate::tools;
use crate::workspace::Workspace;

/// Folders whose Markdown is pages; of those named by `*`, which is any one folder, only the README.
const FOLDERS: [&str; 4] = ["", "docs", "crates/*", "examples/*"];
/// What mdBook builds the table of contents from.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Builds the book in `target/book` and follows its links.
pub(crate) fn run(workspace: &Workspace, log: &mut Log) -> Result<Outcome, Failure> {
    let program = tools::ensure_cargo_tool(&tools::MDBOOK, workspace, log)?;
    let pages = pages(&workspace.root)?;
    let summary = read(&workspace.root.join(SUMMARY))?;
    let mut findings = differences(&pages, &summary);
    if !findings.is_empty() {
        return Ok(Outcome::of(&findings, String::new()));
    }
    let book = workspace.target.join("book");
    findings.extend(copy(&workspace.root, &pages, &summary, &book)?);
    let ran = process::run(Command::new(program).arg("build").arg(&book), log)?;
    if !ran.success || ran.output.contains("WARN") {
        findings.push(process::last_lines(&ran.output, 3));
    }
    let html = book.join("html");
    let (links, broken) = follow(&html)?;
    findings.extend(broken);
    let count = format!("{} pages, {links} links", pages.len());
    log.line(&format!("{count}: {}", html.join("index.html").display()));
    Ok(Outcome::of(&findings, count))
}

/// Every page, by its path in the repository.
fn pages(root: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let mut pages = BTreeSet::new();
    for folder in FOLDERS {
        let folders = match folder.strip_suffix("/*") {
            None => vec![root.join(folder)],
            Some(above) => entries(&root.join(above))?.into_iter().filter(|path| path.is_dir()).collect(),
        };
        for folder in folders {
            let files = entries(&folder)?.into_iter().filter(|path| match path.file_name() {
                // Beside a crate there is one page, and what its archive has to hold.
                Some(name) if folder.parent() != Some(root) && folder != *root => name == "README.md",
                _ => path.extension().is_some_and(|is| is == "md"),
            });
            pages.extend(files.filter_map(|path| Some(path.strip_prefix(root).ok()?.to_owned())));
        }
    }
    pages.remove(Path::new(SUMMARY));
    Ok(pages)
}

/// Pages that the table of contents lacks, has twice, or has and are none.
fn differences(pages: &BTreeSet<PathBuf>, summary: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut listed = BTreeSet::new();
    for (target, _) in targets(summary) {
        let page = join(Path::new("docs"), &target);
        if !pages.contains(&page) {
            found.push(format!("{SUMMARY} lists {target}, which is no page"));
        } else if !listed.insert(page) {
            found.push(format!("{SUMMARY} lists {target} twice"));
        }
    }
    found.extend(pages.difference(&listed).map(|page| format!("{SUMMARY} does not list {}", page.display())));
    found
}

/// Copies pages and what they link to; says which links lead nowhere, or to a folder.
fn copy(root: &Path, pages: &BTreeSet<PathBuf>, summary: &str, book: &Path) -> Result<Vec<String>, Failure> {
    if book.exists() {
        fs::remove_dir_all(book).map_err(|e| Failure::io("emptying", book, &e))?;
    }
    let mut findings = Vec::new();
    let mut files = pages.clone();
    for page in pages {
        let folder = page.parent().unwrap_or(Path::new(""));
        for (target, _) in targets(&read(&root.join(page))?) {
            let file = join(folder, target.split('#').next().unwrap_or_default());
            if target.contains("://") || target.starts_with('#') || target.starts_with("mailto:") {
                continue;
            }
            if root.join(&file).is_file() {
                files.insert(file);
            } else {
                let what =
                    if root.join(&file).is_dir() { "a folder: name a file in it" } else { "not there" };
                findings.push(format!("{} links to {target}, which is {what}", page.display()));
            }
        }
    }
    for file in files {
        write(&book.join("src").join(&file), &read(&root.join(&file))?)?;
    }
    // Its links are relative to `docs`; in the book it stands at the top.
    let mut contents = String::new();
    let mut rest = summary;
    for (target, at) in targets(summary) {
        let (before, after) = rest.split_at(at - (summary.len() - rest.len()));
        contents += before;
        contents += &join(Path::new("docs"), &target).to_string_lossy();
        rest = after.strip_prefix(&*target).unwrap_or(after);
    }
    contents += rest;
    write(&book.join("src/SUMMARY.md"), &contents)?;
    write(&book.join("book.toml"), &read(&root.join("docs/book.toml"))?)?;
    Ok(findings)
}

/// Where the links of a page of Markdown lead and where in it that stands, code left out.
fn targets(markdown: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    let mut at = 0;
    for line in markdown.split_inclusive('\n') {
        let start = line.trim_start();
        let ticks = start.get(..start.len() - start.trim_start_matches('`').len()).unwrap_or_default();
        match fence {
            Some(open) if ticks.starts_with(open) => fence = None,
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                let mut from = 0;
                while let Some(begin) =
                    line.get(from..).and_then(|rest| rest.find("](")).map(|i| from + i + 2)
                {
                    let target =
                        line.get(begin..).and_then(|rest| rest.split(')').next()).unwrap_or_default();
                    // An odd number of backticks before it: it stands in code.
                    if line.get(..begin).is_some_and(|before| before.matches('`').count() % 2 == 0)
                        || line.get(..begin).is_some_and(|before| before.ends_with("`]("))
                    {
                        found.push((target.to_owned(), at + begin));
                    }
                    from = begin;
                }
            }
            Some(_) => {}
        }
        at += line.len();
    }
    found
}

/// Follows every link and image of every page of HTML in `html`: how many there are, and which lead nowhere.
fn follow(html: &Path) -> Result<(usize, Vec<String>), Failure> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![html.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == "html") {
                let text = read(&path)?;
                let ids = attribute(&text, "id").map(str::to_owned).collect::<BTreeSet<_>>();
                pages.insert(path, (text, ids));
            }
        }
    }
    let mut count = 0;
    let mut broken = Vec::new();
    for (page, (text, ids)) in &pages {
        let name = page.strip_prefix(html).unwrap_or(page).display();
        for link in attribute(text, "href").chain(attribute(text, "src")) {
            if link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:") {
                if attribute(text, "src").any(|source| source == link) {
                    broken.push(format!("{name} loads {link} from elsewhere"));
                }
                continue;
            }
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if path.is_empty() { page.clone() } else { join(page.parent().unwrap_or(html), path) };
            let known = if target == *page { Some(ids) } else { pages.get(&target).map(|(_, ids)| ids) };
            if !target.is_file() {
                broken.push(format!("{name}: {link} is not there"));
            } else if !anchor.is_empty() && !known.is_some_and(|ids| ids.contains(anchor)) {
                broken.push(format!("{name}: {link} has no such place"));
            }
        }
    }
    if pages.is_empty() || count == 0 {
        broken.push("the book is empty".to_owned());
    }
    Ok((count, broken))
}

/// The values of an attribute in HTML that mdBook wrote, in double quotes.
fn attribute<'a>(html: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    html.split('<').filter_map(move |element| {
        let tag = element.split('>').next()?;
        tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
    })
}

/// `relative` as seen from `folder`, without `.` and `..`.
fn join(folder: &Path, relative: &str) -> PathBuf {
    let mut joined = PathBuf::new();
    for part in folder.join(relative).components() {
        match part {
            Component::ParentDir => {
                joined.pop();
            }
            Component::CurDir => {}
            other => joined.push(other),
        }
    }
    joined
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |e: std::io::Error| Failure::io("listing", folder, &e);
    let entries = fs::read_dir(folder).map_err(cannot)?;
    entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(cannot)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| Failure::io("reading", path, &e))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| Failure::io("making the folder", folder, &e))?;
    }
    fs::write(path, text).map_err(|e| Failure::io("writing", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_code_only() {
        let page = "[a](a.md) `[b](b.md)` [`c`](c.md#d)\n```sh\n[e](e.md)\n```\n![f](f.svg)";
        let found: Vec<String> = targets(page).into_iter().map(|(target, _)| target).collect();
        assert_eq!(found, ["a.md", "c.md#d", "f.svg"]);
        for (target, at) in targets(page) {
            assert!(page.get(at..).unwrap().starts_with(&target));
        }
    }

    #[test]
    fn a_page_that_the_contents_lack_is_named_and_so_is_an_entry_without_a_page() {
        let pages = BTreeSet::from([PathBuf::from("README.md"), PathBuf::from("docs/login.md")]);
        assert_eq!(differences(&pages, "- [a](../README.md)\n- [b](login.md)"), Vec::<String>::new());
        assert_eq!(
            differences(&pages, "- [a](../README.md)\n- [b](../README.md)\n- [c](gone.md)"),
            [
                "docs/SUMMARY.md lists ../README.md twice",
                "docs/SUMMARY.md lists gone.md, which is no page",
                "docs/SUMMARY.md does not list docs/login.md"
            ]
        );
    }

    #[test]
    fn a_link_of_the_book_that_leads_nowhere_is_found() {
        let folder = std::env::temp_dir().join(format!("xtask-book-{}", std::process::id()));
        write(
            &folder.join("a.html"),
            "<a href=\"b/c.html#d\">x</a><a href=\"#e\">x</a><a href=\"gone.html\">x</a>",
        )
        .unwrap();
        write(
            &folder.join("b/c.html"),
            "<h2 id=\"d\">x</h2><img alt=\"x\" src=\"../a.svg\"><a class=\"x\" href=\"../a.html\">x</a>",
        )
        .unwrap();
        let (count, broken) = follow(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(count, 5);
        assert_eq!(
            broken,
            [
                "a.html: #e has no such place",
                "a.html: gone.html is not there",
                "b/c.html: ../a.svg is not there"
            ]
        );
    }
}
