#![cfg(test)]
//! `kc doctor` where there is no Keycloak: nobody listens, something else answers, or nobody knows who it is.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

struct Run {
    stdout: String,
    stderr: String,
    code: i32,
}

/// With these variables and no others, in an empty folder.
fn doctor(arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kc"))
        .arg("doctor")
        .args(arguments)
        .env_clear()
        .envs([
            ("KEYCLOAK_REALM", "shop"),
            ("KEYCLOAK_CLIENT_ID", "svc"),
            ("KEYCLOAK_CLIENT_SECRET", "s3cret-s3cret"),
        ])
        .envs(variables.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let run =
        Run { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap() };
    assert!(!run.stdout.contains("s3cret-s3cret") && !run.stderr.contains("s3cret-s3cret"), "{}", run.stdout);
    run
}

/// The one finding at this URL is an error of this check, and says these words.
fn says(url: &str, more: &[(&str, &str)], check: &str, words: &[&str]) {
    let variables: Vec<_> = [("KEYCLOAK_URL", url)].into_iter().chain(more.iter().copied()).collect();
    let run = doctor(&["--json"], &variables);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let found: Vec<&Value> =
        report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "found").collect();
    assert_eq!(found.len(), 1, "{url}: {}", run.stdout);
    assert_eq!((found[0]["name"].as_str(), run.code), (Some(check), 2), "{url}: {}", run.stdout);
    let said = found[0]["findings"].to_string();
    for word in words {
        assert!(said.contains(word), "{url}: {word:?} is not in {said}");
    }
}

/// Answers every connection by `answer`, after its request.
fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(&answer));
    port
}

fn answering(head: &'static str, body: &'static str) -> String {
    let port = serve(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let length = body.len();
        let _ =
            write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    });
    format!("http://127.0.0.1:{port}")
}

