//! The issuer tells that a session is over (OpenID Connect Back-Channel Logout 1.0).

use kc_dev::{Alg, Mint, TokenKind};
use serde_json::json;

use super::login::BROWSERS;
use crate::browser::Browser;
use crate::case::{Capability, Case, CaseResult, Failure, Setup, ensure};
use crate::http::Request;
use crate::kit::{CLIENT_SECRET, Kit};
use crate::query::escaped;
use crate::reply::Reply;

const ACTIONS: &str = "OpenID Connect Back-Channel Logout §2.7";
const VALIDATION: &str = "OpenID Connect Back-Channel Logout §2.6";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::own("backchannel/ends-that-session", ACTIONS, async |kit: &Kit| {
            let tap = kit.start_tapped(&[]).await?;
            let (mut other, mut browser) = (Browser::new(kit)?, Browser::new(kit)?);
            other.log_in("alice").await?;
            browser.log_in("alice").await?;
            let (sid, access) = (tap.last("session_state")?, tap.last("access_token")?);
            let token = logout(kit).claim("sid", sid).sign().await?;
            let reply = tell(kit, &token).await?;
            reply.has_status(200)?;
            reply.has_header("cache-control", "no-store")?;
            browser.is_nobody().await?;
            kit.me(&access).await?.refused(401, "token_revoked")?;
            other.is("alice").await
        }),
        Case::own("backchannel/ends-all-of-the-user", ACTIONS, async |kit: &Kit| {
            kit.start(&[]).await?;
            let (mut one, mut other, mut bob) = (Browser::new(kit)?, Browser::new(kit)?, Browser::new(kit)?);
            one.log_in("alice").await?;
            other.log_in("alice").await?;
            bob.log_in("bob").await?;
            let bearer = kit.token("alice").await?;
            tell(kit, &logout(kit).without("sid").sign().await?).await?.has_status(200)?;
            one.is_nobody().await?;
            other.is_nobody().await?;
            kit.me(&bearer).await?.refused(401, "token_revoked")?;
            bob.is("bob").await
        }),
        Case::new("backchannel/unknown-session", ACTIONS, async |kit: &Kit| {
            tell(kit, &logout(kit).claim("sid", "of-nobody").sign().await?).await?.has_status(200)
        }),
        Case::new("backchannel/replayed", VALIDATION, async |kit: &Kit| {
            let token = logout(kit).claim("sid", "of-nobody").sign().await?;
            tell(kit, &token).await?.has_status(200)?;
            tell(kit, &token).await?.has_status(400)
        }),
        Case::new("backchannel/typ-of-other-servers", VALIDATION, async |kit: &Kit| {
            let token = logout(kit).claim("sid", "of-nobody").header("typ", "JWT").sign().await?;
            tell(kit, &token).await?.has_status(200)
        }),
        Case::new("backchannel/is-no-bearer-token", VALIDATION, async |kit: &Kit| {
            kit.me(&logout(kit).claim("sid", "of-nobody").sign().await?)
                .await?
                .refused(401, "wrong_token_type")
        }),
        Case::new("backchannel/no-token", VALIDATION, async |kit: &Kit| {
            for body in ["", "logout_token=", "logout_token=x", "logout_token=a.b.c", "other=x"] {
                send(kit, body).await?.has_status(400)?;
            }
            Ok(())
        }),
        Case::new("backchannel/not-by-get", VALIDATION, async |kit: &Kit| {
            let token = logout(kit).without("sid").sign().await?;
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let target = format!("/oidc/backchannel-logout?logout_token={}", escaped(&token));
            kit.send(&Request::get(target).holding(&token)).await?.has_status(405)?;
            browser.is("alice").await
        }),
    ];
    type Bend = fn(Mint) -> Mint;
    let bends: [(&str, Bend); 17] = [
        ("unsigned", Mint::unsigned),
        ("key-of-a-stranger", |mint| mint.unknown_key(Alg::Rs256)),
        ("signed-with-the-secret", |mint| mint.secret(Alg::Hs256, CLIENT_SECRET)),
        ("of-another-issuer", |mint| mint.claim("iss", "https://evil.test/realms/kc-demo")),
        ("for-another-client", |mint| mint.claim("aud", "spa")),
        ("expired", |mint| mint.expires_in(-60)),
        ("without-exp", |mint| mint.without("exp")),
        ("without-iat", |mint| mint.without("iat")),
        ("of-the-future", |mint| mint.claim("iat", 4_000_000_000_i64)),
        ("without-jti", |mint| mint.without("jti")),
        ("without-events", |mint| mint.without("events")),
        ("with-another-event", |mint| mint.claim("events", json!({"http://evil.test/event": {}}))),
        ("with-an-event-that-is-no-object", |mint| mint.claim("events", json!({ EVENT: true }))),
        ("with-a-nonce", |mint| mint.claim("nonce", "n")),
        ("of-nobody", |mint| mint.without("sub").without("sid")),
        ("id-token-instead", |mint| mint.kind(TokenKind::Id)),
        ("access-token-instead", |mint| mint.kind(TokenKind::Access)),
    ];
    for (name, bend) in bends {
        cases.push(Case::new(format!("backchannel/{name}"), VALIDATION, async move |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            // Without a session it would be all of hers.
            let token = bend(logout(kit).without("sid")).sign().await?;
            let reply = tell(kit, &token).await?;
            let lives = browser.is("alice").await;
            ensure(lives.is_ok(), || format!("the session is over, after an answer of {}", reply.status))?;
            reply.has_status(400)
        }));
    }
    let of_browsers =
        |case: Case| if matches!(case.setup, Setup::Shared(_)) { case.with(BROWSERS) } else { case };
    cases.into_iter().map(|case| of_browsers(case).needing(Capability::Login)).collect()
}

/// A good logout token of alice's, to be bent.
fn logout(kit: &Kit) -> Mint {
    kit.mint().kind(TokenKind::Logout)
}

async fn tell(kit: &Kit, token: &str) -> Result<Reply, Failure> {
    kit.keep_secret(&[token.to_owned()]);
    let reply = send(kit, &format!("logout_token={}", escaped(token))).await?;
    repeats_nothing(&reply, token)?;
    Ok(reply)
}

async fn send(kit: &Kit, body: &str) -> Result<Reply, Failure> {
    let request = Request::new("POST", "/oidc/backchannel-logout");
    kit.send(&request.body("application/x-www-form-urlencoded", body)).await
}

fn repeats_nothing(reply: &Reply, token: &str) -> CaseResult {
    ensure(!reply.text().contains(token), || "the answer repeats the token".to_owned())
}
