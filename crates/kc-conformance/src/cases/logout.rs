//! Logging out here, and what of a login, a logout and a renewal is written down.

use serde_json::Value;

use super::login::BROWSERS;
use super::logs::{events_of, says};
use crate::browser::Browser;
use crate::case::{Capability, Case, CaseResult, Failure, Setup, ensure};
use crate::kit::Kit;
use crate::query;
use crate::reply::Reply;

const RP_INITIATED: &str = "OpenID Connect RP-Initiated Logout §2";
const CONTRACT: &str = "contract: login";
const AUDIT: &str = "contract: audit";
const CSRF: &str = "CWE-352";

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        Case::new("logout/goes-to-the-issuer", RP_INITIATED, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let before = browser.clone();
            let csrf = browser.values().await?.csrf;
            let reply = browser.post("/oidc/logout", &[("csrf_token", csrf.as_str())]).await?;
            sent_to_the_issuer(kit, &reply)?;
            browser.is_nobody().await?;
            // Who has kept the cookie.
            before.is_nobody().await
        }),
        Case::new("logout/with-the-header", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let csrf = browser.values().await?.csrf;
            let reply =
                browser.send(browser.request("POST", "/oidc/logout").header("X-CSRF-Token", csrf)).await?;
            sent_to_the_issuer(kit, &reply)?;
            browser.is_nobody().await
        }),
        Case::new("logout/by-a-link", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let values = browser.values().await?;
            let link = values.link.unwrap_or_default();
            ensure(!link.is_empty(), || {
                "expected a link to /oidc/logout?csrf_token=… on the page".to_owned()
            })?;
            ensure(link != values.csrf, || {
                "a link that logs out has the value of forms, and links end up in logs".to_owned()
            })?;
            let add = browser.request("POST", "/items?item_name=x").header("X-CSRF-Token", &link);
            browser.send(add).await?.refused(403, "csrf_failed")?;
            let reply = browser.get(&format!("/oidc/logout?csrf_token={link}")).await?;
            sent_to_the_issuer(kit, &reply)?;
            browser.is_nobody().await
        }),
        Case::new("logout/by-another-site", CSRF, async |kit: &Kit| {
            let (mut browser, mut other) = (Browser::new(kit)?, Browser::new(kit)?);
            browser.log_in("alice").await?;
            other.log_in("bob").await?;
            let of_bob = other.values().await?.csrf;
            for value in ["", "x", of_bob.as_str()] {
                browser.post("/oidc/logout", &[("csrf_token", value)]).await?.refused(403, "csrf_failed")?;
                let link = format!("/oidc/logout?csrf_token={value}");
                browser.get(&link).await?.has_status(403)?;
            }
            browser.post("/oidc/logout", &[]).await?.refused(403, "csrf_failed")?;
            browser.get("/oidc/logout").await?.has_status(403)?;
            browser.is("alice").await
        }),
        Case::new("logout/other-sessions-go-on", CONTRACT, async |kit: &Kit| {
            let (mut one, mut other) = (Browser::new(kit)?, Browser::new(kit)?);
            one.log_in("alice").await?;
            other.log_in("alice").await?;
            let csrf = one.values().await?.csrf;
            one.post("/oidc/logout", &[("csrf_token", csrf.as_str())]).await?.has_status(302)?;
            one.is_nobody().await?;
            other.is("alice").await
        }),
        Case::own("logout/tokens-of-the-session-are-revoked", CONTRACT, async |kit: &Kit| {
            let tap = kit.start_tapped(&[]).await?;
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let token = tap.last("access_token")?;
            kit.me(&token).await?.has_status(200)?;
            let csrf = browser.values().await?.csrf;
            browser.post("/oidc/logout", &[("csrf_token", csrf.as_str())]).await?.has_status(302)?;
            kit.me(&token).await?.refused(401, "token_revoked")?;
            // Another session of the same user.
            kit.me(&kit.token("alice").await?).await?.has_status(200)
        }),
        Case::own("login/audit", AUDIT, async |kit: &Kit| {
            let tap = kit.start_tapped(&[]).await?;
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let event = one_event(kit, "login").await?;
            says(&event, "decision", "allow")?;
            says(&event, "method", "GET")?;
            says(&event, "path", "/oidc/callback")?;
            says(&event, "realm", kit.realm())?;
            says(&event, "username", "alice")?;
            says(&event, "sub", kit.issuer.user_id("alice").unwrap_or_default())?;
            says(&event, "sid", &tap.last("session_state")?)?;
            status(&event, 302)
        }),
        Case::own("login/audit-of-a-failure", AUDIT, async |kit: &Kit| {
            kit.start(&[]).await?;
            let mut browser = Browser::new(kit)?;
            let callback = browser.until_callback("/", "alice").await?;
            browser.get(&query::with(&callback, "state", None)).await?.has_status(400)?;
            let event = one_event(kit, "login").await?;
            says(&event, "decision", "deny")?;
            says(&event, "path", "/oidc/callback")?;
            ensure(event.get("code").is_some_and(Value::is_string), || {
                format!("expected a code in the audit, got {event}")
            })?;
            status(&event, 400)
        }),
        Case::own("logout/audit", AUDIT, async |kit: &Kit| {
            kit.start(&[]).await?;
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let csrf = browser.values().await?.csrf;
            browser.post("/oidc/logout", &[("csrf_token", csrf.as_str())]).await?.has_status(302)?;
            let event = one_event(kit, "logout").await?;
            says(&event, "decision", "allow")?;
            says(&event, "path", "/oidc/logout")?;
            says(&event, "username", "alice")?;
            status(&event, 302)
        }),
        Case::own_realm("session/audit-of-a-renewal", AUDIT, async |kit: &Kit| {
            kit.start(&[("KEYCLOAK_LEEWAY_SECONDS", "0")]).await?;
            kit.issuer.set_token_lifespan(2).await?;
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            kit.issuer.set_token_lifespan(crate::issuer::TOKEN_LIFESPAN).await?;
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            browser.is("alice").await?;
            let event = one_event(kit, "refresh").await?;
            says(&event, "decision", "allow")?;
            says(&event, "username", "alice")
        }),
        Case::own_realm("login/nothing-confidential-in-the-output", "CWE-532", nothing_confidential),
    ];
    let of_browsers =
        |case: Case| if matches!(case.setup, Setup::Shared(_)) { case.with(BROWSERS) } else { case };
    cases.into_iter().map(|case| of_browsers(case).needing(Capability::Login)).collect()
}

