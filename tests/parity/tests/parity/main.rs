//! Every example service answers every request alike: status, headers and body, byte for byte.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod requests;
mod service;

use std::fmt::Write as _;

use kc_dev::DevIssuer;

use crate::requests::Recorded;
use crate::service::{Answer, Service};

/// The first is what the others are compared with. The last has no login.
const SERVICES: [&str; 4] = ["axum-service", "actix-service", "poem-service", "custom-framework"];
const WITH_PAGES: &[&str] = &["axum-service", "actix-service", "poem-service"];

/// Sends each request to all services, the next when all have answered so that state changes alike, and reports every
/// difference.
/// The issuer lives on the other threads of the runtime: this one waits for sockets.
async fn compare(issuer: &DevIssuer, settings: &[(&str, &str)], recorded: &[Recorded]) {
    compare_these(&SERVICES, issuer, settings, recorded).await;
}

async fn compare_these(names: &[&str], issuer: &DevIssuer, settings: &[(&str, &str)], recorded: &[Recorded]) {
    let services: Vec<Service> = names.iter().map(|name| Service::start(name, issuer, settings)).collect();
    let mut differences = String::new();
    let mut different = 0;
    for request in recorded {
        let answers = to_each(&services, &request.bytes);
        let Some((first, others)) = answers.split_first() else { continue };
        for (name, answer) in names.iter().skip(1).zip(others) {
            if answer != first {
                different += 1;
                let _ = writeln!(
                    differences,
                    "{}\n  {}: {first:?}\n  {name}: {answer:?}",
                    request.name, names[0]
                );
            }
        }
    }
    assert!(different == 0, "{different} differences in {} requests:\n{differences}", recorded.len());
}

fn to_each(services: &[Service], request: &[u8]) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = services.iter().map(|service| scope.spawn(|| service.send(request))).collect();
        asked.into_iter().map(|answer| answer.join().unwrap()).collect()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_answers_alike() {
    let issuer = DevIssuer::start().await.unwrap();
    let recorded = requests::all(&issuer).await;
    assert!(recorded.len() >= 300, "only {} requests", recorded.len());
    println!("{} requests to {} services", recorded.len(), SERVICES.len());
    compare(&issuer, &[], &recorded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_shows_browsers_the_same() {
    let issuer = DevIssuer::start().await.unwrap();
    let recorded = requests::pages(&issuer).await;
    compare_these(WITH_PAGES, &issuer, &[], &recorded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_exempts_the_same_paths() {
    let issuer = DevIssuer::start().await.unwrap();
    let recorded = requests::paths(&issuer).await;
    compare(&issuer, &[("KEYCLOAK_EXEMPT_PATHS", "/items,/reports,/health")], &recorded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_demands_known_users_alike() {
    let issuer = DevIssuer::start().await.unwrap();
    let recorded = requests::routes(&issuer).await;
    compare(&issuer, &[("KEYCLOAK_CREATE_USERS", "false")], &recorded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_answers_alike_while_the_issuer_is_down() {
    let issuer = DevIssuer::start().await.unwrap();
    let recorded = requests::routes(&issuer).await;
    issuer.pause().await;
    compare(&issuer, &[("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1")], &recorded).await;
}
