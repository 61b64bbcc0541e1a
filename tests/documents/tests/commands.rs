//! The commands of the pages, typed in their order.

#![cfg(test)]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

use axum::routing::get;
use documents_tests::page::{self, Mark, Page};
use documents_tests::terminal::Terminal;
use kc_axum::Routes;
use kc_core::Keycloak;
use kc_core::rules::authenticated;
use kc_core::settings::Settings;
use kc_dev::DevIssuer;

const SHOP: &str = include_str!("../shop/realm.json");
const POLICY: &str = include_str!("../../../crates/kc-core/tests/policy/authorization-config.json");

/// Whether there is anything to type in it. Quick starts have tests of their own.
fn has_commands(page: &Page) -> bool {
    let runs = |mark: &Mark| !matches!(mark, Mark::NotRun(_));
    let typed = |language: &str| ["console", "sh"].contains(&language);
    let name = page.path.file_name().unwrap().to_string_lossy();
    !name.starts_with("quick-start")
        && page.blocks.iter().any(|block| typed(&block.language) && runs(&block.mark))
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The service of the pages: `orders`, of the realm `shop`.
async fn orders(issuer: &DevIssuer) -> String {
    let settings = Settings::builder(issuer.base_url(), "shop", "orders").audit_log("off").build().unwrap();
    let kc = Keycloak::new(&settings).unwrap();
    let routes = Routes::new(kc.guard()).route("/orders", authenticated(), get(|| async { "[]\n" }));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes.into_router().unwrap()).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_types_the_commands_of_a_page_sees_what_it_shows() {
    let issuer = DevIssuer::builder().realm_json(SHOP).start().await.unwrap();
    let service = orders(&issuer).await;
    // As `docs/tokens.md` has it: of another client's audience, and over.
    let token = issuer.mint().user("alice").client("orders").claim("aud", "account").expires_in(-125);
    let token = token.sign().await.unwrap();
    let (base, mut findings) = (issuer.base_url().to_owned(), Vec::new());
    let mut count = 0;
    for page in page::all().into_iter().filter(has_commands) {
        let here = format!("127.0.0.1:{}", free_port());
        let in_docs = page.path.starts_with("docs");
        let terminal = if in_docs { Terminal::new() } else { Terminal::in_the_repository() };
        let mut terminal = terminal
            .with("https://keycloak.example.com", &base)
            .with("https://id.example.com", &base)
            .with("http://localhost:8000", &service)
            .with("127.0.0.1:8000", &here)
            .with("cargo run -p two-realms", &format!("cargo run -p two-realms -- {here}"))
            .variable("LISTEN", &here);
        if in_docs {
            fs::write(terminal.folder().join("token.txt"), &token).unwrap();
            fs::write(terminal.folder().join("authorization-config.json"), POLICY).unwrap();
            for (name, value) in [
                ("KEYCLOAK_URL", &*base),
                ("KEYCLOAK_REALM", "shop"),
                ("KEYCLOAK_CLIENT_ID", "orders"),
                ("KEYCLOAK_CLIENT_SECRET", "orders-secret"),
            ] {
                terminal = terminal.variable(name, value);
            }
        }
        // It blocks: the issuer answers meanwhile.
        let (name, started) = (page.path.display().to_string(), Instant::now());
        let (commands, found) = tokio::task::spawn_blocking(move || terminal.follow(&page)).await.unwrap();
        println!("{name}: {commands} blocks of commands in {:.1} s", started.elapsed().as_secs_f64());
        count += commands;
        findings.extend(found);
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    assert!(count >= 10, "only {count} blocks were run");
}
