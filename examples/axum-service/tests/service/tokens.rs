//! Which tokens are good: algorithm, key, kind, claims.

use kc_dev::{Alg, DevIssuer, Mint, TokenKind};
use serde_json::{Value, json};

use crate::harness::{Service, Setup, base64url, issuer, with_header};

async fn status_and_code(service: &Service, token: Mint) -> (u16, String) {
    let answer = service.get("/me", &token.sign().await.unwrap()).await;
    let code = if answer.status == 200 { String::new() } else { answer.code() };
    (answer.status, code)
}

/// `code` of the refusal of `token`, or nothing when it is good.
pub(crate) async fn code(service: &Service, token: Mint) -> String {
    let (status, code) = status_and_code(service, token).await;
    assert!(matches!(status, 200 | 401), "{status}");
    code
}

pub(crate) fn alice(issuer: &DevIssuer) -> Mint {
    issuer.mint().user("alice")
}

#[tokio::test]
async fn every_algorithm_that_keycloak_offers_is_accepted() {
    let issuer = issuer().await;
    // The realm gets its keys before the service asks for them: a later one would wait for the cool-down.
    for alg in Alg::ASYMMETRIC {
        issuer.mint().alg(alg).sign().await.unwrap();
    }
    let service = Service::of(&issuer).await;
    for alg in Alg::ASYMMETRIC {
        assert_eq!(code(&service, alice(&issuer).alg(alg)).await, "", "{alg:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_signed_or_signed_with_a_secret_is_refused() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let pem = issuer.public_key_pem(Alg::Rs256).await.unwrap();
    let kid = issuer.kid(Alg::Rs256).await.unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for secret in [pem.as_str(), pem.trim(), &der, &kid, "", "api-secret"] {
        for alg in [Alg::Hs256, Alg::Hs384, Alg::Hs512] {
            let token = alice(&issuer).secret(alg, secret).header("kid", kid.as_str());
            assert_eq!(code(&service, token).await, "unsupported_algorithm");
        }
    }
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let token = alice(&issuer).unsigned().header("alg", none).header("kid", kid.as_str());
        assert_eq!(code(&service, token).await, "unsupported_algorithm", "{none:?}");
    }
}

#[tokio::test]
async fn a_key_serves_its_own_algorithm_only() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let kid = issuer.kid(Alg::Rs256).await.unwrap();
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA"] {
        assert_eq!(code(&service, alice(&issuer).header("alg", alg)).await, "unknown_key", "{alg}");
    }
    for alg in ["rs256", "RS256 ", "RS1", "ES256K", "RSA-OAEP", "dir"] {
        assert_eq!(code(&service, alice(&issuer).header("alg", alg)).await, "unsupported_algorithm", "{alg}");
    }
    let other = alice(&issuer).alg(Alg::Ps256).header("kid", kid);
    assert_eq!(code(&service, other).await, "unknown_key");
}

#[tokio::test]
async fn a_signature_that_does_not_fit_is_refused() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    let bob = issuer.token("bob", "api").await.unwrap();
    let part = |token: &str, n: usize| token.split('.').nth(n).unwrap().to_owned();
    let (header, payload, signature) = (part(&token, 0), part(&token, 1), part(&token, 2));
    for token in [
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{}", part(&bob, 2)),
        format!("{header}.{}.{signature}", part(&bob, 1)),
        format!("{header}.{payload}.{}", base64url([0; 256])),
        format!("{header}.{payload}.{}", signature.split_at(signature.len() - 2).0),
        format!("{header}.{payload}.AAAA{signature}"),
    ] {
        service.get("/me", &token).await.assert_refused(401, "invalid_signature");
    }
}

#[tokio::test]
async fn the_type_in_the_header_is_one_of_an_access_token() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    assert_eq!(code(&service, alice(&issuer).without_header("typ")).await, "");
    for typ in ["JWT", "jwt", "Jwt", "application/jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(code(&service, alice(&issuer).header("typ", typ)).await, "", "{typ}");
    }
    for typ in ["logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "JOSE", "", "jwt ", "text/jwt", "at"] {
        assert_eq!(code(&service, alice(&issuer).header("typ", typ)).await, "wrong_token_type", "{typ}");
    }
    for typ in [json!(null), json!(1), json!(["JWT"])] {
        assert_eq!(code(&service, alice(&issuer).header("typ", typ)).await, "malformed_token");
    }
}

