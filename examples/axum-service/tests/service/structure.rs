//! Which bytes are a token at all: segments, base64url, JSON, size.

use kc_dev::Alg;
use serde_json::json;

use crate::harness::{Service, base64url, issuer};
use crate::tokens::{alice, code};

#[tokio::test]
async fn what_is_no_token_is_malformed() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for token in [
        "abc".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{header}.{payload}"),
        format!("{token}."),
        format!("{token}.x"),
        format!("{token}.x.y"),
        format!(".{payload}.{signature}"),
        format!("{token}="),
        format!("{header}.{payload}.{signature}AAA"),
        token.replace('-', "+").replace('_', "/") + "+",
        format!("{}.{payload}.{signature}", base64url("not json")),
        format!("{}.{payload}.{signature}", base64url("[]")),
        format!("{}.{payload}.{signature}", base64url("")),
        format!("{}.{payload}.{signature}", base64url([0xff, 0xfe])),
    ] {
        service.get("/me", &token).await.assert_refused(401, "malformed_token");
    }
    // Nothing may be signed too, and would then be no JSON object: nobody has signed this.
    let nothing = format!("{header}..{signature}");
    service.get("/me", &nothing).await.assert_refused(401, "invalid_signature");
}

#[tokio::test]
async fn another_spelling_of_the_same_bytes_is_malformed() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    // The signature's 256 bytes leave four bits of its last letter unused: they have to be nought.
    let (rest, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    assert_eq!(place % 16, 0);
    for other in alphabet.chars().skip(place + 1).take(15) {
        service.get("/me", &format!("{rest}{other}")).await.assert_refused(401, "malformed_token");
    }
    assert_eq!(service.get("/me", &token).await.status, 200);
}

#[tokio::test]
async fn a_header_that_asks_for_what_we_do_not_do_is_malformed() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(null)),
        ("crit", json!("exp")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("kid", json!(7)),
        ("kid", json!(null)),
        ("kid", json!(["k"])),
        ("alg", json!(null)),
        ("alg", json!(["RS256"])),
    ] {
        let token = alice(&issuer).header(name, value.clone());
        assert_eq!(code(&service, token).await, "malformed_token", "{name}: {value}");
    }
    assert_eq!(code(&service, alice(&issuer).without_header("alg")).await, "malformed_token");
}

#[tokio::test]
async fn a_member_that_stands_twice_is_malformed_in_header_and_payload() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let kid = issuer.kid(Alg::Rs256).await.unwrap();
    for header in [
        format!(r#"{{"alg":"RS256","kid":"{kid}","alg":"RS256"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","x":1,"x":1}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","x":{{"y":1,"y":1}}}}"#),
    ] {
        assert_eq!(code(&service, alice(&issuer).raw_header(header)).await, "malformed_token");
    }
    let (iss, exp) = (issuer.issuer(), issuer.now() + 60);
    let payload =
        |more: &str| format!(r#"{{"iss":"{iss}","aud":"api","exp":{exp},"typ":"Bearer","sub":"s"{more}}}"#);
    assert_eq!(code(&service, issuer.mint().raw_payload(payload(""))).await, "");
    for more in [
        r#","aud":"api""#,
        r#","x":1,"x":1"#,
        r#","realm_access":{"roles":[],"roles":["admin"]}"#,
        r#","\u0061ud":"api""#,
    ] {
        assert_eq!(
            code(&service, issuer.mint().raw_payload(payload(more))).await,
            "malformed_token",
            "{more}"
        );
    }
}

#[tokio::test]
async fn a_payload_that_is_no_json_object_is_malformed() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    for payload in ["[]", "null", "{", "{}x", "\u{feff}{}", "text", deep.as_str()] {
        assert_eq!(code(&service, issuer.mint().raw_payload(payload)).await, "malformed_token", "{payload}");
    }
    assert_eq!(code(&service, issuer.mint().raw_payload([0x7b, 0xff, 0x7d])).await, "malformed_token");
}

#[tokio::test]
async fn a_token_of_48_kib_is_read_and_one_byte_more_is_too_large() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for (token, code) in [
        ("a".repeat(49_152), "malformed_token"),
        ("a".repeat(49_153), "token_too_large"),
        (".".repeat(49_152), "malformed_token"),
        (".".repeat(49_153), "token_too_large"),
    ] {
        service.get("/me", &token).await.assert_refused(401, code);
    }
}

#[tokio::test]
async fn a_good_token_of_nearly_48_kib_is_accepted() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let plain = alice(&issuer).claim("padding", "").sign().await.unwrap();
    let padding = "x".repeat((49_152 - plain.len()) / 4 * 3 - 3);
    let token = alice(&issuer).claim("padding", padding).sign().await.unwrap();
    assert!((49_100..=49_152).contains(&token.len()), "{}", token.len());
    assert_eq!(service.get("/me", &token).await.status, 200);
}
