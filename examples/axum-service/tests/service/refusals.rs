//! The table of refusals: status, challenge and body, to the byte; and which refusal comes first.

use kc_dev::{Alg, Endpoint, Fault, TokenKind};
use serde_json::json;

use crate::harness::{Answer, Service, Setup, base64url, issuer};

/// The whole of a refusal.
struct Refusal {
    status: u16,
    code: &'static str,
    title: &'static str,
    detail: &'static str,
    challenge: Option<&'static str>,
}

impl Refusal {
    #[track_caller]
    fn is(&self, answer: &Answer) {
        let Self { status, code, title, detail, challenge } = self;
        let body = format!(
            r#"{{"type":"urn:kc:problem:{code}","title":"{title}","status":{status},"detail":"{detail}","code":"{code}"}}"#
        );
        assert_eq!((answer.status, &answer.body), (*status, &body));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("www-authenticate"), *challenge);
    }
}

#[tokio::test]
async fn no_credentials_get_a_challenge_without_an_error_code() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let refusal = Refusal {
        status: 401,
        code: "not_authenticated",
        title: "Authentication required",
        detail: "Not authenticated",
        challenge: Some(r#"Bearer realm="kc-demo""#),
    };
    refusal.is(&service.request("GET", "/me").send().await);
    refusal.is(&service.request("GET", "/me").header("Authorization", "Basic YTpi").send().await);
}

#[tokio::test]
async fn credentials_that_cannot_be_read_are_an_invalid_request() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let refusal = Refusal {
        status: 400,
        code: "invalid_request",
        title: "Invalid request",
        detail: "The Authorization header has no token after Bearer",
        challenge: Some(
            r#"Bearer realm="kc-demo", error="invalid_request", error_description="The Authorization header has no token after Bearer""#,
        ),
    };
    refusal.is(&service.request("GET", "/me").header("Authorization", "Bearer").send().await);
}

#[tokio::test]
async fn an_expired_token_is_said_to_be() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.mint().user("alice").expires_in(-60).sign().await.unwrap();
    Refusal {
        status: 401,
        code: "token_expired",
        title: "Token expired",
        detail: "Token has expired",
        challenge: Some(
            r#"Bearer realm="kc-demo", error="invalid_token", error_description="Token has expired""#,
        ),
    }
    .is(&service.get("/me", &token).await);
}

#[tokio::test]
async fn a_token_for_somebody_else_is_said_to_be() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.mint().user("alice").claim("aud", "account").sign().await.unwrap();
    Refusal {
        status: 401,
        code: "invalid_audience",
        title: "Invalid audience",
        detail: "Invalid token audience",
        challenge: Some(
            r#"Bearer realm="kc-demo", error="invalid_token", error_description="Invalid token audience""#,
        ),
    }
    .is(&service.get("/me", &token).await);
}

#[tokio::test]
async fn any_other_defect_of_a_token_is_named_in_our_own_words() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let alice = || issuer.mint().user("alice");
    let year = 365 * 24 * 3600;
    for (token, code, title, reason) in [
        (
            alice().header("crit", json!(["exp"])),
            "malformed_token",
            "Malformed token",
            "the header parameter crit is not supported",
        ),
        (
            alice().unsigned(),
            "unsupported_algorithm",
            "Unsupported signature algorithm",
            "its algorithm is not accepted",
        ),
        (
            alice().unknown_key(Alg::Es256),
            "unknown_key",
            "Unknown signing key",
            "it is signed by an unknown key",
        ),
        (
            alice().unknown_key(Alg::Es256).header("kid", issuer.kid(Alg::Es256).await.unwrap()),
            "invalid_signature",
            "Invalid signature",
            "its signature does not fit the key",
        ),
        (
            alice().claim("iat", issuer.now() + year).claim("exp", issuer.now() + 2 * year),
            "token_not_yet_valid",
            "Token not yet valid",
            "it is not valid yet (iat)",
        ),
        (
            alice().claim("iss", "http://evil.example\r\nX: \"y\""),
            "invalid_issuer",
            "Invalid issuer",
            "it was issued by another issuer",
        ),
        (
            alice().kind(TokenKind::Id),
            "wrong_token_type",
            "Wrong type of token",
            "it is an ID token, not an access token",
        ),
        (alice().without("exp"), "missing_claim", "Missing claim", "the claim exp is missing"),
        (
            alice().claim("exp", "never"),
            "malformed_claim",
            "Malformed claim",
            "the claim exp is not a number of seconds",
        ),
        (
            alice().claim("cnf", json!({"jkt": "x"})),
            "bound_token",
            "Bound token",
            "it is bound to a key (cnf) and must not be presented as Bearer",
        ),
    ] {
        let answer = service.get("/me", &token.sign().await.unwrap()).await;
        let detail = format!("Token validation failed: {reason}");
        assert_eq!(
            (answer.status, answer.body.clone()),
            (
                401,
                format!(
                    r#"{{"type":"urn:kc:problem:{code}","title":"{title}","status":401,"detail":"{detail}","code":"{code}"}}"#
                )
            )
        );
        let challenge =
            format!(r#"Bearer realm="kc-demo", error="invalid_token", error_description="{detail}""#);
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
    }
}