#[tokio::test]
async fn the_kind_of_token_is_bearer() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for kind in [
        "ID",
        "Refresh",
        "Offline",
        "Logout",
        "DPoP",
        "bearer",
        "BEARER",
        "Bearer ",
        "",
        "RegistrationAccessToken",
    ] {
        for header in ["JWT", "at+jwt"] {
            let token = alice(&issuer).claim("typ", kind).header("typ", header);
            assert_eq!(code(&service, token).await, "wrong_token_type", "{kind} under {header}");
        }
    }
    for kind in [TokenKind::Id, TokenKind::Logout] {
        assert_eq!(code(&service, alice(&issuer).kind(kind)).await, "wrong_token_type", "{kind:?}");
    }
    for kind in [TokenKind::Refresh, TokenKind::Offline] {
        // Keycloak signs these with a secret.
        assert_eq!(code(&service, alice(&issuer).kind(kind)).await, "unsupported_algorithm", "{kind:?}");
        let with_a_key = alice(&issuer).kind(kind).alg(Alg::Rs256);
        assert_eq!(code(&service, with_a_key).await, "wrong_token_type", "{kind:?}");
    }
}

#[tokio::test]
async fn a_token_without_a_kind_is_good_under_at_jwt_only_and_without_marks_of_another() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = || alice(&issuer).without("typ");
    assert_eq!(code(&service, token().header("typ", "at+jwt")).await, "");
    assert_eq!(code(&service, token().header("typ", "application/AT+JWT")).await, "");
    assert_eq!(code(&service, token().header("typ", "JWT")).await, "wrong_token_type");
    assert_eq!(code(&service, token().without_header("typ")).await, "wrong_token_type");
    for mark in ["nonce", "at_hash", "events"] {
        let marked = token().header("typ", "at+jwt").claim(mark, "x");
        assert_eq!(code(&service, marked).await, "wrong_token_type", "{mark}");
        let null = token().header("typ", "at+jwt").claim(mark, Value::Null);
        assert_eq!(code(&service, null).await, "", "{mark}: null is absent");
        assert_eq!(code(&service, alice(&issuer).claim(mark, "x")).await, "", "{mark} of a bearer token");
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_refused() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!({})] {
        assert_eq!(code(&service, alice(&issuer).claim("cnf", cnf.clone())).await, "bound_token");
        let dpop = alice(&issuer).claim("cnf", cnf).claim("typ", "DPoP");
        assert_eq!(code(&service, dpop).await, "bound_token");
    }
    assert_eq!(code(&service, alice(&issuer).claim("cnf", Value::Null)).await, "");
    assert_eq!(code(&service, alice(&issuer).claim("cnf", "x")).await, "malformed_claim");
}

#[tokio::test]
async fn what_must_be_there_is_missing_when_it_is_absent_or_null() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for claim in ["exp", "iss", "aud"] {
        assert_eq!(code(&service, alice(&issuer).without(claim)).await, "missing_claim", "{claim}");
        assert_eq!(
            code(&service, alice(&issuer).claim(claim, Value::Null)).await,
            "missing_claim",
            "{claim}"
        );
    }
}

#[tokio::test]
async fn what_may_be_absent_may_be_null() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for claim in [
        "sub",
        "iat",
        "nbf",
        "jti",
        "azp",
        "sid",
        "acr",
        "auth_time",
        "scope",
        "email",
        "email_verified",
        "name",
        "preferred_username",
        "given_name",
        "family_name",
        "groups",
        "organization",
        "realm_access",
        "resource_access",
        "allowed-origins",
        "department",
    ] {
        assert_eq!(code(&service, alice(&issuer).without(claim)).await, "", "{claim}");
        assert_eq!(code(&service, alice(&issuer).claim(claim, Value::Null)).await, "", "{claim}");
    }
}

