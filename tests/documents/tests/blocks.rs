//! Every block of code of every page is compiled, read or run, or says why not.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use documents_tests::page::{self, Block, Mark, Page};
use kc_core::settings::{Settings, Sources};

/// Nobody is to type these: output, pictures made of letters, tables.
const SHOWN: &str = "text";
/// Checked by the tests below, or by the compiler.
const CHECKED: [&str; 6] = ["console", "env", "json", "rust", "sh", "toml"];

/// What is wrong with the blocks of all pages.
fn findings(check: impl Fn(&Page, &Block) -> Result<(), String>) -> Vec<String> {
    let mut found = Vec::new();
    for page in page::all() {
        for block in &page.blocks {
            if let Err(why) = check(&page, block) {
                found.push(format!("{}: {why}", page.place(block)));
            }
        }
    }
    found
}

/// How many blocks of that language are checked, and what was wrong with them.
fn of(language: &str, check: impl Fn(&str) -> Result<(), String>) {
    let count = std::cell::Cell::new(0);
    let found = findings(|_, block| {
        if block.language != language || matches!(block.mark, Mark::NotRun(_)) {
            return Ok(());
        }
        count.set(count.get() + 1);
        check(&block.text)
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(count.get() > 1, "{language}: {} blocks", count.get());
}

#[test]
fn a_block_that_nothing_checks_says_why() {
    let found = findings(|_, block| match (&*block.language, &block.mark) {
        (SHOWN, _) | (_, Mark::NotRun(_)) => Ok(()),
        ("", _) => Err("it has no language; `text` is for what nobody types".to_owned()),
        ("rust", _) if block.attributes.iter().any(|word| word == "ignore") => {
            Err("it is not compiled: take `ignore` away, or write `<!-- not run: WHY -->` before it"
                .to_owned())
        }
        (language, _) if CHECKED.contains(&language) => Ok(()),
        (language, _) => Err(format!("nothing checks {language}: write `<!-- not run: WHY -->` before it")),
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_page_with_rust_in_it_is_compiled_with_a_crate() {
    let root = page::repository();
    let mut included = BTreeSet::new();
    for folder in ["crates", "examples", "tests"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let src = entry.unwrap().path().join("src");
            let Ok(library) = fs::read_to_string(src.join("lib.rs")) else { continue };
            for path in library.split("doc = include_str!(\"").skip(1) {
                let path = src.join(path.split('"').next().unwrap());
                included.insert(path.canonicalize().unwrap());
            }
        }
    }
    for page in page::all() {
        // What a reader is to put into a file is compiled where the commands of that page are run.
        let rust = |block: &&Block| block.language == "rust" && block.mark == Mark::None;
        if let Some(block) = page.blocks.iter().find(rust) {
            let path = root.join(&page.path).canonicalize().unwrap();
            assert!(included.contains(&path), "{}: no crate's lib.rs includes the page", page.place(block));
        }
    }
}

#[test]
fn every_json_block_is_json() {
    of("json", |text| serde_json::from_str::<serde_json::Value>(text).map(|_| ()).map_err(|e| e.to_string()));
}

#[test]
fn every_toml_block_is_toml() {
    of("toml", |text| text.parse::<toml_edit::DocumentMut>().map(|_| ()).map_err(|e| e.to_string()));
}

#[test]
fn every_env_block_is_what_settings_accept_without_a_word() {
    let folder = page::repository().join("crates/kc-core/tests");
    let config = fs::read(folder.join("policy/authorization-config.json")).unwrap();
    of("env", |text| {
        let names: BTreeSet<&str> =
            text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        let mut sources = Sources::default().dotenv(text);
        for (name, value) in [
            ("KEYCLOAK_URL", "https://keycloak.example.com"),
            ("KEYCLOAK_REALM", "shop"),
            ("KEYCLOAK_CLIENT_ID", "orders"),
            ("SESSION_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ] {
            if !names.contains(name) {
                sources = sources.variable(name, value);
            }
        }
        // Two ways to prove oneself are refused together.
        if !text.contains("KEYCLOAK_CLIENT_KEY_FILE") && !text.contains("KEYCLOAK_CLIENT_SECRET") {
            sources = sources.variable("KEYCLOAK_CLIENT_SECRET", "secret");
        }
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else { continue };
            let value = value.split(" #").next().unwrap_or_default().trim();
            match name {
                "KEYCLOAK_AUTHORIZATION_CONFIG" => sources = sources.file(Path::new(value), config.clone()),
                "KEYCLOAK_CA_FILE" | "KEYCLOAK_CLIENT_CERTIFICATE_FILE" => {
                    sources = sources.file(Path::new(value), CERTIFICATE);
                }
                "KEYCLOAK_CLIENT_KEY_FILE" => sources = sources.file(Path::new(value), KEY),
                _ => {}
            }
        }
        let settings = Settings::load(&sources).map_err(|error| error.to_string())?;
        let odd: Vec<&String> = settings
            .warnings()
            .iter()
            .filter(|text| !text.contains("is plain HTTP to another host"))
            .collect();
        if odd.is_empty() { Ok(()) } else { Err(format!("{odd:?}")) }
    });
}

/// Of nobody, and long over.
const CERTIFICATE: &str = include_str!("../shop/client.crt");
const KEY: &str = include_str!("../shop/client.key");
