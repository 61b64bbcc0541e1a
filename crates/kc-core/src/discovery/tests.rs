use serde_json::{Value, json};

use super::*;
use crate::client::fake_transport::{Answer, FakeTransport};
use crate::settings::Settings;

const PUBLIC: &str = "https://id.example.com/realms/shop";
const INTERNAL: &str = "http://127.0.0.1:8080/realms/shop";

fn endpoints() -> Endpoints {
    let settings = Settings::builder("https://id.example.com", "shop", "api")
        .internal_url("http://127.0.0.1:8080")
        .build()
        .unwrap();
    settings.keycloak().unwrap().endpoints().clone()
}

/// What Keycloak answers when everything it says of itself begins with `realm`.
fn document(realm: &str) -> Value {
    let endpoint = |name: &str| format!("{realm}/protocol/openid-connect/{name}");
    json!({
        "issuer": realm,
        "authorization_endpoint": endpoint("auth"),
        "token_endpoint": endpoint("token"),
        "introspection_endpoint": endpoint("token/introspect"),
        "userinfo_endpoint": endpoint("userinfo"),
        "end_session_endpoint": endpoint("logout"),
        "jwks_uri": endpoint("certs"),
        "revocation_endpoint": endpoint("revoke"),
        "pushed_authorization_request_endpoint": endpoint("ext/par/request"),
        "device_authorization_endpoint": endpoint("auth/device"),
        "registration_endpoint": format!("{realm}/clients-registrations/openid-connect"),
        "acr_values_supported": ["silver", "gold"],
        "id_token_signing_alg_values_supported": ["RS256", "HS256"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "claims_parameter_supported": true,
        "require_pushed_authorization_requests": false,
    })
}

/// The document with `changes` merged in; `null` takes a member away.
fn changed(realm: &str, changes: &Value) -> Document {
    let mut document = document(realm);
    for (member, value) in changes.as_object().unwrap() {
        document[member] = value.clone();
    }
    Document::read(document.to_string().as_bytes()).unwrap()
}

fn differences(document: &Document) -> Vec<Difference> {
    compare::differences(document, &endpoints(), PUBLIC)
}

async fn asked(status: u16, body: impl Into<Bytes>) -> Result<Discovery, DiscoveryError> {
    cross_check(&FakeTransport::new([Answer::reply(status, body)]), &endpoints(), PUBLIC).await
}

#[tokio::test]
async fn the_document_is_asked_for_at_the_internal_url_once() {
    let transport = FakeTransport::new([Answer::reply(200, document(PUBLIC).to_string())]);
    let found = cross_check(&transport, &endpoints(), PUBLIC).await.unwrap();
    assert!(found.differences().is_empty(), "{found:?}");
    let request = transport.last();
    assert_eq!(request.uri().to_string(), format!("{INTERNAL}/.well-known/openid-configuration"));
    assert_eq!((transport.requests(), request.method().as_str()), (1, "GET"));
    assert!(!request.headers().contains_key("authorization"));
}

#[tokio::test]
async fn what_the_server_can_do_is_read() {
    let found = asked(200, document(PUBLIC).to_string()).await.unwrap();
    let can = found.capabilities();
    assert_eq!(can.acr_values, ["silver", "gold"]);
    assert_eq!(can.id_token_signing_algorithms, ["RS256", "HS256"]);
    assert_eq!(can.code_challenge_methods, ["plain", "S256"]);
    assert!(can.authorization_response_iss && can.backchannel_logout && can.backchannel_logout_session);
    assert!(can.claims_parameter && can.device_authorization && can.pushed_authorization_requests);
    assert!(!can.pushed_authorization_requests_required && !can.tls_bound_tokens);
    let bare = asked(200, json!({ "issuer": PUBLIC }).to_string()).await.unwrap();
    assert_eq!(*bare.capabilities(), Capabilities::default());
}

#[test]
fn endpoints_at_the_internal_base_are_as_good_as_at_the_public_one() {
    let mut mixed = document(PUBLIC);
    mixed["jwks_uri"] = json!(format!("{INTERNAL}/protocol/openid-connect/certs"));
    let mixed = Document::read(mixed.to_string().as_bytes()).unwrap();
    assert_eq!(differences(&mixed), []);
    let internal = changed(INTERNAL, &json!({ "issuer": PUBLIC }));
    assert_eq!(differences(&internal), []);
}

#[test]
fn an_issuer_that_follows_the_request_is_explained() {
    let found = differences(&changed(INTERNAL, &json!({})));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].member(), found[0].expected(), found[0].got()), ("issuer", PUBLIC, Some(INTERNAL)));
    let text = found[0].to_string();
    assert!(text.contains("`hostname` to \"https://id.example.com\"") && text.contains(INTERNAL), "{text}");
}

