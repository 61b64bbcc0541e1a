//! The issuer's keys: fetched when needed, kept when the issuer fails, given up when it gives them up.

use std::time::Duration;

use kc_dev::{Alg, Endpoint, Fault};

use crate::case::{Case, CaseResult, ensure};
use crate::http::Request;
use crate::kit::Kit;

const CONTRACT: &str = "contract: keys";
/// A cool-down that a case can wait for.
const SHORT: (&str, &str) = ("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "1");

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::own("keys/one-fetch-for-many-tokens", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            for user in ["alice", "bob", "carol", "alice"] {
                kit.me(&kit.token(user).await?).await?.has_status(200)?;
            }
            fetches(kit, 1..=1)
        }),
        Case::own("keys/unknown-kids-cost-one-fetch-in-a-cool-down", CONTRACT, async |kit: &Kit| {
            started(kit, &[]).await?;
            let good = kit.token("alice").await?;
            for n in 0..60 {
                let token = kit.mint().header("kid", format!("unknown-{n}")).sign().await?;
                kit.me(&token).await?.refused(401, "unknown_key")?;
                if n % 10 == 0 {
                    // The flood is somebody else's trouble.
                    kit.me(&good).await?.has_status(200)?;
                }
            }
            fetches(kit, 0..=1)
        }),
        Case::own("keys/unknown-kids-at-once-cost-one-fetch", CONTRACT, async |kit: &Kit| {
            started(kit, &[]).await?;
            let mut connections = Vec::new();
            for n in 0..20 {
                let token = kit.mint().header("kid", format!("unknown-{n}")).sign().await?;
                let request = Request::get("/me").bearer(&token);
                let mut connection = kit.connect().await?;
                connection.write(&request).await?;
                connections.push((connection, request));
            }
            for (connection, request) in &mut connections {
                connection.read(request).await?.refused(401, "unknown_key")?;
            }
            fetches(kit, 0..=1)
        }),
        Case::own_realm("keys/a-new-key-is-found-at-once", CONTRACT, async |kit: &Kit| {
            started(kit, &[]).await?;
            let old = kit.token("alice").await?;
            kit.issuer.rotate(Alg::Rs256).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            kit.me(&old).await?.has_status(200)?;
            fetches(kit, 1..=1)
        }),
        Case::own_realm("keys/a-new-key-waits-for-the-cool-down", CONTRACT, async |kit: &Kit| {
            // Made beforehand: making it may take longer than the cool-down.
            let kid = kit.issuer.rotate(Alg::Rs256).await?;
            let new = kit.token("alice").await?;
            kit.issuer.disable_key(&kid).await?;
            started(kit, &[("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "3")]).await?;
            let unknown = kit.mint().header("kid", "unknown").sign().await?;
            kit.me(&unknown).await?.refused(401, "unknown_key")?;
            kit.issuer.enable_key(&kid).await?;
            kit.me(&new).await?.refused(401, "unknown_key")?;
            fetches(kit, 1..=1)?;
            tokio::time::sleep(Duration::from_millis(3_100)).await;
            kit.me(&new).await?.has_status(200)?;
            fetches(kit, 2..=2)
        }),
        Case::own("keys/a-failed-fetch-starts-the-cool-down-too", CONTRACT, async |kit: &Kit| {
            started(kit, &[]).await?;
            kit.issuer.fault(Endpoint::Certs, Fault::Status(500));
            for n in 0..10 {
                let token = kit.mint().header("kid", format!("unknown-{n}")).sign().await?;
                kit.me(&token).await?.refused_as(503, &["keys_unavailable"])?;
            }
            fetches(kit, 1..=1)
        }),
        Case::own("keys/unknown-kid-after-a-failed-fetch-is-503", CONTRACT, async |kit: &Kit| {
            started_long_ago(kit).await?;
            kit.issuer.fault(Endpoint::Certs, Fault::Status(503));
            unavailable(kit, &kit.mint().header("kid", "unknown").sign().await?).await
        }),
        Case::own_realm("keys/a-key-that-is-gone-is-dead-at-once", CONTRACT, async |kit: &Kit| {
            started_long_ago(kit).await?;
            let old = kit.token("alice").await?;
            kit.me(&old).await?.has_status(200)?;
            let kid = kit.issuer.kid(Alg::Rs256).await?;
            kit.issuer.rotate(Alg::Rs256).await?;
            kit.issuer.disable_key(&kid).await?;
            // Makes the service look.
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            kit.me(&old).await?.refused_as(401, &["unknown_key"])
        }),
        Case::own_realm("keys/a-passive-key-still-verifies", "Keycloak: passive keys", async |kit: &Kit| {
            started_long_ago(kit).await?;
            let old = kit.token("alice").await?;
            let kid = kit.issuer.kid(Alg::Rs256).await?;
            kit.issuer.rotate(Alg::Rs256).await?;
            kit.issuer.retire_key(&kid).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            kit.me(&old).await?.has_status(200)
        }),
        Case::own("keys/known-keys-outlive-an-outage", CONTRACT, async |kit: &Kit| {
            started(kit, &[]).await?;
            let before = kit.token("alice").await?;
            let new = kit.token("bob").await?;
            kit.issuer.pause().await;
            kit.me(&before).await?.has_status(200)?;
            kit.me(&new).await?.has_status(200)
        }),
        Case::own("keys/fresh-keys-are-not-asked-for-again", CONTRACT, async |kit: &Kit| {
            started(kit, &[]).await?;
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            fetches(kit, 0..=0)
        }),
        Case::own("keys/stale-keys-are-refreshed", CONTRACT, async |kit: &Kit| {
            started(kit, &[("KEYCLOAK_JWKS_TTL_SECONDS", "1")]).await?;
            tokio::time::sleep(Duration::from_millis(1_300)).await;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            fetches(kit, 1..=4)
        }),
        Case::own("keys/stale-keys-serve-while-the-issuer-fails", CONTRACT, async |kit: &Kit| {
            started(kit, &[("KEYCLOAK_JWKS_TTL_SECONDS", "1")]).await?;
            kit.issuer.fault(Endpoint::Certs, Fault::Status(500));
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            for _ in 0..3 {
                kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            }
            Ok(())
        }),
        Case::own("keys/stale-keys-end-after-the-longest-time", CONTRACT, async |kit: &Kit| {
            let settings = [("KEYCLOAK_JWKS_TTL_SECONDS", "1"), ("KEYCLOAK_JWKS_MAX_STALE_SECONDS", "1")];
            started(kit, &settings).await?;
            kit.issuer.fault(Endpoint::Certs, Fault::Status(500));
            tokio::time::sleep(Duration::from_millis(3_000)).await;
            unavailable(kit, &kit.token("alice").await?).await
        }),
        Case::own("keys/no-redirect-is-followed", CONTRACT, async |kit: &Kit| {
            let elsewhere = crate::stand_in::StandIn::with_keys_of(kit).await?;
            let to = format!("{}/certs", elsewhere.url());
            kit.issuer.fault(Endpoint::Certs, Fault::Redirect(to));
            kit.start(&[]).await?;
            unavailable(kit, &kit.token("alice").await?).await?;
            let followed = elsewhere.seen("").len();
            ensure(followed == 0, || {
                format!("expected that the redirect isn't followed, got {followed} requests")
            })
        }),
        Case::own("keys/a-slow-issuer-is-waited-for-no-longer-than-told", CONTRACT, async |kit: &Kit| {
            kit.issuer.fault(Endpoint::Certs, Fault::Slow(Duration::from_secs(60)));
            kit.start(&[("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1")]).await?;
            let since = std::time::Instant::now();
            unavailable(kit, &kit.token("alice").await?).await?;
            let took = since.elapsed();
            ensure(took < Duration::from_secs(6), || {
                format!("GET /me: expected 503 about a second after the request, got it after {took:.1?}")
            })
        }),
        Case::own("keys/requests-without-keys-wait-for-the-first-fetch", CONTRACT, async |kit: &Kit| {
            kit.issuer.fault_times(Endpoint::Certs, Fault::Slow(Duration::from_millis(1_500)), 1);
            kit.start(&[]).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            fetches(kit, 1..=1)
        }),
        Case::own("keys/without-keys-at-most-one-fetch-a-second", CONTRACT, async |kit: &Kit| {
            kit.issuer.fault(Endpoint::Certs, Fault::Status(500));
            kit.start(&[]).await?;
            kit.me(&kit.token("alice").await?).await?.refused(503, "keys_unavailable")?;
            kit.issuer.reset_requests();
            let since = std::time::Instant::now();
            for _ in 0..40 {
                kit.me(&kit.token("alice").await?).await?.refused(503, "keys_unavailable")?;
            }
            let most = since.elapsed().as_secs() + 1;
            fetches(kit, 0..=most)
        }),
        Case::own("keys/the-issuer-that-comes-back-is-found", CONTRACT, async |kit: &Kit| {
            kit.issuer.fault(Endpoint::Certs, Fault::Status(500));
            kit.start(&[]).await?;
            let token = kit.token("alice").await?;
            unavailable(kit, &token).await?;
            kit.issuer.clear_fault(Endpoint::Certs);
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            kit.me(&token).await?.has_status(200)
        }),
        Case::own("keys/no-issuer-at-all-is-503", CONTRACT, async |kit: &Kit| {
            let token = kit.token("alice").await?;
            kit.issuer.pause().await;
            kit.start(&[]).await?;
            unavailable(kit, &token).await
        }),
        Case::own("keys/without-keys-what-needs-none-works", CONTRACT, async |kit: &Kit| {
            kit.issuer.fault(Endpoint::Certs, Fault::Status(500));
            kit.start(&[]).await?;
            kit.send(&Request::get("/health")).await?.has_status(200)?;
            kit.send(&Request::get("/me")).await?.refused(401, "not_authenticated")?;
            kit.me("garbage").await?.refused(401, "malformed_token")?;
            kit.me(&kit.mint().unsigned().sign().await?).await?.refused(401, "unsupported_algorithm")
        }),
    ];
    for (name, fault) in faults() {
        let at_start = fault.clone();
        cases.push(Case::own(format!("keys/at-start-{name}-is-503"), CONTRACT, async move |kit| {
            kit.issuer.fault(Endpoint::Certs, at_start.clone());
            kit.start(&[("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "2")]).await?;
            unavailable(kit, &kit.token("alice").await?).await
        }));
        cases.push(Case::own(format!("keys/later-{name}-changes-nothing"), CONTRACT, async move |kit| {
            started_long_ago(kit).await?;
            kit.issuer.fault(Endpoint::Certs, fault.clone());
            let unknown = kit.mint().header("kid", "unknown").sign().await?;
            kit.me(&unknown).await?.refused(503, "keys_unavailable")?;
            fetches(kit, 1..=1)?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)
        }));
    }
    cases
}

/// What can come in place of a key list.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("a-server-error", Fault::Status(500)),
        ("not-found", Fault::Status(404)),
        ("no-content", Fault::Status(204)),
        ("garbage", Fault::Garbage),
        ("an-html-page", Fault::Html),
        ("an-empty-list", Fault::Empty),
        ("a-cut-connection", Fault::Cut),
        ("a-huge-answer", Fault::Huge(8 * 1024 * 1024)),
    ]
}

/// The service runs and has its keys; the counters are at nought.
async fn started(kit: &Kit, settings: &[(&str, &str)]) -> CaseResult {
    kit.start(settings).await?;
    kit.me(&kit.token("alice").await?).await?.has_status(200)?;
    kit.issuer.reset_requests();
    Ok(())
}

/// As [`started`], and a short cool-down has passed. That the first fetch starts none is another case's matter.
async fn started_long_ago(kit: &Kit) -> CaseResult {
    started(kit, &[SHORT]).await?;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    // A prefetch of a busy machine may have come only now.
    kit.issuer.reset_requests();
    Ok(())
}

/// 503 with a time to come back, and no challenge: the caller has done nothing wrong.
async fn unavailable(kit: &Kit, token: &str) -> CaseResult {
    let reply = kit.me(token).await?;
    reply.refused(503, "keys_unavailable")?;
    reply.lacks_header("www-authenticate")?;
    let after = reply.header("retry-after").and_then(|after| after.parse::<u64>().ok());
    ensure(after.is_some(), || {
        format!("GET /me: expected Retry-After in seconds, got {:?}", reply.header("retry-after"))
    })
}

fn fetches(kit: &Kit, expected: std::ops::RangeInclusive<u64>) -> CaseResult {
    let got = kit.asked(Endpoint::Certs);
    ensure(expected.contains(&got), || match (expected.start(), expected.end()) {
        (least, most) if least == most => {
            format!("expected that the keys are asked for {most} times, got {got}")
        }
        (least, most) => format!("expected that the keys are asked for {least} to {most} times, got {got}"),
    })
}
