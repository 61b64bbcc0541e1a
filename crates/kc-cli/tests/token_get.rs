#![cfg(test)]
//! `kc token get` at the embedded issuer, as whoever types it sees it.

mod kc;

use std::process::Output;

use kc_dev::{DevIssuer, Endpoint, Fault};
use serde_json::Value;

struct Setup {
    issuer: DevIssuer,
    folder: tempfile::TempDir,
}

impl Setup {
    async fn new() -> Self {
        let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    fn kc(&self, variables: &[(&str, &str)], arguments: &[&str], input: &str) -> Output {
        let service = [
            ("KEYCLOAK_URL", self.issuer.base_url()),
            ("KEYCLOAK_REALM", self.issuer.realm()),
            ("KEYCLOAK_CLIENT_ID", "api"),
            ("KEYCLOAK_CLIENT_SECRET", "api-secret"),
        ];
        kc::run(self.folder.path(), &[&service, variables].concat(), arguments, input.as_bytes())
    }

    /// What stands on standard output; nothing is said beside it.
    fn got(&self, options: &[&str], input: &str) -> String {
        let output = self.kc(&[], &[&["token", "get"], options].concat(), input);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_alone_is_printed_and_the_service_accepts_it() {
    let setup = Setup::new().await;
    let own = setup.got(&[], "");
    assert!(setup.got(&["--grant", "client-credentials"], "").starts_with("eyJ"));
    assert_eq!(own.matches('\n').count(), 1);
    assert_eq!(setup.kc(&[], &["explain", "-"], &own).status.code(), Some(0));
    let alices = setup.got(&["--user", "alice", "--password-file", "-"], "alice\n");
    let explained = setup.kc(&[], &["explain", "--claims", "--json", "-"], &alices);
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained["claims"]["preferred_username"], "alice");
    std::fs::write(setup.folder.path().join(".env"), "KEYCLOAK_LEEWAY_SECONDS=7\n").unwrap();
    std::fs::write(setup.folder.path().join("secret"), "no-aud-secret\n").unwrap();
    let of_another =
        ["--client", "no-aud", "--secret-file", "secret", "--user", "alice", "--password-file", "-"];
    let other = setup.got(&of_another, "alice");
    let explained = setup.kc(&[], &["explain", "-"], &other);
    assert!(String::from_utf8_lossy(&explained.stdout).contains("got by the client no-aud (azp)"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refresh_token_is_printed_only_to_who_asks_for_it() {
    let setup = Setup::new().await;
    let login = ["--user", "alice", "--password-file", "-", "--scope", "openid", "--json"];
    let answer: Value = serde_json::from_str(&setup.got(&login, "alice")).unwrap();
    assert!(answer["access_token"].is_string() && answer["id_token"].is_string(), "{answer}");
    assert!(answer.get("refresh_token").is_none(), "{answer}");
    let with = [&login[..], &["--with-refresh-token"]].concat();
    let answer: Value = serde_json::from_str(&setup.got(&with, "alice")).unwrap();
    assert!(answer["refresh_token"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keycloak_refuses_says_what_to_click_and_exits_with_1() {
    let setup = Setup::new().await;
    for (variables, options, input, words) in [
        (&[][..], &["--user", "alice", "--password-file", "-"][..], "hunter2", "name or password are wrong"),
        (&[("KEYCLOAK_CLIENT_SECRET", "hunter2")], &[], "", "Clients > api > Credentials > Client Secret"),
        (&[], &["--client", "no-aud", "--secret-file", "-"], "no-aud-secret", "Service account roles on"),
        (&[], &["--scope", "nonsense"], "", "Clients > api > Client scopes > Add client scope"),
        (
            &[],
            &["--client", "nobody", "--user", "alice", "--password-file", "-"],
            "x",
            "is there a client nobody",
        ),
    ] {
        let output = setup.kc(variables, &[&["token", "get"], options].concat(), input);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{words} in {said}");
        assert!(!said.contains("hunter2") && !said.contains("api-secret"), "{said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_says_why_and_exits_with_2() {
    let setup = Setup::new().await;
    for (variables, options, words) in [
        (&[][..], &["--password", "x"][..], "\"--password\" is not known"),
        (&[], &["alice"], "one argument too many"),
        (&[], &["--user", "alice"], "there is no terminal"),
        (&[], &["--user", "alice", "--password-file", "-"], "is empty"),
        (&[], &["--user", "alice", "--device"], "choose one"),
        (&[], &["--grant", "password"], "--grant password needs --user"),
        (&[], &["--grant", "client-credentials", "--user", "alice"], "goes with neither --user"),
        (&[], &["--grant", "implicit"], "none of client-credentials, device, password"),
        (&[], &["--password-file", "-"], "--password-file needs --user"),
        (&[], &["--with-refresh-token"], "goes with --json"),
        (&[], &["--secret-file", "x"], "--secret-file needs --client"),
        (&[], &["--client", "spa"], "has no secret"),
        (&[("KEYCLOAK_CLIENT_SECRET", "")], &[], "Clients > api > Credentials"),
        (&[("KEYCLOAK_URL", "http://127.0.0.1:9")], &[], "cannot be reached"),
        (&[("KEYCLOAK_REALM", "nowhere")], &[], "check KEYCLOAK_REALM"),
        (&[("KEYCLOAK_LEEWAY_SECONDS", "long")], &[], "KEYCLOAK_LEEWAY_SECONDS"),
    ] {
        let output = setup.kc(variables, &[&["token", "get"], options].concat(), "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{words} in {said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty());
    }
    setup.issuer.fault(Endpoint::Token, Fault::Status(500));
    let output = setup.kc(&[], &["token", "get"], "");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
