//! Documents, keys, paths and methods.

use serde_json::json;

use crate::compare;
use crate::observed::{Observed, PROTOCOL, REALM};

#[tokio::test]
async fn documents_and_urls() {
    compare(|server| async move {
        let mut seen = Observed::default();
        seen.add("realm", server.observe(&server.get(REALM).await));
        for key in server.get(&format!("{PROTOCOL}/certs")).await.json()["keys"].as_array().expect("keys") {
            seen.add(format!("key {}", key["alg"]), server.plain("", key));
        }
        let certs = server.get(&format!("{PROTOCOL}/certs")).await;
        seen.add("headers of the JWKS", json!([certs.status, certs.headers["cache-control"].to_str().ok()]));
        for path in [
            format!("{REALM}/nope"),
            format!("{REALM}/.well-known/nope"),
            format!("{PROTOCOL}/nope"),
            PROTOCOL.to_owned(),
            format!("{REALM}/protocol/nope/token"),
            format!("{PROTOCOL}/token/"),
            "/realms/nope".to_owned(),
            "/realms/nope/.well-known/openid-configuration".to_owned(),
            "/realms/nope/protocol/openid-connect/token".to_owned(),
            "/realms/KC-DEMO".to_owned(),
            "/realms".to_owned(),
            "/nope".to_owned(),
            "/.well-known/openid-configuration".to_owned(),
            "/.well-known/oauth-authorization-server".to_owned(),
            "/.well-known/openid-configuration/realms/kc-demo".to_owned(),
        ] {
            seen.add(format!("GET {path}"), server.observe(&server.get(&path).await));
        }
        for path in ["", "/.well-known/openid-configuration", "/protocol/openid-connect/certs"] {
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
                let answer = server.send(server.request(method, &format!("{REALM}{path}"))).await;
                seen.add(format!("{method} {path:?}"), server.observe(&answer));
            }
        }
        for path in ["token", "token/introspect", "revoke"] {
            for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"] {
                let answer = server.send(server.request(method, &format!("{PROTOCOL}/{path}"))).await;
                seen.add(format!("{method} {path}"), server.observe(&answer));
            }
        }
        for method in ["PUT", "DELETE", "OPTIONS"] {
            let answer = server.send(server.request(method, &format!("{PROTOCOL}/userinfo"))).await;
            seen.add(format!("{method} userinfo"), server.observe(&answer));
        }
        seen
    })
    .await;
}

/// Members of Keycloak's discovery document that kc-dev leaves out, each with the reason. A stale entry fails.
const NOT_SERVED: [(&str, &str); 24] = [
    ("authorization_encryption_alg_values_supported", "no encrypted answers"),
    ("authorization_encryption_enc_values_supported", "no encrypted answers"),
    ("backchannel_authentication_endpoint", "no CIBA"),
    ("backchannel_authentication_request_signing_alg_values_supported", "no CIBA"),
    ("backchannel_token_delivery_modes_supported", "no CIBA"),
    ("check_session_iframe", "no session frame"),
    ("device_authorization_endpoint", "no device flow yet"),
    ("dpop_signing_alg_values_supported", "no DPoP yet"),
    ("frontchannel_logout_session_supported", "no front-channel logout"),
    ("frontchannel_logout_supported", "no front-channel logout"),
    ("grant_types_supported", "would announce grants that are refused"),
    ("id_token_encryption_alg_values_supported", "no encrypted tokens"),
    ("id_token_encryption_enc_values_supported", "no encrypted tokens"),
    ("mtls_endpoint_aliases", "no TLS"),
    ("registration_endpoint", "no client registration"),
    ("request_object_encryption_alg_values_supported", "no request objects"),
    ("request_object_encryption_enc_values_supported", "no request objects"),
    ("request_object_signing_alg_values_supported", "no request objects"),
    ("request_parameter_supported", "no request objects"),
    ("request_uri_parameter_supported", "no request objects"),
    ("require_request_uri_registration", "no request objects"),
    ("tls_client_certificate_bound_access_tokens", "no TLS"),
    ("userinfo_encryption_alg_values_supported", "no encrypted answers"),
    ("userinfo_encryption_enc_values_supported", "no encrypted answers"),
];

#[tokio::test]
async fn discovery() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for path in [
            format!("{REALM}/.well-known/openid-configuration"),
            format!("{REALM}/.well-known/oauth-authorization-server"),
            format!("/.well-known/oauth-authorization-server{REALM}"),
        ] {
            let answer = server.get(&path).await;
            let mut observed = server.observe(&answer);
            if let Some(members) = observed["body"].as_object_mut() {
                // Left out by kc-dev means there in Keycloak; a reason for anything else is stale.
                let is_whole = members.contains_key("grant_types_supported");
                for (name, reason) in NOT_SERVED {
                    assert_eq!(members.remove(name).is_some(), is_whole, "{name} ({reason}) is stale");
                }
            }
            seen.add(path, observed);
        }
        seen
    })
    .await;
}
