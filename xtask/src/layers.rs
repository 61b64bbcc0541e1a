//! Which crate may depend on which: `ARCHITECTURE.md`, as a check.

use std::collections::BTreeSet;

use crate::process::{self, Failure};
use crate::workspace::{Kind, Package, Workspace};

/// A crate of ours and what it may name outside its tests.
struct Layer {
    name: &'static str,
    /// Crates of ours that it may depend on. For tests it may use any that isn't in `never`.
    ours: &'static [&'static str],
    /// Crates of ours that not even its tests may use.
    never: &'static [&'static str],
    /// Web frameworks that it may depend on.
    frameworks: &'static [&'static str],
}

/// Every crate under `crates/` has a line here.
const LAYERS: &[Layer] = &[
    Layer { name: "kc-actix", ours: &["kc-core", "kc-login"], never: &[], frameworks: &["actix"] },
    Layer { name: "kc-axum", ours: &["kc-core", "kc-login"], never: &[], frameworks: &["axum", "tower"] },
    Layer { name: "kc-cli", ours: &["kc-conformance", "kc-core", "kc-dev"], never: &[], frameworks: &[] },
    // A suite that shares code with what it judges proves nothing.
    Layer { name: "kc-conformance", ours: &["kc-dev"], never: &["kc-core", "kc-login"], frameworks: &[] },
    Layer { name: "kc-core", ours: &[], never: &[], frameworks: &[] },
    // An issuer that shares the parser of what it tests proves nothing.
    Layer { name: "kc-dev", ours: &[], never: &["kc-core", "kc-axum"], frameworks: &["axum", "tower"] },
    Layer { name: "kc-login", ours: &["kc-core"], never: &[], frameworks: &[] },
    Layer { name: "kc-poem", ours: &["kc-core", "kc-login"], never: &[], frameworks: &["poem"] },
    Layer { name: "kc-store", ours: &["kc-core", "kc-login"], never: &[], frameworks: &[] },
];

/// Exceptions to `never`: a crate of ours, another one, and the feature of the first that alone brings the other. Without the
/// feature, which must not be a default one, whatever names the other crate does not compile.
const BY_FEATURE: &[(&str, &str, &str)] = &[
    // The suites for the traits have to know them.
    ("kc-conformance", "kc-core", "contract"),
    ("kc-conformance", "kc-login", "contract"),
];

/// Web frameworks and what belongs to one: the first part of a crate's name.
const FRAMEWORKS: &[&str] =
    &["actix", "axum", "gotham", "ntex", "poem", "rocket", "salvo", "tide", "tonic", "tower", "viz", "warp"];

/// The crate that a service without browser login stands on, and how many crates may come with it.
const CORE: &str = "kc-core";
const CORE_TREE: usize = 120;
/// Comes with reqwest; naming it directly is what `kc-core` may not.
const UNAVOIDABLE: &str = "tower";

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) crates: usize,
    /// How many other crates `kc-core` brings along.
    pub(crate) core_tree: usize,
    pub(crate) broken: Vec<String>,
}

