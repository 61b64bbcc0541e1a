//! A session outlives its access token: renewed, kept through an outage, or over.

use std::time::{Duration, Instant};

use kc_dev::{Endpoint, Fault};
use tokio::time::sleep;

use super::login::is_page;
use crate::browser::Browser;
use crate::case::{Capability, Case, CaseResult, ensure};
use crate::issuer::TOKEN_LIFESPAN;
use crate::kit::Kit;

const CONTRACT: &str = "contract: login, session and expired access token";

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        Case::own_realm("session/renewed-before-its-token-expires", CONTRACT, renewed_before),
        Case::own_realm("session/renewed-after-its-token-expired", CONTRACT, renewed_after),
        Case::own_realm("session/over-when-the-issuer-says-so", CONTRACT, over),
        Case::own_realm("session/kept-while-the-issuer-is-down", CONTRACT, kept),
    ];
    cases.into_iter().map(|case| case.needing(Capability::Login)).collect()
}

/// A session of alice's whose access token lives so long; tokens issued from now on live as usual.
async fn short_lived(kit: &Kit, secs: u32) -> Result<Browser<'_>, crate::case::Failure> {
    // No leeway: a token is over when it is.
    kit.start(&[("KEYCLOAK_LEEWAY_SECONDS", "0")]).await?;
    kit.issuer.set_token_lifespan(secs).await?;
    let mut browser = Browser::new(kit)?;
    browser.log_in("alice").await?;
    kit.issuer.set_token_lifespan(TOKEN_LIFESPAN).await?;
    kit.issuer.reset_requests();
    Ok(browser)
}

async fn renewed_before(kit: &Kit) -> CaseResult {
    let browser = short_lived(kit, 8).await?;
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(7) {
        browser.is("alice").await?;
        sleep(Duration::from_millis(250)).await;
    }
    let renewed = kit.asked(Endpoint::Token);
    ensure(renewed >= 1, || {
        "expected the tokens to be renewed before they expire, they were not".to_owned()
    })?;
    sleep(Duration::from_secs(2)).await;
    browser.is("alice").await?;
    let renewed = kit.asked(Endpoint::Token);
    ensure(renewed == 1, || format!("expected the tokens to be renewed once, they were {renewed} times"))
}

async fn renewed_after(kit: &Kit) -> CaseResult {
    let browser = short_lived(kit, 3).await?;
    sleep(Duration::from_secs(4)).await;
    // Several at once, as a page with pictures.
    let (one, two, three) = tokio::join!(browser.is("alice"), browser.is("alice"), browser.is("alice"));
    one.and(two).and(three)?;
    let renewed = kit.asked(Endpoint::Token);
    ensure(renewed == 1, || format!("expected the tokens to be renewed once, they were {renewed} times"))
}

async fn over(kit: &Kit) -> CaseResult {
    let mut browser = short_lived(kit, 4).await?;
    kit.issuer.logout_user("alice").await?;
    sleep(Duration::from_secs(5)).await;
    browser.me().await?.refused(401, "session_expired")?;
    browser.get("/account").await?.has_status(302)?;
    browser.is_nobody().await
}

async fn kept(kit: &Kit) -> CaseResult {
    let mut browser = short_lived(kit, 6).await?;
    let since = Instant::now();
    for fault in [Fault::Cut, Fault::Status(500), Fault::Garbage] {
        kit.issuer.clear_fault(Endpoint::Token);
        kit.issuer.fault(Endpoint::Token, fault);
        let reply = browser.me().await?;
        // A slow machine: what lived when it was sent may be over when it is looked at.
        if since.elapsed() < Duration::from_secs(5) {
            reply.has_status(200)?;
        }
    }
    sleep(Duration::from_secs(7).saturating_sub(since.elapsed())).await;
    for fault in [Fault::Cut, Fault::Status(500), Fault::Garbage] {
        kit.issuer.clear_fault(Endpoint::Token);
        kit.issuer.fault(Endpoint::Token, fault);
        browser.me().await?.refused(503, "login_unavailable")?;
        let page = browser.get("/account").await?;
        page.has_status(503)?;
        is_page(&page)?;
    }
    kit.issuer.clear_fault(Endpoint::Token);
    browser.is("alice").await
}
