#![cfg(test)]
//! Completions in the shells that are here, and manual pages in what shows them.

use std::process::{Command, Stdio};

fn kc(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kc")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What bash would offer for the last of these words.
fn offered(words: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kc.bash"), kc(&["completions", "bash"])).unwrap();
    let script = format!(
        "source ./kc.bash; COMP_WORDS=({}); COMP_CWORD={}; _kc kc \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1
    );
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &script])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered(&["kc", "expl"]), "explain\n");
    assert_eq!(offered(&["kc", "token", "ge"]), "get\n");
    assert_eq!(offered(&["kc", "authz", "diff", "--li"]), "--live\n");
    assert_eq!(offered(&["kc", "token", "get", "--grant", "dev"]), "device\n");
    assert_eq!(offered(&["kc", "doctor", "--only", "redirect"]), "redirect-uri\n");
    assert!(offered(&["kc", ""]).lines().any(|word| word == "routes"));
}

/// Whether a program is on this machine: what is not here cannot be asked, and the others are.
fn is_here(program: &str) -> bool {
    let status =
        Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
    status.unwrap().success()
}

#[test]
fn every_shell_gets_a_script_that_names_every_command() {
    for (shell, check) in [
        ("bash", Some(("bash", &["-n"][..]))),
        ("elvish", None),
        ("fish", Some(("fish", &["--no-execute"]))),
        ("powershell", None),
        ("zsh", Some(("zsh", &["-n"]))),
    ] {
        let script = kc(&["completions", shell]);
        for word in ["authz", "conformance", "doctor", "explain", "routes", "token", "admin-secret-file"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        std::fs::write(&path, script).unwrap();
        if let Some((program, options)) = check.filter(|(program, _)| is_here(program)) {
            let output = Command::new(program).args(options).arg(&path).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
        }
    }
}

#[test]
fn every_page_of_the_manual_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    kc(&["man", path]);
    let pages: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|page| page.unwrap().path()).collect();
    assert!(pages.len() >= 15, "{pages:?}");
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        assert!(
            text.is_ascii() && text.contains(".SH NAME\n") && text.contains(".SH EXAMPLES\n"),
            "{page:?}"
        );
        // Each request is one that there is: what begins with a dot and is none would vanish.
        for line in text.lines().filter(|line| line.starts_with(['.', '\''])) {
            let known =
                [".SH ", ".TH ", ".TP", ".PP", ".nf", ".fi", ".br", ".ie ", ".el ", ".RS", ".RE", ".IP "];
            assert!(known.iter().any(|request| line.starts_with(request)), "{page:?}: {line}");
        }
        if is_here("groff") {
            let output =
                Command::new("groff").args(["-man", "-ww", "-Tutf8", "-z"]).arg(page).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{page:?}: {output:?}");
        }
    }
    assert_eq!(kc(&["man"]), std::fs::read_to_string(folder.path().join("kc.1")).unwrap());
}