#[tokio::test]
async fn a_token_larger_than_we_take_is_said_to_be() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    Refusal {
        status: 401,
        code: "token_too_large",
        title: "Token too large",
        detail: "Token validation failed: it is larger than 49152 bytes",
        challenge: Some(
            r#"Bearer realm="kc-demo", error="invalid_token", error_description="Token validation failed: it is larger than 49152 bytes""#,
        ),
    }
    .is(&service.get("/me", &"a".repeat(49_153)).await);
}

#[tokio::test]
async fn a_caller_without_a_local_user_is_unknown_when_none_is_created() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_CREATE_USERS", "false").start().await;
    Refusal {
        status: 401,
        code: "user_unknown",
        title: "Unknown user",
        detail: "User does not exist",
        challenge: Some(
            r#"Bearer realm="kc-demo", error="invalid_token", error_description="User does not exist""#,
        ),
    }
    .is(&service.get("/me", &issuer.token("alice", "api").await.unwrap()).await);
}

#[tokio::test]
async fn all_missing_roles_are_named_in_order() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("carol", "api").await.unwrap();
    Refusal {
        status: 403,
        code: "missing_roles",
        title: "Missing roles",
        detail: "Missing required roles: admin, judge",
        challenge: Some(
            r#"Bearer realm="kc-demo", error="insufficient_scope", error_description="Missing required roles: admin, judge""#,
        ),
    }
    .is(&service.request("POST", "/cases").bearer(&token).send().await);
}

#[tokio::test]
async fn none_of_several_roles_is_insufficient() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    Refusal {
        status: 403,
        code: "insufficient_permissions",
        title: "Insufficient permissions",
        detail: "Insufficient permissions",
        challenge: Some(
            r#"Bearer realm="kc-demo", error="insufficient_scope", error_description="Insufficient permissions""#,
        ),
    }
    .is(&service.get("/items", &issuer.token("carol", "api").await.unwrap()).await);
}

#[tokio::test]
async fn a_token_that_introspection_calls_inactive_is_no_longer_active() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    assert!(issuer.logout_user("alice"));
    Refusal {
        status: 401,
        code: "token_inactive",
        title: "Token inactive",
        detail: "Token is no longer active",
        challenge: Some(
            r#"Bearer realm="kc-demo", error="invalid_token", error_description="Token is no longer active""#,
        ),
    }
    .is(&service.request("DELETE", "/items/1").bearer(&token).send().await);
}

#[tokio::test]
async fn introspection_that_fails_is_a_bad_gateway_without_a_challenge() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    issuer.fault(Endpoint::Introspect, Fault::Status(500));
    Refusal {
        status: 502,
        code: "introspection_unavailable",
        title: "Introspection unavailable",
        detail: "Failed to reach Keycloak introspection endpoint",
        challenge: None,
    }
    .is(&service.request("DELETE", "/items/1").bearer(&token).send().await);
}

#[tokio::test]
async fn without_any_key_the_caller_is_told_when_to_come_again() {
    let issuer = issuer().await;
    issuer.fault(Endpoint::Certs, Fault::Status(500));
    let service = Service::of(&issuer).await;
    let answer = service.get("/me", &issuer.token("alice", "api").await.unwrap()).await;
    Refusal {
        status: 503,
        code: "keys_unavailable",
        title: "Signing keys unavailable",
        detail: "Keycloak's keys are not available",
        challenge: None,
    }
    .is(&answer);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_service_token_that_cannot_be_had_is_a_bad_gateway() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    issuer.fault(Endpoint::Token, Fault::Status(500));
    Refusal {
        status: 502,
        code: "service_token_unavailable",
        title: "Service token unavailable",
        detail: "Failed to get a service token from Keycloak",
        challenge: None,
    }
    .is(&service.get("/service-token", &issuer.token("alice", "api").await.unwrap()).await);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    Refusal { status: 404, code: "not_found", title: "Not found", detail: "Not found", challenge: None }
        .is(&service.request("GET", "/nothing").send().await);
    Refusal {
        status: 405,
        code: "method_not_allowed",
        title: "Method not allowed",
        detail: "Method not allowed",
        challenge: None,
    }
    .is(&service.request("PUT", "/me").send().await);
}

