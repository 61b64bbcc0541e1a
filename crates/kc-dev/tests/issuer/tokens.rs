//! Tokens, their signatures, and minting.

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kc_dev::{Alg, DevIssuer, MintError, TokenKind};
use serde_json::{Value, json};

use crate::asking::{self, is_active, issuer, keys, part, text, userinfo};

/// Whether the JWKS that is served verifies a token, judged by another library than the one that signed.
async fn is_genuine(issuer: &kc_dev::DevIssuer, token: &str) -> bool {
    let header = part(token, 0);
    let keys = keys(issuer).await;
    let Some(key) = keys.iter().find(|key| key["kid"] == header["kid"]) else { return false };
    assert_eq!(key["alg"], header["alg"]);
    assert_eq!(key["use"], "sig");
    if key["alg"] == "ES512" {
        return es512(key, token);
    }
    let jwk: Jwk = serde_json::from_value(key.clone()).expect("a JWK");
    let algorithm: Algorithm = text(key, "alg").parse().expect("an algorithm");
    let mut validation = Validation::new(algorithm);
    validation.validate_aud = false;
    let key = DecodingKey::from_jwk(&jwk).expect("a key");
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

/// The one algorithm that jsonwebtoken lacks.
fn es512(key: &Value, token: &str) -> bool {
    let bytes = |text: &str| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).expect("base64url");
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let (x, y) = (bytes(text(key, "x")), bytes(text(key, "y")));
    assert_eq!((x.len(), y.len()), (66, 66), "RFC 7518, section 6.2.1.2: full length");
    let key = UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, [vec![4], x, y].concat());
    key.verify(message.as_bytes(), &bytes(signature)).is_ok()
}

#[tokio::test]
async fn every_algorithm_signs_so_that_others_can_verify() {
    let issuer = issuer().await;
    for alg in Alg::ASYMMETRIC {
        let token = issuer.mint().user("alice").alg(alg).sign().await.expect("minted");
        assert_eq!(part(&token, 0)["alg"], alg.name());
        assert!(is_genuine(&issuer, &token).await, "{alg}");
        assert!(is_active(&issuer, &token).await, "{alg}");
    }
}

#[tokio::test]
async fn clients_get_the_algorithm_they_ask_for() {
    let issuer = issuer().await;
    for (client, alg) in [("api", "RS256"), ("es256", "ES256"), ("ps256", "PS256"), ("eddsa", "EdDSA")] {
        let token = issuer.token("alice", client).await.expect("minted");
        assert_eq!(part(&token, 0)["alg"], alg);
        assert!(is_genuine(&issuer, &token).await, "{alg}");
    }
}

#[tokio::test]
async fn the_jwks_has_the_realms_keys_and_no_secret() {
    let issuer = issuer().await;
    let keys = keys(&issuer).await;
    let mut algs: Vec<&str> = keys.iter().map(|key| text(key, "alg")).collect();
    algs.sort_unstable();
    assert_eq!(algs, ["ES256", "EdDSA", "PS256", "RS256", "RSA-OAEP"]);
    for key in &keys {
        assert_eq!(text(key, "kid").len(), 43);
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none());
        }
    }
}

#[tokio::test]
async fn key_providers_hold_the_private_part_of_each_key_of_the_jwks() {
    let issuer = issuer().await;
    for alg in Alg::ASYMMETRIC {
        issuer.kid(alg).await.expect("made on demand");
    }
    let retired = issuer.kid(Alg::Es512).await.expect("a key");
    issuer.retire_key(&retired).expect("known");
    let providers = issuer.key_providers().await.expect("written down");
    let providers = providers.as_array().expect("a list");
    let keys = keys(&issuer).await;
    assert_eq!(providers.len(), keys.len());
    for key in &keys {
        let provider = providers.iter().find(|provider| provider["name"] == key["kid"]).expect("listed");
        let config = &provider["config"];
        let private = ["privateKey", "ecdsaPrivateKey", "eddsaPrivateKey"]
            .into_iter()
            .find_map(|name| config[name][0].as_str())
            .expect("a private key");
        assert!(base64_simd::STANDARD.decode_to_vec(private).expect("base64").len() > 40, "{}", key["alg"]);
        assert_eq!(config["active"][0], json!((key["kid"] != retired.as_str()).to_string()));
        assert_eq!(config["enabled"][0], "true");
    }
}