#[test]
fn another_issuer_is_named_with_both_remedies() {
    for got in [
        "https://other.test/realms/shop",
        "https://id.example.com/realms/shop/",
        "",
        "https://ID.example.com/realms/shop",
    ] {
        let found = differences(&changed(PUBLIC, &json!({ "issuer": got })));
        assert_eq!(found.len(), 1, "{got}");
        let text = found[0].to_string();
        assert!(text.contains("KEYCLOAK_ISSUER") && text.contains("`hostname`"), "{text}");
        assert!(text.contains(&format!("{got:?}")) && text.contains(PUBLIC), "{text}");
    }
}

#[test]
fn each_endpoint_that_is_elsewhere_is_a_difference_of_its_own() {
    for member in document::ENDPOINTS {
        for elsewhere in [
            "https://evil.test/realms/shop/protocol/openid-connect/certs".to_owned(),
            format!("{PUBLIC}/protocol/openid-connect/nowhere"),
            format!("{PUBLIC}.evil.test/protocol/openid-connect/certs"),
            PUBLIC.to_owned(),
            String::new(),
        ] {
            let found = differences(&changed(PUBLIC, &json!({ member: elsewhere })));
            assert_eq!(found.len(), 1, "{member}");
            assert_eq!((found[0].member(), found[0].got()), (member, Some(elsewhere.as_str())));
            assert!(found[0].remedy().contains("is not used"), "{}", found[0]);
        }
    }
}

#[test]
fn the_endpoint_of_another_purpose_is_not_taken_for_the_right_one() {
    let swapped =
        changed(PUBLIC, &json!({ "token_endpoint": format!("{PUBLIC}/protocol/openid-connect/userinfo") }));
    assert_eq!(differences(&swapped)[0].member(), "token_endpoint");
}

#[test]
fn an_endpoint_that_is_missing_is_a_difference_unless_keycloak_can_do_without() {
    for member in document::ENDPOINTS {
        let found = differences(&changed(PUBLIC, &json!({ member: null })));
        if member == document::PUSHED_AUTHORIZATION {
            assert_eq!(found, []);
        } else {
            assert_eq!((found[0].member(), found[0].got()), (member, None));
            assert!(found[0].to_string().contains("has no"), "{}", found[0]);
        }
    }
}

#[test]
fn values_of_the_document_are_escaped_and_shortened() {
    let hostile = format!("https://evil.test/\n\u{1b}[31mERROR {}", "x".repeat(100_000));
    for member in ["issuer", "jwks_uri"] {
        let text = differences(&changed(PUBLIC, &json!({ member: hostile })))[0].to_string();
        assert!(text.len() < 1200 && !text.contains('\n') && !text.contains('\u{1b}'), "{text}");
    }
}

#[tokio::test]
async fn what_is_no_document_is_nonsense() {
    for body in ["", "<html>login</html>", "[]", "null", "{", r#"{"issuer":"a","issuer":"b"}"#] {
        let error = asked(200, body.to_owned()).await.unwrap_err();
        assert!(matches!(error, DiscoveryError::Nonsense { .. }), "{body}: {error:?}");
        assert!(!error.diagnosis().contains("html"), "{error}");
    }
    let huge = format!(r#"{{"issuer":"{PUBLIC}","x":{}1{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    assert!(matches!(asked(200, huge).await, Err(DiscoveryError::Nonsense { .. })));
}

#[tokio::test]
async fn a_member_of_a_wrong_shape_is_named() {
    for (member, value) in [
        ("issuer", json!(null)),
        ("issuer", json!(["https://id.example.com"])),
        ("jwks_uri", json!(5)),
        ("acr_values_supported", json!("silver")),
        ("acr_values_supported", json!(["silver", 1])),
        ("backchannel_logout_supported", json!("true")),
        ("device_authorization_endpoint", json!(true)),
    ] {
        let mut document = document(PUBLIC);
        document[member] = value.clone();
        let error = asked(200, document.to_string()).await.unwrap_err();
        assert!(
            matches!(error, DiscoveryError::Member { name, .. } if name == member),
            "{member} {value}: {error:?}"
        );
        assert!(error.to_string().contains(member));
    }
}

#[tokio::test]
async fn every_other_status_is_an_error_with_its_remedy() {
    for (status, remedy) in [
        (301, "redirects are not followed"),
        (404, "KEYCLOAK_REALM"),
        (401, "KEYCLOAK_INTERNAL_URL"),
        (500, "Keycloak's log"),
        (204, "KEYCLOAK_INTERNAL_URL"),
    ] {
        let error = asked(status, document(PUBLIC).to_string()).await.unwrap_err();
        assert!(matches!(error, DiscoveryError::Status { status: got } if got.as_u16() == status));
        assert!(error.diagnosis().contains(remedy), "{}", error.diagnosis());
    }
}

#[tokio::test]
async fn no_answer_is_unreachable() {
    for failure in [TransportError::Broken, TransportError::TooLarge { limit: 524_288 }] {
        let transport = FakeTransport::new([Answer::Fail(failure.clone())]);
        let error = cross_check(&transport, &endpoints(), PUBLIC).await.unwrap_err();
        assert_eq!(error, DiscoveryError::Unreachable(failure));
        assert!(error.diagnosis().contains("is Keycloak running"), "{}", error.diagnosis());
    }
}
