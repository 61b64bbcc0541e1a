//! What `cargo metadata` says about this workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{self, Failure};

/// This workspace and its members, by name.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder, relative to the root.
    pub(crate) folder: PathBuf,
    /// Its features without `default`.
    pub(crate) features: Vec<String>,
    /// What each of them turns on, `default` among them.
    turns_on: BTreeMap<String, Vec<String>>,
    pub(crate) dependencies: Vec<Dependency>,
    /// Names of its integration tests.
    pub(crate) tests: Vec<String>,
}

/// What a member depends on directly.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// The package's name, also where it is renamed.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Not there unless a feature turns it on.
    optional: bool,
}

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Build,
    /// For tests, examples and benchmarks only.
    Dev,
    Normal,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, Failure> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or_else(|| Failure::new("CARGO_MANIFEST_DIR is not set: run it as `cargo xtask`"))?;
        let metadata = process::capture(cargo(Path::new(&here)).args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
        ]))?;
        Self::from_metadata(&metadata)
    }

    pub(crate) fn from_metadata(metadata: &str) -> Result<Self, Failure> {
        let metadata: Value = serde_json::from_str(metadata)
            .map_err(|e| Failure::new(format!("reading what `cargo metadata` said: {e}")))?;
        let root = PathBuf::from(text(&metadata, "workspace_root")?);
        let mut packages = list(&metadata, "packages")
            .iter()
            .map(|package| Package::from_metadata(package, &root))
            .collect::<Result<Vec<_>, _>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { target: PathBuf::from(text(&metadata, "target_directory")?), root, packages })
    }

    /// `cargo`, as the one that runs us, in the root of the workspace.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|p| p.name == name)
    }
}

impl Package {
    fn from_metadata(package: &Value, root: &Path) -> Result<Self, Failure> {
        let manifest = PathBuf::from(text(package, "manifest_path")?);
        let folder = manifest.parent().unwrap_or(root);
        let features = package.get("features").and_then(Value::as_object);
        Ok(Self {
            name: text(package, "name")?,
            folder: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
            features: features
                .into_iter()
                .flat_map(|features| features.keys())
                .filter(|name| *name != "default")
                .cloned()
                .collect(),
            turns_on: features
                .into_iter()
                .flatten()
                .map(|(name, turns_on)| {
                    let turns_on = turns_on.as_array().into_iter().flatten().filter_map(Value::as_str);
                    (name.clone(), turns_on.map(str::to_owned).collect())
                })
                .collect(),
            dependencies: list(package, "dependencies")
                .iter()
                .map(Dependency::from_metadata)
                .collect::<Result<_, _>>()?,
            tests: list(package, "targets")
                .iter()
                .filter(|target| list(target, "kind").iter().any(|kind| kind == "test"))
                .map(|target| text(target, "name"))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether this feature alone brings the dependency, and nobody gets it who did not ask for it.
    pub(crate) fn only_by_feature(&self, dependency: &Dependency, feature: &str) -> bool {
        let name = &dependency.name;
        let brings = |item: &String| {
            *item == format!("dep:{name}") || item == name || item.starts_with(&format!("{name}/"))
        };
        let brought_by_others =
            self.turns_on.iter().any(|(other, items)| other != feature && items.iter().any(brings));
        dependency.optional
            && dependency.kind == Kind::Normal
            && !brought_by_others
            && !self.defaults().contains(feature)
    }

    /// The features that are on unless one turns them off.
    fn defaults(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut to_see = vec!["default"];
        while let Some(feature) = to_see.pop() {
            if found.insert(feature) {
                to_see.extend(self.turns_on.get(feature).into_iter().flatten().map(String::as_str));
            }
        }
        found
    }

    /// Is it in this folder of the root (`crates`, `examples`, `tests`)?
    pub(crate) fn is_in(&self, folder: &str) -> bool {
        self.folder.starts_with(folder)
    }
}

impl Dependency {
    fn from_metadata(dependency: &Value) -> Result<Self, Failure> {
        let kind = match dependency.get("kind").and_then(Value::as_str) {
            Some("build") => Kind::Build,
            Some("dev") => Kind::Dev,
            _ => Kind::Normal,
        };
        let optional = dependency.get("optional").and_then(Value::as_bool).unwrap_or_default();
        Ok(Self { name: text(dependency, "name")?, kind, optional })
    }
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder).env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_PROGRESS_WHEN", "never");
    without_ours(&mut command);
    command
}

/// Takes away what cargo tells of itself and of the package xtask, which another cargo must not inherit.
pub(crate) fn without_ours(command: &mut Command) {
    // `cargo xtask` describes the package xtask in the environment.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|p| name.starts_with(p))
        {
            command.env_remove(&*name);
        }
    }
}

fn text(value: &Value, member: &str) -> Result<String, Failure> {
    let found = value.get(member).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("`cargo metadata` gave no `{member}` where we look for it")))
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"workspace_root":"/w","target_directory":"/t","packages":[
        {"name":"kc-web","manifest_path":"/w/crates/kc-web/Cargo.toml",
         "features":{"default":["fast"],"fast":[],"tls":["dep:x"]},
         "dependencies":[{"name":"axum","kind":null},{"name":"kc-dev","kind":"dev","rename":"oracle"}],
         "targets":[{"name":"kc_web","kind":["lib"]},{"name":"routes","kind":["test"]}]},
        {"name":"a-first","manifest_path":"/w/tests/a/Cargo.toml","features":{},"dependencies":[],"targets":[]}]}"#;

    #[test]
    fn members_are_read_and_sorted_by_name() {
        let workspace = Workspace::from_metadata(METADATA).unwrap();
        let names: Vec<_> = workspace.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["a-first", "kc-web"]);
        assert_eq!((workspace.root, workspace.target), (PathBuf::from("/w"), PathBuf::from("/t")));
    }

    #[test]
    fn default_is_not_counted_as_a_feature() {
        let workspace = Workspace::from_metadata(METADATA).unwrap();
        assert_eq!(workspace.package("kc-web").unwrap().features, ["fast", "tls"]);
    }

    #[test]
    fn a_renamed_dependency_keeps_the_name_of_its_package() {
        let workspace = Workspace::from_metadata(METADATA).unwrap();
        let found: Vec<_> = workspace.package("kc-web").unwrap().dependencies.iter().collect();
        assert_eq!((found[0].name.as_str(), found[0].kind), ("axum", Kind::Normal));
        assert_eq!((found[1].name.as_str(), found[1].kind), ("kc-dev", Kind::Dev));
    }

    #[test]
    fn only_integration_tests_are_listed_as_tests() {
        let workspace = Workspace::from_metadata(METADATA).unwrap();
        assert_eq!(workspace.package("kc-web").unwrap().tests, ["routes"]);
        assert!(workspace.package("a-first").unwrap().is_in("tests"));
    }

    #[test]
    fn metadata_without_a_member_we_need_is_a_failure_that_names_it() {
        let failure = Workspace::from_metadata(r#"{"packages":[]}"#).unwrap_err();
        assert!(failure.to_string().contains("workspace_root"), "{failure}");
    }
}