/// Looks at every crate of ours.
pub(crate) fn check(workspace: &Workspace) -> Result<Report, Failure> {
    let mut report = Report { broken: direct(workspace, LAYERS), ..Report::default() };
    report.crates = workspace.packages.iter().filter(|p| p.is_in("crates")).count();

    let tree = process::capture(workspace.cargo().args([
        "tree",
        "--package",
        CORE,
        "--all-features",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    let mut names: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    names.retain(|line| !line.is_empty() && !line.starts_with("kc-core "));
    report.core_tree = names.len();
    if report.core_tree > CORE_TREE {
        report.broken.push(format!("{CORE} brings {} crates, more than {CORE_TREE}", report.core_tree));
    }
    for line in names {
        let name = line.split(' ').next().unwrap_or(line);
        if framework(name).is_some_and(|found| found != UNAVOIDABLE) {
            report.broken.push(format!("{CORE} brings the web framework {name}"));
        }
    }
    Ok(report)
}

fn direct(workspace: &Workspace, layers: &[Layer]) -> Vec<String> {
    let mut broken = Vec::new();
    for layer in layers {
        if workspace.package(layer.name).is_none() {
            broken.push(format!(
                "there is no crate {} any more: take it out of xtask/src/layers.rs",
                layer.name
            ));
        }
    }
    for package in workspace.packages.iter().filter(|p| p.is_in("crates")) {
        match layers.iter().find(|layer| layer.name == package.name) {
            Some(layer) => broken.extend(one(workspace, package, layer)),
            None => broken
                .push(format!("{} has no layer: say in xtask/src/layers.rs what it may use", package.name)),
        }
    }
    broken
}

fn one(workspace: &Workspace, package: &Package, layer: &Layer) -> Vec<String> {
    let mut broken = Vec::new();
    for dependency in &package.dependencies {
        let (from, to) = (package.name.as_str(), dependency.name.as_str());
        let for_tests = dependency.kind == Kind::Dev;
        if let Some(ours) = workspace.package(to) {
            let exception = BY_FEATURE.iter().find(|(of, other, _)| (*of, *other) == (from, to));
            if let Some((_, _, feature)) = exception {
                if !package.only_by_feature(dependency, feature) {
                    broken.push(format!("{from} depends on {to}: only its feature `{feature}` may bring it"));
                }
            } else if layer.never.contains(&to) {
                broken.push(format!("{from} depends on {to}: not even its tests may"));
            } else if !for_tests && !layer.ours.contains(&to) {
                broken.push(format!("{from} depends on {to}: arrows only point down"));
            } else if for_tests && ours.name != from && reaches(workspace, to, layer.never) {
                broken.push(format!("{from} depends on {to}, which leads to what its tests may not use"));
            }
        } else if !for_tests && framework(to).is_some_and(|found| !layer.frameworks.contains(&found)) {
            broken.push(format!("{from} depends on {to}: a web framework that is not its own"));
        }
    }
    broken
}

/// Does a crate of ours lead to one of these, outside tests?
fn reaches(workspace: &Workspace, from: &str, to: &[&str]) -> bool {
    let Some(package) = workspace.package(from) else { return false };
    package
        .dependencies
        .iter()
        .filter(|d| d.kind != Kind::Dev)
        .any(|d| to.contains(&d.name.as_str()) || reaches(workspace, &d.name, to))
}

/// The framework that a crate belongs to: `axum` for `axum-extra`.
fn framework(name: &str) -> Option<&'static str> {
    let first = name.split(['-', '_']).next().unwrap_or(name);
    FRAMEWORKS.iter().find(|framework| **framework == first).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three layers as they are: what holds for them is the same for all.
    const THREE: &[Layer] = &[
        Layer { name: "kc-axum", ours: &["kc-core", "kc-login"], never: &[], frameworks: &["axum", "tower"] },
        Layer { name: "kc-core", ours: &[], never: &[], frameworks: &[] },
        Layer { name: "kc-dev", ours: &[], never: &["kc-core", "kc-axum"], frameworks: &["axum", "tower"] },
    ];

    fn workspace(packages: &[(&str, &str)]) -> Workspace {
        let packages: Vec<String> = packages
            .iter()
            .map(|(name, dependencies)| {
                format!(
                    r#"{{"name":"{name}","manifest_path":"/w/crates/{name}/Cargo.toml","dependencies":[{dependencies}]}}"#
                )
            })
            .collect();
        let packages = packages.join(",");
        Workspace::from_metadata(&format!(
            r#"{{"workspace_root":"/w","target_directory":"/t","packages":[{packages}]}}"#
        ))
        .unwrap()
    }

    fn broken(axum: &str, core: &str, dev: &str) -> Vec<String> {
        direct(&workspace(&[("kc-axum", axum), ("kc-core", core), ("kc-dev", dev)]), THREE)
    }

    const NO: Vec<String> = Vec::new();

    #[test]
    fn arrows_that_point_down_are_fine() {
        let axum =
            r#"{"name":"kc-core"},{"name":"axum"},{"name":"tower-layer"},{"name":"kc-dev","kind":"dev"}"#;
        assert_eq!(broken(axum, r#"{"name":"http"}"#, r#"{"name":"axum"}"#), NO);
    }

    #[test]
    fn core_may_not_name_a_web_framework() {
        assert_eq!(broken("", r#"{"name":"tower-service"}"#, "").len(), 1);
        assert_eq!(broken("", r#"{"name":"actix-http"}"#, "").len(), 1);
    }

    #[test]
    fn core_may_not_use_the_issuer_outside_tests() {
        assert_eq!(broken("", r#"{"name":"kc-dev"}"#, "").len(), 1);
        assert_eq!(broken("", r#"{"name":"kc-dev","kind":"dev"}"#, ""), NO);
    }

    #[test]
    fn an_adapter_may_not_use_the_issuer_outside_tests_nor_another_framework() {
        assert_eq!(broken(r#"{"name":"kc-dev"}"#, "", "").len(), 1);
        assert_eq!(broken(r#"{"name":"poem"}"#, "", "").len(), 1);
    }

    #[test]
    fn the_issuer_may_not_use_core_even_in_tests() {
        assert_eq!(broken("", "", r#"{"name":"kc-core","kind":"dev"}"#).len(), 1);
        assert_eq!(broken("", "", r#"{"name":"kc-core"}"#).len(), 1);
    }

    #[test]
    fn what_only_a_feature_may_bring_is_refused_otherwise() {
        let layers = &[
            Layer { name: "kc-conformance", ours: &[], never: &["kc-core"], frameworks: &[] },
            Layer { name: "kc-core", ours: &[], never: &[], frameworks: &[] },
        ];
        let broken = |dependency: &str, features: &str| {
            let packages = format!(
                r#"{{"name":"kc-conformance","manifest_path":"/w/crates/kc-conformance/Cargo.toml","features":{features},"dependencies":[{dependency}]}},
                   {{"name":"kc-core","manifest_path":"/w/crates/kc-core/Cargo.toml"}}"#
            );
            let metadata =
                format!(r#"{{"workspace_root":"/w","target_directory":"/t","packages":[{packages}]}}"#);
            direct(&Workspace::from_metadata(&metadata).unwrap(), layers).len()
        };
        let (optional, always) = (r#"{"name":"kc-core","optional":true}"#, r#"{"name":"kc-core"}"#);
        let right = r#"{"contract":["dep:kc-core"]}"#;
        assert_eq!(broken(optional, right), 0);
        assert_eq!(broken(always, right), 1);
        assert_eq!(broken(r#"{"name":"kc-core","kind":"dev"}"#, right), 1);
        assert_eq!(broken(optional, r#"{"default":["contract"],"contract":["dep:kc-core"]}"#), 1);
        assert_eq!(
            broken(optional, r#"{"default":["all"],"all":["contract"],"contract":["dep:kc-core"]}"#),
            1
        );
        assert_eq!(broken(optional, r#"{"contract":["dep:kc-core"],"other":["kc-core/x"]}"#), 1);
        assert_eq!(broken(optional, r#"{"contract":["dep:kc-core"],"other":["dep:kc-core"]}"#), 1);
        assert_eq!(broken(optional, r#"{"contract":["dep:kc-core"],"other":["kc-core?/x"]}"#), 0);
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        let all = workspace(&[("kc-axum", ""), ("kc-core", ""), ("kc-dev", ""), ("kc-new", "")]);
        assert_eq!(direct(&all, THREE).len(), 1);
    }

    #[test]
    fn a_layer_without_its_crate_is_stale() {
        assert_eq!(direct(&workspace(&[("kc-axum", ""), ("kc-core", "")]), THREE).len(), 1);
    }
}
