//! Kinds of token: only access tokens open anything.

use kc_dev::{Alg, TokenKind};
use serde_json::json;

use super::{CONTRACT_TOKENS, accepted, refused, refused_as};
use crate::case::Case;
use crate::kit::Kit;

const WRONG: &str = "wrong_token_type";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        refused("kind/id-token", "RFC 8725 §3.12", WRONG, |mint| mint.kind(TokenKind::Id)),
        refused("kind/id-token-with-our-audience", "RFC 8725 §3.12", WRONG, |mint| {
            mint.kind(TokenKind::Id).claim("aud", json!(["api"]))
        }),
        refused_as("kind/refresh-token", "RFC 6749 §1.5", &["unsupported_algorithm", WRONG], |mint| {
            mint.kind(TokenKind::Refresh)
        }),
        refused_as(
            "kind/offline-token",
            "OpenID Connect Core §11",
            &["unsupported_algorithm", WRONG],
            |mint| mint.kind(TokenKind::Offline),
        ),
        refused("kind/refresh-token-signed-as-access-tokens-are", "RFC 8725 §3.12", WRONG, |mint| {
            mint.kind(TokenKind::Refresh).alg(Alg::Rs256).claim("aud", "api")
        }),
        refused("kind/offline-token-signed-as-access-tokens-are", "RFC 8725 §3.12", WRONG, |mint| {
            mint.kind(TokenKind::Offline).alg(Alg::Rs256).claim("aud", "api")
        }),
        refused("kind/logout-token", "OpenID Connect Back-Channel Logout §2.4", WRONG, |mint| {
            mint.kind(TokenKind::Logout).claim("aud", "api")
        }),
        refused("kind/logout-token-with-a-plain-header", "RFC 8725 §3.12", WRONG, |mint| {
            mint.kind(TokenKind::Logout).header("typ", "JWT").claim("aud", "api")
        }),
        refused("kind/none", CONTRACT_TOKENS, WRONG, |mint| mint.without("typ")),
        refused("kind/none-and-no-header-typ", CONTRACT_TOKENS, WRONG, |mint| {
            mint.without("typ").without_header("typ")
        }),
        accepted("kind/rfc-9068", "RFC 9068 §2", |mint| mint.without("typ").header("typ", "at+jwt")),
        accepted("kind/rfc-9068-with-application", "RFC 9068 §4", |mint| {
            mint.without("typ").header("typ", "application/at+jwt")
        }),
        refused("kind/bound-by-dpop", "RFC 9449 §7.1", "bound_token", |mint| {
            mint.claim("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}))
        }),
        refused("kind/bound-by-certificate", "RFC 8705 §3", "bound_token", |mint| {
            mint.claim("cnf", json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}))
        }),
        refused("kind/bound-by-something-unknown", "RFC 7800 §3", "bound_token", |mint| {
            mint.claim("cnf", json!({"x": "y"}))
        }),
        Case::new("kind/service-account", "RFC 6749 §4.4", async |kit: &Kit| {
            kit.me(&kit.issuer.service_token().await?).await?.has_status(200)
        }),
    ];
    for mark in ["nonce", "at_hash", "events"] {
        cases.push(refused(
            &format!("kind/rfc-9068-with-{}", mark.replace('_', "-")),
            CONTRACT_TOKENS,
            WRONG,
            move |mint| mint.without("typ").header("typ", "at+jwt").claim(mark, "x"),
        ));
    }
    for (name, typ) in [
        ("in-lower-case", "bearer"),
        ("in-upper-case", "BEARER"),
        ("empty", ""),
        ("permission-ticket", "permission_ticket"),
        ("registration-token", "RegistrationAccessToken"),
        ("action-token", "reset-credentials"),
    ] {
        cases.push(refused(&format!("kind/{name}"), CONTRACT_TOKENS, WRONG, move |mint| {
            mint.claim("typ", typ)
        }));
    }
    cases
}