#[tokio::test]
async fn the_first_defect_in_the_order_of_the_contract_is_the_one_that_is_told() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let worst = || {
        let token = issuer.mint().user("carol").kind(TokenKind::Id);
        token.claim("iss", "http://evil.example").claim("aud", "other").expires_in(-60)
    };
    let token = worst().unknown_key(Alg::Es256).header("zip", "DEF").sign().await.unwrap();
    // Each row mends the defect that the row before it names.
    for (token, code) in [
        (format!("{token}.{}", "a".repeat(49_152)), "token_too_large"),
        (format!("{token}.x"), "malformed_token"),
        (token, "malformed_token"),
        (worst().unsigned().sign().await.unwrap(), "unsupported_algorithm"),
        (worst().unknown_key(Alg::Es256).sign().await.unwrap(), "unknown_key"),
        (
            worst()
                .unknown_key(Alg::Es256)
                .header("kid", issuer.kid(Alg::Es256).await.unwrap())
                .sign()
                .await
                .unwrap(),
            "invalid_signature",
        ),
        (worst().sign().await.unwrap(), "wrong_token_type"),
        (worst().claim("typ", "Bearer").sign().await.unwrap(), "invalid_issuer"),
        (
            worst().claim("typ", "Bearer").claim("iss", issuer.issuer()).sign().await.unwrap(),
            "invalid_audience",
        ),
        (
            worst()
                .claim("typ", "Bearer")
                .claim("iss", issuer.issuer())
                .claim("aud", "api")
                .sign()
                .await
                .unwrap(),
            "token_expired",
        ),
    ] {
        service.get("/admin/users", &token).await.assert_refused(401, code);
    }
    // What is left of it is carol's token: she is known, and may not.
    let token = issuer.mint().user("carol").sign().await.unwrap();
    service.get("/admin/users", &token).await.assert_refused(403, "missing_roles");
}

#[tokio::test]
async fn an_unknown_user_is_refused_before_the_rule_is_looked_at() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_CREATE_USERS", "false").start().await;
    let token = issuer.token("carol", "api").await.unwrap();
    service.get("/admin/users", &token).await.assert_refused(401, "user_unknown");
}

#[tokio::test]
async fn a_missing_role_is_refused_without_asking_for_introspection() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("bob", "api").await.unwrap();
    assert!(issuer.logout_user("bob"));
    let answer = service.request("DELETE", "/items/1").bearer(&token).send().await;
    answer.assert_refused(403, "missing_roles");
    assert_eq!(issuer.requests(Endpoint::Introspect), 0);
}

#[tokio::test]
async fn the_token_is_looked_at_before_the_parameters() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let carol = issuer.token("carol", "api").await.unwrap();
    for (method, target) in [("POST", "/items"), ("POST", "/items?item_name=%FF"), ("DELETE", "/items/x")] {
        service.request(method, target).send().await.assert_refused(401, "not_authenticated");
        let bad = service.request(method, target).header("Authorization", "Bearer").send().await;
        assert!(bad.header("www-authenticate").is_some(), "it is about the credentials: {bad:?}");
        service.request(method, target).bearer("a.b.c").send().await.assert_refused(401, "malformed_token");
        service.request(method, target).bearer(&carol).send().await.assert_refused(403, "missing_roles");
    }
}

#[tokio::test]
async fn the_realms_name_stands_in_every_challenge_as_a_quoted_string() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_REALM", r#"a "b" ä"#).start().await;
    let answer = service.request("GET", "/me").send().await;
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="a \"b\" ?""#));
}

#[tokio::test]
async fn nothing_of_a_token_is_in_its_refusal() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    // Every answer of the harness is searched for the token; this looks for what is in it.
    let marked = || issuer.mint().user("alice").claim("jti", "MARK-jti").claim("preferred_username", "MARK");
    for token in [
        marked().claim("iss", "MARK-iss").sign().await.unwrap(),
        marked().claim("aud", "MARK-aud").sign().await.unwrap(),
        marked().claim("typ", "MARK-typ").sign().await.unwrap(),
        marked().claim("exp", "MARK-exp").sign().await.unwrap(),
        marked().claim("realm_access", json!({"roles": ["MARK", 1]})).sign().await.unwrap(),
        marked().header("kid", "MARK-kid").sign().await.unwrap(),
        marked().header("typ", "MARK-typ").sign().await.unwrap(),
        marked().header("alg", "MARK-alg").sign().await.unwrap(),
        marked().realm_roles(["MARK-role"]).without("resource_access").sign().await.unwrap(),
        format!("{}.MARK.MARK", base64url("MARK")),
    ] {
        let answer = service.get("/admin/users", &token).await;
        assert!(answer.status >= 400 && !format!("{answer:?}").contains("MARK"), "{answer:?}");
    }
}
