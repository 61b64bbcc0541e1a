//! The JOSE header: algorithm, extensions, key references, type.

use kc_dev::{Alg, DevIssuer, Mint};
use serde_json::json;

use super::{CONTRACT_TOKENS, accepted, refused, refused_as, unbase64url};
use crate::case::{Case, ensure};
use crate::kit::{CLIENT_SECRET, Kit};
use crate::stand_in::StandIn;

const NO_SUCH_ALG: &str = "unsupported_algorithm";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        refused("header/alg-none", "RFC 8725 §3.2", NO_SUCH_ALG, Mint::unsigned),
        refused_none("header/alg-none-with-a-signature", |mint| mint.header("alg", "none")),
        refused_none("header/alg-none-capitalised", |mint| mint.unsigned().header("alg", "None")),
        refused_none("header/alg-none-in-upper-case", |mint| mint.unsigned().header("alg", "NONE")),
        refused_none("header/alg-none-in-mixed-case", |mint| mint.unsigned().header("alg", "nOnE")),
        refused_none("header/alg-empty", |mint| mint.header("alg", "")),
        refused_none("header/alg-in-lower-case", |mint| mint.header("alg", "rs256")),
        refused_none("header/alg-unheard-of", |mint| mint.header("alg", "XS256")),
        refused_none("header/alg-of-encryption", |mint| mint.header("alg", "RSA-OAEP")),
        refused_none("header/alg-es256k", |mint| mint.header("alg", "ES256K")),
        refused_as("header/alg-missing", "RFC 7515 §4.1.1", &[NO_SUCH_ALG, "malformed_token"], |mint| {
            mint.without_header("alg")
        }),
        refused_as("header/alg-is-a-number", "RFC 7515 §4.1.1", &[NO_SUCH_ALG, "malformed_token"], |mint| {
            mint.header("alg", 256)
        }),
        refused_as("header/alg-is-a-list", "RFC 7515 §4.1.1", &[NO_SUCH_ALG, "malformed_token"], |mint| {
            mint.header("alg", json!(["RS256"]))
        }),
        refused_as("header/alg-is-null", "RFC 7515 §4.1.1", &[NO_SUCH_ALG, "malformed_token"], |mint| {
            mint.header("alg", json!(null))
        }),
        confused("header/hs256-with-the-public-key-as-pem", Alg::Hs256, Disguise::Pem),
        confused("header/hs384-with-the-public-key-as-pem", Alg::Hs384, Disguise::Pem),
        confused("header/hs512-with-the-public-key-as-pem", Alg::Hs512, Disguise::Pem),
        confused("header/hs256-with-the-public-key-as-der", Alg::Hs256, Disguise::Der),
        confused("header/hs256-with-the-public-key-as-jwk", Alg::Hs256, Disguise::Jwk),
        confused("header/hs256-with-the-modulus", Alg::Hs256, Disguise::Modulus),
        confused("header/hs256-with-the-client-secret", Alg::Hs256, Disguise::ClientSecret),
        confused("header/hs256-with-an-empty-secret", Alg::Hs256, Disguise::Empty),
        refused("header/crit-unknown", "RFC 7515 §4.1.11", "malformed_token", |mint| {
            mint.header("crit", json!(["x"])).header("x", 1)
        }),
        refused("header/crit-empty", "RFC 7515 §4.1.11", "malformed_token", |mint| {
            mint.header("crit", json!([]))
        }),
        refused("header/crit-is-no-list", "RFC 7515 §4.1.11", "malformed_token", |mint| {
            mint.header("crit", "exp")
        }),
        refused("header/crit-with-a-known-name", "RFC 7515 §4.1.11", "malformed_token", |mint| {
            mint.header("crit", json!(["alg"]))
        }),
        refused("header/b64-false", "RFC 7797 §3", "malformed_token", |mint| {
            mint.header("b64", false).header("crit", json!(["b64"]))
        }),
        refused("header/b64-without-crit", "RFC 7797 §6", "malformed_token", |mint| {
            mint.header("b64", false)
        }),
        refused("header/zip", "RFC 7516 §4.1.3", "malformed_token", |mint| mint.header("zip", "DEF")),
        refused("header/kid-is-a-number", "RFC 7515 §4.1.4", "malformed_token", |mint| {
            mint.header("kid", 1)
        }),
        refused("header/kid-is-an-object", "RFC 7515 §4.1.4", "malformed_token", |mint| {
            mint.header("kid", json!({"$ne": ""}))
        }),
        refused("header/kid-unknown", "RFC 7515 §4.1.4", "unknown_key", |mint| {
            mint.header("kid", "unknown")
        }),
        refused("header/kid-empty", "RFC 7515 §4.1.4", "unknown_key", |mint| mint.header("kid", "")),
        refused("header/kid-is-a-path", "RFC 8725 §3.10", "unknown_key", |mint| {
            mint.header("kid", "../../../../dev/null")
        }),
        refused("header/kid-is-sql", "RFC 8725 §3.10", "unknown_key", |mint| {
            mint.header("kid", "x' UNION SELECT 'key' -- ")
        }),
        refused("header/kid-with-line-ends", "RFC 8725 §3.10", "unknown_key", |mint| {
            mint.header("kid", "x\r\nSet-Cookie: a=b\u{1b}[2J")
        }),
        refused("header/kid-of-ten-kilobytes", "RFC 8725 §3.10", "unknown_key", |mint| {
            mint.header("kid", "k".repeat(10_000))
        }),
        accepted("header/no-kid-and-one-fitting-key", CONTRACT_TOKENS, |mint| mint.without_header("kid")),
        stranger("header/jwk-is-not-trusted", "jwk"),
        stranger("header/jku-is-not-followed", "jku"),
        stranger("header/x5u-is-not-followed", "x5u"),
        stranger("header/x5c-is-not-trusted", "x5c"),
        accepted("header/unknown-members-are-ignored", "RFC 7515 §4", |mint| {
            mint.header("x", json!({"y": [1, null]})).header("cty", "")
        }),
        accepted("header/typ-absent", "RFC 7519 §5.1", |mint| mint.without_header("typ")),
        accepted("header/typ-jwt-in-lower-case", "RFC 7519 §5.1", |mint| mint.header("typ", "jwt")),
        accepted("header/typ-application-jwt", "RFC 7515 §4.1.9", |mint| {
            mint.header("typ", "application/jwt")
        }),
        accepted("header/typ-at-jwt", "RFC 9068 §2.1", |mint| mint.header("typ", "at+jwt")),
        accepted("header/typ-application-at-jwt", "RFC 9068 §2.1", |mint| {
            mint.header("typ", "APPLICATION/at+JWT")
        }),
        refused("header/typ-is-a-number", "RFC 7515 §4.1.9", "malformed_token", |mint| {
            mint.header("typ", 7)
        }),
    ];
    for typ in [
        "logout+jwt",
        "dpop+jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "secevent+jwt",
        "JOSE",
        "",
    ] {
        let name: String = typ.to_lowercase().chars().map(|c| if c == '+' { '-' } else { c }).collect();
        let name = if name.is_empty() { "empty".to_owned() } else { name };
        cases.push(refused(
            &format!("header/typ-{name}"),
            "RFC 8725 §3.11",
            "wrong_token_type",
            move |mint| mint.header("typ", typ),
        ));
    }
    cases
}