#[tokio::test]
async fn a_known_claim_of_a_wrong_shape_is_refused() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let texts = [
        "iss",
        "sub",
        "jti",
        "typ",
        "azp",
        "sid",
        "acr",
        "scope",
        "email",
        "name",
        "preferred_username",
        "given_name",
        "family_name",
    ];
    let wrong_text = [json!(1), json!(["x"]), json!({}), json!(true)];
    let wrong_date = [json!("1795310753"), json!([1]), json!({}), json!(true)];
    let wrong_list = [json!("x"), json!([1]), json!([null]), json!({"x": 1})];
    let wrong_audience = [json!(1), json!({}), json!([1]), json!(["api", 1])];
    let wrong_roles = [
        json!("x"),
        json!(["admin"]),
        json!({"roles": "admin"}),
        json!({"roles": [1]}),
        json!({"roles": {"admin": true}}),
    ];
    let mut rows: Vec<(&str, Value)> = Vec::new();
    rows.extend(texts.iter().flat_map(|claim| wrong_text.iter().map(|wrong| (*claim, wrong.clone()))));
    rows.extend(
        ["exp", "nbf", "iat", "auth_time"]
            .iter()
            .flat_map(|claim| wrong_date.iter().map(|wrong| (*claim, wrong.clone()))),
    );
    rows.extend(wrong_list.into_iter().map(|wrong| ("groups", wrong)));
    rows.extend(wrong_audience.into_iter().map(|wrong| ("aud", wrong)));
    rows.extend(wrong_roles.iter().map(|wrong| ("realm_access", wrong.clone())));
    rows.extend(wrong_roles.into_iter().map(|wrong| ("resource_access", json!({ "api": wrong }))));
    rows.extend([json!("x"), json!([])].into_iter().map(|wrong| ("resource_access", wrong)));
    rows.push(("email_verified", json!("true")));
    for (claim, wrong) in rows {
        let token = alice(&issuer).claim(claim, wrong.clone());
        assert_eq!(code(&service, token).await, "malformed_claim", "{claim}: {wrong}");
    }
}

#[tokio::test]
async fn unknown_claims_of_any_shape_are_ignored() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for value in [json!(1), json!(null), json!([{"a": [1.5e300]}]), json!("\u{0}\u{202e}")] {
        assert_eq!(code(&service, alice(&issuer).claim("x", value)).await, "");
    }
}

#[tokio::test]
async fn the_issuer_is_compared_to_the_letter() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let iss = issuer.issuer();
    for other in [
        format!("{iss}/"),
        format!("{iss}2"),
        iss.trim_end_matches('o').to_owned(),
        iss.to_uppercase(),
        iss.replace("http", "https"),
        iss.replace("127.0.0.1", "localhost"),
        format!(" {iss}"),
        String::new(),
    ] {
        assert_eq!(code(&service, alice(&issuer).claim("iss", other.as_str())).await, "invalid_issuer");
    }
    let list = alice(&issuer).claim("iss", json!([iss]));
    assert_eq!(code(&service, list).await, "malformed_claim");
}

#[tokio::test]
async fn one_audience_has_to_be_ours() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for aud in [json!("api"), json!(["api"]), json!(["account", "api"]), json!(["api", "api"])] {
        assert_eq!(code(&service, alice(&issuer).claim("aud", aud)).await, "");
    }
    for aud in [json!("account"), json!([]), json!(""), json!("API"), json!("api "), json!("a,api")] {
        let token = alice(&issuer).claim("aud", aud.clone()).claim("azp", "api");
        assert_eq!(code(&service, token).await, "invalid_audience", "{aud}");
    }
    let token = issuer.token("alice", "no-aud").await.unwrap();
    service.get("/me", &token).await.assert_refused(401, "invalid_audience");
}

