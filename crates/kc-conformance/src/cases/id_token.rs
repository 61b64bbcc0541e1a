//! ID tokens that the token endpoint answers with, and that must log nobody in.

use kc_dev::{Alg, Mint, TokenKind};
use serde_json::json;

use super::login::failed;
use crate::browser::Browser;
use crate::case::{Capability, Case, CaseResult, Failure};
use crate::kit::{CLIENT_SECRET, Kit};
use crate::query;

const CORE: &str = "OpenID Connect Core §3.1.3.7";

pub(crate) fn cases() -> Vec<Case> {
    type Bend = fn(Mint) -> Mint;
    let bends: [(&str, Bend); 11] = [
        ("unsigned", Mint::unsigned),
        ("key-of-a-stranger", |mint| mint.unknown_key(Alg::Rs256)),
        ("signed-with-the-secret", |mint| mint.secret(Alg::Hs256, CLIENT_SECRET)),
        ("nonce-of-another-login", |mint| mint.claim("nonce", "of-another-login")),
        ("nonce-missing", |mint| mint.without("nonce")),
        ("of-another-issuer", |mint| mint.claim("iss", "https://evil.test/realms/kc-demo")),
        ("for-another-client", |mint| mint.claim("aud", "spa").claim("azp", "spa")),
        ("for-several-issued-to-another", |mint| {
            mint.claim("aud", json!(["api", "spa"])).claim("azp", "spa")
        }),
        ("expired", |mint| mint.expires_in(-60)),
        ("of-another-access-token", |mint| mint.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")),
        ("of-another-user", |mint| mint.user("bob")),
    ];
    let mut cases = vec![Case::own("login/id-token/good", CORE, async |kit: &Kit| {
        // What is bent below is good before.
        let (mut browser, callback) = forged(kit, |mint| mint).await?;
        browser.get(&callback).await?.has_status(302)?;
        browser.is("alice").await
    })];
    for (name, bend) in bends {
        cases.push(refused(name, bend));
    }
    cases.push(refused("access-token-instead", |mint| mint.kind(TokenKind::Access)));
    cases.push(refused("logout-token-instead", |mint| mint.kind(TokenKind::Logout)));
    cases.into_iter().map(|case| case.needing(Capability::Login)).collect()
}

fn refused(name: &str, bend: fn(Mint) -> Mint) -> Case {
    Case::own(format!("login/id-token/{name}"), CORE, async move |kit: &Kit| -> CaseResult {
        let (mut browser, callback) = forged(kit, bend).await?;
        failed(&browser.get(&callback).await?, 400)?;
        browser.is_nobody().await
    })
}

/// A login up to the callback, whose ID token will be this one.
async fn forged(kit: &Kit, bend: fn(Mint) -> Mint) -> Result<(Browser<'_>, String), Failure> {
    let tap = kit.start_tapped(&[]).await?;
    let mut browser = Browser::new(kit)?;
    let url = browser.begin("/account").await?;
    let nonce = query::value(&url, "nonce").or_else(|| query::value(&tap.pushed()?, "nonce"));
    let nonce = nonce.ok_or_else(|| Failure::new("expected a nonce in the request for a login"))?;
    let callback = browser.at_issuer(&url, "alice").await?;
    let good = kit.mint().kind(TokenKind::Id).claim("nonce", nonce).without("at_hash");
    let token = bend(good).sign().await?;
    kit.keep_secret(std::slice::from_ref(&token));
    tap.forge_id_token(token);
    Ok((browser, callback))
}
