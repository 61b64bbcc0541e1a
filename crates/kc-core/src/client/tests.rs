use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answer::{error_code, object};
use super::*;
use crate::signature::Algorithm;

const NOW: UnixTime = UnixTime::from_secs(1_795_308_673);
const ISSUER: &str = "https://kc.test/realms/demo";

fn post(authentication: &ClientAuthentication) -> Request<Bytes> {
    let endpoint = Uri::from_static("https://kc.test/realms/demo/protocol/openid-connect/token");
    authentication.post(&endpoint, &[("token", "a+b c&d=")], NOW).unwrap()
}

fn form(request: &Request<Bytes>) -> Vec<(String, String)> {
    form_urlencoded::parse(request.body()).into_owned().collect()
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn signing_key() -> SigningKey {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let base64 = STANDARD.encode_to_string(pair.to_pkcs8v1().unwrap());
    let pem = Secret::new(format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----"));
    SigningKey::from_pem(&pem, Algorithm::Es256, Some("k1")).unwrap()
}

fn claims(request: &Request<Bytes>) -> Value {
    let form = form(request);
    let (_, assertion) = form.iter().find(|(name, _)| name == "client_assertion").unwrap();
    let payload = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap()).unwrap()
}

#[test]
fn every_method_posts_the_form_to_the_endpoint_and_asks_for_json() {
    for authentication in [
        ClientAuthentication::client_secret_basic("api", Secret::new("s")),
        ClientAuthentication::client_secret_post("api", Secret::new("s")),
        ClientAuthentication::private_key_jwt("api", signing_key(), ISSUER),
        ClientAuthentication::public("api"),
    ] {
        let request = post(&authentication);
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://kc.test/realms/demo/protocol/openid-connect/token");
        assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
        assert_eq!(request.headers()[ACCEPT], "application/json");
        assert_eq!(form(&request)[0], field("token", "a+b c&d="));
    }
}

#[test]
fn a_secret_in_the_form_stands_beside_the_client_id() {
    let request = post(&ClientAuthentication::client_secret_post("api", Secret::new("p&ss=w%rd")));
    assert_eq!(form(&request)[1..], [field("client_id", "api"), field("client_secret", "p&ss=w%rd")]);
    assert!(!request.headers().contains_key(AUTHORIZATION));
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they become Basic credentials.
#[test]
fn basic_credentials_are_form_encoded_and_marked_sensitive() {
    let request = post(&ClientAuthentication::client_secret_basic("my:api", Secret::new("p:s w%ü")));
    let header = &request.headers()[AUTHORIZATION];
    assert!(header.is_sensitive());
    let credentials = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
    assert_eq!(STANDARD.decode_to_vec(credentials).unwrap(), b"my%3Aapi:p%3As+w%25%C3%BC");
    assert_eq!(form(&request), [field("token", "a+b c&d=")]);
}

/// RFC 7523 §3.
#[test]
fn an_assertion_names_the_client_twice_the_audience_and_its_minute() {
    let request = post(&ClientAuthentication::private_key_jwt("api", signing_key(), ISSUER));
    let form = form(&request);
    assert_eq!(form[1], field("client_id", "api"));
    assert_eq!(
        form[2],
        field("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    let mut claims = claims(&request);
    let id = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(id.as_str().unwrap().len(), 22);
    let iat = NOW.as_secs();
    assert_eq!(claims, json!({ "iss": "api", "sub": "api", "aud": ISSUER, "iat": iat, "exp": iat + 60 }));
}

#[test]
fn no_two_assertions_share_their_jti() {
    let authentication = ClientAuthentication::private_key_jwt("api", signing_key(), ISSUER);
    assert_ne!(claims(&post(&authentication))["jti"], claims(&post(&authentication))["jti"]);
}

#[test]
fn a_public_client_sends_its_id_alone() {
    let request = post(&ClientAuthentication::public("spa"));
    assert_eq!(form(&request)[1..], [field("client_id", "spa")]);
    assert!(!request.headers().contains_key(AUTHORIZATION));
}

/// RFC 8705 §2: the client id alone, which says whose certificate it is.
#[test]
fn a_client_that_shows_a_certificate_sends_its_id_alone_and_is_confidential() {
    let authentication = ClientAuthentication::tls_client_auth("api");
    let request = post(&authentication);
    assert_eq!(form(&request)[1..], [field("client_id", "api")]);
    assert!(!request.headers().contains_key(AUTHORIZATION));
    assert_eq!(authentication.to_string(), "client api (tls_client_auth)");
    assert!(authentication.is_confidential() && !ClientAuthentication::public("api").is_confidential());
}

#[test]
fn neither_debug_nor_display_shows_a_secret() {
    let secret = || Secret::new("hunter2");
    for authentication in [
        ClientAuthentication::client_secret_basic("api", secret()),
        ClientAuthentication::client_secret_post("api", secret()),
    ] {
        let text = format!("{authentication:?} {authentication:#?} {authentication}");
        assert!(!text.contains("hunter2") && text.contains("api"), "{text}");
    }
    let basic = post(&ClientAuthentication::client_secret_basic("api", secret()));
    assert_eq!(format!("{:?}", basic.headers()[AUTHORIZATION]), "Sensitive");
}

#[test]
fn an_error_code_is_kept_only_if_it_can_stand_in_a_log_line() {
    assert_eq!(ErrorCode::new("invalid_client").unwrap().as_str(), "invalid_client");
    assert!(ErrorCode::new(&"x".repeat(64)).is_some());
    for bad in ["", "a\nb", "a\"b", "a\\b", "a\u{1b}[31m", "é", &"x".repeat(65)] {
        assert_eq!(ErrorCode::new(bad), None, "{bad:?}");
    }
    for body in [r#"{"error":5}"#, r#"["error"]"#, "<html>", r#"{"error":"a","error":"b"}"#, ""] {
        assert_eq!(error_code(body.as_bytes(), &[]), None, "{body}");
    }
}

#[test]
fn an_error_code_that_repeats_a_secret_is_dropped_but_a_registered_one_never() {
    let body = |code: &str| json!({ "error": code }).to_string();
    assert_eq!(error_code(body("no hunter2").as_bytes(), &["hunter2"]), None);
    assert!(error_code(body("other").as_bytes(), &["hunter2", ""]).is_some());
    assert!(error_code(body("invalid_client").as_bytes(), &["client"]).is_some());
}

#[test]
fn a_member_that_stands_twice_makes_an_object_unreadable_at_any_depth() {
    for body in [r#"{"a":1,"a":1}"#, r#"{"b":{"a":1,"a":2}}"#, r#"{"b":[{"a":1,"\u0061":2}]}"#] {
        assert_eq!(object(body.as_bytes()), Err("JSON with a member that stands twice"), "{body}");
    }
}

#[test]
fn what_is_not_one_json_object_is_unreadable() {
    for body in ["[]", "\"true\"", "null", "1"] {
        assert_eq!(object(body.as_bytes()), Err("JSON, but not an object"), "{body}");
    }
    for body in ["", "{", "{}{}", "{} x", "{\"a\":1e999}", "\u{feff}{}", "<html>"] {
        assert_eq!(object(body.as_bytes()), Err("not JSON"), "{body}");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(16), "]".repeat(16));
    assert_eq!(object(deep.as_bytes()), Err("JSON nested too deep"));
    assert_eq!(object(b"{\"a\":\"\xff\"}"), Err("not JSON"));
}