#[tokio::test]
async fn the_audiences_in_the_settings_replace_the_client_id() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_AUDIENCE", " orders , stock,").start().await;
    for (aud, expected) in
        [("orders", ""), ("stock", ""), ("api", "invalid_audience"), ("orders,stock", "invalid_audience")]
    {
        assert_eq!(code(&service, alice(&issuer).claim("aud", aud)).await, expected, "{aud}");
    }
}

#[tokio::test]
async fn the_lifetime_has_five_seconds_of_leeway_on_every_side() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let now = issuer.now();
    for (token, expected) in [
        (alice(&issuer).expires_in(-1), ""),
        (alice(&issuer).expires_in(-30), "token_expired"),
        (alice(&issuer).claim("exp", 0), "token_expired"),
        (alice(&issuer).claim("exp", -1), "token_expired"),
        (alice(&issuer).claim("exp", now as f64 + 30.5), ""),
        (alice(&issuer).claim("nbf", now + 3), ""),
        (alice(&issuer).claim("nbf", now + 60), "token_not_yet_valid"),
        (alice(&issuer).claim("iat", now + 3), ""),
        (alice(&issuer).claim("iat", now + 60), "token_not_yet_valid"),
        (alice(&issuer).claim("nbf", 0), ""),
    ] {
        assert_eq!(code(&service, token).await, expected);
    }
}

#[tokio::test]
async fn the_leeway_is_a_setting() {
    let issuer = issuer().await;
    for (leeway, expected) in [("0", "token_expired"), ("60", "")] {
        let service = Setup::of(&issuer).set("KEYCLOAK_LEEWAY_SECONDS", leeway).start().await;
        assert_eq!(code(&service, alice(&issuer).expires_in(-3)).await, expected, "{leeway}");
    }
}

#[tokio::test]
async fn without_a_kid_the_only_key_for_the_algorithm_is_taken() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    assert_eq!(code(&service, alice(&issuer).without_header("kid")).await, "");
    issuer.rotate(Alg::Rs256).await.unwrap();
    // The service learns of the second key by the first token that names it.
    assert_eq!(code(&service, alice(&issuer)).await, "");
    assert_eq!(code(&service, alice(&issuer).without_header("kid")).await, "unknown_key");
    assert_eq!(code(&service, alice(&issuer).alg(Alg::Es256).without_header("kid")).await, "");
}

#[tokio::test]
async fn a_key_that_the_token_brings_or_points_to_is_not_looked_at() {
    let issuer = issuer().await;
    let other = issuer_with_other_keys().await;
    let service = Service::of(&issuer).await;
    let jwk = other.jwks().await.unwrap()["keys"][0].clone();
    let certs = format!("{}/protocol/openid-connect/certs", other.issuer());
    let kid = other.kid(Alg::Rs256).await.unwrap();
    for token in [
        other.mint().user("alice"),
        other.mint().user("alice").header("jwk", jwk),
        other.mint().user("alice").header("jku", certs.as_str()),
        other.mint().user("alice").header("x5u", certs.as_str()),
        other.mint().user("alice").claim("iss", issuer.issuer()).header("jku", certs.as_str()),
    ] {
        assert_eq!(code(&service, token.key(&kid)).await, "unknown_key");
    }
    assert_eq!(other.requests(kc_dev::Endpoint::Certs), 0);
}

async fn issuer_with_other_keys() -> DevIssuer {
    DevIssuer::start().await.unwrap()
}

#[tokio::test]
async fn a_strange_kid_is_just_unknown() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    for kid in
        ["", "../../etc/passwd", "' OR 1=1 --", "a\r\nX: y", "\u{0}", "\u{202e}", &"k".repeat(10_000), "ä"]
    {
        let token = alice(&issuer).header("kid", kid);
        assert_eq!(code(&service, token).await, "unknown_key", "{kid:?}");
    }
}

#[tokio::test]
async fn a_header_that_was_exchanged_is_not_believed() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    let kid = issuer.kid(Alg::Rs256).await.unwrap();
    let other = with_header(&token, &format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"at+jwt"}}"#));
    service.get("/me", &other).await.assert_refused(401, "invalid_signature");
}
