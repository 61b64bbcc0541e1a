//! What the service writes: the audit, and what must be in no log.

use kc_dev::{Endpoint, Fault, TokenKind};
use serde_json::Value;

use crate::case::{Case, CaseResult, Failure, ensure};
use crate::http::Request;
use crate::kit::Kit;

const CONTRACT: &str = "contract: audit";
const CWE: &str = "CWE-532";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::own("logs/no-token-of-good-requests", CWE, async |kit: &Kit| {
            kit.start(&[]).await?;
            let token = kit.token("alice").await?;
            for path in ["/me", "/items", "/admin/users", "/service-token"] {
                kit.get(path, &token).await?.has_status(200)?;
            }
            kit.send(&Request::new("DELETE", "/items/1").bearer(&token)).await?.has_status(204)?;
            nothing_confidential(kit).await
        }),
        Case::own("logs/no-token-of-refused-requests", CWE, async |kit: &Kit| {
            kit.start(&[]).await?;
            refused_requests(kit).await?;
            nothing_confidential(kit).await
        }),
        Case::own("logs/no-token-at-the-most-talkative-level", CWE, async |kit: &Kit| {
            // What a Rust service reads; others have their own ways, and lose nothing.
            kit.start(&[("RUST_LOG", "trace"), ("LOG_LEVEL", "trace"), ("DEBUG", "*")]).await?;
            refused_requests(kit).await?;
            let token = kit.token("alice").await?;
            kit.get("/service-token", &token).await?.has_status(200)?;
            kit.send(&Request::new("DELETE", "/items/1").bearer(&token)).await?.has_status(204)?;
            nothing_confidential(kit).await
        }),
        Case::own("logs/no-secret-when-the-issuer-fails", CWE, async |kit: &Kit| {
            kit.start(&[]).await?;
            let token = kit.token("alice").await?;
            kit.me(&token).await?.has_status(200)?;
            for fault in [Fault::Status(500), Fault::Garbage, Fault::Cut, Fault::Html, Fault::Status(401)] {
                for endpoint in [Endpoint::Introspect, Endpoint::Token] {
                    kit.issuer.clear_fault(endpoint);
                    kit.issuer.fault(endpoint, fault.clone());
                }
                kit.send(&Request::new("DELETE", "/items/1").bearer(&token)).await?.has_status(502)?;
                kit.get("/service-token", &token).await?.has_status(502)?;
            }
            nothing_confidential(kit).await
        }),
        Case::own("logs/no-token-of-the-query", CWE, async |kit: &Kit| {
            kit.start(&[]).await?;
            let token = kit.token("alice").await?;
            kit.send(&Request::get(format!("/me?access_token={token}")).holding(&token)).await?;
            let header = Request::get("/me").header("Cookie", format!("session={token}")).holding(&token);
            kit.send(&header).await?;
            nothing_confidential(kit).await
        }),
        Case::own("logs/an-audit-line-for-what-is-allowed", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            kit.send(&Request::get("/items?secret=1").bearer(&kit.token("bob").await?))
                .await?
                .has_status(200)?;
            let event = one_event(kit, "/items").await?;
            says(&event, "event", "access")?;
            says(&event, "decision", "allow")?;
            says(&event, "method", "GET")?;
            says(&event, "route", "/items")?;
            says(&event, "realm", kit.realm())?;
            says(&event, "username", "bob")?;
            says(&event, "client", "api")?;
            says(&event, "sub", kit.issuer.user_id("bob").unwrap_or_default())?;
            ensure(event.get("status").and_then(Value::as_u64) == Some(200), || {
                format!("expected status 200 in the audit, got {event}")
            })
        }),
        Case::own("logs/an-audit-line-for-what-is-denied", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            kit.send(&Request::get("/reports").bearer(&kit.token("carol").await?)).await?.has_status(403)?;
            let event = one_event(kit, "/reports").await?;
            says(&event, "decision", "deny")?;
            says(&event, "code", "missing_roles")?;
            says(&event, "username", "carol")?;
            ensure(event.get("status").and_then(Value::as_u64) == Some(403), || {
                format!("expected status 403 in the audit, got {event}")
            })
        }),
        Case::own("logs/an-audit-line-has-all-members", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            kit.send(&Request::get("/me")).await?.has_status(401)?;
            let event = one_event(kit, "/me").await?;
            let expected = [
                "time",
                "event",
                "decision",
                "code",
                "status",
                "method",
                "route",
                "path",
                "realm",
                "sub",
                "username",
                "client",
                "sid",
                "ip",
                "request_id",
            ];
            let missing: Vec<&str> = expected.into_iter().filter(|name| event.get(name).is_none()).collect();
            ensure(missing.is_empty(), || format!("expected {missing:?} in the audit, got {event}"))
        }),
        Case::own("logs/health-leaves-no-line", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            kit.send(&Request::get("/health")).await?.has_status(200)?;
            let lines = events(kit, "/health").await?.len();
            ensure(lines == 0, || format!("expected no audit line for /health, got {lines}"))
        }),
        Case::own("logs/no-query-string", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            kit.get("/items?marker=query-of-the-suite", &kit.token("bob").await?).await?.has_status(200)?;
            let (stdout, stderr) = kit.output().await;
            ensure(!(stdout + &stderr).contains("query-of-the-suite"), || {
                "expected no query string in the output, got it".to_owned()
            })
        }),
        Case::own("logs/nobody-writes-lines-of-his-own", "CWE-117", async |kit: &Kit| {
            kit.start(&[]).await?;
            let nasty = "mallory\n{\"event\":\"forged-by-the-suite\"}\r\u{1b}[2J\u{85}\u{2028}";
            let mint = kit.mint().claim("preferred_username", nasty).claim("sid", nasty).claim("azp", nasty);
            kit.me(&mint.sign().await?).await?.has_status(200)?;
            kit.me(&kit.mint().header("kid", nasty).sign().await?).await?.has_status(401)?;
            kit.me(&kit.mint().claim("iss", nasty).sign().await?).await?.has_status(401)?;
            let request =
                Request::get("/me").header("X-Request-Id", "a\u{1b}[2Jb").header("User-Agent", "\u{1b}[2J");
            kit.send(&request).await?;
            let (stdout, stderr) = kit.output().await;
            let output = stdout + &stderr;
            ensure(!output.lines().any(|line| line.starts_with("{\"event\":\"forged")), || {
                "expected that a user's name can't begin a line, it does".to_owned()
            })?;
            ensure(!output.contains("\u{1b}[2J"), || "expected no control characters, got ESC".to_owned())
        }),
        Case::own("logs/audit-off", CONTRACT, async |kit: &Kit| {
            kit.start(&[("AUDIT_LOG", "off")]).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            let lines = events(kit, "/me").await?.len();
            ensure(lines == 0, || format!("expected no audit line, got {lines}"))
        }),
        Case::own("logs/audit-to-a-file", CONTRACT, async |kit: &Kit| {
            let path = kit.file("audit.log", "")?;
            kit.start(&[("AUDIT_LOG", &path)]).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            let lines = events(kit, "/me").await?.len();
            ensure(lines == 0, || format!("expected no audit line on standard output, got {lines}"))?;
            let text = std::fs::read_to_string(&path)?;
            ensure(text.lines().filter(|line| line.contains("\"/me\"")).count() == 1, || {
                format!("expected one line in the file of AUDIT_LOG, got {text:?}")
            })?;
            ensure(kit.leaks_in(&text).is_empty(), || "a token is in the audit".to_owned())
        }),
        Case::own(crate::suite::LAST, CWE, async |kit: &Kit| {
            kit.start(&[]).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            nothing_confidential(kit).await?;
            let leaks = kit.world.leaks();
            ensure(leaks.is_empty(), || leaks.join("; "))
        }),
    ]
}

