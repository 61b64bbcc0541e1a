//! The script of `docs/set-up-keycloak.md`, as it stands there.

#![cfg(test)]

use std::path::PathBuf;
use std::process::Command;

use keycloak_tests::{Realm, Service, unique};
use reqwest::Method;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../docs/set-up-keycloak.md");

/// The block that calls `kcadm.sh`.
fn script() -> &'static str {
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.into_iter().find(|block| block.contains("kcadm.sh create realms")).unwrap()
}

/// The folder of `kcadm.sh`: of the Keycloak that `cargo xtask keycloak start` unpacked, or on the `PATH`.
fn kcadm() -> PathBuf {
    let cache = std::env::var_os("KC_CACHE").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        Some(cache?.join("kc-tests"))
    });
    let unpacked = cache.and_then(|cache| {
        let mut folders = std::fs::read_dir(cache).ok()?.flatten().map(|folder| folder.path().join("bin"));
        folders.find(|bin| bin.join("kcadm.sh").is_file())
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut on_path = std::env::split_paths(&path);
    unpacked.or_else(|| on_path.find(|bin| bin.join("kcadm.sh").is_file())).expect(
        "there is no kcadm.sh: it comes with Keycloak; run `cargo xtask keycloak start`, or put Keycloak's bin on the PATH",
    )
}

#[tokio::test]
async fn a_realm_that_the_script_sets_up_protects_a_service() {
    let realm = Realm::reached().await;
    let (name, home) = (unique("set-up"), tempfile::tempdir().unwrap());
    let path = std::env::var("PATH").unwrap_or_default();
    let done = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script()])
        .env("PATH", format!("{}:{path}", kcadm().display()))
        .env("HOME", home.path())
        .env("KC_CLI_PASSWORD", "admin")
        .env("SERVER", realm.base())
        .env("REALM", &name)
        // One client process after the other: its own compiler is what takes the time.
        .env("KC_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .output()
        .unwrap();
    let (said, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let realm = realm.called(&name);
    let _undo = realm.deleted_at_the_end();
    assert!(done.status.success(), "{errors}");
    let secret = said.lines().last().unwrap().trim();

    // For a moment, so that ann can be logged in without a browser.
    let (web, ann) = (realm.client_id("web").await, realm.read("users?username=ann").await);
    let password = json!({ "type": "password", "value": "ann", "temporary": false });
    let path = format!("users/{}/reset-password", ann[0]["id"].as_str().unwrap());
    realm.administer(Method::PUT, &path, Some(&password)).await;
    let mut client = realm.read(&format!("clients/{web}")).await;
    client["directAccessGrantsEnabled"] = json!(true);
    realm.administer(Method::PUT, &format!("clients/{web}"), Some(&client)).await;
    let token = realm.log_in("web", "ann").await.access;

    let service = Service::with(&[
        ("KEYCLOAK_URL", realm.base()),
        ("KEYCLOAK_REALM", &name),
        ("KEYCLOAK_CLIENT_ID", "orders"),
        ("KEYCLOAK_CLIENT_SECRET", secret),
    ]);
    let service = service.start().await;
    let me: Value = service.get("/me", &token).await.is(200).json();
    assert_eq!(me["client_roles"], json!(["clerk"]));
    // A token of its own, for which it needs its secret and its service account.
    let form = [("grant_type", "client_credentials"), ("client_id", "orders"), ("client_secret", secret)];
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let own = reqwest::Client::new().post(realm.endpoint("token")).body(form);
    let own = own.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(own.status(), 200);
}
