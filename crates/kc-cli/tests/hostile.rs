#![cfg(test)]
//! The program in surroundings that nobody tested it in: pipes that break, input without end, no terminal, Ctrl-C.

mod kc;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// The program in an empty folder, with nothing in its environment.
fn kc(folder: &Path, arguments: &[&str]) -> Command {
    let mut kc = Command::new(env!("CARGO_BIN_EXE_kc"));
    kc.args(arguments).env_clear().current_dir(folder).stdin(Stdio::null());
    kc
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// One line that begins with the command, and no panic.
fn complains(output: &Output, word: &str) {
    let said = text(&output.stderr);
    // Of the doctor, 2 is that errors were found.
    let code = if said.starts_with("kc doctor: ") { 3 } else { 2 };
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.starts_with("kc") && said.lines().count() == 1 && said.contains(word), "{word} in {said}");
}

/// Commands that print something without any setting, file or server.
const PRINTING: [&[&str]; 8] = [
    &["--help"],
    &["--version"],
    &["help", "token", "get"],
    &["authz", "diff", "--help"],
    &["completions", "zsh"],
    &["conformance", "--list"],
    &["doctor", "--list"],
    &["man"],
];

#[test]
fn whoever_stops_reading_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in PRINTING {
        let mut command = kc(folder.path(), arguments);
        let mut kc = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(kc.stdout.take());
        let output = kc.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_written_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in PRINTING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = kc(folder.path(), arguments).stdout(full).output().unwrap();
        complains(&output, "standard output: No space left");
    }
}

#[test]
fn closed_standard_streams_are_borne() {
    let folder = tempfile::tempdir().unwrap();
    for (redirection, code) in [(">&-", "0"), (">&- 2>&-", "0"), ("2>&- <&-", "0")] {
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            &format!("\"$0\" doctor --list {redirection}; echo $? > code"),
            env!("CARGO_BIN_EXE_kc"),
        ]);
        assert!(shell.current_dir(folder.path()).stdout(Stdio::null()).status().unwrap().success());
        assert_eq!(
            std::fs::read_to_string(folder.path().join("code")).unwrap().trim(),
            code,
            "{redirection}"
        );
    }
    // Nobody reads what is wrong: the exit code is left.
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" explain --nope 2>&-", env!("CARGO_BIN_EXE_kc")]);
    assert_eq!(shell.status().unwrap().code(), Some(2));
}

#[test]
fn input_without_end_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.json"), include_str!("page/keys.json")).unwrap();
    let endless = |arguments: &[&str]| {
        kc(folder.path(), arguments).stdin(File::open("/dev/zero").unwrap()).output().unwrap()
    };
    let settings = ["--jwks", "keys.json", "--issuer", "i", "--audience", "a"];
    complains(&endless(&[&["explain"][..], &settings, &["-"]].concat()), "more than one word");
    for arguments in [
        &["routes", "-"][..],
        &["authz", "check", "-"],
        &["authz", "explain", "--claims", "-", "keys.json"],
        &["authz", "diff", "-", "keys.json"],
        &["token", "verify", "--jwks", "/dev/zero", "x"],
        &["explain", "--routes", "/dev/zero", "--jwks", "keys.json", "--issuer", "i", "--audience", "a", "x"],
    ] {
        let output = endless(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains("is larger than 64 MiB") || said.contains("keys.json"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn what_is_not_utf8_is_told_where_it_must_be() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = OsStr::from_bytes(b"\xff\xfe");
    for before in [&["explain"][..], &["routes"], &["authz", "check"], &["doctor"], &["completions"]] {
        let output = kc(folder.path(), before).arg(bytes).output().unwrap();
        let code = output.status.code().unwrap();
        assert!(code == 2 || code == 3, "{before:?}: {output:?}");
        assert!(text(&output.stderr).starts_with("kc "), "{output:?}");
    }
    for option in ["--role", "--scope", "--at", "--issuer"] {
        let output = kc(folder.path(), &["explain", option]).arg(bytes).arg("x").output().unwrap();
        complains(&output, "is not UTF-8");
    }
    let file = std::ffi::OsString::from_vec(b"\xff.json".to_vec());
    let output = kc(folder.path(), &["routes"]).arg(file).output().unwrap();
    complains(&output, "can't be read");
    std::fs::write(folder.path().join("bytes"), b"\xff\xfe\x00").unwrap();
    for arguments in
        [&["routes", "bytes"][..], &["authz", "check", "bytes"], &["token", "verify", "--jwks", "bytes", "x"]]
    {
        complains(&kc(folder.path(), arguments).output().unwrap(), "bytes");
    }
}

#[test]
fn a_folder_where_a_file_should_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["routes", "."][..],
        &["authz", "check", "."],
        &["authz", "diff", ".", "."],
        &["token", "verify", "--jwks", ".", "x"],
        &["explain", "--jwks", ".", "--issuer", "i", "--audience", "a", "x"],
        &["conformance", "--deviations", ".", "--", "true"],
        &["conformance", "--junit", ".", "--", "true"],
    ] {
        complains(&kc(folder.path(), arguments).output().unwrap(), ".");
    }
    complains(&kc(folder.path(), &["man", "no/such/folder"]).output().unwrap(), "is the folder there?");
}

