//! Keys and roles of one's own, with tokens of the embedded issuer.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

use std::sync::Arc;

use custom_framework::file_keys::FileKeys;
use custom_framework::group_roles::GroupRoles;
use http::HeaderMap;
use kc_core::audit::NoAudit;
use kc_core::keys::{KeySource, Refresh};
use kc_core::rules::{Rule, role};
use kc_core::validator::JwtValidator;
use kc_core::wire::RequestView;
use kc_core::{BearerAuthenticator, Guard};
use kc_dev::DevIssuer;

/// A guard that gets its keys from a file and its roles from the groups below `/`.
fn guard(issuer: &DevIssuer, keys: Arc<FileKeys>) -> Guard {
    let validator = JwtValidator::builder(issuer.issuer(), ["api"], keys).build();
    let bearer = BearerAuthenticator::new(Arc::new(validator), Arc::new(GroupRoles::new("/")));
    Guard::builder("kc-demo").add_authenticator(Arc::new(bearer)).audit(Arc::new(NoAudit)).build()
}

async fn code(guard: &Guard, token: &str, rule: Rule) -> &'static str {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let request =
        RequestView { method: "GET", path: "/", query: None, route: None, headers: &headers, peer: None };
    guard.admit(&request, &rule.into()).await.outcome.map_or_else(|refusal| refusal.code(), |_| "allowed")
}

async fn write_keys(issuer: &DevIssuer, path: &std::path::Path) {
    std::fs::write(path, issuer.jwks().await.unwrap().to_string()).unwrap();
}

#[tokio::test]
async fn groups_are_roles_and_keys_come_from_a_file() {
    let issuer = DevIssuer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let guard = guard(&issuer, Arc::new(FileKeys::new(&path)));
    let (alice, carol) =
        (issuer.token("alice", "api").await.unwrap(), issuer.token("carol", "api").await.unwrap());
    assert_eq!(code(&guard, &alice, role("management")).await, "keys_unavailable");
    write_keys(&issuer, &path).await;
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    assert_eq!(code(&guard, &alice, role("management")).await, "allowed");
    assert_eq!(code(&guard, &alice, role("admin")).await, "missing_roles");
    assert_eq!(code(&guard, &carol, role("staff")).await, "missing_roles");
}

#[tokio::test]
async fn a_new_key_in_the_file_is_seen_after_the_cool_down() {
    let issuer = DevIssuer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    write_keys(&issuer, &path).await;
    let keys = FileKeys::new(&path);
    let before = keys.refresh(Refresh::NoKeys).await.unwrap();
    issuer.rotate(kc_dev::Alg::Rs256).await.unwrap();
    write_keys(&issuer, &path).await;
    assert_eq!(keys.refresh(Refresh::NoKeys).await.unwrap().generation(), before.generation());
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    let after = keys.refresh(Refresh::NoKeys).await.unwrap();
    assert!(after.generation() > before.generation() && after.keys().len() > before.keys().len());
}