#[tokio::test]
async fn an_issuer_behind_something_is_called_as_it_was_told() {
    let issuer = DevIssuer::builder().shared_keys().base_url("http://127.0.0.1:9/auth/").start().await;
    let issuer = issuer.expect("kc-dev starts");
    assert_eq!(issuer.base_url(), "http://127.0.0.1:9/auth");
    let token = issuer.token("alice", "api").await.expect("minted");
    assert_eq!(part(&token, 1)["iss"], "http://127.0.0.1:9/auth/realms/kc-demo");
}

#[tokio::test]
async fn a_certificate_carries_its_own_key() {
    let issuer = issuer().await;
    let pem = issuer.public_key_pem(Alg::Rs256).await.expect("a key");
    let spki: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let spki = base64_simd::STANDARD.decode_to_vec(spki).expect("base64");
    let keys = keys(&issuer).await;
    let key = keys.iter().find(|key| key["alg"] == "RS256").expect("RS256");
    let certificate = key["x5c"][0].as_str().expect("a certificate");
    let certificate = base64_simd::STANDARD.decode_to_vec(certificate).expect("base64");
    assert!(certificate.windows(spki.len()).any(|window| window == spki));
    assert!(DecodingKey::from_rsa_pem(pem.as_bytes()).is_ok());
    let realm = asking::send(asking::http().get(issuer.issuer())).await.1;
    assert_eq!(realm["public_key"], json!(base64_simd::STANDARD.encode_to_string(&spki)));
}

#[tokio::test]
async fn refresh_tokens_are_signed_with_a_key_that_nobody_is_told() {
    let issuer = issuer().await;
    let login = asking::login(&issuer).await;
    let header = part(text(&login, "refresh_token"), 0);
    assert_eq!(header["alg"], "HS512");
    assert!(keys(&issuer).await.iter().all(|key| key["kid"] != header["kid"]));
}

#[tokio::test]
async fn claims_are_bent_as_told() {
    let issuer = issuer().await;
    let mint =
        issuer.mint().user("alice").claim("aud", "other").claim("extra", json!({ "a": [1] })).without("exp");
    let token = mint
        .header("kid", json!(7))
        .header("crit", json!(["x"]))
        .without_header("typ")
        .sign()
        .await
        .expect("minted");
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!(header, json!({ "alg": "RS256", "kid": 7, "crit": ["x"] }));
    assert_eq!((&claims["aud"], &claims["extra"]), (&json!("other"), &json!({ "a": [1] })));
    assert!(claims.get("exp").is_none());

    let token = issuer
        .mint()
        .user("carol")
        .realm_roles(["a"])
        .client_roles("api", ["b"])
        .sign()
        .await
        .expect("minted");
    let claims = part(&token, 1);
    assert_eq!(claims["realm_access"], json!({ "roles": ["a"] }));
    assert_eq!(claims["resource_access"], json!({ "api": { "roles": ["b"] } }));
}

#[tokio::test]
async fn an_expired_token_is_expired_and_nothing_else() {
    let issuer = issuer().await;
    let token = issuer.mint().user("alice").expires_in(-60).sign().await.expect("minted");
    let claims = part(&token, 1);
    let ago = issuer.now() - claims["exp"].as_i64().expect("a time");
    assert!((60..65).contains(&ago), "{ago}");
    assert!(claims["iat"].as_i64() < claims["exp"].as_i64());
    assert!(!is_active(&issuer, &token).await);
    assert_eq!(userinfo(&issuer, &token).await, 401);
}

#[tokio::test]
async fn raw_bytes_are_signed_as_they_are() {
    let issuer = issuer().await;
    let token = issuer
        .mint()
        .client("nobody")
        .raw_header("{\"alg\":\"RS256\"")
        .raw_payload([0xff, 0x00])
        .sign()
        .await;
    let token = token.expect("minted");
    let parts: Vec<Vec<u8>> = token
        .split('.')
        .map(|part| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).expect("base64url"))
        .collect();
    assert_eq!(parts[0], b"{\"alg\":\"RS256\"");
    assert_eq!(parts[1], [0xff, 0x00]);
    assert_eq!(parts[2].len(), 256);
}

