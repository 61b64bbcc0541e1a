//! Ways to tell the service about its realm.

use std::fs;
use std::net::TcpListener;

use keycloak_tests::{Realm, Service, ServiceBuilder};
use serde_json::{Value, json};

/// A service that cannot reach its server and has this key.
fn pinned(realm: &Realm, key: &str) -> ServiceBuilder {
    // A port that is free: it was, a moment ago, and nothing asks for it by number.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Service::of(realm)
        .set("KEYCLOAK_URL", format!("http://127.0.0.1:{port}"))
        .set("KEYCLOAK_ISSUER", realm.issuer())
        .set("KEYCLOAK_PUBLIC_KEY", key)
}

#[tokio::test]
async fn a_pinned_key_needs_no_server() {
    let realm = Realm::reached().await;
    let base64 = realm.public_key().await;
    let alice = realm.log_in("api", "alice").await.access;
    let ec = realm.log_in("es256", "alice").await.access;
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    for key in [&base64, &pem, &pem.replace('\n', "\\n")] {
        let service = pinned(&realm, key).start().await;
        service.get("/me", &alice).await.is(200);
        // Another kind of key.
        service.get("/me", &ec).await.is_refused(401, "unknown_key");
        service.delete("/items/1", &alice).await.is_refused(502, "introspection_unavailable");
        service.logs("cannot be reached").await;
        assert_eq!(service.logged("kc::keys"), 0, "no key was asked for");
    }
}

#[tokio::test]
async fn the_adapter_config_that_keycloak_offers_is_all_it_takes() {
    let realm = Realm::reached().await;
    let folder = tempfile::tempdir().unwrap();
    let alice = realm.log_in("api", "alice").await.access;
    for client in ["api", "inventory", "spa"] {
        let id = realm.client_id(client).await;
        let path = format!("clients/{id}/installation/providers/keycloak-oidc-keycloak-json");
        let config = realm.read(&path).await;
        assert_eq!(config["resource"], client);
        let file = folder.path().join(format!("{client}.json"));
        fs::write(&file, config.to_string()).unwrap();
        let file = file.to_str().unwrap();
        let service = Service::with(&[("KEYCLOAK_CONFIG", file), ("KEYCLOAK_AUDIENCE", "api")]).start().await;
        let me = service.get("/me", &alice).await.is(200).json();
        if client == "api" {
            assert_eq!(me["client_roles"], json!(["admin", "api-admin", "api-read"]));
            service.delete("/items/1", &alice).await.is(204);
        } else {
            // Alice's roles are those of another client.
            assert_eq!(me["client_roles"], Value::Array(Vec::new()), "{client}");
        }
        assert_eq!(service.logged("unknown keys"), 0, "{client}: {config}");
    }
}

/// The issuer follows the name that Keycloak is asked by: asked by an internal name, and without a `hostname` of its
/// own, it does not know the tokens that it issued under the public one.
#[tokio::test]
async fn an_internal_url_serves_for_keys_but_introspection_needs_a_keycloak_that_knows_its_name() {
    let realm = Realm::reached().await;
    let service =
        Service::of(&realm).set("KEYCLOAK_INTERNAL_URL", realm.under("localhost").base()).start().await;
    service.has_keys().await;
    assert_eq!(service.logged(&format!("keys of {}", realm.under("localhost").base())), 1);
    let alice = realm.log_in("api", "alice").await.access;
    service.get("/me", &alice).await.is(200);
    service.get("/service-token", &alice).await.is(200);
    service.delete("/items/1", &alice).await.is_refused(401, "token_inactive");
    service.logs("asked by another host name").await;
    // Said at start, before anybody is refused.
    service.logs("names itself after the host").await;
}

#[tokio::test]
async fn a_service_that_is_set_up_right_warns_of_nothing() {
    let realm = Realm::reached().await;
    let folder = tempfile::tempdir().unwrap();
    let users = format!("sqlite:{}", folder.path().join("users.db").display());
    let service = Service::of(&realm).set("USERS_DATABASE", users).start().await;
    service.has_keys().await;
    let alice = realm.log_in("api", "alice").await.access;
    service.get("/me", &alice).await.is(200);
    service.delete("/items/1", &alice).await.is(204);
    service.get("/service-token", &alice).await.is(200);
    for level in [" WARN ", " ERROR "] {
        assert_eq!(service.logged(level), 0, "{level}");
    }
}
