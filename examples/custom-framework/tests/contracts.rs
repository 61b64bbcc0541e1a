//! Keys and roles of one's own keep the contracts of the traits they implement.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

use std::sync::Arc;

use async_trait::async_trait;
use custom_framework::file_keys::FileKeys;
use custom_framework::group_roles::GroupRoles;
use kc_conformance::contract::{self, KeyOrigin, RoleSamples};
use kc_core::keys::KeySource;
use serde_json::json;

/// A folder with one file in it, or none.
struct Folder(tempfile::TempDir);

impl Folder {
    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("jwks.json")
    }
}

#[async_trait]
impl KeyOrigin for Folder {
    fn source(&self) -> Arc<dyn KeySource> {
        Arc::new(FileKeys::new(self.file()))
    }

    async fn serve(&self, jwks: &str) {
        std::fs::write(self.file(), jwks).unwrap();
    }

    async fn fail(&self) {
        let _ = std::fs::remove_file(self.file());
    }
}

#[tokio::test(start_paused = true)]
async fn keys_from_a_file_keep_the_contract() {
    contract::refreshing_key_source(async || Folder(tempfile::tempdir().unwrap())).await.unwrap();
}

#[tokio::test]
async fn roles_from_groups_keep_the_contract() {
    let samples = RoleSamples::new()
        .grants(json!({"groups": ["/services/shop/editors", "/staff"]}), &["editors"])
        .grants(json!({"groups": ["/services/shop/editors/deputies", "editors", "/services/shop"]}), &[])
        .malformed(json!({"groups": "/services/shop/editors"}));
    contract::role_extractor(|| GroupRoles::new("/services/shop/"), &samples).await.unwrap();
}