fn sent_to_the_issuer(kit: &Kit, reply: &Reply) -> CaseResult {
    reply.has_status(302)?;
    reply.has_header("cache-control", "no-store")?;
    let location = reply.header("location").unwrap_or_default();
    let expected = format!("{}/protocol/openid-connect/logout?", kit.issuer.issuer());
    ensure(location.starts_with(&expected), || {
        format!("expected to be sent to {expected}…, got {:?}", location.split('?').next())
    })?;
    let home = format!("http://{}", kit.address()?);
    let client = query::value(location, "client_id");
    ensure(client.as_deref() == Some("api"), || format!("expected client_id=api, got {client:?}"))?;
    let back = query::value(location, "post_logout_redirect_uri").unwrap_or_default();
    ensure(back.starts_with(&home), || format!("expected to be sent back to {home}, got {back:?}"))?;
    let hint = query::value(location, "id_token_hint").unwrap_or_default();
    ensure(hint.split('.').count() == 3, || "expected an ID token as id_token_hint, got none".to_owned())?;
    kit.keep_secret(&[hint]);
    Ok(())
}

/// Everything that a browser can do, at the most talkative level.
async fn nothing_confidential(kit: &Kit) -> CaseResult {
    let talkative = [("RUST_LOG", "trace"), ("LOG_LEVEL", "trace"), ("DEBUG", "*")];
    let tap = kit.start_tapped(&[&talkative[..], &[("KEYCLOAK_LEEWAY_SECONDS", "0")]].concat()).await?;
    kit.issuer.set_token_lifespan(2).await?;
    let mut browser = Browser::new(kit)?;
    browser.log_in("alice").await?;
    kit.issuer.set_token_lifespan(crate::issuer::TOKEN_LIFESPAN).await?;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    browser.is("alice").await?;
    let mut failing = Browser::new(kit)?;
    let callback = failing.until_callback("/account?marker=query-of-the-suite", "bob").await?;
    failing
        .get(&query::with(&callback, "code", Some("code-of-the-suite-that-is-none")))
        .await?
        .has_status(400)?;
    kit.keep_whole("code-of-the-suite-that-is-none");
    let values = browser.values().await?;
    browser.post("/items", &[("csrf_token", "x")]).await?.has_status(403)?;
    browser.post("/oidc/logout", &[("csrf_token", values.csrf.as_str())]).await?.has_status(302)?;
    let all = tap.tokens();
    ensure(all.len() >= 6, || {
        format!("expected a login and a renewal by way of the tap, got {} tokens", all.len())
    })?;
    kit.keep_secret(&all);
    let (stdout, stderr) = kit.output().await;
    let output = stdout + &stderr;
    let leaks = kit.leaks_in(&output);
    ensure(leaks.is_empty(), || {
        format!("expected neither tokens nor cookies nor codes in the output: {}", leaks.join("; "))
    })?;
    ensure(!output.contains("query-of-the-suite"), || {
        "expected no query string in the output, got it".to_owned()
    })
}

async fn one_event(kit: &Kit, name: &str) -> Result<Value, Failure> {
    let mut found = Vec::new();
    // A service may write it after the answer is on its way.
    for _ in 0..10 {
        found = events_of(kit, "event", name).await?;
        if !found.is_empty() {
            break;
        }
    }
    let count = found.len();
    match (count, found.pop()) {
        (1, Some(event)) => Ok(event),
        _ => Err(Failure::new(format!(
            "expected one audit line of the event {name} on standard output, got {count}"
        ))),
    }
}

fn status(event: &Value, status: u64) -> CaseResult {
    ensure(event.get("status").and_then(Value::as_u64) == Some(status), || {
        format!("expected status {status} in the audit, got {event}")
    })
}
