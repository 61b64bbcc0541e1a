//! Whose tokens are good, and who is asked for nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::pattern::UNPROVEN;
use super::*;
use crate::roles::KeycloakRoles;
use crate::token::{Claims, TokenError, VerifiedToken};
use crate::validator::ValidationError;

/// Finds every token good, as one of its issuer.
#[derive(Debug)]
struct Credulous(String);

#[async_trait]
impl TokenValidator for Credulous {
    async fn validate(&self, _: &str) -> Result<VerifiedToken, ValidationError> {
        let claims = Claims { issuer: Some(self.0.clone()), ..Claims::default() };
        Ok(VerifiedToken::new(claims, bytes::Bytes::from_static(b"{}")))
    }

    fn still_stands(&self, token: &VerifiedToken) -> bool {
        token.claims().issuer.as_ref() == Some(&self.0)
    }
}

fn trusted(issuer: &str) -> TrustedIssuer {
    TrustedIssuer::new("r", Arc::new(Credulous(issuer.to_owned())), Arc::new(KeycloakRoles::new("api")))
}

fn token(payload: &str) -> String {
    let encoded = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    format!("{}.{}.AAAA", encoded(r#"{"alg":"RS256"}"#), encoded(payload))
}

async fn code(validator: &IssuersValidator, token: &str) -> &'static str {
    match validator.validate(token).await {
        Ok(_) => "valid",
        Err(ValidationError::Token(error)) => error.code(),
        Err(other) => panic!("{other}"),
    }
}

const A: &str = "https://kc.test/realms/a";
const B: &str = "https://kc.test/realms/b";

#[tokio::test]
async fn a_token_goes_to_the_issuer_that_it_names_to_the_letter() {
    let list = IssuerList::new().with(A, trusted(A)).with(B, trusted(B));
    let validator = IssuersValidator::new(Arc::new(list));
    for (payload, expected) in [
        (r#"{"iss":"https://kc.test/realms/a"}"#, "valid"),
        (r#"{"iss":"https://kc.test/realms/b"}"#, "valid"),
        (r#"{"iss":"https://kc.test/realms/c"}"#, "invalid_issuer"),
        (r#"{"iss":"https://kc.test/realms/a/"}"#, "invalid_issuer"),
        (r#"{"iss":"HTTPS://kc.test/realms/a"}"#, "invalid_issuer"),
        (r#"{"iss":""}"#, "invalid_issuer"),
        (r#"{"iss":["https://kc.test/realms/a"]}"#, "malformed_claim"),
        (r#"{"iss":"https://kc.test/realms/a","iss":"https://kc.test/realms/b"}"#, "malformed_token"),
        ("{}", "missing_claim"),
        ("[]", "missing_claim"),
    ] {
        assert_eq!(code(&validator, &token(payload)).await, expected, "{payload}");
    }
    assert_eq!(code(&validator, "opaque").await, "malformed_token");
    assert_eq!(code(&validator, "e30.e30.AAAA").await, "malformed_token", "a header without alg");
}

#[tokio::test]
async fn a_validator_under_a_wrong_name_speaks_for_nobody() {
    let validator = IssuersValidator::new(Arc::new(IssuerList::new().with(A, trusted(B))));
    let refused = validator.validate(&token(r#"{"iss":"https://kc.test/realms/a"}"#)).await.unwrap_err();
    assert!(matches!(refused, ValidationError::Token(TokenError::Issuer { .. })), "{refused}");
}

#[tokio::test]
async fn a_remembered_token_is_stood_by_by_its_own_issuer_only() {
    let of_a = Credulous(A.to_owned()).validate("").await.unwrap();
    let both = IssuersValidator::new(Arc::new(IssuerList::new().with(A, trusted(A)).with(B, trusted(B))));
    assert!(both.still_stands(&of_a));
    let only_b = IssuersValidator::new(Arc::new(IssuerList::new().with(B, trusted(B))));
    assert!(!only_b.still_stands(&of_a), "A is not trusted any more");
}

fn pattern(limit: usize) -> (IssuerPattern, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let pattern = IssuerPattern::new("https://kc.test/realms/{tenant}", limit, move |tenant| {
        counted.fetch_add(1, Ordering::Relaxed);
        (tenant.name != "nobody").then(|| trusted(tenant.issuer))
    });
    (pattern.unwrap(), made)
}

fn nth(n: usize) -> String {
    format!("https://kc.test/realms/t{n}")
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_a_segment_of_plain_letters() {
    let (pattern, made) = pattern(10);
    for issuer in [
        "https://kc.test/realms/",
        "https://kc.test/realms/a/b",
        "https://kc.test/realms/a/",
        "https://kc.test/realms/A",
        "https://kc.test/realms/..",
        "https://kc.test/realms/a%2fb",
        "https://kc.test/realms/a?b",
        "https://kc.test/realms/a@b",
        "https://kc.test.evil.example/realms/a",
        "https://evil.example/https://kc.test/realms/a",
        "http://kc.test/realms/a",
        &format!("https://kc.test/realms/{}", "a".repeat(64)),
    ] {
        assert!(pattern.find(issuer).is_none(), "{issuer}");
    }
    assert_eq!(made.load(Ordering::Relaxed), 0);
    assert!(pattern.find("https://kc.test/realms/acme-2_b").is_some());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(pattern.find("https://kc.test/realms/nobody").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_made_up_tenants_costs_one_a_second_and_those_who_are_known_notice_nothing() {
    let (pattern, made) = pattern(1000);
    assert!(pattern.find(A).is_some());
    pattern.proven(A);
    for second in 0..100 {
        tokio::time::advance(Duration::from_secs(1)).await;
        for n in 0..50 {
            let _ = pattern.find(&nth(second * 50 + n));
            assert!(pattern.find(A).is_some());
        }
    }
    assert!(made.load(Ordering::Relaxed) <= 101, "{}", made.load(Ordering::Relaxed));
    let shown = format!("{pattern:?}");
    assert!(shown.contains(&format!("known: {}", UNPROVEN + 1)), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn no_more_tenants_are_known_than_the_limit_says_and_proven_ones_stay() {
    let (pattern, _) = pattern(3);
    for n in 0..3 {
        assert!(pattern.find(&nth(n)).is_some());
        pattern.proven(&nth(n));
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert!(pattern.find(&nth(3)).is_none());
    assert!((0..3).all(|n| pattern.find(&nth(n)).is_some()));
}

#[test]
fn a_pattern_needs_its_tenant_as_a_segment_of_the_path() {
    let error = |pattern: &str| IssuerPattern::new(pattern, 1, |_| None).unwrap_err();
    for pattern in ["https://kc.test/realms/a", "https://kc.test/{tenant}/{tenant}"] {
        assert_eq!(error(pattern), IssuerPatternError::NotOneTenant, "{pattern}");
    }
    for pattern in [
        "https://{tenant}.kc.test/realms/a",
        "https://{tenant}/realms/a",
        "https://kc.test/realms/x{tenant}",
        "https://kc.test/realms/{tenant}x",
        "{tenant}",
        "https:///{tenant}",
    ] {
        assert_eq!(error(pattern), IssuerPatternError::NotASegment, "{pattern}");
    }
}