#[test]
fn there_are_colours_where_they_are_asked_for_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let table = |variables: &[(&str, &str)]| {
        let variables = [&[("KEYCLOAK_URL", "")][..], variables].concat();
        text(&kc::run(folder.path(), &variables, &["doctor"], b"").stdout)
    };
    assert!(!table(&[]).contains('\u{1b}'));
    assert!(table(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    assert!(!table(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\u{1b}'));
}

/// A terminal: the end that a person has, and the one that the program is given.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
    let mut options = File::options();
    let program = std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true).write(true), 0o400);
    (File::from(person), program.open(name).unwrap())
}

fn shows_what_is_typed(terminal: &File) -> bool {
    tcgetattr(terminal).unwrap().local_modes.contains(LocalModes::ECHO)
}

/// Reads until the program has asked for the password.
fn asked(person: &mut File) -> String {
    let mut said = String::new();
    while !said.contains("Password of \"alice\": ") {
        let mut some = [0; 256];
        let length = person.read(&mut some).unwrap();
        said.push_str(&String::from_utf8_lossy(some.get(..length).unwrap()));
    }
    said
}

/// `kc token get --user alice` at a terminal, of a server that nobody is.
fn at_a_terminal(terminal: &File, folder: &Path) -> std::process::Child {
    kc(folder, &["token", "get", "--user", "alice"])
        .envs([("KEYCLOAK_URL", "http://127.0.0.1:9"), ("KEYCLOAK_REALM", "r"), ("KEYCLOAK_CLIENT_ID", "c")])
        .stdin(terminal.try_clone().unwrap())
        .stderr(terminal.try_clone().unwrap())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap()
}

#[test]
fn whoever_interrupts_the_question_for_a_password_sees_again_what_they_type() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut person, terminal) = terminal();
        assert!(shows_what_is_typed(&terminal));
        let mut kc = at_a_terminal(&terminal, folder.path());
        asked(&mut person);
        assert!(!shows_what_is_typed(&terminal));
        kill_process(Pid::from_child(&kc), signal).unwrap();
        assert_eq!(kc.wait().unwrap().code(), Some(130), "{signal:?}");
        assert!(shows_what_is_typed(&terminal), "{signal:?}");
    }
}

#[test]
fn a_password_that_is_typed_is_not_shown_and_the_terminal_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (mut person, terminal) = terminal();
    let kc = at_a_terminal(&terminal, folder.path());
    let mut said = asked(&mut person);
    person.write_all(b"hunter2\n").unwrap();
    let output = kc.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "nobody is there to give a token");
    assert!(shows_what_is_typed(&terminal));
    drop(terminal);
    let mut rest = Vec::new();
    // A terminal that nobody has open any more ends with an error.
    let _ = person.read_to_end(&mut rest);
    said.push_str(&String::from_utf8_lossy(&rest));
    assert!(!said.contains("hunter2") && said.contains("cannot be reached"), "{said}");
}