#[tokio::test]
async fn forged_tokens_are_found_out() {
    let issuer = issuer().await;
    let pem = issuer.public_key_pem(Alg::Rs256).await.expect("a key");
    let kid = issuer.kid(Alg::Rs256).await.expect("a key");
    let mint = || issuer.mint().user("alice");
    for forged in [
        mint().unknown_key(Alg::EdDsa),
        mint().unknown_key(Alg::EdDsa).header("kid", kid.as_str()),
        mint().secret(Alg::Hs256, pem).header("kid", kid.as_str()),
        mint().unsigned().header("kid", kid.as_str()),
        mint().alg(Alg::Ps256).header("kid", kid.as_str()),
        mint().header("alg", "RS512"),
        mint().claim("iss", "http://127.0.0.1:1/realms/kc-demo"),
        mint().claim("nbf", issuer.now() + 3600),
    ] {
        let token = forged.sign().await.expect("minted");
        assert!(!is_active(&issuer, &token).await, "{}", part(&token, 0));
        assert_eq!(userinfo(&issuer, &token).await, 401);
    }
    let encryption = keys(&issuer).await.into_iter().find(|key| key["use"] == "enc").expect("a key");
    let token = mint().key(text(&encryption, "kid")).sign().await.expect("minted");
    assert_eq!(part(&token, 0)["kid"], encryption["kid"], "signed by the key for encryption");
}

#[tokio::test]
async fn every_kind_of_token_can_be_minted() {
    let issuer = issuer().await;
    for (kind, typ, alg, header) in [
        (TokenKind::Access, "Bearer", "RS256", "JWT"),
        (TokenKind::Id, "ID", "RS256", "JWT"),
        (TokenKind::Logout, "Logout", "RS256", "logout+jwt"),
        (TokenKind::Offline, "Offline", "HS512", "JWT"),
        (TokenKind::Refresh, "Refresh", "HS512", "JWT"),
    ] {
        let token = issuer.mint().kind(kind).user("alice").sign().await.expect("minted");
        assert_eq!((&part(&token, 1)["typ"], &part(&token, 0)["alg"]), (&json!(typ), &json!(alg)));
        assert_eq!(part(&token, 0)["typ"], header);
    }
    let token = issuer.mint().sign().await.expect("a service account's");
    assert_eq!(part(&token, 1)["preferred_username"], "service-account-api");
}

#[tokio::test]
async fn a_minted_refresh_token_works() {
    let issuer = issuer().await;
    let token = issuer.mint().kind(TokenKind::Refresh).user("alice").sign().await.expect("minted");
    assert_eq!(asking::refresh(&issuer, &json!({ "refresh_token": token })).await.0, 200);
}

#[tokio::test]
async fn what_the_realm_lacks_is_named() {
    let issuer = issuer().await;
    let user = issuer.token("nobody", "api").await.expect_err("no such user");
    assert!(matches!(&user, MintError::UnknownUser { user, .. } if user == "nobody"), "{user:?}");
    assert!(user.to_string().contains("it has alice, bob, carol"), "{user}");
    let client = issuer.token("alice", "nothing").await.expect_err("no such client");
    assert!(matches!(&client, MintError::UnknownClient { client, .. } if client == "nothing"), "{client:?}");
    assert!(client.to_string().contains("api"), "{client}");
    let nobody = issuer.mint().client("spa").sign().await;
    assert_eq!(nobody, Err(MintError::NoServiceAccount { client: "spa".to_owned() }));
    let scope = issuer.mint().user("alice").scope("nope").sign().await;
    assert_eq!(scope, Err(MintError::Scope { scope: "nope".to_owned() }));
    let key = issuer.mint().user("alice").key("nope").sign().await.expect_err("no such key");
    assert!(key.to_string().contains("\"nope\""));
}

#[tokio::test]
async fn introspection_is_for_the_audience_only() {
    let issuer = issuer().await;
    let ask = |token: String, client: &'static str| {
        let (url, secret) = (asking::url(&issuer, "token/introspect"), format!("{client}-secret"));
        async move {
            let form = [("token", token.as_str()), ("client_id", client), ("client_secret", secret.as_str())];
            asking::send(asking::http().post(url).form(&form)).await.1["active"] == json!(true)
        }
    };
    let token = issuer.token("alice", "api").await.expect("minted");
    assert!(ask(token.clone(), "api").await);
    assert!(!ask(token, "inventory").await);
    let token = issuer.token("alice", "no-aud").await.expect("minted");
    assert!(!ask(token, "api").await);
    let token = issuer.token("alice", "lightweight").await.expect("minted");
    assert!(part(&token, 1).get("aud").is_none());
    assert!(ask(token.clone(), "api").await);
    assert!(!ask(token, "lightweight").await);
    let token = issuer.mint().user("alice").claim("aud", "inventory").sign().await.expect("minted");
    assert!(ask(token.clone(), "inventory").await);
    assert!(!ask(token, "api").await);
}

#[tokio::test]
async fn tokens_live_as_long_as_they_are_told_to() {
    let issuer = issuer().await;
    issuer.set_access_token_lifespan(7);
    let token = issuer.token("alice", "api").await.expect("a token");
    let claims = part(&token, 1);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 7);
}
