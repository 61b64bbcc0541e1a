//! What the service says at its start, and that it is true.

use std::process::Command;

use crate::harness::{Setup, issuer};

#[tokio::test]
async fn the_banner_names_what_is_in_force() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_AUDIENCE", "api,orders").start().await;
    let said = service.stderr();
    let line = |what: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(what));
        line.unwrap_or_else(|| panic!("no {what} in {said}")).trim().to_owned()
    };
    assert_eq!(line("issuer "), issuer.issuer());
    assert_eq!(line("realm "), "kc-demo");
    assert_eq!(line("client id "), "api");
    assert_eq!(line("audiences "), "api, orders");
    assert_eq!(line("listen "), service.address().to_string());
    assert_eq!(line("algorithms "), "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA");
    assert!(!said.contains("EMBEDDED"));
}

#[tokio::test]
async fn without_a_keycloak_the_embedded_issuer_is_started_and_said_loudly() {
    let mut service = Setup::bare().start().await;
    service.in_the_open();
    let said = service.stderr();
    assert!(said.contains("*** EMBEDDED DEVELOPMENT ISSUER"), "{said}");
    for user in ["alice", "bob", "carol", "erin", "frank"] {
        assert!(said.contains(user), "{user}");
    }
    assert!(
        said.lines().any(|line| line.starts_with("issuer ") && line.ends_with("/realms/kc-demo")),
        "{said}"
    );
}

#[tokio::test]
async fn the_commands_of_the_banner_can_be_pasted_into_a_shell() {
    let mut service = Setup::bare().start().await;
    service.in_the_open();
    let said = service.stderr();
    let lines = said.lines().skip_while(|line| !line.starts_with("TOKEN=$(curl ")).take(2);
    let script = lines.collect::<Vec<_>>().join("\n");
    assert!(script.contains("\ncurl "), "{said}");
    let output = tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &script]).output());
    let output = output.await.unwrap().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.starts_with("HTTP/1.1 200 OK"), "{shown} {}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains(r#""username":"alice""#), "{shown}");
}

#[tokio::test]
async fn a_service_that_starts_while_keycloak_is_down_warns_and_runs() {
    let issuer = issuer().await;
    issuer.pause().await;
    let service = Setup::of(&issuer).start().await;
    assert_eq!(service.request("GET", "/health").send().await.status, 200);
    crate::harness::eventually("the failure is told", async || service.stderr().contains("WARN")).await;
}
