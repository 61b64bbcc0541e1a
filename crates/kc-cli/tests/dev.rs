//! `kc dev`, as whoever types it runs it.

#![cfg(test)]

mod kc;

use std::io::{BufRead, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A running `kc dev`; ended when dropped.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kc"));
        command.arg("dev").args(["--port", "0"]).args(arguments).env_clear().stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// All that it says at start.
    fn text(&mut self) -> String {
        let mut text = String::new();
        while !text.ends_with("Ctrl-C ends it.\n") {
            assert!(self.output.read_line(&mut text).unwrap() > 0, "it ended:\n{text}");
        }
        text
    }

    fn json(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Sends a signal; the exit code, and what it said meanwhile.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended in most tests.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A realm as somebody has one, with secrets that must not be seen.
fn own_realm(folder: &Path) -> String {
    let realm = json!({
        "realm": "shop",
        "clients": [
            { "clientId": "orders", "secret": "hush-client", "directAccessGrantsEnabled": true },
            { "clientId": "web", "publicClient": true }
        ],
        "roles": { "client": { "orders": [{ "name": "clerk" }] } },
        "users": [
            { "username": "carla", "enabled": true, "clientRoles": { "orders": ["clerk"] }, "realmRoles": ["buyer"],
              "credentials": [{ "type": "password", "value": "hush-user" }] },
            { "username": "evil\u{1b}[2J'; rm -rf /", "enabled": true }
        ]
    });
    let file = folder.join("shop.json");
    std::fs::write(&file, realm.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Runs a line in a shell, as it was pasted there.
fn pasted(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = kc::run(folder.path(), &[], &[&["dev"], arguments].concat(), b"");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{error}");
    assert!(output.stdout.is_empty());
    error
}

#[test]
fn it_says_what_to_open_set_and_paste_and_all_of_it_works() {
    let mut kc = Running::start(&[]);
    let text = kc.text();
    assert!(text.contains("DEVELOPMENT ONLY") && text.contains("kc-demo, built in"), "{text}");
    assert!(
        text.contains("alice") && text.contains("api/api-admin") && text.contains("(disabled)"),
        "{text}"
    );
    for variable in ["KEYCLOAK_URL=http://127.0.0.1:", "KEYCLOAK_REALM=kc-demo", "KEYCLOAK_CLIENT_ID=api"] {
        assert!(text.contains(&format!("  export {variable}")), "{text}");
    }
    assert!(text.contains("export KEYCLOAK_CLIENT_SECRET=api-secret"), "{text}");
    let line = text.lines().find(|line| line.trim_start().starts_with("TOKEN=")).unwrap();
    let token = pasted(&format!("{line}; printf %s \"$TOKEN\""));
    assert_eq!(token.split('.').count(), 3, "{line} gives {token:?}");
    let page = text.lines().find_map(|line| line.strip_prefix("page")).unwrap();
    let page = pasted(&format!("curl -s {}", page.split_whitespace().next().unwrap()));
    assert!(page.contains("Make a token"), "{page}");
    assert_eq!(kc.end("INT"), (Some(0), String::new()));
}

#[test]
fn for_programs_it_says_the_same_in_one_line() {
    let mut kc = Running::start(&["--json"]);
    let said = kc.json();
    let issuer = said["issuer"].as_str().unwrap();
    assert_eq!(said["endpoints"]["token"], json!(format!("{issuer}/protocol/openid-connect/token")));
    let document: Value =
        serde_json::from_str(&pasted(&format!("curl -s {}", said["endpoints"]["discovery"]))).unwrap();
    for (ours, theirs) in [
        ("authorization", "authorization_endpoint"),
        ("certs", "jwks_uri"),
        ("end_session", "end_session_endpoint"),
        ("introspection", "introspection_endpoint"),
        ("pushed_authorization_request", "pushed_authorization_request_endpoint"),
        ("revocation", "revocation_endpoint"),
        ("token", "token_endpoint"),
        ("userinfo", "userinfo_endpoint"),
    ] {
        assert_eq!(said["endpoints"][ours], document[theirs], "{ours}");
    }
    assert_eq!(said["environment"]["KEYCLOAK_CLIENT_SECRET"], "api-secret");
    let alice = said["users"].as_array().unwrap().iter().find(|user| user["username"] == "alice").unwrap();
    assert_eq!((&alice["password"], &alice["enabled"]), (&json!("alice"), &json!(true)));
    assert_eq!(kc.end("TERM"), (Some(0), String::new()));
}

#[test]
fn the_secrets_of_a_realm_of_your_own_are_not_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = own_realm(folder.path());
    let mut kc = Running::start(&["--realm", &file, "--json"]);
    let said = kc.json();
    assert!(!said.to_string().contains("hush"), "{said}");
    assert_eq!(said["environment"]["KEYCLOAK_CLIENT_ID"], "orders");
    assert_eq!(
        said["clients"],
        json!([
            { "client_id": "orders", "confidential": true }, { "client_id": "web", "confidential": false }
        ])
    );
    assert_eq!(
        said["users"][0],
        json!({ "username": "carla", "enabled": true, "roles": ["buyer", "orders/clerk"] })
    );
    drop(kc);

    let mut kc = Running::start(&["--realm", &file]);
    let text = kc.text();
    assert!(!text.contains("hush") && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("# KEYCLOAK_CLIENT_SECRET"), "{text}");
    let line = text.lines().find(|line| line.trim_start().starts_with("TOKEN=")).unwrap();
    let token = pasted(&format!("{line}; printf %s \"$TOKEN\""));
    assert_eq!(token.split('.').count(), 3, "{line} gives {token:?}");
}

#[test]
fn tokens_live_as_long_as_said_and_what_is_to_fail_fails() {
    let mut kc =
        Running::start(&["--json", "--token-lifespan", "7", "--clock-skew", "-600", "--fault", "certs=503"]);
    let said = kc.json();
    let control = said["control"].as_str().unwrap();
    let made: Value =
        serde_json::from_str(&pasted(&format!("curl -s {control}tokens -d '{{\"user\":\"alice\"}}'")))
            .unwrap();
    let payload = made["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap()).unwrap();
    let (issued, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(ends - issued, 7);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(issued < i64::try_from(now).unwrap() - 300, "its clock is ten minutes behind");
    let status = pasted(&format!("curl -s -o /dev/null -w '%{{http_code}}' {}", said["endpoints"]["certs"]));
    assert_eq!(status, "503");
}

#[test]
fn a_port_that_is_taken_is_one_line_and_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = refused(&["--port", &port]);
    assert!(error.contains(&format!("127.0.0.1:{port} is taken")) && error.contains("--port 0"), "{error}");
}

#[test]
fn an_address_that_is_not_loopback_is_refused() {
    for address in ["0.0.0.0", "[::]:8080", "192.0.2.1"] {
        assert!(refused(&["--listen", address]).contains("not a loopback address"), "{address}");
    }
}

#[test]
fn a_bad_realm_file_is_named_with_the_place_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.json");
    let with = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let error = refused(&["--realm", file.to_str().unwrap()]);
        assert!(error.contains("bad.json: the realm export"), "{error}");
        error
    };
    assert!(with("{\n nope").contains("line 2"));
    assert!(with("{}").contains("lacks realm"));
    let error =
        with(r#"{"realm":"r","users":[{"username":"a"},{"username":"b\u001b[2J","enabled":"hush"}]}"#);
    assert!(
        error.contains("users[1]") && error.contains("enabled") && error.contains("a boolean"),
        "{error}"
    );
    assert!(!error.contains("hush") && !error.contains('\u{1b}'), "{error}");
    assert!(with(&"[".repeat(100_000)).contains("nested too deep"));
    assert!(refused(&["--realm", "/nowhere/r.json"]).contains("/nowhere/r.json"));
    assert!(refused(&["--realm", "/dev/zero"]).contains("larger than 32 MiB"));
    assert!(refused(&["--client", "nope", "--port", "0"]).contains("it has api"));
}

#[test]
fn help_names_every_option_and_has_examples() {
    let folder = tempfile::tempdir().unwrap();
    let output = kc::run(folder.path(), &[], &["dev", "--help"], b"");
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for option in
        ["--realm", "--port", "--listen", "--client", "--token-lifespan", "--clock-skew", "--fault", "--json"]
    {
        assert!(help.contains(option), "{option}");
    }
    assert!(help.contains("Examples:"));
    assert!(refused(&["--nope"]).contains("--nope"));
    assert!(refused(&["more"]).contains("one argument too many"));
}
