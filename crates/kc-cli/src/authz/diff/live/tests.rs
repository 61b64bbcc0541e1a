//! What is done about each answer of the admin API. Whether a real one answers so is the business of `diff_at_keycloak`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kc_core::settings::Sources;
use kc_core::transport::TransportError;

use super::*;
use crate::admin::{CLIENT, SECRET, TOKEN, access};

const EXPORT: &str = "/admin/realms/a%20b/clients/1-2/authz/resource-server/settings";
const FOUND: &str = r#"[{"id":"0","clientId":"inventory-old"},{"id":"1-2","clientId":"inventory"}]"#;

fn settings() -> Settings {
    let sources = Sources::default()
        .variable("KEYCLOAK_URL", "https://kc.example.com/auth")
        .variable("KEYCLOAK_REALM", "a b")
        .variable("KEYCLOAK_CLIENT_ID", "inventory")
        .variable("KEYCLOAK_CLIENT_SECRET", "own-secret");
    Settings::load(&sources).unwrap()
}

/// Answers by the end of the path, and remembers what was asked.
#[derive(Debug)]
struct Fake {
    answers: Vec<(&'static str, u16, &'static str)>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Fake {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let url = request.uri().to_string();
        let bearer = request.headers()["authorization"].to_str().unwrap();
        self.asked.lock().unwrap().push(format!("{url} {bearer}"));
        let answer = self.answers.iter().find(|(end, ..)| url.ends_with(end));
        let (_, status, body) = answer.ok_or(TransportError::Broken)?;
        Ok(Response::builder().status(*status).body(Bytes::from_static(body.as_bytes())).unwrap())
    }
}

async fn asked(
    access: &Access,
    answers: &[(&'static str, u16, &'static str)],
) -> (Result<Vec<u8>, String>, Vec<String>) {
    let fake = Fake { answers: answers.to_vec(), asked: Mutex::default() };
    let settings = settings();
    let answer = export(&fake, settings.keycloak().unwrap(), access, &Secret::new("the-token")).await;
    (answer, fake.asked.into_inner().unwrap())
}

fn by_token() -> Access {
    Access::Token(Secret::new("the-token"))
}

#[tokio::test]
async fn the_export_is_that_of_the_client_of_this_very_name() {
    let (export, asked) =
        asked(&by_token(), &[("clients?clientId=inventory", 200, FOUND), (EXPORT, 200, "{}")]).await;
    assert_eq!(export.unwrap(), b"{}");
    let base = "https://kc.example.com/auth/admin/realms/a%20b/clients";
    assert_eq!(
        asked,
        [
            format!("{base}?clientId=inventory Bearer the-token"),
            format!("{base}/1-2/authz/resource-server/settings Bearer the-token")
        ]
    );
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    let by_client = Access::Client { id: "kc-diff".to_owned(), secret: Secret::new("the-secret") };
    let found = ("clients?clientId=inventory", 200, FOUND);
    for (access, answers, words) in [
        (by_token(), vec![("inventory", 401, "")], vec!["401", "admin token", "expired"]),
        (by_token(), vec![("inventory", 403, "")], vec!["403", "view-clients", "Role mapping"]),
        (by_token(), vec![("inventory", 404, "")], vec!["404", "no realm \"a b\"", "KEYCLOAK_REALM"]),
        (by_token(), vec![("inventory", 302, "")], vec!["302", "KEYCLOAK_URL"]),
        (by_token(), vec![("inventory", 200, "<html>")], vec!["nonsense", "proxy"]),
        (by_token(), vec![("inventory", 200, "{}")], vec!["nonsense"]),
        (
            by_token(),
            vec![("inventory", 200, "[]")],
            vec!["no client \"inventory\"", "view-clients", "KEYCLOAK_CLIENT_ID"],
        ),
        (by_token(), vec![found, (EXPORT, 403, "")], vec!["403", "manage-authorization"]),
        (by_token(), vec![found, (EXPORT, 404, "")], vec!["404", "switch Authorization on"]),
        (by_token(), vec![found, (EXPORT, 500, "")], vec!["500", "Keycloak's log"]),
        (by_token(), vec![], vec!["cannot be reached"]),
    ] {
        let (answer, _) = asked(&access, &answers).await;
        let why = answer.unwrap_err();
        assert!(words.iter().all(|word| why.contains(word)), "{words:?}: {why}");
        assert!(!why.contains("the-token") && !why.contains('\n'), "{why}");
    }
    for status in [401, 403] {
        let (answer, _) = asked(&by_client, &[found, (EXPORT, status, "")]).await;
        let why = answer.unwrap_err();
        assert!(why.contains("kc-diff") && !why.contains("the-secret"), "{why}");
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_not_shown() {
    let fake = Fake { answers: Vec::new(), asked: Mutex::default() };
    let token = Secret::new("line\nbreak");
    let why = export(&fake, settings().keycloak().unwrap(), &by_token(), &token).await.unwrap_err();
    assert!(why.contains("characters that no token has") && !why.contains("break"), "{why}");
}

/// Who asks, with these options and variables.
fn chosen(options: &[&str], variables: &[(&str, &str)]) -> Result<String, String> {
    let line = Line::of(&[&["authz", "diff", "--live"], options].concat());
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    let settings = settings();
    let access = access(&line, settings.keycloak().unwrap(), |name| {
        variables.get(name).map(|value| (*value).to_owned())
    });
    access.map(|access| match access {
        Access::Token(token) => format!("token {}", token.expose()),
        Access::Client { id, secret } => format!("{id} {}", secret.expose()),
    })
}

#[test]
fn options_come_before_variables_and_those_before_the_services_own_client() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (token, secret) = (write("token", "abc\n"), write("secret", " def\n"));
    let all = [(TOKEN, "env-token"), (CLIENT, "env-client"), (SECRET, "env-secret")];
    for (options, variables, expected) in [
        (&[][..], &[][..], "inventory own-secret"),
        (&[], &all[..1], "token env-token"),
        (&[], &all[1..], "env-client env-secret"),
        (&["--admin-token-file", &token], &all, "token abc"),
        (&["--admin-client", "kc-diff", "--admin-secret-file", &secret], &all, "kc-diff def"),
        (&["--admin-client", "kc-diff"], &all, "kc-diff env-secret"),
        (&["--admin-secret-file", &secret], &all[..1], "inventory def"),
        (&[], &[(TOKEN, "")], "inventory own-secret"),
    ] {
        assert_eq!(chosen(options, variables).as_deref(), Ok(expected), "{options:?} {variables:?}");
    }
}

#[test]
fn a_secret_that_is_missing_or_cannot_be_one_is_told_of_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(folder.path().join("two"), "first second").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let (two, empty, none) = (path("two"), path("empty"), path("none"));
    for (options, word) in [
        (["--admin-token-file", two.as_str()], "more than one word"),
        (["--admin-token-file", empty.as_str()], "is empty"),
        (["--admin-secret-file", none.as_str()], "can't be read"),
        (["--admin-client", "kc-diff"], "--admin-secret-file"),
    ] {
        let why = chosen(&options, &[]).unwrap_err();
        assert!(why.contains(word) && !why.contains("second"), "{why}");
    }
}
