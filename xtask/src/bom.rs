//! What a program is made of: its crates, as a CycloneDX document and as a file of their licences.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::{self, Failure};
use crate::workspace::Workspace;

/// The crates of one program, or of several.
#[derive(Debug, Default)]
pub(crate) struct Bom(BTreeMap<(String, String), Component>);

/// A crate.
#[derive(Clone, Debug, Default)]
struct Component {
    licence: String,
    /// SHA-256 of its archive; none for our own.
    checksum: Option<String>,
    /// What it needs, as far as it is in the program.
    needs: BTreeSet<(String, String)>,
    /// The texts of its licences, by file name.
    texts: Vec<(String, String)>,
}

impl Bom {
    /// Everything that is compiled for a package's programs on a target, build scripts' crates among them.
    pub(crate) fn of(workspace: &Workspace, package: &str, target: &str) -> Result<Self, Failure> {
        // `cargo tree` turns on the features that this package alone turns on; `cargo metadata` those of all members.
        let tree = process::capture(workspace.cargo().args([
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal,build",
            "--target",
            target,
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]))?;
        let metadata = process::capture(workspace.cargo().args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--filter-platform",
            target,
        ]))?;
        let lock = workspace.root.join("Cargo.lock");
        let lock = std::fs::read_to_string(&lock).map_err(|e| Failure::io("reading", &lock, &e))?;
        Self::from(&tree, &metadata, &lock)
    }

    fn from(tree: &str, metadata: &str, lock: &str) -> Result<Self, Failure> {
        let metadata: Value = serde_json::from_str(metadata)
            .map_err(|e| Failure::new(format!("reading what `cargo metadata` said: {e}")))?;
        let names: BTreeSet<(String, String)> = tree.lines().filter_map(of_tree).collect();
        let checksums = checksums(lock);
        let mut ids = BTreeMap::new();
        let mut found = BTreeMap::new();
        for package in members(&metadata, "packages") {
            let Some(key) = key(package) else { continue };
            let text = |member: &str| package.get(member).and_then(Value::as_str).unwrap_or_default();
            ids.insert(text("id"), key.clone());
            if names.contains(&key) {
                let component = Component {
                    licence: text("license").to_owned(),
                    checksum: checksums.get(&key).cloned(),
                    needs: BTreeSet::new(),
                    texts: texts(Path::new(text("manifest_path")).parent()),
                };
                found.insert(key, component);
            }
        }
        let nodes = metadata.get("resolve").map(|resolve| members(resolve, "nodes")).unwrap_or_default();
        for node in nodes {
            let id = |value: &Value, member: &str| {
                value.get(member).and_then(Value::as_str).and_then(|id| ids.get(id)).cloned()
            };
            let needs = members(node, "deps").iter().filter_map(|dependency| id(dependency, "pkg"));
            let needs = needs.filter(|needed| names.contains(needed)).collect();
            if let Some(component) = id(node, "id").and_then(|key| found.get_mut(&key)) {
                component.needs = needs;
            }
        }
        match names.iter().find(|name| !found.contains_key(*name)) {
            Some((name, version)) => {
                Err(Failure::new(format!("`cargo metadata` does not know {name} {version}")))
            }
            None => Ok(Self(found)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Crates that were compiled and are not listed, and the other way round.
    pub(crate) fn differs_from(&self, compiled: &[String]) -> Vec<String> {
        let compiled: BTreeSet<String> = compiled.iter().cloned().collect();
        let listed: BTreeSet<String> =
            self.0.keys().map(|(name, version)| format!("{name} {version}")).collect();
        let missing =
            compiled.difference(&listed).map(|name| format!("{name} was compiled, and is not listed"));
        let idle = listed.difference(&compiled).map(|name| format!("{name} is listed, and was not compiled"));
        missing.chain(idle).collect()
    }

    /// CycloneDX 1.5. Without a serial number and a time, so that the same sources give the same file.
    pub(crate) fn cyclonedx(&self, program: &str, version: &str) -> Result<String, Failure> {
        let components: Vec<Value> = self
            .0
            .iter()
            .map(|((name, version), component)| {
                let mut value = serde_json::Map::new();
                value.insert("type".to_owned(), json!("library"));
                value.insert("bom-ref".to_owned(), json!(reference(name, version)));
                value.insert("name".to_owned(), json!(name));
                value.insert("version".to_owned(), json!(version));
                value.insert("purl".to_owned(), json!(reference(name, version)));
                if !component.licence.is_empty() {
                    // Old manifests have a slash for an "or".
                    let expression = component.licence.replace('/', " OR ");
                    value.insert("licenses".to_owned(), json!([{"expression": expression}]));
                }
                if let Some(checksum) = &component.checksum {
                    value.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": checksum}]));
                }
                Value::Object(value)
            })
            .collect();
        let dependencies: Vec<Value> = self
            .0
            .iter()
            .map(|((name, version), component)| {
                let needs: Vec<String> = component.needs.iter().map(|(n, v)| reference(n, v)).collect();
                json!({"ref": reference(name, version), "dependsOn": needs})
            })
            .collect();
        let document = json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": {"type": "application", "bom-ref": format!("program:{program}"), "name": program, "version": version}},
            "components": components, "dependencies": dependencies,
        });
        let text = serde_json::to_string_pretty(&document)
            .map_err(|e| Failure::new(format!("writing the list of crates: {e}")))?;
        Ok(text + "\n")
    }

    /// Every crate with its licence, then each text once with the crates that it came with.
    pub(crate) fn licences(&self) -> Result<String, Failure> {
        let mut out = "These programs are made of the crates below, of Rust's standard library (MIT or Apache-2.0) and of \
                       musl's C library (MIT).\n\n"
            .to_owned();
        let mut by_text: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((name, version), component) in &self.0 {
            let licence = if component.licence.is_empty() { "see its text" } else { &component.licence };
            let without = if component.texts.is_empty() { " (it comes without a text)" } else { "" };
            let _ = writeln!(out, "{name} {version}: {licence}{without}");
            for (file, text) in &component.texts {
                by_text.entry(text).or_default().push(format!("{name} {version}: {file}"));
            }
        }
        for (text, from) in by_text {
            let _ = write!(out, "\n{}\n{}\n\n{}\n", "=".repeat(80), from.join("\n"), text.trim_end());
        }
        Ok(out)
    }
}

