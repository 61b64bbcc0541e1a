//! Logging in: to the issuer and back.

use kc_dev::{Endpoint, Fault};

use crate::browser::Browser;
use crate::case::{Capability, Case, CaseResult, Environment, Setup, ensure};
use crate::issuer::HTTPS_SERVICE;
use crate::kit::Kit;
use crate::query;
use crate::reply::Reply;

const CODE_FLOW: &str = "OpenID Connect Core §3.1.2.1";
const CONTRACT: &str = "contract: login";
const MIX_UP: &str = "RFC 9207 §2.4";
const OPEN_REDIRECT: &str = "RFC 9700 §4.11";

/// One service for browsers: a logout of one case must not reach the tokens of others.
pub(super) const BROWSERS: Setup = Setup::Shared(&Environment { name: "browsers", variables: &[] });

/// Where a login may lead, and what of it is in `next`, escaped.
const ELSEWHERE: &[(&str, &str)] = &[
    ("another-host", "https://evil.test/"),
    ("two-slashes", "//evil.test/"),
    ("three-slashes", "///evil.test/"),
    ("slash-and-backslash", "/%5Cevil.test/"),
    ("two-backslashes", "%5C%5Cevil.test/"),
    ("a-tab-in-between", "/%09/evil.test/"),
    ("a-line-feed-in-between", "/%0a/evil.test/"),
    ("a-header-of-its-own", "/%0d%0aLocation:%20https://evil.test/"),
    ("a-scheme-without-slashes", "https:evil.test"),
    ("a-user-name", "//user@evil.test/"),
    ("an-at-sign", "@evil.test"),
    ("dots-before-two-slashes", "/..//evil.test/"),
    ("a-blank-before", "%20//evil.test/"),
    ("a-script", "javascript:alert(1)//evil.test"),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::own("login/asks-for-a-code-with-pkce", CODE_FLOW, asks),
        Case::new("login/every-login-has-its-own-values", CODE_FLOW, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let (one, other) = (browser.begin("/").await?, browser.begin("/").await?);
            for name in ["state", "nonce", "code_challenge", "request_uri"] {
                let (one, other) = (query::value(&one, name), query::value(&other, name));
                ensure(one.is_none() || one != other, || format!("two logins have the same {name}"))?;
            }
            Ok(())
        }),
        Case::new("login/sets-a-session-and-goes-on", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let reply = browser.log_in("alice").await?;
            reply.has_header("location", "/account")?;
            reply.has_header("cache-control", "no-store")?;
            let set = live_cookies(&reply);
            ensure(!set.is_empty(), || "expected a cookie for the session, got none".to_owned())?;
            set.iter().try_for_each(|cookie| is_guarded(cookie, false))?;
            browser.is("alice").await
        }),
        Case::new("login/the-way-there-keeps-its-query", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let callback = browser.until_callback(&query::escaped("/account?a=b&c=%2F"), "alice").await?;
            browser.get(&callback).await?.has_header("location", "/account?a=b&c=%2F")
        }),
        Case::new("login/without-a-way-there-leads-home", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let url = browser.get("/oidc/authenticate").await?;
            let url = url.header("location").unwrap_or_default().to_owned();
            let callback = browser.at_issuer(&url, "alice").await?;
            browser.get(&callback).await?.has_header("location", "/")
        }),
        Case::new("login/two-at-once-in-one-browser", CONTRACT, async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let one = browser.begin("/account?tab=1").await?;
            let other = browser.begin("/account?tab=2").await?;
            for (url, next) in [(one, "/account?tab=1"), (other, "/account?tab=2")] {
                let callback = browser.at_issuer(&url, "alice").await?;
                browser.get(&callback).await?.has_header("location", next)?;
            }
            browser.is("alice").await
        }),
        Case::own("login/cookies-of-https", CONTRACT, https),
        failing("state-missing", "RFC 6749 §10.12", async |browser, callback| {
            browser.get(&query::with(callback, "state", None)).await
        }),
        failing("state-changed", "RFC 6749 §10.12", async |browser, callback| {
            let mut state = query::value(callback, "state").unwrap_or_default();
            let last = state.pop();
            state.push(if last == Some('A') { 'B' } else { 'A' });
            browser.get(&query::with(callback, "state", Some(&state))).await
        }),
        Case::new("login/callback-of-another-browser", "RFC 6749 §10.12", async |kit: &Kit| {
            // Login CSRF: the victim's browser is sent to the attacker's callback.
            let mut attacker = Browser::new(kit)?;
            let callback = attacker.until_callback("/", "alice").await?;
            let mut victim = Browser::new(kit)?;
            failed(&victim.get(&callback).await?, 400)?;
            victim.is_nobody().await?;
            // Also one who is about to log in himself.
            victim.begin("/").await?;
            failed(&victim.get(&callback).await?, 400)?;
            victim.is_nobody().await
        }),
        Case::new("login/callback-twice", "RFC 6749 §10.5", async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let callback = browser.until_callback("/", "alice").await?;
            let before = browser.clone();
            browser.get(&callback).await?.has_status(302)?;
            failed(&browser.clone().get(&callback).await?, 400)?;
            // Who has kept the cookies of before.
            let mut other = before;
            failed(&other.get(&callback).await?, 400)?;
            other.is_nobody().await?;
            browser.is("alice").await
        }),
        Case::new("login/code-of-another-login", "RFC 9700 §4.5", async |kit: &Kit| {
            let stolen = Browser::new(kit)?.until_callback("/", "bob").await?;
            let mut browser = Browser::new(kit)?;
            let callback = browser.until_callback("/", "alice").await?;
            let injected = query::with(&callback, "code", query::value(&stolen, "code").as_deref());
            failed(&browser.get(&injected).await?, 400)?;
            browser.is_nobody().await
        }),
        failing("code-missing", "RFC 6749 §4.1.2", async |browser, callback| {
            browser.get(&query::with(callback, "code", None)).await
        }),
        failing("code-that-is-none", "RFC 6749 §5.2", async |browser, callback| {
            browser.get(&query::with(callback, "code", Some("a b\r\nc: d"))).await
        }),
        failing("issuer-of-another-server", MIX_UP, async |browser, callback| {
            browser.get(&query::with(callback, "iss", Some("https://evil.test/realms/kc-demo"))).await
        }),
        failing("issuer-missing", MIX_UP, async |browser, callback| {
            browser.get(&query::with(callback, "iss", None)).await
        }),
        failing("issuer-says-no", "RFC 6749 §4.1.2.1", async |browser, callback| {
            let callback = query::with(callback, "code", None);
            browser.get(&query::with(&callback, "error", Some("access_denied"))).await
        }),
        Case::new("login/words-of-the-issuer-are-not-shown", "CWE-79", async |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let callback = browser.until_callback("/", "alice").await?;
            let callback = query::with(&callback, "code", None);
            let callback = query::with(&callback, "error", Some("<script>alert(1)</script>"));
            let reply =
                browser.get(&query::with(&callback, "error_description", Some("<b>marker</b>"))).await?;
            failed(&reply, 400)?;
            let text = reply.text();
            ensure(!text.contains("<b>marker") && !text.contains("<script>alert"), || {
                "the page repeats what stands in the callback's query".to_owned()
            })
        }),
        Case::own("login/issuer-down-at-the-callback", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            for fault in [Fault::Cut, Fault::Status(500)] {
                let mut browser = Browser::new(kit)?;
                let callback = browser.until_callback("/account", "alice").await?;
                kit.issuer.fault(Endpoint::Token, fault);
                failed(&browser.get(&callback).await?, 503)?;
                browser.is_nobody().await?;
                kit.issuer.clear_fault(Endpoint::Token);
                browser.log_in("alice").await?;
                browser.is("alice").await?;
            }
            Ok(())
        }),
        Case::own("login/nonsense-instead-of-tokens", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            for fault in [Fault::Garbage, Fault::Html, Fault::Empty] {
                let mut browser = Browser::new(kit)?;
                let callback = browser.until_callback("/account", "alice").await?;
                kit.issuer.fault(Endpoint::Token, fault);
                failed(&browser.get(&callback).await?, 400)?;
                browser.is_nobody().await?;
                kit.issuer.clear_fault(Endpoint::Token);
            }
            Ok(())
        }),
        Case::own("login/unknown-user-is-told-so", CONTRACT, async |kit: &Kit| {
            kit.start(&[("KEYCLOAK_CREATE_USERS", "false")]).await?;
            let mut browser = Browser::new(kit)?;
            let callback = browser.until_callback("/account", "alice").await?;
            let reply = browser.get(&callback).await?;
            reply.has_status(403)?;
            is_page(&reply)?;
            browser.is_nobody().await
        }),
        Case::new("login/a-session-of-its-own", "RFC 9700 §4.7", new_session),
        Case::new("login/methods", CONTRACT, async |kit: &Kit| {
            let browser = Browser::new(kit)?;
            for (method, path) in [
                ("HEAD", "/oidc/authenticate"),
                ("HEAD", "/oidc/callback"),
                ("HEAD", "/oidc/logout"),
                ("HEAD", "/oidc/backchannel-logout"),
                ("POST", "/oidc/callback"),
                ("GET", "/oidc/backchannel-logout"),
            ] {
                let reply = kit.send(&browser.request(method, path)).await?;
                reply.has_status(405)?;
                ensure(reply.header("allow").is_some(), || format!("{method} {path}: 405 without Allow"))?;
            }
            Ok(())
        }),
    ];
    for (name, next) in ELSEWHERE {
        let id = format!("login/leads-nowhere-else/{name}");
        cases.push(Case::new(id, OPEN_REDIRECT, async move |kit: &Kit| {
            let mut browser = Browser::new(kit)?;
            let callback = browser.until_callback(next, "alice").await?;
            let reply = browser.get(&callback).await?;
            reply.has_status(302)?;
            let locations = reply.header_values("location");
            ensure(
                matches!(locations.as_slice(), [one] if one.starts_with('/') && !one.contains("evil")),
                || format!("expected to be led to this service, got {locations:?}"),
            )
        }));
    }
    let of_browsers =
        |case: Case| if matches!(case.setup, Setup::Shared(_)) { case.with(BROWSERS) } else { case };
    cases.into_iter().map(|case| of_browsers(case).needing(Capability::Login)).collect()
}

