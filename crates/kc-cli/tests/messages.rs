//! What `kc conformance` says when the command is at fault, not the service's answers.
#![cfg(test)]

use std::process::{Command, Output};

fn conformance(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kc"));
    command.arg("conformance").args(arguments).output().unwrap()
}

/// Nothing could be run: exit code 2, and one message that holds all of these.
fn says(arguments: &[&str], words: &[&str]) {
    let output = conformance(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    says(&["--", "./no-such-service"], &["no-such-service", "can't be started", "No such file"]);
}

#[test]
fn a_service_that_ends_at_start_is_quoted_with_its_exit_code() {
    says(&["--", "sh", "-c", "echo no database; exit 7"], &["exit status: 7", "it said no database"]);
}

#[test]
fn a_service_that_listens_nowhere_is_told_where_it_should() {
    let command = ["--start-timeout", "1", "--", "sh", "-c", "echo listening on 8000; exec sleep 60"];
    says(&command, &["LISTEN", "nobody listens there", "it said listening on 8000"]);
}

#[test]
fn a_service_that_dies_midway_is_reported_with_its_last_words() {
    let dies = "\
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != '/health':
            print('out of memory', file=sys.stderr, flush=True)
            os._exit(9)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
host, port = os.environ['LISTEN'].split(':')
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
";
    let output = conformance(&["--only", "bearer/none", "--", "python3", "-c", dies]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.contains("has ended during the case (exit status: 9)"), "{table}");
    assert!(table.contains("it said out of memory"), "{table}");
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run_before_it_begins() {
    says(&["--junit", "/nowhere/report.xml", "--", "true"], &["--junit", "/nowhere/report.xml"]);
}

#[test]
fn a_relative_path_among_the_arguments_is_warned_of_when_the_folder_is_empty() {
    // The tests run in the folder of this package.
    says(&["--clean-folder", "--", "cat", "Cargo.toml"], &["--clean-folder", "Cargo.toml", "absolute path"]);
}

#[test]
fn a_case_that_does_not_exist_is_named() {
    says(&["--only", "bearer/nope", "--", "true"], &["bearer/nope", "--list"]);
}
