//! The checks of an access token's claims: claims × policy × now, nothing else.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::token::{Claims, HeaderType, TokenError, TokenKind};

/// What an access token must satisfy beside its signature.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) issuer: String,
    pub(crate) audience: Vec<String>,
    pub(crate) leeway: Duration,
    pub(super) left_out: LeftOut,
}

/// Checks that are not made, which nobody comes by without having said so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeftOut {
    pub(super) issuer: bool,
    pub(super) audience: bool,
    /// A token that does not say what it is passes for an access token.
    pub(super) kind: bool,
}

impl Policy {
    /// Of one issuer, for any of these audiences, with 5 s of leeway.
    pub(super) fn new<A: Into<String>>(
        issuer: impl Into<String>,
        audience: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into_iter().map(Into::into).collect(),
            leeway: Duration::from_secs(5),
            left_out: LeftOut::default(),
        }
    }

    /// Everything, in the order of the contract: kind, issuer, audience, times.
    pub(crate) fn check(&self, header: HeaderType, claims: &Claims, now: UnixTime) -> Result<(), TokenError> {
        self.kind(header, claims)?;
        self.issuer(claims)?;
        self.audience(claims)?;
        self.lifetime(claims, now)
    }

    /// RFC 9068 §4: the issuer, exactly.
    pub(super) fn issuer(&self, claims: &Claims) -> Result<(), TokenError> {
        if self.left_out.issuer {
            return Ok(());
        }
        let got = claims.issuer.as_ref().ok_or(TokenError::MissingClaim { claim: "iss" })?;
        if *got == self.issuer {
            return Ok(());
        }
        Err(TokenError::Issuer { expected: self.issuer.clone(), got: got.chars().take(200).collect() })
    }

    /// RFC 9068 §4: one of the token's audiences is one of ours.
    pub(crate) fn audience(&self, claims: &Claims) -> Result<(), TokenError> {
        if self.left_out.audience {
            return Ok(());
        }
        let got = claims.audience.as_ref().ok_or(TokenError::MissingClaim { claim: "aud" })?;
        if got.iter().any(|audience| self.audience.iter().any(|expected| expected == audience)) {
            return Ok(());
        }
        Err(TokenError::Audience { expected: self.audience.clone(), got: got.to_vec() })
    }

    /// RFC 7519 §4.1.4 to §4.1.6, with leeway on every side.
    pub(crate) fn lifetime(&self, claims: &Claims, now: UnixTime) -> Result<(), TokenError> {
        let exp = claims.expires_at.ok_or(TokenError::MissingClaim { claim: "exp" })?;
        if now >= exp.plus(self.leeway) {
            return Err(TokenError::Expired { at: exp, now });
        }
        self.beginning(claims, now)
    }

    /// `nbf` and `iat`, where they are given.
    pub(super) fn beginning(&self, claims: &Claims, now: UnixTime) -> Result<(), TokenError> {
        for (claim, at) in [("nbf", claims.not_before), ("iat", claims.issued_at)] {
            if let Some(at) = at.filter(|at| now.plus(self.leeway) < *at) {
                return Err(TokenError::NotYetValid { claim, at, now });
            }
        }
        Ok(())
    }

    /// Whether it is an access token, and one that anybody may present.
    ///
    /// Keycloak writes the same `typ: JWT` into the header of everything it signs and tells kinds apart by the claim
    /// `typ`. RFC 9068 tokens have `at+jwt` in the header and no such claim; a realm signs other things without it too,
    /// so these must not look like one of them.
    fn kind(&self, header: HeaderType, claims: &Claims) -> Result<(), TokenError> {
        let other = |got| Err(TokenError::WrongType { got });
        match claims.kind.as_deref() {
            Some("Bearer") => {}
            Some("DPoP") if claims.bound => {}
            Some(kind) => return other(TokenKind::from_claim(kind)),
            None if (header == HeaderType::AtJwt || self.left_out.kind) && !claims.marked_as_other => {}
            None => return other(TokenKind::Other),
        }
        if claims.bound { Err(TokenError::Bound) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    const NOW: i64 = 1_795_310_500;

    fn policy() -> Policy {
        Policy::new("http://kc/realms/a", ["api", "api2"])
    }

    /// A good payload with `changes` merged in; `null` takes a claim away.
    fn check_under(header: HeaderType, changes: &serde_json::Value) -> Result<(), TokenError> {
        let mut payload = serde_json::json!({
            "iss": "http://kc/realms/a", "aud": ["account", "api"], "exp": NOW + 300, "iat": NOW, "typ": "Bearer",
        });
        for (claim, value) in changes.as_object().unwrap() {
            payload[claim] = value.clone();
        }
        let text = payload.to_string();
        let claims = Claims::read(&json::parse_object(text.as_bytes(), 16).unwrap())?;
        policy().check(header, &claims, UnixTime::from_secs(NOW))
    }

    fn check(changes: &serde_json::Value) -> Result<(), TokenError> {
        check_under(HeaderType::Jwt, changes)
    }

    fn code(changes: &serde_json::Value) -> &'static str {
        check(changes).unwrap_err().code()
    }

    use serde_json::json;

    #[test]
    fn a_good_token_passes() {
        assert_eq!(check(&json!({})), Ok(()));
        assert_eq!(check(&json!({"aud": "api"})), Ok(()));
        assert_eq!(check(&json!({"aud": ["api2"]})), Ok(()));
    }

    #[test]
    fn every_other_kind_is_refused_by_name() {
        for (kind, got) in [
            ("ID", TokenKind::Id),
            ("Refresh", TokenKind::Refresh),
            ("Offline", TokenKind::Offline),
            ("Logout", TokenKind::Logout),
            ("DPoP", TokenKind::Dpop),
            ("bearer", TokenKind::Other),
            ("BEARER", TokenKind::Other),
            ("", TokenKind::Other),
            ("RegistrationAccessToken", TokenKind::Other),
        ] {
            assert_eq!(check(&json!({ "typ": kind })), Err(TokenError::WrongType { got }), "{kind}");
            assert_eq!(
                check_under(HeaderType::AtJwt, &json!({ "typ": kind })),
                Err(TokenError::WrongType { got })
            );
        }
    }

    #[test]
    fn without_a_kind_only_an_at_jwt_without_marks_of_other_tokens_passes() {
        let none = json!({ "typ": null });
        assert_eq!(check_under(HeaderType::AtJwt, &none), Ok(()));
        assert_eq!(check_under(HeaderType::Jwt, &none).unwrap_err().code(), "wrong_token_type");
        assert_eq!(check_under(HeaderType::Absent, &none).unwrap_err().code(), "wrong_token_type");
        for mark in ["nonce", "at_hash", "events"] {
            let marked = json!({ "typ": null, mark: "x" });
            assert_eq!(
                check_under(HeaderType::AtJwt, &marked).unwrap_err().code(),
                "wrong_token_type",
                "{mark}"
            );
        }
    }

    #[test]
    fn a_bound_token_is_refused_as_bearer_whatever_its_kind_says() {
        assert_eq!(check(&json!({"cnf": {"jkt": "x"}})), Err(TokenError::Bound));
        assert_eq!(check(&json!({"cnf": {}, "typ": "DPoP"})), Err(TokenError::Bound));
        assert_eq!(
            check_under(HeaderType::AtJwt, &json!({"cnf": {"x5t#S256": "x"}, "typ": null})),
            Err(TokenError::Bound)
        );
        assert_eq!(code(&json!({"cnf": {"jkt": "x"}, "typ": "ID"})), "wrong_token_type");
    }

    #[test]
    fn the_issuer_is_compared_byte_by_byte() {
        for iss in [
            "http://kc/realms/ab",
            "http://kc/realms/",
            "http://kc/realms/a/",
            "HTTP://kc/realms/a",
            "http://kc/realms/A",
            "http://kc:80/realms/a",
            "https://kc/realms/a",
            "",
            " http://kc/realms/a",
        ] {
            assert_eq!(code(&json!({ "iss": iss })), "invalid_issuer", "{iss}");
        }
        assert_eq!(code(&json!({ "iss": null })), "missing_claim");
    }

    #[test]
    fn one_audience_has_to_be_ours() {
        for aud in [
            json!("account"),
            json!(["account"]),
            json!([]),
            json!(""),
            json!("API"),
            json!("api "),
            json!(["ap", "i"]),
        ] {
            assert_eq!(code(&json!({ "aud": aud })), "invalid_audience", "{aud}");
        }
        assert_eq!(code(&json!({ "aud": null })), "missing_claim");
    }

    #[test]
    fn the_authorized_party_is_no_audience() {
        assert_eq!(code(&json!({ "azp": "api", "client_id": "api", "aud": "account" })), "invalid_audience");
    }

    #[test]
    fn a_token_ends_at_exp_plus_leeway_to_the_millisecond() {
        assert_eq!(code(&json!({"exp": NOW - 5})), "token_expired");
        assert_eq!(check(&json!({"exp": NOW - 4})), Ok(()));
        assert_eq!(check(&json!({"exp": NOW as f64 - 4.999})), Ok(()));
        assert_eq!(code(&json!({"exp": NOW as f64 - 5.001})), "token_expired");
        assert_eq!(code(&json!({"exp": 0})), "token_expired");
        assert_eq!(code(&json!({"exp": -1e300})), "token_expired");
        assert_eq!(check(&json!({"exp": 1e300})), Ok(()));
        assert_eq!(code(&json!({"exp": null})), "missing_claim");
    }

    #[test]
    fn a_token_begins_at_nbf_and_iat_less_leeway() {
        for claim in ["nbf", "iat"] {
            assert_eq!(check(&json!({ claim: NOW + 5 })), Ok(()));
            assert_eq!(code(&json!({ claim: NOW + 6 })), "token_not_yet_valid");
            assert_eq!(check(&json!({ claim: null })), Ok(()));
        }
    }

    #[test]
    fn the_first_defect_in_the_order_of_the_contract_is_named() {
        let all = json!({"typ": "ID", "iss": "x", "aud": "x", "exp": 0});
        assert_eq!(code(&all), "wrong_token_type");
        assert_eq!(code(&json!({"iss": "x", "aud": "x", "exp": 0})), "invalid_issuer");
        assert_eq!(code(&json!({"aud": "x", "exp": 0})), "invalid_audience");
        assert_eq!(code(&json!({"aud": null, "exp": null})), "missing_claim");
    }
}
