//! Each quick start, from `cargo new` to its last answer.
//!
//! By itself `cargo run` starts the page's program as it was built with the workspace, which costs nothing. With `KC_QUICK_STARTS=build`, as in
//! `cargo xtask test --only quick-starts`, the project that the page describes is built, its `Cargo.toml` and all. How long it took is printed,
//! and nothing depends on it.

#![cfg(test)]

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use documents_tests::page::{Page, repository};
use documents_tests::terminal::Terminal;

/// They build in one folder, a program of one name.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn follow(name: &'static str) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let page = Page::read(&repository().join(format!("docs/{name}.md")));
    // Held together, so that they differ.
    let ports = [0, 0].map(|any| TcpListener::bind((Ipv4Addr::LOCALHOST, any)).unwrap());
    let [issuer, service] = ports.map(|port| format!("127.0.0.1:{}", port.local_addr().unwrap().port()));
    let started = Instant::now();
    let mut terminal = Terminal::new()
        .with("-p kc-dev", &format!("-p kc-dev -- --listen {issuer}"))
        .with("127.0.0.1:8080", &issuer)
        .with("127.0.0.1:8000", &service)
        .variable("LISTEN", &service);
    if std::env::var_os("KC_QUICK_STARTS").is_none_or(|how| how != "build") {
        terminal = terminal.with_program(name);
    }
    let (commands, findings) = terminal.follow(&page);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    assert!(commands >= 4, "only {commands} blocks were run");
    println!("{name}: {commands} blocks of commands in {:.1} s", started.elapsed().as_secs_f64());
}

#[test]
fn a_route_is_protected_with_axum() {
    follow("quick-start");
}

#[test]
fn a_route_is_protected_with_actix_web() {
    follow("quick-start-actix");
}

#[test]
fn a_route_is_protected_with_poem() {
    follow("quick-start-poem");
}

#[test]
fn a_route_is_protected_without_an_adapter() {
    follow("quick-start-hyper");
}

#[test]
fn a_page_asks_for_a_login() {
    follow("quick-start-login");
}