#[test]
fn what_answers_in_keycloaks_place_is_told_apart() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    says(
        &format!("http://127.0.0.1:{unused}"),
        &[],
        "reachable",
        &["refused", "start Keycloak", "KEYCLOAK_URL"],
    );
    says("https://no-such-host.invalid", &[], "reachable", &["host name in KEYCLOAK_URL"]);
    let html = answering("200 OK\r\ncontent-type: text/html", "<html>Please log in</html>");
    says(&html, &[], "reachable", &["HTML page", "proxy"]);
    let moved = answering("301 Moved Permanently\r\nlocation: https://id.example.com/", "");
    says(&moved, &[], "reachable", &["redirects (301) to https://id.example.com/", "not followed"]);
    let broken = answering("502 Bad Gateway\r\ncontent-type: application/json", "{}");
    says(&broken, &[], "reachable", &["answers 502", "/health/ready"]);
    let proxy = answering("407 Proxy Authentication Required", "");
    says(&proxy, &[], "reachable", &["a proxy asks for credentials"]);
    let text = answering("200 OK\r\ncontent-type: text/plain", "hello");
    says(&text, &[], "reachable", &["not with JSON"]);
    let cut = serve(drop);
    says(&format!("http://127.0.0.1:{cut}"), &[], "reachable", &["right scheme"]);
    let other = answering("404 Not Found\r\ncontent-type: application/json", r#"{"error":"nothing here"}"#);
    says(&other, &[], "base-path", &["no discovery document (404)", "before /admin"]);
    let realm =
        answering("404 Not Found\r\ncontent-type: application/json", r#"{"error":"Realm does not exist"}"#);
    says(&realm, &[], "realm", &["no realm \\\"shop\\\"", "Manage realms"]);
    let internal = [("KEYCLOAK_INTERNAL_URL", html.as_str())];
    says("https://id.example.com", &internal, "reachable", &["KEYCLOAK_INTERNAL_URL"]);
}

#[test]
fn a_server_that_hangs_is_waited_for_as_long_as_the_settings_and_the_limit_say() {
    // Nothing but the doctor itself ends a wait: its words say which bound did.
    let (held, streams) = std::sync::mpsc::channel();
    let port = serve(move |stream| held.send(stream).unwrap());
    let url = format!("http://127.0.0.1:{port}");
    says(&url, &[("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1")], "reachable", &["within 1000 ms", "firewall"]);
    let run = doctor(&["--limit", "1"], &[("KEYCLOAK_URL", &url), ("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "10")]);
    assert!(run.stdout.contains("✗ reachable") && run.stdout.contains("--limit"), "{}", run.stdout);
    assert_eq!((run.code, run.stderr.as_str()), (2, ""));
    drop(streams);
}

/// Port and certificate of the authority of a server that talks TLS, for the name `localhost`.
fn serve_tls() -> (u16, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate_of_authority = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let config = Arc::new(config);
    let port = serve(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let _ = stream.read(&mut [0; 4096]);
        let body = r#"{"error":"Realm does not exist"}"#;
        let head = "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
        let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
        let _ = stream.flush();
    });
    (port, certificate_of_authority.pem())
}

#[test]
fn a_certificate_of_an_unknown_authority_or_of_another_name_is_told_and_what_to_set() {
    let (port, pem) = serve_tls();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let trusted = [("KEYCLOAK_CA_FILE", file.to_str().unwrap())];
    let url = format!("https://localhost:{port}");
    says(&url, &[], "tls", &["UnknownIssuer", "Set KEYCLOAK_CA_FILE"]);
    says(&url, &trusted, "realm", &["no realm"]);
    says(
        &format!("https://127.0.0.1:{port}"),
        &trusted,
        "tls",
        &["in KEYCLOAK_URL a host name that stands in the certificate"],
    );
    let plain = answering("404 Not Found", "");
    says(&plain.replace("http:", "https:"), &[], "tls", &["does not speak TLS"]);
}

#[test]
fn settings_that_cannot_be_used_are_the_one_finding() {
    says("keycloak.example.com", &[], "settings", &["KEYCLOAK_URL", "docs/configuration.md"]);
    says("", &[], "settings", &["KEYCLOAK_URL"]);
    says("https://id.example.com", &[("KEYCLOAK_REALM", "")], "settings", &["KEYCLOAK_REALM"]);
}

#[test]
fn a_wrong_command_line_is_exit_code_3_and_nothing_is_asked() {
    for (arguments, word) in [
        (&["--only", "everything"][..], "--list"),
        (&["--limit", "0"], "1 to 600"),
        (&["--frobnicate"], "not known"),
        (&["x"], "too many"),
        (&["--json=1"], "takes no value"),
        (&["--admin-client", "a", "--admin-client", "b"], "more than once"),
    ] {
        let run = doctor(arguments, &[("KEYCLOAK_URL", "http://127.0.0.1:1")]);
        assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{arguments:?}");
        assert!(run.stderr.starts_with("kc doctor: ") && run.stderr.contains(word), "{}", run.stderr);
    }
}

#[test]
fn help_and_the_list_need_no_server_and_every_name_can_be_asked_for_alone() {
    let help = doctor(&["--help"], &[]);
    assert!(help.code == 0 && help.stdout.contains("Examples:") && help.stdout.contains("Exit code: 0"));
    let list = doctor(&["--list"], &[]);
    assert_eq!(list.code, 0);
    let names: Vec<&str> = list.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 30 && names.contains(&"audience-mapper"), "{names:?}");
    let one = doctor(&["--list", "--only", "clock", "--only=issuer"], &[]);
    let lines: Vec<&str> = one.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(lines, ["issuer", "clock"]);
    let alone = doctor(&["--only", "issuer"], &[("KEYCLOAK_URL", "http://127.0.0.1:1")]);
    assert!(
        alone.stdout.contains("issuer") && alone.stdout.contains("not checked: Keycloak was not reached")
    );
    assert!(!alone.stdout.contains("audience-mapper"), "{}", alone.stdout);
    // What was not checked is no finding, nor a good one.
    assert_eq!(alone.code, 0);
    assert!(alone.stdout.contains("0 good") && alone.stdout.contains("1 not checked"), "{}", alone.stdout);
}
