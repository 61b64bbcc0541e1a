//! What the documentation says, held against the code.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kc_core::wire::Problem;

const ERRORS: &str = include_str!("../../../docs/errors.md");
#[cfg(feature = "reqwest")]
const DEFAULTS: &str = include_str!("../../../docs/defaults.md");
const THREATS: &str = include_str!("../../../docs/threat-model.md");

#[test]
fn every_code_has_a_section_and_every_section_a_code() {
    let codes: Vec<&str> = Problem::codes().collect();
    let sections: Vec<&str> =
        ERRORS.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect();
    for code in &codes {
        let count = sections.iter().filter(|section| *section == code).count();
        assert_eq!(count, 1, "docs/errors.md has {count} sections named {code}");
    }
    for section in sections {
        assert!(codes.contains(&section), "docs/errors.md describes {section}, which is no code");
    }
}

// The bounds of requests are those of the HTTP client.
#[cfg(feature = "reqwest")]
#[test]
fn every_default_is_the_one_of_the_code() {
    use kc_core::keys::RemoteKeysOptions;
    use kc_core::settings::Settings;
    use kc_core::token::MAX_TOKEN_BYTES;
    use kc_core::transport::TransportOptions;

    let settings = Settings::builder("https://kc.example.com", "r", "c").build().unwrap();
    let transport = TransportOptions::default();
    let keys = RemoteKeysOptions::default();
    assert_eq!((keys.ttl, keys.max_stale), (settings.jwks_ttl(), settings.jwks_max_stale()));
    assert_eq!((keys.cooldown, keys.timeout), (settings.jwks_cooldown(), settings.http_timeout()));
    assert_eq!(transport.timeout, settings.http_timeout());
    for (row, default) in [
        ("Clock skew", format!("{} s", settings.leeway().as_secs())),
        ("Size of a token", format!("{} KiB", MAX_TOKEN_BYTES / 1024)),
        ("Fresh keys", format!("{} s", keys.ttl.as_secs())),
        ("Stale keys", format!("{} s", keys.max_stale.as_secs())),
        ("Unknown key ids", format!("{} s", keys.cooldown.as_secs())),
        ("A request to Keycloak", format!("{} s", transport.timeout.as_secs())),
        ("A connection to Keycloak", format!("{} s", transport.connect_timeout.as_secs())),
        ("Size of an answer", format!("{} KiB", transport.max_body / 1024)),
        ("Audience", format!("the client id, `{}`", "KEYCLOAK_CLIENT_ID")),
        ("Address", settings.listen().to_string()),
    ] {
        let line = DEFAULTS.lines().find(|line| line.starts_with(&format!("| {row} |")));
        let line = line.unwrap_or_else(|| panic!("docs/defaults.md has no row {row}"));
        let said = line.split('|').nth(2).unwrap();
        assert!(said.contains(&default), "docs/defaults.md says of {row}: {said}, but it is {default}");
    }
    assert_eq!(settings.keycloak().unwrap().audiences(), ["c"]);
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let mut tests = BTreeSet::new();
    for folder in ["crates", "examples", "tests"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), &mut tests);
    }
    let named: Vec<&str> = THREATS.split('`').skip(1).step_by(2).filter(|word| is_a_sentence(word)).collect();
    assert!(named.len() > 30, "{} tests are named", named.len());
    for name in named {
        assert!(tests.contains(name), "docs/threat-model.md names the test {name}, which does not exist");
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = Vec::new();
    for folder in ["", "docs", "crates/kc-axum", "crates/kc-core", "crates/kc-dev", "examples/axum-service"] {
        let folder = root.join(folder);
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    assert!(pages.len() > 10);
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") || target.starts_with('#') {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = page.parent().unwrap().join(path);
            assert!(file.exists(), "{} links to {target}, which is not there", page.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&file).unwrap();
                let found = text
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| self::anchor(line) == anchor);
                assert!(found, "{} links to {target}, which has no such heading", page.display());
            }
        }
    }
}

/// The names of all functions in the Rust files below `folder`.
fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    let entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in entries {
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let heads = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            names.extend(heads.map(str::to_owned));
        }
    }
}

/// Whether it is named as our tests are: three words at least.
fn is_a_sentence(word: &str) -> bool {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    plain && word.matches('_').count() >= 3
}

/// How a heading is linked to.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
