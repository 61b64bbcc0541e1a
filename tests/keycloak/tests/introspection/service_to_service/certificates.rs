//! Mutual TLS by settings (RFC 8705 §2.1), with a Keycloak that has https.

use std::path::Path;

use kc_core::settings::{Settings, SettingsBuilder};
use kc_core::{AuthError, Keycloak};
use keycloak_tests::{Authority, Realm, SecondKeycloak, Temporary};
use serde_json::json;

use super::temporary_service;

async fn known_by_its_certificate(realm: &Realm) -> Temporary {
    let more = json!({
        "clientAuthenticatorType": "client-x509",
        "attributes": { "x509.subjectdn": "CN=orders", "x509.allow.regex.pattern.comparison": "false" },
    });
    temporary_service(realm, "certified", more).await
}

async fn service_token(settings: SettingsBuilder) -> Result<(), String> {
    let keycloak = Keycloak::new(&settings.build().unwrap()).unwrap();
    match keycloak.service_token().await {
        Ok(_) => Ok(()),
        Err(AuthError::ServiceToken { reason }) => Err(reason),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_service_proves_itself_by_its_certificate_and_by_no_other() {
    let authority = Authority::new();
    let second = SecondKeycloak::up_with_tls(&authority).await;
    let client = known_by_its_certificate(&second.realm()).await;
    let settings = || Settings::builder(&second.https(), "kc-demo", client.name()).audit_log("off");
    let trusting = || settings().ca_file(authority.certificate_file());
    let showing = |file: &Path| trusting().client_certificate_file(file);

    service_token(showing(&authority.client_file("orders"))).await.unwrap();

    // A subject that the client is not known by; and a certificate that another authority has signed.
    let stranger = service_token(showing(&authority.client_file("stranger"))).await.unwrap_err();
    assert!(stranger.contains("certificate"), "{stranger}");
    let forged = service_token(showing(&Authority::new().client_file("orders"))).await.unwrap_err();
    assert!(forged.contains("cannot be reached"), "{forged}");
    // A secret in its place is none.
    let secret = kc_core::secret::Secret::new(format!("{}-secret", client.name()));
    service_token(trusting().client_secret(secret)).await.unwrap_err();
    // Nor is anything sent to a server whose authority is unknown.
    let untrusting = settings().client_certificate_file(authority.client_file("orders"));
    let untrusted = service_token(untrusting).await.unwrap_err();
    assert!(untrusted.contains("UnknownIssuer"), "{untrusted}");
}
