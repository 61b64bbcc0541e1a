#![cfg(test)]
//! `--routes`: who may call what, without Keycloak.

use std::net::TcpListener;
use std::process::{Command, Output};

/// The service, whose Keycloak is at this port.
fn service(port: u16, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_axum-service"))
        .args(arguments)
        .env_clear()
        .envs([
            ("KEYCLOAK_URL", format!("http://127.0.0.1:{port}").as_str()),
            ("KEYCLOAK_REALM", "shop"),
            ("KEYCLOAK_CLIENT_ID", "api"),
            ("KEYCLOAK_EXEMPT_PATHS", "/reports"),
            ("USERS_DATABASE", "postgres://nobody@127.0.0.1:9/nothing"),
        ])
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn the_routes_are_printed_and_nobody_is_asked_for_anything() {
    let keycloak = TcpListener::bind("127.0.0.1:0").unwrap();
    keycloak.set_nonblocking(true).unwrap();
    let output = service(keycloak.local_addr().unwrap().port(), &["--routes"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in [
        "any   /health                                public\n",
        "POST  /items                                 role api-admin\n",
        "any   /reports                               public, by an exempt prefix (else: role staff)\n",
        "any   /account                               any valid token (page)\n",
        "\nexempt, so that nobody is asked for credentials: /reports\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(keycloak.accept().is_err(), "Keycloak was asked");
}

#[test]
fn a_format_that_is_not_known_is_named() {
    let output = service(9, &["--routes=xml"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty() && said.contains("--routes=json"), "{said}");
}