/// A callback of alice's that is bent, and must not log her in.
fn failing(
    name: &str,
    spec: &'static str,
    bent: impl AsyncFn(&mut Browser<'_>, &str) -> Result<Reply, crate::case::Failure> + 'static,
) -> Case {
    Case::new(format!("login/{name}"), spec, async move |kit: &Kit| {
        let mut browser = Browser::new(kit)?;
        let callback = browser.until_callback("/account", "alice").await?;
        let reply = bent(&mut browser, &callback).await?;
        failed(&reply, 400)?;
        browser.is_nobody().await
    })
}

/// A page that says that the login failed, with a way to try again.
pub(super) fn failed(reply: &Reply, status: u16) -> CaseResult {
    ensure(reply.status != 302, || {
        format!("{}: expected {status}, got 302 to {:?}", reply.request, reply.header("location"))
    })?;
    reply.has_status(status)?;
    is_page(reply)?;
    reply.has_header("cache-control", "no-store")?;
    ensure(String::from_utf8_lossy(&reply.body).contains("/oidc/authenticate"), || {
        format!("{}: the page has no link to try again", reply.request)
    })
}

pub(super) fn is_page(reply: &Reply) -> CaseResult {
    let kind = reply.header("content-type").unwrap_or_default();
    ensure(kind.starts_with("text/html"), || format!("{}: expected a page, got {kind:?}", reply.request))
}

/// The cookies that an answer sets, without those that it takes away.
fn live_cookies(reply: &Reply) -> Vec<String> {
    let set = reply.header_values("set-cookie").into_iter().map(str::to_ascii_lowercase);
    set.filter(|cookie| !cookie.contains("max-age=0") && !cookie.contains("01 jan 1970")).collect()
}

/// `cookie` in lower case.
fn is_guarded(cookie: &str, https: bool) -> CaseResult {
    let mut attributes = cookie.split(';').skip(1).map(str::trim).collect::<Vec<_>>();
    attributes.sort_unstable();
    let mut needed = vec!["httponly", "path=/", "samesite=lax"];
    needed.extend(https.then_some("secure"));
    let missing: Vec<_> = needed.into_iter().filter(|needed| !attributes.contains(needed)).collect();
    ensure(missing.is_empty(), || format!("a cookie lacks {missing:?}: it has {attributes:?}"))?;
    ensure(!attributes.iter().any(|attribute| attribute.starts_with("domain")), || {
        "a cookie has a Domain, so that other hosts get it".to_owned()
    })?;
    ensure(!https || cookie.starts_with("__host-"), || {
        "a cookie of https lacks the prefix __Host-".to_owned()
    })
}

async fn asks(kit: &Kit) -> CaseResult {
    let tap = kit.start_tapped(&[]).await?;
    let mut browser = Browser::new(kit)?;
    let reply = browser.get("/oidc/authenticate?next=/account").await?;
    reply.has_status(302)?;
    reply.has_header("cache-control", "no-store")?;
    live_cookies(&reply).iter().try_for_each(|cookie| is_guarded(cookie, false))?;
    let location = reply.header("location").unwrap_or_default();
    let expected = format!("{}/protocol/openid-connect/auth?", kit.issuer.issuer());
    ensure(location.starts_with(&expected), || {
        format!("expected to be sent to {expected}…, got {:?}", location.split('?').next())
    })?;
    let pushed = query::value(location, "request_uri").and_then(|_| tap.pushed()).unwrap_or_default();
    let parameter = |name| query::value(&format!("?{pushed}"), name).or_else(|| query::value(location, name));
    let callback = format!("http://{}/oidc/callback", kit.address()?);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "api"),
        ("redirect_uri", callback.as_str()),
        ("code_challenge_method", "S256"),
    ] {
        let got = parameter(name);
        // A client may prove itself otherwise where it pushes.
        let proven = name == "client_id" && !pushed.is_empty() && got.is_none();
        ensure(proven || got.as_deref() == Some(value), || format!("expected {name}={value}, got {got:?}"))?;
    }
    let scope = parameter("scope").unwrap_or_default();
    ensure(scope.split(' ').any(|scope| scope == "openid"), || {
        format!("expected a scope with openid, got {scope:?}")
    })?;
    for (name, least) in [("state", 22), ("nonce", 22), ("code_challenge", 43)] {
        let length = parameter(name).unwrap_or_default().len();
        ensure(length >= least, || format!("expected {name} of {least} letters or more, got {length}"))?;
    }
    ensure(!location.contains("client_secret") && !location.contains(crate::kit::CLIENT_SECRET), || {
        "the client's secret goes through the browser".to_owned()
    })
}

