//! The session as credentials: beside tokens, on pages and on the API, and what shows that a request was meant.

use super::login::{BROWSERS, is_page};
use crate::browser::Browser;
use crate::case::{Capability, Case, CaseResult, Setup, ensure};
use crate::kit::Kit;
use crate::reply::Reply;

const CONTRACT: &str = "contract: login";
const CSRF: &str = "CWE-352";
const BESIDE: &str = "contract: a route that takes a bearer token also takes the session";

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        Case::new("session/account-asks-for-a-login", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let reply = browser.get("/account").await?;
            reply.has_status(302)?;
            reply.has_header("cache-control", "no-store")?;
            reply.has_header("location", "/oidc/authenticate?next=/account")?;
            let navigated = browser.request("GET", "/account").header("Sec-Fetch-Mode", "navigate");
            browser.send(navigated).await?.has_status(302)
        }),
        Case::new("session/account-refuses-a-script", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            for headers in [
                &[("Accept", "application/json")][..],
                &[("Accept", "*/*"), ("Sec-Fetch-Mode", "cors")],
                &[("Accept", "*/*"), ("X-Requested-With", "XMLHttpRequest")],
            ] {
                let request = browser.request("GET", "/account");
                let request =
                    headers.iter().fold(request, |request, (name, value)| request.header(name, value));
                browser.send(request).await?.refused(401, "not_authenticated")?;
            }
            Ok(())
        }),
        Case::new("session/account-names-the-user", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let page = browser.get("/account").await?;
            page.has_status(200)?;
            page.has_header("cache-control", "no-store")?;
            is_page(&page)?;
            shows(&page, "alice")
        }),
        Case::new("session/home-says-who-is-logged-in", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let before = browser.get("/").await?;
            before.has_status(200)?;
            before.has_header("cache-control", "no-store")?;
            is_page(&before)?;
            shows(&before, "/oidc/authenticate")?;
            browser.log_in("alice").await?;
            let after = browser.get("/").await?;
            shows(&after, "alice")?;
            shows(&after, "/oidc/logout")
        }),
        Case::new("session/reads-the-api", BESIDE, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            browser.is("alice").await?;
            browser.get("/items").await?.has_status(200)?;
            let mut browser = Browser::new(kit)?;
            browser.log_in("carol").await?;
            browser.is("carol").await?;
            browser.get("/reports").await?.has_status(403)
        }),
        Case::new("session/a-good-token-comes-first", BESIDE, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let token = kit.token("bob").await?;
            let reply = browser.send(browser.request("GET", "/me").bearer(&token)).await?;
            reply.has_status(200)?;
            ensure(reply.json()?.get("username").is_some_and(|name| name == "bob"), || {
                "expected the user of the token, got that of the session".to_owned()
            })?;
            // A token is no cookie: no other site can make a browser send it.
            let add = browser.request("POST", "/items?item_name=x").bearer(&kit.token("alice").await?);
            browser.send(add).await?.has_status(201)
        }),
        Case::new("session/a-bad-token-is-an-error", BESIDE, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let expired = kit.mint().expires_in(-60).sign().await?;
            browser
                .send(browser.request("GET", "/me").bearer(&expired))
                .await?
                .refused(401, "token_expired")?;
            let stranger = kit.token_of_a_stranger().await?;
            browser.send(browser.request("GET", "/me").bearer(&stranger)).await?.has_status(401)?;
            browser.send(browser.request("GET", "/me").authorization("Bearer")).await?.has_status(400)?;
            browser.send(browser.request("GET", "/account").bearer(&stranger)).await?.has_status(401)
        }),
        Case::new("session/another-scheme-is-not-looked-at", BESIDE, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let request = browser.request("GET", "/me").authorization("Basic YWxpY2U6eA==");
            browser.send(request).await?.has_status(200)
        }),
        Case::new("session/cookie-that-is-none", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let good = browser.cookies.clone();
            for (name, value) in &good {
                let mut changed = value.clone();
                let last = changed.pop();
                changed.push(if last == Some('A') { 'E' } else { 'A' });
                for value in
                    [changed, "x".to_owned(), "A".repeat(43), "A".repeat(5_000), format!("{value}{value}")]
                {
                    browser.cookies.insert(name.clone(), value);
                    browser.is_nobody().await?;
                }
                browser.cookies.insert(name.clone(), value.clone());
            }
            browser.is("alice").await
        }),
        Case::new("session/change-without-csrf-value", CSRF, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let csrf = browser.values().await?.csrf;
            for request in [
                browser.request("POST", "/items?item_name=x"),
                browser.request("DELETE", "/items/1"),
                browser.request("POST", "/items?item_name=x").header("X-CSRF-Token", "x"),
                browser.request("POST", "/items?item_name=x").header("X-CSRF-Token", ""),
                // It would end up in logs.
                browser.request("POST", &format!("/items?item_name=x&csrf_token={csrf}")),
                browser.request("POST", "/items?item_name=x").header("Origin", "https://evil.test"),
            ] {
                browser.send(request).await?.refused(403, "csrf_failed")?;
            }
            browser.post("/items?item_name=x", &[("csrf_token", "x")]).await?.refused(403, "csrf_failed")
        }),
        Case::new("session/csrf-value-of-another", CSRF, async |kit: &Kit| {
            let (mut alice, mut bob) = (Browser::new(kit)?, Browser::new(kit)?);
            alice.log_in("alice").await?;
            bob.log_in("bob").await?;
            let of_bob = bob.values().await?.csrf;
            let request = alice.request("POST", "/items?item_name=x").header("X-CSRF-Token", of_bob);
            alice.send(request).await?.refused(403, "csrf_failed")
        }),
        Case::new("session/change-with-csrf-header", CSRF, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let csrf = browser.values().await?.csrf;
            let add = browser.request("POST", "/items?item_name=x").header("X-CSRF-Token", &csrf);
            browser.send(add).await?.has_status(201)?;
            // Active by introspection, as with a token of one's own.
            let delete = browser.request("DELETE", "/items/1").header("X-CSRF-Token", &csrf);
            browser.send(delete).await?.has_status(204)
        }),
        Case::new("session/change-with-csrf-field", CSRF, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            browser.log_in("alice").await?;
            let csrf = browser.values().await?.csrf;
            let form = [("a", "b"), ("csrf_token", csrf.as_str())];
            browser.post("/items?item_name=x", &form).await?.has_status(201)
        }),
    ];
    let of_browsers =
        |case: Case| if matches!(case.setup, Setup::Shared(_)) { case.with(BROWSERS) } else { case };
    cases.into_iter().map(|case| of_browsers(case).needing(Capability::Login)).collect()
}

fn shows(page: &Reply, text: &str) -> CaseResult {
    ensure(String::from_utf8_lossy(&page.body).contains(text), || {
        format!("{}: expected a page with {text:?} on it", page.request)
    })
}
