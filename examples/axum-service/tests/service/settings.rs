//! Settings: where they come from, and what is said about bad ones.

use std::net::TcpListener;

use kc_dev::DevIssuer;

use crate::harness::{CLIENT_SECRET, Setup, issuer};

/// In every bad value that is a secret; no message may hold it.
const SECRET: &str = "hunter2-hunter2";

/// The line with which a service refuses to start.
#[track_caller]
fn refused(setup: Setup) -> String {
    let ended = setup.run();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches('\n').count(), 1, "{:?}", ended.stderr);
    assert!(!ended.stderr.contains(SECRET) && !ended.stderr.contains(CLIENT_SECRET), "{}", ended.stderr);
    ended.stderr.trim_end().to_owned()
}

/// Settings of a Keycloak that nobody asks.
fn good() -> Setup {
    Setup::bare()
        .set("KEYCLOAK_URL", "https://keycloak.example.com")
        .set("KEYCLOAK_REALM", "shop")
        .set("KEYCLOAK_CLIENT_ID", "orders")
        .set("KEYCLOAK_CLIENT_SECRET", CLIENT_SECRET)
}

#[tokio::test]
async fn the_good_settings_of_these_tests_are_good() {
    good().start().await;
}

#[test]
fn a_bad_value_ends_the_start_with_one_line_that_begins_with_the_variable() {
    let with_password = format!("https://alice:{SECRET}@keycloak.example.com");
    let redis = format!("redis://:{SECRET}@127.0.0.1:6379");
    let postgres = format!("postgres://alice:{SECRET}@127.0.0.1/users");
    let private = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----");
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    let broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
    for (variable, value) in [
        ("KEYCLOAK_URL", "keycloak.example.com"),
        ("KEYCLOAK_URL", "ftp://keycloak.example.com"),
        ("KEYCLOAK_URL", "https://"),
        ("KEYCLOAK_URL", ""),
        ("KEYCLOAK_URL", "https://keycloak.example.com?x=1"),
        ("KEYCLOAK_URL", "https://keycloak.example.com/realms/shop"),
        ("KEYCLOAK_URL", &with_password),
        ("KEYCLOAK_URL", "http://keycloak.example.com"),
        ("KEYCLOAK_INTERNAL_URL", "keycloak:8080"),
        ("KEYCLOAK_INTERNAL_URL", &with_password),
        ("KEYCLOAK_INTERNAL_URL", "http://keycloak.internal:8080"),
        ("KEYCLOAK_REALM", " shop"),
        ("KEYCLOAK_REALM", "a/b"),
        ("KEYCLOAK_AUDIENCE", ""),
        ("KEYCLOAK_AUDIENCE", " , "),
        ("KEYCLOAK_PUBLIC_KEY", SECRET),
        ("KEYCLOAK_PUBLIC_KEY", &private),
        ("KEYCLOAK_PUBLIC_KEY", certificate),
        ("KEYCLOAK_PUBLIC_KEY", broken),
        ("KEYCLOAK_CONFIG", "missing.json"),
        ("KEYCLOAK_CA_FILE", "missing.pem"),
        ("KEYCLOAK_EXEMPT_PATHS", "/"),
        ("KEYCLOAK_EXEMPT_PATHS", "health"),
        ("KEYCLOAK_EXEMPT_PATHS", "/health,/a/../b"),
        ("KEYCLOAK_EXEMPT_PATHS", "/a//b"),
        ("KEYCLOAK_EXEMPT_PATHS", "/%61"),
        ("KEYCLOAK_CREATE_USERS", "maybe"),
        ("KEYCLOAK_LEEWAY_SECONDS", "-1"),
        ("KEYCLOAK_LEEWAY_SECONDS", "301"),
        ("KEYCLOAK_JWKS_TTL_SECONDS", "0"),
        ("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "0"),
        ("KEYCLOAK_JWKS_MAX_STALE_SECONDS", "1d"),
        ("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "0"),
        ("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1.5"),
        ("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "99999999999999999999"),
        ("KEYCLOAK_ACR_LEVELS", "gold,gold"),
        ("LISTEN", "8000"),
        ("LISTEN", "127.0.0.1:65536"),
        ("LISTEN", "example.com:8000"),
        ("LISTEN", "192.0.2.1:8000"),
        ("PUBLIC_URL", "shop.example.com"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("CORS_ALLOWED_ORIGINS", "https://app.example.com/path"),
        ("CORS_ALLOWED_ORIGINS", "app.example.com"),
        ("SESSION_STORE", "disk"),
        ("SESSION_STORE", &redis),
        ("SESSION_KEYS", SECRET),
        ("USERS_DATABASE", "mysql://127.0.0.1/users"),
        ("USERS_DATABASE", &postgres),
        ("TRUSTED_PROXIES", "proxy.internal"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("AUDIT_LOG", "missing/audit.jsonl"),
        ("AUDIT_LOG", "/"),
    ] {
        let line = refused(good().set(variable, value));
        // With Redis the keys are asked for first.
        let named = if value == redis { "SESSION_" } else { variable };
        assert!(line.starts_with(named), "{variable}={value:?}: {line}");
    }
}

#[test]
fn what_is_required_with_a_url_is_named_when_it_is_missing() {
    for variable in ["KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID"] {
        let line = refused(good().without(variable));
        assert!(line.starts_with(variable), "{line}");
        let line = refused(good().set(variable, ""));
        assert!(line.starts_with(variable), "{line}");
    }
}

#[test]
fn settings_that_need_a_url_are_not_ignored_without_one() {
    for (variable, value) in [
        ("KEYCLOAK_INTERNAL_URL", "http://127.0.0.1:1"),
        ("KEYCLOAK_ISSUER", "https://keycloak.example.com/realms/shop"),
    ] {
        let line = refused(Setup::bare().set(variable, value));
        assert!(line.starts_with("KEYCLOAK_URL"), "{line}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    for (variable, content) in [
        ("KEYCLOAK_CONFIG", ""),
        ("KEYCLOAK_CONFIG", "[]"),
        ("KEYCLOAK_CONFIG", "{\"credentials\":{\"secret\":\"hunter2-hunter2\""),
        ("KEYCLOAK_CA_FILE", ""),
        ("KEYCLOAK_CA_FILE", "hunter2-hunter2"),
        ("KEYCLOAK_CA_FILE", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        let line = refused(good().file("file", content).set(variable, "file"));
        assert!(line.starts_with(variable), "{variable} of {content:?}: {line}");
    }
    let line = refused(Setup::bare().file(".env", "KEYCLOAK_CLIENT_SECRET hunter2-hunter2\n"));
    assert!(line.contains(".env"), "{line}");
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refused(good().set("LISTEN", &address));
    assert!(line.starts_with("LISTEN") && line.contains(&address), "{line}");
}

/// Whether a service of this setup takes the tokens of `issuer`.
async fn takes_tokens(setup: Setup, issuer: &DevIssuer) {
    let service = setup.start().await;
    let token = issuer.token("alice", "api").await.unwrap();
    assert_eq!(service.get("/me", &token).await.status, 200);
    let deleted = service.request("DELETE", "/items/1").bearer(&token).send().await;
    assert_eq!(deleted.status, 204, "the secret is known too");
}

fn dotenv(issuer: &DevIssuer) -> String {
    format!(
        "# Keycloak\nexport KEYCLOAK_URL={}/\nKEYCLOAK_REALM='kc-demo'\nKEYCLOAK_CLIENT_ID=api # ours\n\
         KEYCLOAK_CLIENT_SECRET=\"{CLIENT_SECRET}\"\n",
        issuer.base_url()
    )
}

fn adapter_file(issuer: &DevIssuer) -> String {
    format!(
        r#"{{"realm":"kc-demo","auth-server-url":"{}/","ssl-required":"external","resource":"api","credentials":{{"secret":"{CLIENT_SECRET}"}},"confidential-port":0}}"#,
        issuer.base_url()
    )
}

#[tokio::test]
async fn settings_come_from_the_env_file_of_the_working_folder() {
    let issuer = issuer().await;
    takes_tokens(Setup::bare().file(".env", &dotenv(&issuer)), &issuer).await;
}

#[tokio::test]
async fn settings_come_from_the_adapter_file() {
    let issuer = issuer().await;
    let setup = Setup::bare().file("kc.json", &adapter_file(&issuer)).set("KEYCLOAK_CONFIG", "kc.json");
    takes_tokens(setup, &issuer).await;
    let setup =
        Setup::bare().file("kc.json", &adapter_file(&issuer)).file(".env", "KEYCLOAK_CONFIG=kc.json\n");
    takes_tokens(setup, &issuer).await;
}

#[tokio::test]
async fn the_environment_wins_over_the_env_file_and_that_over_the_adapter_file() {
    let issuer = issuer().await;
    let wrong = adapter_file(&issuer).replace("kc-demo", "wrong").replace(CLIENT_SECRET, "wrong-secret");
    let setup = Setup::bare()
        .file("kc.json", &wrong)
        .file(
            ".env",
            &format!(
                "KEYCLOAK_REALM=wrong-too\nKEYCLOAK_CLIENT_SECRET={CLIENT_SECRET}\nKEYCLOAK_CONFIG=kc.json\n"
            ),
        )
        .set("KEYCLOAK_REALM", "kc-demo");
    takes_tokens(setup, &issuer).await;
}

#[tokio::test]
async fn a_keycloak_json_is_not_looked_for_by_itself() {
    let issuer = issuer().await;
    let mut service = Setup::bare().file("keycloak.json", &adapter_file(&issuer)).start().await;
    service.in_the_open();
    assert!(service.stderr().contains("EMBEDDED DEVELOPMENT ISSUER"));
}

#[tokio::test]
async fn an_internal_url_is_asked_and_the_public_one_stands_in_tokens() {
    let issuer = issuer().await;
    let setup = Setup::of(&issuer)
        .set("KEYCLOAK_URL", "https://keycloak.example.com")
        .set("KEYCLOAK_INTERNAL_URL", issuer.base_url());
    let service = setup.start().await;
    let public = issuer.mint().user("alice").claim("iss", "https://keycloak.example.com/realms/kc-demo");
    assert_eq!(service.get("/me", &public.sign().await.unwrap()).await.status, 200);
    let internal = issuer.token("alice", "api").await.unwrap();
    service.get("/me", &internal).await.assert_refused(401, "invalid_issuer");
    let metadata = service.request("GET", "/.well-known/oauth-protected-resource").send().await.json();
    assert_eq!(metadata["authorization_servers"][0], "https://keycloak.example.com/realms/kc-demo");
}

#[tokio::test]
async fn an_issuer_that_does_not_follow_from_the_url_can_be_named() {
    let issuer = issuer().await;
    let named = "https://sso.example.com/custom";
    let service = Setup::of(&issuer).set("KEYCLOAK_ISSUER", named).start().await;
    let token = issuer.mint().user("alice").claim("iss", named).sign().await.unwrap();
    assert_eq!(service.get("/me", &token).await.status, 200);
    let token = issuer.token("alice", "api").await.unwrap();
    service.get("/me", &token).await.assert_refused(401, "invalid_issuer");
}

#[tokio::test]
async fn a_base_path_of_an_old_server_is_kept() {
    use crate::harness::{FakeKeycloak, Reply};
    let issuer = issuer().await;
    let keycloak = FakeKeycloak::answering(Reply::json(issuer.jwks().await.unwrap().to_string())).await;
    let url = format!("{}/auth/", keycloak.url());
    let service = Setup::of(&issuer).set("KEYCLOAK_URL", &url).start().await;
    let token =
        issuer.mint().user("alice").claim("iss", format!("{url}realms/kc-demo")).sign().await.unwrap();
    assert_eq!(service.get("/me", &token).await.status, 200);
    let requests = keycloak.requests();
    let certs = "GET /auth/realms/kc-demo/protocol/openid-connect/certs HTTP/1.1\r\n";
    assert!(requests.iter().any(|request| request.starts_with(certs)), "{requests:?}");
    for request in requests {
        assert!(request.starts_with("GET /auth/realms/kc-demo"), "{request}");
    }
}