/// The crates that were compiled, of cargo's messages: `name version`.
pub(crate) fn compiled(messages: &str) -> Vec<String> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let artifacts =
        artifacts.filter(|message| message.get("reason").is_some_and(|r| r == "compiler-artifact"));
    let id = |message: Value| Some(message.get("package_id")?.as_str()?.to_owned());
    let named = artifacts.filter_map(id).filter_map(|id| of_id(&id));
    named.collect::<BTreeSet<_>>().into_iter().collect()
}

/// `serde 1.0.229` of `registry+https://…#serde@1.0.229`, `kc-core 0.1.0` of `path+file:///…/kc-core#0.1.0`.
fn of_id(id: &str) -> Option<String> {
    let (source, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, version)) => Some(format!("{name} {version}")),
        None => Some(format!("{} {fragment}", source.rsplit('/').next()?)),
    }
}

/// Of a line of `cargo tree`: `serde v1.0.229`, `kc-core v0.1.0 (/path) (*)`.
fn of_tree(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let (name, version) = (words.next()?, words.next()?);
    Some((name.to_owned(), version.strip_prefix('v')?.to_owned()))
}

/// The checksums in a lock file.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let of = |package: &str, member: &str| {
        let start = format!("{member} = \"");
        package.lines().find_map(|line| Some(line.strip_prefix(&start)?.strip_suffix('"')?.to_owned()))
    };
    lock.split("[[package]]")
        .filter_map(|package| {
            Some(((of(package, "name")?, of(package, "version")?), of(package, "checksum")?))
        })
        .collect()
}

/// Files with a licence's name in a crate's folder.
fn texts(folder: Option<&Path>) -> Vec<(String, String)> {
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut texts: Vec<(String, String)> = files
        .filter_map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            let upper = name.to_uppercase();
            let is_one =
                ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"].iter().any(|s| upper.starts_with(s));
            let text = is_one.then(|| std::fs::read_to_string(file.path()).ok()).flatten()?;
            Some((name, text))
        })
        .collect();
    texts.sort();
    texts
}

fn key(package: &Value) -> Option<(String, String)> {
    let text = |member: &str| package.get(member)?.as_str().map(str::to_owned);
    Some((text("name")?, text("version")?))
}

fn members<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A package URL (purl).
fn reference(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "kc-cli v0.1.0 (/w/crates/kc-cli)\nserde v1.0.229\nserde v1.0.229 (*)\n";
    const METADATA: &str = r#"{"packages":[
        {"id":"path+file:///w/crates/kc-cli#0.1.0","name":"kc-cli","version":"0.1.0","license":"MIT OR Apache-2.0","manifest_path":"/nowhere/Cargo.toml"},
        {"id":"registry+r#serde@1.0.229","name":"serde","version":"1.0.229","license":"MIT/Apache-2.0","manifest_path":"/nowhere/Cargo.toml"},
        {"id":"registry+r#other@1.0.0","name":"other","version":"1.0.0","license":"MIT","manifest_path":"/nowhere/Cargo.toml"}],
        "resolve":{"nodes":[{"id":"path+file:///w/crates/kc-cli#0.1.0","deps":[{"pkg":"registry+r#serde@1.0.229"},{"pkg":"registry+r#other@1.0.0"}]}]}}"#;
    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.229\"\nsource = \"r\"\nchecksum = \"ab12\"\n";

    fn bom() -> Bom {
        Bom::from(TREE, METADATA, LOCK).unwrap()
    }

    #[test]
    fn each_crate_of_the_program_is_listed_once_with_licence_and_checksum_and_no_other() {
        let document: Value = serde_json::from_str(&bom().cyclonedx("kc", "0.1.0").unwrap()).unwrap();
        assert_eq!(document["bomFormat"], "CycloneDX");
        assert_eq!(document["metadata"]["component"]["name"], "kc");
        let components = document["components"].as_array().unwrap();
        let names: Vec<&str> = components.iter().map(|c| c["purl"].as_str().unwrap()).collect();
        assert_eq!(names, ["pkg:cargo/kc-cli@0.1.0", "pkg:cargo/serde@1.0.229"]);
        assert_eq!(components[1]["hashes"][0]["content"], "ab12");
        assert_eq!(components[1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(components[0].get("hashes"), None);
        assert_eq!(document["dependencies"][0]["dependsOn"], json!(["pkg:cargo/serde@1.0.229"]));
    }

    #[test]
    fn a_crate_that_was_compiled_and_is_not_listed_is_found_and_the_other_way_round() {
        let messages = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/crates/kc-cli#0.1.0"}
{"reason":"compiler-artifact","package_id":"registry+r#hidden@2.0.0"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            bom().differs_from(&compiled(messages)),
            ["hidden 2.0.0 was compiled, and is not listed", "serde 1.0.229 is listed, and was not compiled"]
        );
    }

    #[test]
    fn a_crate_without_a_text_is_named_as_such() {
        let text = bom().licences().unwrap();
        assert!(text.contains("serde 1.0.229: MIT/Apache-2.0 (it comes without a text)"), "{text}");
    }
}
