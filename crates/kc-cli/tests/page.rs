#![cfg(test)]
//! `docs/kc.md`: what stands there is what the program prints.

use std::process::Command;

const PAGE: &str = include_str!("../../../docs/kc.md");
const FILES: [(&str, &str); 9] = [
    ("authorization-config.json", include_str!("page/authorization-config.json")),
    ("claims.json", include_str!("page/claims.json")),
    ("good.txt", include_str!("page/good.txt")),
    ("keys.json", include_str!("page/keys.json")),
    ("new-config.json", include_str!("page/new-config.json")),
    ("new-routes.json", include_str!("page/new-routes.json")),
    ("requests.jsonl", include_str!("page/requests.jsonl")),
    ("routes.json", include_str!("page/routes.json")),
    ("token.txt", include_str!("page/token.txt")),
];

/// Each command of the page, with what it prints.
fn examples() -> Vec<(&'static str, &'static str)> {
    let blocks = PAGE.split("\n```sh\n").skip(1);
    let each = blocks.map(|block| {
        let (command, rest) =
            block.split_once("\n```\n\n```text\n").expect("a command without what it prints");
        (command, rest.split_once("```\n").expect("an end").0)
    });
    each.collect()
}

#[test]
fn every_example_prints_what_stands_there() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_kc")).parent().unwrap();
    assert!(examples().len() >= 10);
    for (command, printed) in examples() {
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), printed, "{command}");
    }
}

#[test]
fn every_command_has_its_section() {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_kc")).args(arguments).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let commands = |text: &str| -> Vec<String> {
        let list = text.split("Commands:\n").nth(1).unwrap_or_default();
        let lines = list.lines().take_while(|line| line.starts_with("  "));
        lines
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    };
    let mut seen = 0;
    for name in commands(&help(&[])) {
        let inner = commands(&help(&[&name]));
        let sections = if inner.is_empty() {
            vec![name]
        } else {
            inner.iter().map(|inner| format!("{name} {inner}")).collect()
        };
        for section in sections {
            assert!(
                PAGE.contains(&format!("\n## `kc {section}`\n")),
                "docs/kc.md has no section on kc {section}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 12, "{seen}");
}
