#![cfg(test)]
//! `kc token get` at a real Keycloak, which `KC_TEST_KEYCLOAK_URL` names, by default `http://127.0.0.1:18080`: the device flow,
//! which the embedded issuer has not, with a login in between; and what a real server's refusals are told as.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Output, Stdio};

use keycloak_tests::{Realm, token, unique};
use reqwest::redirect::Policy;
use serde_json::json;

fn kc(realm: &Realm, arguments: &[&str]) -> Command {
    let mut kc = Command::new(env!("CARGO_BIN_EXE_kc"));
    kc.args(arguments)
        .env_clear()
        .env("KEYCLOAK_URL", realm.base())
        .env("KEYCLOAK_REALM", "kc-demo")
        .env("KEYCLOAK_CLIENT_ID", "api")
        .env("KEYCLOAK_CLIENT_SECRET", "api-secret")
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    kc
}

fn run(realm: &Realm, arguments: &[&str], input: &str) -> Output {
    let mut kc = kc(realm, arguments).spawn().unwrap();
    let _ = kc.stdin.take().unwrap().write_all(input.as_bytes());
    kc.wait_with_output().unwrap()
}

/// A browser with one tab, whose user logs in and says yes.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new() -> Self {
        Self {
            http: reqwest::Client::builder().redirect(Policy::none()).build().unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    /// Follows pages and forms until there is none any more; the last page.
    async fn log_in(&mut self, url: &str, user: &str, password: &str) -> String {
        let mut page = self.load(url, None).await;
        for _ in 0..5 {
            let Some((_, form)) = page.split_once("action=\"") else { return page };
            let action = form.split('"').next().unwrap().replace("&amp;", "&");
            let base = url.split("/realms/").next().unwrap();
            let action = if action.starts_with('/') { format!("{base}{action}") } else { action };
            let login = page.contains("kc-form-login");
            let body =
                if login { format!("username={user}&password={password}") } else { "accept=Yes".to_owned() };
            page = self.load(&action, Some(body)).await;
        }
        page
    }

    async fn load(&mut self, url: &str, form: Option<String>) -> String {
        let (mut url, mut form) = (url.to_owned(), form);
        loop {
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = match form.take() {
                None => self.http.get(&url),
                Some(form) => self
                    .http
                    .post(&url)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form),
            };
            let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
            for cookie in answer.headers().get_all("set-cookie") {
                let (name, value) =
                    cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            match answer.headers().get("location") {
                Some(next) => url = next.to_str().unwrap().to_owned(),
                None => return answer.text().await.unwrap(),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_logs_in_at_another_device_and_the_token_is_accepted() {
    let realm = Realm::reached().await;
    let name = unique("device");
    let client = realm
        .temporary_client_of(&json!({
            "clientId": name,
            "publicClient": true,
            "standardFlowEnabled": false,
            "attributes": {
                "oauth2.device.authorization.grant.enabled": "true",
                "oauth2.device.polling.interval": "1",
                "pkce.code.challenge.method": "S256",
            },
            "defaultClientScopes": ["basic", "acr", "roles", "profile", "email"],
            "protocolMappers": [{
                "name": "audience",
                "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": { "included.client.audience": "api", "access.token.claim": "true" },
            }],
        }))
        .await;
    let user = realm.temporary_user("device", &["api-read"]).await;
    let mut waiting = kc(&realm, &["token", "get", "--device", "--client", client.name()]).spawn().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(waiting.stderr.take().unwrap());
    while !said.contains("Waiting") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let page = said.split_once("or open ").unwrap().1.lines().next().unwrap();
    let last = Browser::new().log_in(page, user.name(), user.name()).await;
    let ended = waiting.wait().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert!(ended.success(), "{said}{last}");
    let mut access = String::new();
    waiting.stdout.take().unwrap().read_to_string(&mut access).unwrap();
    let access = access.strip_suffix('\n').unwrap();
    let claims = token::claims(access);
    assert_eq!((&claims["azp"], &claims["preferred_username"]), (&json!(client.name()), &json!(user.name())));

    let explained = run(&realm, &["explain", "--role", "api-read", "-"], access);
    let said = String::from_utf8(explained.stdout).unwrap();
    assert_eq!(explained.status.code(), Some(0), "{said}");
    assert!(said.contains("✓ signature     made with that key") && said.contains("Accepted"), "{said}");
    assert!(!said.contains(user.name()) && access.split('.').all(|part| !said.contains(part)), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_servers_refusals_are_told_in_clicks() {
    let realm = Realm::reached().await;
    let own = run(&realm, &["token", "get"], "");
    assert_eq!(own.status.code(), Some(0), "{}", String::from_utf8_lossy(&own.stderr));
    let own = String::from_utf8(own.stdout).unwrap();
    assert_eq!(token::claims(own.trim())["azp"], "api");

    for (options, input, words) in [
        (
            &["--device", "--client", "no-aud", "--secret-file", "-"][..],
            "no-aud-secret",
            "Clients > no-aud > Settings > Capability config: OAuth 2.0 Device Authorization Grant on",
        ),
        (&["--client", "api", "--scope", "nonsense"], "", "Clients > api > Client scopes > Add client scope"),
        (
            &["--client", "no-aud", "--secret-file", "-"],
            "wrong",
            "Clients > no-aud > Credentials > Client Secret",
        ),
        (
            &["--client", "spa", "--secret-file", "-"],
            "none",
            "Client authentication and Service account roles on",
        ),
        (&["--client", "nobody", "--secret-file", "-"], "x", "is there a client nobody under Clients"),
        (&["--user", "alice", "--password-file", "-"], "wrong", "name or password are wrong"),
    ] {
        let output = run(&realm, &[&["token", "get"], options].concat(), input);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{words} in {said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty());
    }
}
