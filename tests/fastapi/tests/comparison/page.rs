//! `docs/comparison.md`.

use std::collections::BTreeSet;

use kc_conformance::catalogue;

/// The page's text.
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/comparison.md");
        Self(std::fs::read_to_string(path).unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Each of these begins a line of the page.
    pub(crate) fn has_rows(&self, rows: impl IntoIterator<Item = String>) {
        let has = |row: &String| self.0.lines().any(|line| line.starts_with(row.as_str()));
        let missing: Vec<String> = rows.into_iter().filter(|row| !has(row)).collect();
        assert!(missing.is_empty(), "docs/comparison.md should have these rows:\n{}", missing.join("\n"));
    }

    /// What stands in backquotes and begins with the name of a group and a slash.
    pub(crate) fn case_ids(&self) -> BTreeSet<String> {
        let groups: BTreeSet<String> =
            catalogue().iter().filter_map(|case| Some(case.id.split_once('/')?.0.to_owned())).collect();
        let quoted = self.0.split('`').skip(1).step_by(2);
        let ids = quoted.filter(|text| text.split_once('/').is_some_and(|(group, _)| groups.contains(group)));
        ids.map(str::to_owned).collect()
    }
}