async fn https(kit: &Kit) -> CaseResult {
    kit.start(&[("PUBLIC_URL", HTTPS_SERVICE)]).await?;
    let mut browser = Browser::new(kit)?.calling(HTTPS_SERVICE);
    let reply = browser.get("/oidc/authenticate?next=/account").await?;
    reply.has_status(302)?;
    live_cookies(&reply).iter().try_for_each(|cookie| is_guarded(cookie, true))?;
    let url = reply.header("location").unwrap_or_default().to_owned();
    let callback = browser.at_issuer(&url, "alice").await?;
    let reply = browser.get(&callback).await?;
    reply.has_status(302)?;
    let set = live_cookies(&reply);
    ensure(!set.is_empty(), || "expected a cookie for the session, got none".to_owned())?;
    set.iter().try_for_each(|cookie| is_guarded(cookie, true))
}

/// What a browser had before a login is worth nothing after it.
async fn new_session(kit: &Kit) -> CaseResult {
    let mut first = Browser::new(kit)?;
    first.log_in("bob").await?;
    let of_bob = first.cookies.clone();
    // Somebody plants his own session, and one that never was.
    for planted in [of_bob.clone(), of_bob.keys().map(|name| (name.clone(), "A".repeat(43))).collect()] {
        let mut victim = Browser::new(kit)?;
        victim.cookies.extend(planted.clone());
        victim.log_in("alice").await?;
        victim.is("alice").await?;
        for (name, value) in &planted {
            ensure(victim.cookies.get(name) != Some(value), || {
                "the session's cookie is the same before and after a login".to_owned()
            })?;
        }
        let mut attacker = Browser::new(kit)?;
        attacker.cookies.extend(planted);
        attacker.is_nobody().await?;
    }
    // A second login of the same browser.
    let mut browser = Browser::new(kit)?;
    browser.log_in("alice").await?;
    let before = browser.clone();
    browser.log_in("alice").await?;
    ensure(browser.cookies != before.cookies, || {
        "the session's cookie is the same after a second login".to_owned()
    })?;
    before.is_nobody().await
}