/// One of each kind that may be tempted to quote its token.
async fn refused_requests(kit: &Kit) -> CaseResult {
    let good = kit.mint().sign().await?;
    let tokens = [
        kit.mint().expires_in(-60).sign().await?,
        kit.mint().claim("aud", "x").sign().await?,
        kit.mint().claim("iss", "x").sign().await?,
        kit.mint().unsigned().sign().await?,
        kit.mint().kind(TokenKind::Id).sign().await?,
        kit.mint().header("crit", serde_json::json!(["x"])).sign().await?,
        kit.mint().claim("exp", "text").sign().await?,
        kit.mint().raw_payload("{\"sub\":\"a text that is no JSON").sign().await?,
        kit.token_of_a_stranger().await?,
        format!("{good}AAAA"),
        format!("{good}.AAAA"),
        "x".repeat(60_000),
    ];
    // How they are answered is other cases' matter.
    for token in &tokens {
        kit.me(token).await?;
    }
    let twice = Request::get("/me").bearer(&good).bearer(&good);
    kit.send(&twice).await?;
    let comma = Request::get("/me").authorization(format!("Bearer {good}, {good}")).holding(&good);
    kit.send(&comma).await?;
    kit.get("/reports", &kit.token("carol").await?).await?;
    kit.get("/nowhere", &good).await?;
    Ok(())
}

async fn nothing_confidential(kit: &Kit) -> CaseResult {
    let (stdout, stderr) = kit.output().await;
    let leaks = kit.leaks_in(&(stdout + &stderr));
    ensure(leaks.is_empty(), || {
        format!("expected neither tokens nor secrets in the output: {}", leaks.join("; "))
    })
}

/// The audit's events of that path.
async fn events(kit: &Kit, path: &str) -> Result<Vec<Value>, Failure> {
    events_of(kit, "path", path).await
}

/// The audit's events in which this member has this value.
pub(super) async fn events_of(kit: &Kit, member: &str, value: &str) -> Result<Vec<Value>, Failure> {
    let (stdout, _) = kit.output().await;
    let events = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(events.filter(|event| event.get(member).and_then(Value::as_str) == Some(value)).collect())
}

async fn one_event(kit: &Kit, path: &str) -> Result<Value, Failure> {
    let mut found = events(kit, path).await?;
    // A service may write it after the answer is on its way.
    for _ in 0..10 {
        if found.is_empty() {
            found = events(kit, path).await?;
        }
    }
    let count = found.len();
    match (count, found.pop()) {
        (1, Some(event)) => Ok(event),
        _ => Err(Failure::new(format!("expected one audit line for {path} on standard output, got {count}"))),
    }
}

pub(super) fn says(event: &Value, name: &str, value: &str) -> CaseResult {
    ensure(event.get(name).and_then(Value::as_str) == Some(value), || {
        format!("expected {name} {value:?} in the audit, got {event}")
    })
}