fn refused_none(id: &str, bend: fn(Mint) -> Mint) -> Case {
    refused(id, "RFC 8725 §3.1", NO_SUCH_ALG, bend)
}

/// What of a public key an attacker takes for a shared secret.
#[derive(Clone, Copy)]
enum Disguise {
    ClientSecret,
    Der,
    Empty,
    Jwk,
    Modulus,
    Pem,
}

/// CVE-2016-5431 and its many descendants: the public key as the secret of an HMAC.
fn confused(id: &str, alg: Alg, disguise: Disguise) -> Case {
    Case::new(id, "RFC 8725 §2.1", async move |kit| {
        let kid = kit.issuer.kid(Alg::Rs256).await?;
        let jwks = kit.issuer.jwks().await?;
        let jwk = super::key_lists::jwk(&jwks, &kid)?;
        let pem = kit.issuer.public_key_pem(Alg::Rs256).await?;
        let secret = match disguise {
            Disguise::ClientSecret => CLIENT_SECRET.as_bytes().to_vec(),
            Disguise::Der => {
                let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
                base64_simd::STANDARD.decode_to_vec(text).unwrap_or_default()
            }
            Disguise::Empty => Vec::new(),
            Disguise::Jwk => jwk.to_string().into_bytes(),
            Disguise::Modulus => {
                unbase64url(jwk.get("n").and_then(serde_json::Value::as_str).unwrap_or_default())
            }
            Disguise::Pem => pem.into_bytes(),
        };
        let token = kit.mint().secret(alg, secret).header("kid", kid).sign().await?;
        kit.me(&token).await?.refused(401, NO_SUCH_ALG)
    })
}

/// A token that brings the key it is signed with, or says where to get it.
fn stranger(id: &str, member: &'static str) -> Case {
    Case::new(id, "RFC 8725 §3.10", async move |kit: &Kit| {
        // An issuer with keys of its own, who says that he is ours.
        let stranger = DevIssuer::start().await?;
        let jwks = stranger.jwks().await?;
        let elsewhere = StandIn::start().await?;
        elsewhere.answer_json("/certs", &jwks);
        let kid = stranger.kid(Alg::Es256).await?;
        let value = match member {
            "jwk" => super::key_lists::jwk(&jwks, &kid)?,
            // Not a certificate: that it is looked at at all would show in the answer.
            "x5c" => json!(["MIIB"]),
            _ => json!(format!("{}/certs", elsewhere.url())),
        };
        let mint = stranger.mint().user("alice").claim("iss", kit.issuer.issuer());
        let token = mint.alg(Alg::Es256).header(member, value).sign().await?;
        kit.me(&token).await?.refused(401, "unknown_key")?;
        let fetched = elsewhere.seen("").len();
        ensure(fetched == 0, || format!("expected no request to where the token points, got {fetched}"))
    })
}
