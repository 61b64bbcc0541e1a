use std::collections::BTreeSet;

use super::*;
use crate::clock::UnixTime;
use crate::keys::KeysUnavailable;
use crate::token::{Defect, TokenError, TokenKind};
use crate::wire::CredentialsError;
use crate::wire::problem::CODES;

/// Status, `WWW-Authenticate`, the other headers, and the body.
fn sent(error: AuthError) -> (u16, Option<String>, Vec<(String, String)>, serde_json::Value) {
    let response = Refusal::from(error).to_response("kc-demo");
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(text);
    let others =
        response.headers().iter().filter(|(name, _)| !matches!(**name, WWW_AUTHENTICATE | CONTENT_TYPE));
    let others = others.map(|(name, value)| (name.to_string(), text(value))).collect();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    (response.status().as_u16(), challenge, others, serde_json::from_slice(response.body()).unwrap())
}

/// Every error there is, with what is sent for it.
fn table() -> Vec<(AuthError, u16, &'static str, Option<&'static str>, &'static str)> {
    let now = UnixTime::from_secs(1000);
    let invalid = Some(r#"error="invalid_token""#);
    let scope = Some(r#"error="insufficient_scope""#);
    let at = |claim| TokenError::NotYetValid { claim, at: UnixTime::from_secs(2000), now };
    vec![
        (AuthError::NotAuthenticated, 401, "not_authenticated", Some(""), "Not authenticated"),
        (
            CredentialsError::Repeated.into(),
            400,
            "invalid_request",
            Some(r#"error="invalid_request""#),
            "There is more than one Authorization header",
        ),
        (
            TokenError::Expired { at: UnixTime::from_secs(900), now }.into(),
            401,
            "token_expired",
            invalid,
            "Token has expired",
        ),
        (
            TokenError::Audience { expected: vec!["api".into()], got: vec!["\"\r\nevil".into()] }.into(),
            401,
            "invalid_audience",
            invalid,
            "Invalid token audience",
        ),
        (
            TokenError::Issuer { expected: "a".into(), got: "evil\r\n".into() }.into(),
            401,
            "invalid_issuer",
            invalid,
            "Token validation failed: it was issued by another issuer",
        ),
        (
            TokenError::Malformed(Defect::Base64url).into(),
            401,
            "malformed_token",
            invalid,
            "Token validation failed: a segment is not canonical base64url",
        ),
        (
            TokenError::MalformedClaim { claim: "exp", expected: "a number of seconds" }.into(),
            401,
            "malformed_claim",
            invalid,
            "Token validation failed: the claim exp is not a number of seconds",
        ),
        (
            TokenError::MissingClaim { claim: "exp" }.into(),
            401,
            "missing_claim",
            invalid,
            "Token validation failed: the claim exp is missing",
        ),
        (
            at("nbf").into(),
            401,
            "token_not_yet_valid",
            invalid,
            "Token validation failed: it is not valid yet (nbf)",
        ),
        (
            TokenError::Revoked.into(),
            401,
            "token_revoked",
            invalid,
            "Token validation failed: it was revoked",
        ),
        (
            TokenError::Signature.into(),
            401,
            "invalid_signature",
            invalid,
            "Token validation failed: its signature does not fit the key",
        ),
        (
            TokenError::TooLarge { limit: 49152 }.into(),
            401,
            "token_too_large",
            invalid,
            "Token validation failed: it is larger than 49152 bytes",
        ),
        (
            TokenError::UnsupportedAlgorithm.into(),
            401,
            "unsupported_algorithm",
            invalid,
            "Token validation failed: its algorithm is not accepted",
        ),
        (
            TokenError::UnknownKey.into(),
            401,
            "unknown_key",
            invalid,
            "Token validation failed: it is signed by an unknown key",
        ),
        (
            TokenError::WrongType { got: TokenKind::Id }.into(),
            401,
            "wrong_token_type",
            invalid,
            "Token validation failed: it is an ID token, not an access token",
        ),
        (
            TokenError::Bound.into(),
            401,
            "bound_token",
            invalid,
            "Token validation failed: it is bound to a key (cnf) and must not be presented as Bearer",
        ),
        (TokenError::Inactive.into(), 401, "token_inactive", invalid, "Token is no longer active"),
        (AuthError::UnknownUser, 401, "user_unknown", invalid, "User does not exist"),
        (
            Denial::MissingRoles(vec!["b".into(), "a".into(), "b".into()]).into(),
            403,
            "missing_roles",
            scope,
            "Missing required roles: a, b",
        ),
        (
            Denial::Insufficient { scope: None }.into(),
            403,
            "insufficient_permissions",
            scope,
            "Insufficient permissions",
        ),
        (
            Denial::Permission { resource: Some("store".into()), scope: "view".into() }.into(),
            403,
            "insufficient_permissions",
            scope,
            "Insufficient permissions",
        ),
        (
            Denial::StepUp { acr: Some("gold".into()), max_age: None }.into(),
            401,
            "step_up_required",
            Some(r#"error="insufficient_user_authentication""#),
            "A stronger login is required",
        ),
        (
            AuthError::Authorization { reason: "secret".into() },
            503,
            "authorization_unavailable",
            None,
            "Keycloak cannot be asked about a permission",
        ),
        (
            AuthError::Introspection { reason: "secret".into() },
            502,
            "introspection_unavailable",
            None,
            "Failed to reach Keycloak introspection endpoint",
        ),
        (
            AuthError::Keys(KeysUnavailable {
                retry_after: Duration::from_millis(1001),
                reason: "secret".into(),
            }),
            503,
            "keys_unavailable",
            None,
            "Keycloak's keys are not available",
        ),
        (
            AuthError::ServiceToken { reason: "secret".into() },
            502,
            "service_token_unavailable",
            None,
            "Failed to get a service token from Keycloak",
        ),
        (
            AuthError::Users { reason: "secret".into() },
            503,
            "session_store_unavailable",
            None,
            "The store of local users is not available",
        ),
        (AuthError::NotFound, 404, "not_found", None, "Not found"),
        (
            AuthError::MethodNotAllowed { allow: "GET, HEAD".into() },
            405,
            "method_not_allowed",
            None,
            "Method not allowed",
        ),
        (
            AuthError::BadParameter { detail: "The parameter x is missing".into() },
            400,
            "invalid_request",
            None,
            "The parameter x is missing",
        ),
        (AuthError::Internal { reason: "secret".into() }, 500, "internal_error", None, "Internal error"),
    ]
}

#[test]
fn every_error_is_sent_as_the_table_of_refusals_says() {
    for (error, status, code, challenge, detail) in table() {
        let name = format!("{error:?}");
        let (sent_status, sent_challenge, _, body) = sent(error);
        assert_eq!((sent_status, body["code"].as_str()), (status, Some(code)), "{name}");
        assert_eq!(body["detail"], detail, "{name}");
        assert_eq!(body["status"], status, "{name}");
        assert_eq!(body["type"], format!("urn:kc:problem:{code}"), "{name}");
        match challenge {
            None => assert_eq!(sent_challenge, None, "{name}"),
            Some("") => assert_eq!(sent_challenge.unwrap(), r#"Bearer realm="kc-demo""#, "{name}"),
            Some(error) => {
                let expected = format!(r#"Bearer realm="kc-demo", {error}, error_description="{detail}""#);
                let sent = sent_challenge.unwrap();
                assert!(sent == expected || sent.starts_with(&format!("{expected}, ")), "{name}: {sent}");
            }
        }
    }
}

#[test]
fn the_members_of_a_problem_stand_in_their_order() {
    let response = Refusal::from(AuthError::NotAuthenticated).to_response("r");
    assert_eq!(
        std::str::from_utf8(response.body()).unwrap(),
        r#"{"type":"urn:kc:problem:not_authenticated","title":"Authentication required","status":401,"detail":"Not authenticated","code":"not_authenticated"}"#
    );
}

#[test]
fn every_code_that_is_sent_has_a_title_of_its_own() {
    let titles: BTreeSet<_> = CODES.iter().map(|(_, title)| title).collect();
    assert_eq!(titles.len(), CODES.len());
    for (error, _, code, ..) in table() {
        let title = sent(error).3["title"].as_str().unwrap().to_owned();
        assert!(CODES.contains(&(code, title.as_str())), "{code}");
    }
}

#[test]
fn no_refusal_repeats_what_came_in_or_what_is_for_the_log() {
    for (error, ..) in table() {
        let (_, challenge, headers, body) = sent(error);
        let all = format!("{challenge:?} {headers:?} {body}");
        assert!(!all.contains("evil") && !all.contains("secret"), "{all}");
    }
}

#[test]
fn a_scope_refusal_names_the_scope_and_a_step_up_what_it_needs() {
    let challenge = |denial: Denial| sent(denial.into()).1.unwrap();
    assert_eq!(
        challenge(Denial::Insufficient { scope: Some("inventory:view".into()) }),
        r#"Bearer realm="kc-demo", error="insufficient_scope", error_description="Insufficient permissions", scope="inventory:view""#
    );
    assert_eq!(
        challenge(Denial::StepUp { acr: Some("gold".into()), max_age: Some(Duration::from_secs(300)) }),
        r#"Bearer realm="kc-demo", error="insufficient_user_authentication", error_description="A stronger login is required", acr_values="gold", max_age="300""#
    );
}

/// UMA 2.0 Grant §3.2.2.
#[test]
fn whoever_lacks_a_permission_is_challenged_by_uma_and_nothing_else() {
    let ticket = TicketChallenge {
        as_uri: "https://id/\"\r\nX: y".into(),
        ticket: crate::uma::PermissionTicket::new("eyJ.t"),
    };
    let error = AuthError::PermissionTicket(ticket);
    assert!(!format!("{error} {error:?} {:?}", Refusal::from(error.clone())).contains("eyJ"));
    let refusal = Refusal::from(error);
    let response = refusal.to_response("r\"\n");
    let challenges: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().collect();
    assert_eq!(challenges, [r#"UMA realm="r\"?", as_uri="https://id/\"??X: y", ticket="eyJ.t""#]);
    assert_eq!((response.status().as_u16(), refusal.code()), (401, "permission_required"));
    assert!(refusal.challenge().is_none() && refusal.ticket().is_some() && refusal.is_challenge());
    assert!(!String::from_utf8_lossy(response.body()).contains("eyJ"));
}

#[test]
fn retry_after_is_whole_seconds_rounded_up_and_allow_names_the_methods() {
    let unavailable = |millis| {
        let reason = String::new();
        sent(AuthError::Keys(KeysUnavailable { retry_after: Duration::from_millis(millis), reason })).2
    };
    let after = |secs: &str| vec![("retry-after".to_owned(), secs.to_owned())];
    assert_eq!((unavailable(1001), unavailable(1000), unavailable(1)), (after("2"), after("1"), after("1")));
    let allow = |methods: &str| sent(AuthError::MethodNotAllowed { allow: methods.to_owned() }).2;
    assert_eq!(allow("GET, HEAD"), [("allow".to_owned(), "GET, HEAD".to_owned())]);
    assert_eq!(allow(""), []);
}

#[test]
fn a_realm_or_a_role_cannot_break_out_of_the_challenge() {
    let response = Refusal::from(AuthError::NotAuthenticated).to_response("a\"b\\c\r\nX: ä");
    assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Bearer realm="a\"b\\c??X: ?""#);
    let roles = Refusal::from(Denial::MissingRoles(vec!["x\", evil=\"1\r\n".into()])).to_response("r");
    assert_eq!(
        roles.headers()[WWW_AUTHENTICATE],
        r#"Bearer realm="r", error="insufficient_scope", error_description="Missing required roles: x\", evil=\"1??""#
    );
}
