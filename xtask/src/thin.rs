//! Code lines of what must stay thin.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::code_lines;
use crate::process::Failure;
use crate::workspace::{Package, Workspace};

/// Crates that translate between a web framework and `kc-core`, and hold no decision.
pub(crate) const ADAPTERS: &[&str] = &["kc-actix", "kc-axum", "kc-poem"];
/// What an adapter may have: three hundred, and for its feature `login` a hundred more.
const ADAPTER_BUDGET: usize = 400;
/// What an example may have: about two hundred and fifty, so that one can read it in a sitting.
const EXAMPLE_BUDGET: usize = 280;

/// What the examples share. It is no example of using kc, and has no framework in it: nobody reads it to copy from it.
const SHARED: &str = "reference-service";
/// An example that is an adapter too.
const BOTH: &str = "custom-framework";

/// Code lines against their budget.
#[derive(Debug)]
pub(crate) struct Report(Vec<Row>);

#[derive(Debug)]
struct Row {
    name: String,
    lines: usize,
    budget: usize,
}

impl Report {
    pub(crate) fn fits(&self) -> bool {
        self.0.iter().all(Row::fits)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Row {
    fn fits(&self) -> bool {
        self.lines <= self.budget
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.0 {
            let Row { name, lines, budget } = row;
            let verdict =
                if row.fits() { "" } else { "  OVER: move what is not about the framework into kc-core" };
            writeln!(f, "{name:<16} {lines:>4} of {budget} code lines{verdict}")?;
        }
        Ok(())
    }
}

/// Counts every adapter and example. An adapter that isn't there is a failure: the list has gone stale.
pub(crate) fn measure(workspace: &Workspace) -> Result<Report, Failure> {
    let mut rows = Vec::new();
    for name in ADAPTERS {
        let package =
            workspace.package(name).ok_or_else(|| Failure::new(format!("there is no adapter `{name}`")))?;
        rows.push(row(workspace, package, ADAPTER_BUDGET)?);
    }
    for package in workspace.packages.iter().filter(|p| p.is_in("examples") && p.name != SHARED) {
        let budget = if package.name == BOTH { EXAMPLE_BUDGET + ADAPTER_BUDGET } else { EXAMPLE_BUDGET };
        rows.push(row(workspace, package, budget)?);
    }
    Ok(Report(rows))
}

fn row(workspace: &Workspace, package: &Package, budget: usize) -> Result<Row, Failure> {
    let mut lines = 0;
    for file in sources(&workspace.root.join(&package.folder).join("src"))? {
        let source = std::fs::read_to_string(&file).map_err(|e| Failure::io("reading", &file, &e))?;
        lines += code_lines::count(&source);
    }
    Ok(Row { name: package.name.clone(), lines, budget })
}

/// The Rust files below a folder, without those that hold tests only (`tests.rs`, `tests/`).
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Failure::io("reading", folder, &e))? {
        let path = entry.map_err(|e| Failure::io("reading", folder, &e))?.path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_over_its_budget_fails_the_whole_and_is_marked() {
        let row = |lines| Row { name: "kc-web".to_owned(), lines, budget: 300 };
        assert!(Report(vec![row(300)]).fits());
        let over = Report(vec![row(1), row(301)]);
        assert!(!over.fits());
        assert_eq!(over.to_string().lines().filter(|l| l.contains("OVER")).count(), 1);
    }
}
